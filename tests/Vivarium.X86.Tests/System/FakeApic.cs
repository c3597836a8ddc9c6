using System.Collections.Concurrent;

namespace Vivarium.X86.Tests;

/// <summary>A local APIC that delivers the vectors it was given, first come first served.</summary>
internal sealed class FakeApic : ILocalApic
{
    private readonly ConcurrentQueue<int> _vectors = new();

    public ulong ApicBase { get; set; } = 0xFEE00800;

    public uint ApicId { get; init; }

    public byte TaskPriorityClass { get; set; }

    public bool HasPendingInterrupt => !_vectors.IsEmpty;

    public void Raise(int vector) => _vectors.Enqueue(vector);

    public int AcknowledgeInterrupt() => _vectors.TryDequeue(out var vector) ? vector : -1;

    public uint ReadRegister(uint offset, int sizeBytes) => 0;

    public void WriteRegister(uint offset, int sizeBytes, uint value)
    {
    }

    public void ResetByInit()
    {
    }
}
