namespace Vivarium.X86.Tests;

/// <summary>Random registers and flags to start a case with.</summary>
internal static class StateGenerator
{
    public static LabState Create(Random random, LabMode mode, EdgeValues values, MemoryOperandBuilder memory, int reserved)
    {
        var state = new LabState
        {
            Data = random.Next(LabData.Count),
            UsesIst = random.Next(2) == 0,
            FsBase = values.Pointer() & ~0xFUL,
            GsBase = values.Pointer(),
            Flags = Flags(random, mode),
            HasSmap = random.Next(4) == 0,
            SystemCall = random.Next(LabKernel.SystemCalls),
            FlagMask = random.Next(3) switch { 0 => 0, 1 => 0x257FD5, _ => (uint)random.Next() },
        };
        state.Flags |= state.HasSmap && !mode.IsUser() && random.Next(4) != 0 ? Rflags.Ac : 0;
        for (var i = 0; i < (mode.Bits() == 64 ? 16 : 8); i++)
        {
            switch (random.Next(8))
            {
                case < 4:
                    state.Gpr[i] = random.Next(20) == 0 ? values.CodeData() : values.Pointer();
                    memory.MarkPointer(i);
                    break;
                case 4:
                    state.Gpr[i] = (ulong)random.Next(64);
                    memory.MarkSmall(i);
                    break;
                default:
                    state.Gpr[i] = values.Integer();
                    break;
            }
        }

        state.Gpr[4] = random.Next(30) switch
        {
            0 => LabLayout.Stack + (ulong)random.Next(0x40),
            1 => LabLayout.Stack + 0x2000 - (ulong)random.Next(0x40),
            2 => values.Pointer(),
            < 8 => LabLayout.StackMiddle + (ulong)random.Next(-32, 32),
            _ => LabLayout.StackMiddle + (ulong)(random.Next(-100, 100) * 8),
        };
        state.Gpr[reserved] = (ulong)random.Next(1, 7);
        FillImage(state.Fx, random, values);
        return state;
    }

    private static ulong Flags(Random random, LabMode mode)
    {
        var flags = 2 | ((ulong)random.Next() & Rflags.Arithmetic);
        flags |= random.Next(6) == 0 ? Rflags.Df : 0;
        flags |= random.Next(10) == 0 && mode.IsUser() ? Rflags.Ac : 0;
        flags |= random.Next(40) == 0 ? Rflags.Tf : 0;
        flags |= random.Next(20) == 0 ? Rflags.Nt : 0;
        flags |= random.Next(10) == 0 ? Rflags.If | Rflags.Id : 0;
        return flags;
    }

    private static void FillImage(Span<byte> image, Random random, EdgeValues values)
    {
        var mxcsr = FxImage.MxcsrDefault | ((uint)random.Next(4) << 13) | (random.Next(4) == 0 ? (uint)random.Next(64) : 0)
            | (random.Next(4) == 0 ? 1u << 15 : 0) | (random.Next(4) == 0 ? 1u << 6 : 0);
        mxcsr &= random.Next(8) == 0 ? ~((uint)random.Next(64) << 7) : uint.MaxValue;
        mxcsr &= random.Next(2) == 0 ? ~(3u << 13) : uint.MaxValue;
        BitConverter.TryWriteBytes(image[FxImage.MxcsrOffset..], mxcsr);
        for (var i = 0; i < 16; i++)
        {
            values.Vector(image.Slice(FxImage.XmmOffset + (i * 16), 16));
        }

        if (random.Next(3) == 0)
        {
            return;
        }

        var masks = random.Next(6) == 0 ? random.Next(64) : 0x3F;
        var control = 0x40 | masks | (random.Next(3) == 0 ? random.Next(4) << 8 : 0x300) | (random.Next(3) == 0 ? random.Next(4) << 10 : 0);
        var status = (random.Next(8) << X87Unit.TopShift) | (random.Next(16) is var cc ? ((cc & 7) << 8) | ((cc >> 3) << 14) : 0)
            | (random.Next(4) == 0 ? random.Next(64) & (random.Next(4) == 0 ? 63 : masks) : 0);
        BitConverter.TryWriteBytes(image, (ushort)control);
        BitConverter.TryWriteBytes(image[2..], (ushort)status);
        image[4] = random.Next(3) switch { 0 => 0, 1 => 0xFF, _ => (byte)random.Next(256) };
        for (var i = 0; i < 8; i++)
        {
            var value = values.Extended();
            BitConverter.TryWriteBytes(image[(FxImage.X87RegistersOffset + (i * 16))..], value.Significand);
            BitConverter.TryWriteBytes(image[(FxImage.X87RegistersOffset + (i * 16) + 8)..], value.SignExponent);
        }
    }
}
