using Iced.Intel;
using Vivarium.Memory;
using Vivarium.X86;

namespace Vivarium.Benchmarks;

/// <summary>A processor in 64-bit mode over 64 MiB, mapped to themselves in pages of 4 KiB, with no machine around it.</summary>
internal sealed class BareProcessor : IDisposable
{
    /// <summary>Where code begins.</summary>
    public const ulong CodeGpa = 0x1_0000;

    /// <summary>Where 32 MiB of data begin.</summary>
    public const ulong DataGpa = 32 << 20;

    /// <summary>Where devices can be reached: mapped, but not RAM.</summary>
    public const ulong DeviceGpa = 64 << 20;

    private const ulong RamBytes = 64 << 20;
    private const ulong MappedBytes = RamBytes + (2 << 20);
    private const ulong TablesGpa = 1 << 20;

    private readonly GuestMemory _memory = new();

    public BareProcessor(Action<Assembler> emit, IPortIo? ports = null, IMmioPort? mmio = null, ExecutionEngineProvider? engine = null)
    {
        _memory.AddRam(0, RamBytes);
        WritePageTables();
        var code = new Assembler(64);
        emit(code);
        using var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), CodeGpa);
        _memory.TryWrite(CodeGpa, stream.ToArray());
        Cpu = new X86Cpu(new X86CpuOptions { Memory = _memory, PortIo = ports, MmioPort = mmio, Engine = engine });
        Cpu[X86Register.Cr4] = 1 << 5;
        Cpu[X86Register.Cr3] = TablesGpa;
        Cpu[X86Register.Efer] = 0x500;
        Cpu[X86Register.Cr0] = 0x8000_0011;
        Cpu.SetSegment(X86Segment.Cs, 0x10, 0, uint.MaxValue, 0xA09B);
        foreach (var segment in (X86Segment[])[X86Segment.Ds, X86Segment.Es, X86Segment.Ss])
        {
            Cpu.SetSegment(segment, 0x18, 0, uint.MaxValue, 0xC093);
        }

        Cpu[X86Register.Rip] = CodeGpa;
    }

    public X86Cpu Cpu { get; }

    /// <summary>Runs so many instructions.</summary>
    /// <exception cref="InvalidOperationException">It ran into something else.</exception>
    public long Run(long instructions)
    {
        var exit = Cpu.Run(instructions);
        return exit.Reason == VcpuExitReason.Budget
            ? exit.Instructions
            : throw new InvalidOperationException($"The guest ended with {exit.Reason} at 0x{Cpu[X86Register.Rip]:X}.");
    }

    public void Dispose()
    {
        Cpu.Dispose();
        _memory.Dispose();
    }

    private void WritePageTables()
    {
        const ulong page = GuestMemory.PageSize;
        const ulong presentWritable = 3;
        _memory.Write(TablesGpa, (TablesGpa + page) | presentWritable);
        _memory.Write(TablesGpa + page, (TablesGpa + (2 * page)) | presentWritable);
        for (var gpa = 0UL; gpa < MappedBytes; gpa += page)
        {
            var table = TablesGpa + ((3 + (gpa >> 21)) * page);
            _memory.Write(TablesGpa + (2 * page) + ((gpa >> 21) * 8), table | presentWritable);
            _memory.Write(table + ((gpa >> 12) % 512 * 8), gpa | presentWritable);
        }
    }
}
