using System.Buffers.Binary;

namespace Vivarium.X86;

/// <summary>Moves state components between <see cref="CpuState"/> and XSAVE images, and tells which are in their initial configuration.</summary>
internal static unsafe class XsaveImage
{
    /// <summary>XINUSE: the components not in their initial configuration. MXCSR is not part of it (Intel SDM Vol. 1 §13.6).</summary>
    public static ulong InUse(CpuState* state) =>
        (IsX87Initial(state) ? 0 : XsaveLayout.X87Bit)
        | (AnyNonZero(state, high: false) ? XsaveLayout.SseBit : 0)
        | (AnyNonZero(state, high: true) ? XsaveLayout.AvxBit : 0)
        | (state->Pkru != 0 ? XsaveLayout.PkruBit : 0);

    public static void StoreAvx(CpuState* state, Span<byte> destination, bool longMode)
    {
        for (var i = 0; i < FxImage.XmmCount(longMode); i++)
        {
            FxImage.YmmHigh(state, i).CopyTo(destination[(i * 16)..]);
        }
    }

    public static void LoadAvx(CpuState* state, ReadOnlySpan<byte> source, bool longMode)
    {
        for (var i = 0; i < FxImage.XmmCount(longMode); i++)
        {
            source.Slice(i * 16, 16).CopyTo(FxImage.YmmHigh(state, i));
        }
    }

    public static void StorePkru(CpuState* state, Span<byte> destination) => BinaryPrimitives.WriteUInt64LittleEndian(destination, state->Pkru);

    public static void LoadPkru(CpuState* state, ReadOnlySpan<byte> source) => state->Pkru = BinaryPrimitives.ReadUInt32LittleEndian(source);

    public static void InitializeX87(CpuState* state)
    {
        X87Unit.Initialize(state);
        new Span<byte>(state->X87, 8 * 16).Clear();
    }

    public static void InitializeXmm(CpuState* state, bool longMode)
    {
        for (var i = 0; i < FxImage.XmmCount(longMode); i++)
        {
            FxImage.Xmm(state, i).Clear();
        }
    }

    public static void InitializeAvx(CpuState* state, bool longMode)
    {
        for (var i = 0; i < FxImage.XmmCount(longMode); i++)
        {
            FxImage.YmmHigh(state, i).Clear();
        }
    }

    private static bool IsX87Initial(CpuState* state) =>
        state->Fcw == 0x37F
        && state->Ftw == 0xFFFF
        && (state->Fsw | state->Fop) == 0
        && (state->Fip | state->Fdp) == 0
        && !new ReadOnlySpan<byte>(state->X87, 8 * 16).ContainsAnyExcept((byte)0);

    private static bool AnyNonZero(CpuState* state, bool high)
    {
        for (var i = 0; i < 16; i++)
        {
            if ((high ? FxImage.YmmHigh(state, i) : FxImage.Xmm(state, i)).ContainsAnyExcept((byte)0))
            {
                return true;
            }
        }

        return false;
    }
}
