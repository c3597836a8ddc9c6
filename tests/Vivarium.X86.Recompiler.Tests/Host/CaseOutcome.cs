using System.Globalization;
using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>What user code left when an exception ended it: on the host in a signal's frame, in the lab's guest on the kernel's stack.</summary>
internal sealed class CaseOutcome
{
    public const int HighBytes = 256;
    private const ulong Present = 1;

    /// <summary>From here on Linux hides from user code whether a page is there. Where the lab's kernel has its pages the host has none.</summary>
    private const ulong EndOfUser = 0x7FFF_FFFF_F000;

    /// <summary>Control words, tags, MXCSR, registers: offset and length in the FXSAVE image. The last opcode and pointers are left out: AMD stores them only with an exception pending.</summary>
    private static readonly (int Offset, int Length)[] s_imageParts =
        [(0, 2), (2, 2), (4, 1), (FxImage.MxcsrOffset, 4), .. Enumerable.Range(0, 24).Select(i => (FxImage.X87RegistersOffset + (i * 16), 16))];

    public ulong[] Gpr { get; } = new ulong[16];

    public ulong Rip { get; set; }

    public ulong Flags { get; set; }

    public int Vector { get; set; }

    public ulong ErrorCode { get; set; }

    /// <summary>CR2 after a page fault.</summary>
    public ulong FaultAddress { get; set; }

    /// <summary>The FXSAVE image.</summary>
    public byte[] Image { get; } = new byte[FxImage.SizeBytes];

    /// <summary>Bits 255:128 of the YMM registers.</summary>
    public byte[] High { get; } = new byte[HighBytes];

    /// <summary>FCW.</summary>
    public int ControlWord => Image[0] | (Image[1] << 8);

    /// <summary>TOP of FSW.</summary>
    public int Top => (Image[3] >> 3) & 7;

    public uint Mxcsr => FxImage.ReadMxcsr(Image);

    /// <summary>Reads the outcome of a case from a lab's machine that halted in the handler of an exception. False: it ended in another way.</summary>
    public unsafe bool TryRead(LabMachine machine)
    {
        var state = machine.State;
        Vector = machine.Exit.Reason == VcpuExitReason.Halted ? LabKernel.VectorOf(state->Rip) : -1;
        if (Vector < 0)
        {
            return false;
        }

        var frame = MemoryMarshal.Cast<byte, ulong>(machine.At(state->Gpr[4], LabMode.User64));
        var hasErrorCode = LabKernel.HasErrorCode(Vector);
        ErrorCode = hasErrorCode ? frame[0] : 0;
        frame = frame[(hasErrorCode ? 1 : 0)..];
        FaultAddress = Vector == (int)ExceptionVector.PageFault ? state->Cr2 : 0;
        for (var i = 0; i < 16; i++)
        {
            Gpr[i] = state->Gpr[i];
        }

        (Rip, Flags, Gpr[4]) = (frame[0], frame[2], frame[3]);
        FxImage.StoreX87(state, Image, wide: true);
        FxImage.StoreXmm(state, Image, longMode: true);
        FxImage.StoreMxcsr(state, Image);
        for (var i = 0; i < 16 && HostFeatures.HasAvx; i++)
        {
            FxImage.YmmHigh(state, i).CopyTo(High.AsSpan(i * 16));
        }

        return true;
    }

    /// <summary>How another outcome differs from this one, the host's; null if it does not.</summary>
    public string? Difference(CaseOutcome other, ulong undefinedFlags)
    {
        if (Vector != other.Vector || Rip != other.Rip)
        {
            return string.Create(CultureInfo.InvariantCulture, $"exception {other.Vector} at {other.Rip:X}, host {Vector} at {Rip:X}");
        }

        var hidden = Vector == (int)ExceptionVector.PageFault && (FaultAddress >= EndOfUser || FaultAddress - LabLayout.Kernel < LabLayout.KernelPages << 12) ? Present : 0;
        if (((ErrorCode ^ other.ErrorCode) & ~hidden) != 0 || FaultAddress != other.FaultAddress)
        {
            return $"exception {Vector} with {other.ErrorCode:X} and CR2 {other.FaultAddress:X}, host {ErrorCode:X} and {FaultAddress:X}";
        }

        for (var i = 0; i < 16; i++)
        {
            if (Gpr[i] != other.Gpr[i])
            {
                return $"{(X86Register)i} is {other.Gpr[i]:X}, host {Gpr[i]:X}";
            }
        }

        return ((Flags ^ other.Flags) & ~undefinedFlags) != 0
            ? $"RFLAGS are {other.Flags:X}, host {Flags:X}, of {~undefinedFlags & Rflags.All:X}"
            : ImageDifference(other);
    }

    private string? ImageDifference(CaseOutcome other)
    {
        foreach (var (offset, length) in s_imageParts)
        {
            if (Part(Image.AsSpan(offset, length), other.Image.AsSpan(offset, length)) is { } difference)
            {
                return Name(offset) + difference;
            }
        }

        for (var i = 0; i < HighBytes; i += 16)
        {
            if (Part(High.AsSpan(i, 16), other.High.AsSpan(i, 16)) is { } difference)
            {
                return string.Create(CultureInfo.InvariantCulture, $"the upper half of YMM{i / 16}") + difference;
            }
        }

        return null;
    }

    private static string? Part(ReadOnlySpan<byte> host, ReadOnlySpan<byte> mine) => host.SequenceEqual(mine) ? null : $" is {Hex(mine)}, host {Hex(host)}";

    private static string Name(int offset) => offset switch
    {
        0 => "FCW",
        2 => "FSW",
        4 => "FTW",
        FxImage.MxcsrOffset => "MXCSR",
        < FxImage.XmmOffset => string.Create(CultureInfo.InvariantCulture, $"ST({(offset - FxImage.X87RegistersOffset) / 16})"),
        _ => string.Create(CultureInfo.InvariantCulture, $"XMM{(offset - FxImage.XmmOffset) / 16}"),
    };

    /// <summary>The highest byte first.</summary>
    private static string Hex(ReadOnlySpan<byte> value)
    {
        var copy = value.ToArray();
        Array.Reverse(copy);
        return Convert.ToHexString(copy);
    }
}
