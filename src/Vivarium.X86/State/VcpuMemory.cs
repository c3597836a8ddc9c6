using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>
/// One vCPU's native memory, a single piece, zeroed, so that emitted code reaches all of it from one register: an engine's fields, then the
/// <see cref="CpuState"/>, then the data TLB, then the site TLB, then an engine's tables.
/// </summary>
internal sealed unsafe class VcpuMemory : IDisposable
{
    /// <summary>Bytes before the state that belong to the engine.</summary>
    public const int EngineFieldsBytes = 192;

    /// <summary>Bytes behind the TLB that belong to the engine.</summary>
    public const int EngineTablesBytes = 640 * 1024;

    private readonly HostMapping _mapping;
    private readonly byte* _memory;

    public VcpuMemory()
    {
        // SAFETY: nothing keeps a pointer longer than the processor that owns this. Most of the tables is never touched, and costs nothing.
        _mapping = new HostMapping((nuint)(EngineFieldsBytes + EngineTablesOffset + EngineTablesBytes));
        _memory = _mapping.Address;
    }

    /// <summary>From the state to the TLB.</summary>
    public static int TlbOffset => (sizeof(CpuState) + 63) & ~63;

    /// <summary>From the state to the engine's tables.</summary>
    public static int EngineTablesOffset => SiteTlbOffset + Vivarium.X86.SiteTlb.SizeBytes;

    /// <summary>From the state to the site TLB.</summary>
    public static int SiteTlbOffset => TlbOffset + Tlb.SizeBytes;

    public CpuState* State => (CpuState*)(_memory + EngineFieldsBytes);

    public byte* SiteTlb => (byte*)State + SiteTlbOffset;

    public TlbEntry* TlbEntries => (TlbEntry*)((byte*)State + TlbOffset);

    public void Dispose() => _mapping.Dispose();
}
