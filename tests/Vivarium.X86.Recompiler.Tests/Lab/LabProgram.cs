using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Code of a case: its bytes, decoded from the first to the last, and what is known of its flags.</summary>
internal sealed class LabProgram
{
    private const byte Halt = 0xF4;
    private readonly byte[] _code;
    private readonly Dictionary<ulong, int> _indices = [];
    private readonly FlagDefinedness _flags;

    /// <param name="mode">What it runs in.</param>
    /// <param name="offset">Where it starts in the pages of code.</param>
    /// <param name="code">Its bytes, without the HLT that is put behind them.</param>
    public LabProgram(LabMode mode, int offset, ReadOnlySpan<byte> code)
    {
        Mode = mode;
        Offset = offset;
        _code = [.. code, Halt];
        var decoder = Decoder.Create(mode.Bits(), _code, Rip);
        var instructions = new List<Instruction>(16);
        while (decoder.IP < Rip + (ulong)_code.Length)
        {
            _indices.Add(decoder.IP, instructions.Count);
            instructions.Add(decoder.Decode());
        }

        Instructions = instructions;
        _flags = new FlagDefinedness(instructions, _indices);
    }

    public LabMode Mode { get; }

    public int Offset { get; }

    public ulong Rip => LabLayout.Code + (ulong)Offset;

    public ReadOnlySpan<byte> Code => _code.AsSpan(0, _code.Length - 1);

    public IReadOnlyList<Instruction> Instructions { get; }

    /// <summary>The first instruction that reads a flag which may be undefined there; −1 if none does.</summary>
    public int FirstUndefinedRead => _flags.FirstUndefinedRead;

    /// <summary>Where an instruction starts, or the end of the HLT that ends the program.</summary>
    public bool Contains(ulong rip) => _indices.ContainsKey(rip) || rip == Rip + (ulong)_code.Length;

    /// <summary>The instruction at an address; none if it is elsewhere.</summary>
    public Instruction At(ulong rip) => _indices.TryGetValue(rip, out var index) ? Instructions[index] : default;

    /// <summary>The bytes from an address to the end; none if it is elsewhere.</summary>
    public ReadOnlySpan<byte> CodeAt(ulong rip) => rip - Rip < (ulong)_code.Length ? _code.AsSpan((int)(rip - Rip)) : [];

    /// <summary>Whether a branch, or an address that is put into a register, leads into the middle of an instruction: then others run than those that are known.</summary>
    public bool LeadsAstray => Instructions.Any(instruction => IsAstray(instruction.NearBranchTarget) || IsAstray(FlagDefinedness.AddressIn(instruction)));

    /// <summary>The address that a RET takes may have been changed in memory, to that of any instruction.</summary>
    private bool MayReturnAnywhere => Instructions.Any(instruction => instruction.FlowControl == FlowControl.Return);

    /// <summary>Whether only a <see cref="CaseTrace"/> tells what may be undefined in its outcome.</summary>
    public bool IsToBeTraced => (MayReturnAnywhere && (UndefinedAnywhere != 0 || !HostFeatures.IsIntel)) || Instructions.Any(instruction => CaseHazards.MayBeOpen(instruction));

    private bool IsAstray(ulong rip) => rip - Rip < (ulong)_code.Length && !Contains(rip);

    /// <summary>Arithmetic flags that may be undefined when an instruction is about to run, behind the HLT, or where a stray branch led.</summary>
    public ulong UndefinedAt(ulong rip) => MayReturnAnywhere ? UndefinedAnywhere
        : _indices.TryGetValue(rip, out var index) ? _flags.Before(index)
        : Contains(rip) ? _flags.Before(Instructions.Count - 1)
        : UndefinedAnywhere;

    public ulong UndefinedAnywhere => _flags.Anywhere;

    /// <summary>Whether any of it is in a physical page.</summary>
    public bool IsIn(ulong gpa) => FirstOf(gpa) is var first && first >= 0 && first < Offset + _code.Length && first + 0x1000 > Offset;

    /// <summary>Puts what belongs into a physical page there.</summary>
    public void CopyTo(ulong gpa, Span<byte> frame)
    {
        if (IsIn(gpa))
        {
            var first = FirstOf(gpa);
            var (start, end) = (Math.Max(first, Offset), Math.Min(first + 0x1000, Offset + _code.Length));
            _code.AsSpan(start - Offset, end - start).CopyTo(frame[(start - first)..]);
        }
    }

    /// <summary>Where a physical page is among the pages of code, in bytes; −1 if it is none.</summary>
    private int FirstOf(ulong gpa)
    {
        var pages = LabLayout.Pages(Mode.Bits() == 64);
        for (var i = 0; i < LabLayout.CodePages; i++)
        {
            if (pages[i].Gpa == gpa)
            {
                return (int)(pages[i].Linear - LabLayout.Code);
            }
        }

        return -1;
    }

    /// <summary>Whether the code is still as it was.</summary>
    public bool IsIntact(LabMachine machine)
    {
        for (var at = 0; at < _code.Length;)
        {
            var bytes = machine.At(Rip + (ulong)at, Mode);
            var length = Math.Min(_code.Length - at, bytes.Length);
            if (!bytes[..length].SequenceEqual(_code.AsSpan(at, length)))
            {
                return false;
            }

            at += length;
        }

        return true;
    }
}
