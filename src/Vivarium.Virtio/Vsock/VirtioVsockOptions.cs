namespace Vivarium.Virtio;

/// <summary>How a <see cref="VirtioVsock"/> shows itself, and how much it holds.</summary>
public sealed class VirtioVsockOptions
{
    /// <summary>The guest's address, 3 to 2^32 - 2. Default 3.</summary>
    public uint GuestCid { get; init; } = 3;

    /// <summary>The most connections at a time, 1 to 65,536; more are refused. Default 1,024.</summary>
    public int MaximumConnections { get; init; } = 1024;

    /// <summary>How much a connection holds each way for a slow reader, 4 KiB to 16 MiB; its writer waits then. Default 256 KiB.</summary>
    public int BufferBytes { get; init; } = 256 << 10;

    internal void Validate()
    {
        if (GuestCid is < 3 or uint.MaxValue)
        {
            throw new ArgumentException($"A guest's vsock address is 3 to 4,294,967,294; got {GuestCid}.");
        }

        if (MaximumConnections is < 1 or > 65536)
        {
            throw new ArgumentException($"A vsock device has 1 to 65,536 connections; got {MaximumConnections:N0}.");
        }

        if (BufferBytes is < 4096 or > 16 << 20)
        {
            throw new ArgumentException($"A vsock connection holds 4 KiB to 16 MiB each way; got {BufferBytes:N0} bytes.");
        }
    }
}
