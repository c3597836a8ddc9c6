using System.Globalization;

namespace Vivarium.X86.Tests;

/// <summary>What a case starts with besides its code.</summary>
internal sealed class LabState
{
    private const string Image = "fx";

    public ulong[] Gpr { get; init; } = new ulong[16];

    public ulong Flags { get; set; } = 2;

    public ulong FsBase { get; set; }

    public ulong GsBase { get; set; }

    /// <summary>Which content memory has, 0 to 63; 0 is zeros. See <see cref="LabData"/>.</summary>
    public int Data { get; set; }

    /// <summary>Whether every exception of 64-bit mode gets the stack of the IST, not #DF alone.</summary>
    public bool UsesIst { get; set; }

    /// <summary>Whether a kernel has SMAP on.</summary>
    public bool HasSmap { get; set; }

    /// <summary>Which of the kernel's ways back SYSCALL leads to, 0 to 3.</summary>
    public int SystemCall { get; set; }

    /// <summary>IA32_FMASK.</summary>
    public ulong FlagMask { get; set; }

    /// <summary>An FXSAVE image: x87, MXCSR and XMM registers.</summary>
    public byte[] Fx { get; init; } = DefaultImage();

    public uint Mxcsr => FxImage.ReadMxcsr(Fx);

    public static byte[] DefaultImage()
    {
        var image = new byte[FxImage.SizeBytes];
        BitConverter.TryWriteBytes(image, (ushort)0x37F);
        BitConverter.TryWriteBytes(image.AsSpan(FxImage.MxcsrOffset), FxImage.MxcsrDefault);
        return image;
    }

    public LabState Copy() => new()
    {
        Gpr = [.. Gpr],
        Flags = Flags,
        FsBase = FsBase,
        GsBase = GsBase,
        Data = Data,
        UsesIst = UsesIst,
        HasSmap = HasSmap,
        SystemCall = SystemCall,
        FlagMask = FlagMask,
        Fx = [.. Fx],
    };

    /// <summary>What differs from zero or the default, as "name=hex" separated by blanks; <see cref="Parse"/> reads it.</summary>
    public override string ToString()
    {
        var parts = Enumerable.Range(0, 16).Where(i => Gpr[i] != 0).Select(i => $"{(X86Register)i}={Gpr[i]:X}").Append($"flags={Flags:X}").ToList();
        Add("fs", FsBase);
        Add("gs", GsBase);
        Add("data", (ulong)Data);
        Add("ist", UsesIst ? 1UL : 0);
        Add("smap", HasSmap ? 1UL : 0);
        Add("call", (ulong)SystemCall);
        Add("mask", FlagMask);
        if (!Fx.AsSpan().SequenceEqual(DefaultImage()))
        {
            parts.Add($"{Image}={Convert.ToHexString(Fx.AsSpan(0, FxImage.UsedBytes(longMode: true)))}");
        }

        return string.Join(' ', parts).ToLowerInvariant();

        void Add(string name, ulong value)
        {
            if (value != 0)
            {
                parts.Add($"{name}={value:X}");
            }
        }
    }

    public static LabState Parse(string text)
    {
        var state = new LabState();
        foreach (var part in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = (part[..part.IndexOf('=', StringComparison.Ordinal)], part[(part.IndexOf('=', StringComparison.Ordinal) + 1)..]);
            if (name == Image)
            {
                Convert.FromHexString(value).CopyTo(state.Fx, 0);
                continue;
            }

            var number = ulong.Parse(value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            switch (name)
            {
                case "flags": state.Flags = number; break;
                case "fs": state.FsBase = number; break;
                case "gs": state.GsBase = number; break;
                case "data": state.Data = (int)number; break;
                case "ist": state.UsesIst = number != 0; break;
                case "smap": state.HasSmap = number != 0; break;
                case "call": state.SystemCall = (int)number; break;
                case "mask": state.FlagMask = number; break;
                default: state.Gpr[(int)Enum.Parse<X86Register>(name, ignoreCase: true)] = number; break;
            }
        }

        return state;
    }
}
