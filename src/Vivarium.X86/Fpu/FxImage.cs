using System.Buffers.Binary;

namespace Vivarium.X86;

/// <summary>The 512-byte image of FXSAVE, which is also the legacy region of XSAVE (Intel SDM Vol. 1 §10.5.1, table 10-2).</summary>
internal static unsafe class FxImage
{
    public const int SizeBytes = 512;
    public const int MxcsrOffset = 24;
    public const int X87RegistersOffset = 32;
    public const int XmmOffset = 160;

    /// <summary>Every bit of MXCSR below 16 exists.</summary>
    public const uint MxcsrMask = 0xFFFF;
    public const uint MxcsrDefault = 0x1F80;

    /// <summary>Bytes up to the end of the XMM registers that the mode has; what follows is left alone.</summary>
    public static int UsedBytes(bool longMode) => XmmOffset + (XmmCount(longMode) * 16);

    public static int XmmCount(bool longMode) => longMode ? 16 : 8;

    /// <summary>The x87 part: bytes 0 to 23 and 32 to 159.</summary>
    public static void StoreX87(CpuState* state, Span<byte> image, bool wide)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(image, state->Fcw);
        BinaryPrimitives.WriteUInt16LittleEndian(image[2..], state->Fsw);
        image[4] = X87Tags.Abridged(state);
        image[5] = 0;
        BinaryPrimitives.WriteUInt16LittleEndian(image[6..], state->Fop);
        BinaryPrimitives.WriteUInt64LittleEndian(image[8..], wide ? state->Fip : (uint)state->Fip | ((ulong)state->Fcs << 32));
        BinaryPrimitives.WriteUInt64LittleEndian(image[16..], wide ? state->Fdp : (uint)state->Fdp | ((ulong)state->Fds << 32));
        for (var i = 0; i < 8; i++)
        {
            var slot = image.Slice(X87RegistersOffset + (i * 16), 16);
            slot.Clear();
            new ReadOnlySpan<byte>(X87Unit.Register(state, i), Float80.SizeBytes).CopyTo(slot);
        }
    }

    public static void LoadX87(CpuState* state, ReadOnlySpan<byte> image, bool wide)
    {
        state->Fcw = (ushort)((BinaryPrimitives.ReadUInt16LittleEndian(image) & X87Unit.ControlMask) | X87Unit.ControlFixed);
        state->Fsw = BinaryPrimitives.ReadUInt16LittleEndian(image[2..]);
        state->Ftw = X87Tags.FromAbridged(image[4]);
        state->Fop = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(image[6..]) & 0x7FF);
        var instruction = BinaryPrimitives.ReadUInt64LittleEndian(image[8..]);
        var data = BinaryPrimitives.ReadUInt64LittleEndian(image[16..]);
        state->Fip = wide ? instruction : (uint)instruction;
        state->Fdp = wide ? data : (uint)data;
        state->Fcs = 0;
        state->Fds = 0;
        for (var i = 0; i < 8; i++)
        {
            image.Slice(X87RegistersOffset + (i * 16), Float80.SizeBytes).CopyTo(new Span<byte>(X87Unit.Register(state, i), Float80.SizeBytes));
        }

        X87Unit.UpdateSummary(state);
    }

    public static void StoreMxcsr(CpuState* state, Span<byte> image)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(image[MxcsrOffset..], state->Mxcsr);
        BinaryPrimitives.WriteUInt32LittleEndian(image[(MxcsrOffset + 4)..], MxcsrMask);
    }

    public static uint ReadMxcsr(ReadOnlySpan<byte> image) => BinaryPrimitives.ReadUInt32LittleEndian(image[MxcsrOffset..]);

    public static void StoreXmm(CpuState* state, Span<byte> image, bool longMode)
    {
        for (var i = 0; i < XmmCount(longMode); i++)
        {
            Xmm(state, i).CopyTo(image[(XmmOffset + (i * 16))..]);
        }
    }

    public static void LoadXmm(CpuState* state, ReadOnlySpan<byte> image, bool longMode)
    {
        for (var i = 0; i < XmmCount(longMode); i++)
        {
            image.Slice(XmmOffset + (i * 16), 16).CopyTo(Xmm(state, i));
        }
    }

    // SAFETY: 16 bytes at 64-byte steps lie inside the 2,048 bytes of vector registers for numbers 0 to 31.
    public static Span<byte> Xmm(CpuState* state, int number) => new(state->Vector + (number * 64), 16);

    // SAFETY: as above; the upper half of a YMM register follows its XMM register.
    public static Span<byte> YmmHigh(CpuState* state, int number) => new(state->Vector + (number * 64) + 16, 16);
}
