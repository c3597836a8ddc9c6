using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>An XSAVE image of x87, SSE and AVX state with RAX, RCX, RDX, RFLAGS and 256 bytes of memory.</summary>
internal sealed unsafe class NativeState : IDisposable
{
    public const int ImageBytes = XsaveLayout.ExtendedOffset + XsaveLayout.AvxBytes;
    public const int MemoryBytes = 256;

    public readonly byte* Image = (byte*)NativeMemory.AlignedAlloc(ImageBytes, 64);

    /// <summary>The four registers, 32 bytes of nothing, then the memory.</summary>
    public readonly ulong* Auxiliary = (ulong*)NativeMemory.AlignedAlloc(64 + MemoryBytes, 64);

    public NativeState()
    {
        ImageSpan.Clear();
        *(ulong*)(Image + XsaveLayout.LegacyBytes) = XsaveLayout.X87Bit | XsaveLayout.SseBit | XsaveLayout.AvxBit;
        new Span<byte>(Auxiliary, 64 + MemoryBytes).Clear();
    }

    public Span<byte> ImageSpan => new(Image, ImageBytes);

    /// <summary>RAX, RCX, RDX, RFLAGS.</summary>
    public Span<ulong> General => new(Auxiliary, 4);

    public Span<byte> Memory => new((byte*)Auxiliary + 64, MemoryBytes);

    public Span<byte> Xmm(int number) => ImageSpan.Slice(160 + (number * 16), 16);

    /// <summary>Bits 255:128 of a YMM register.</summary>
    public Span<byte> YmmHigh(int number) => ImageSpan.Slice(XsaveLayout.ExtendedOffset + (number * 16), 16);

    public ref ushort ControlWord => ref *(ushort*)Image;

    public ref ushort StatusWord => ref *(ushort*)(Image + 2);

    public ref byte Tags => ref *(Image + 4);

    public ref uint Mxcsr => ref *(uint*)(Image + 24);

    /// <summary>ST(index), counted from TOP.</summary>
    public ref Float80 Stack(int index) => ref *(Float80*)(Image + 32 + (index * 16));

    public void Dispose()
    {
        NativeMemory.AlignedFree(Image);
        NativeMemory.AlignedFree(Auxiliary);
    }
}
