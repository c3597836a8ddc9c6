namespace Vivarium;

/// <summary>How a vCPU spent its time so far, in host nanoseconds.</summary>
/// <param name="GuestNs">Inside <see cref="IVcpu.Run"/>.</param>
/// <param name="StealNs">Runnable but without a worker.</param>
/// <param name="IdleNs">Halted.</param>
/// <param name="Instructions">Instructions completed.</param>
public readonly record struct VcpuUsage(long GuestNs, long StealNs, long IdleNs, long Instructions);
