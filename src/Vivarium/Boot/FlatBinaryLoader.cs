namespace Vivarium;

/// <summary>Copies bytes to an address and starts at the first of them, in the mode asked for.</summary>
public sealed class FlatBinaryLoader : IBootLoader
{
    private const ulong RealModeEnd = 0x10_0000;
    private const ulong LowestProtected = 0x1_0000;

    private readonly ReadOnlyMemory<byte> _image;
    private readonly ulong _gpa;
    private readonly FlatStartMode _mode;

    /// <summary>Takes an image.</summary>
    /// <param name="image">The bytes, not empty.</param>
    /// <param name="gpa">
    /// Where they go. In real mode a multiple of 16 below 1 MiB: the image starts at offset 0 of that segment. Otherwise 64 KiB or above.
    /// </param>
    /// <param name="mode">The processor's mode at the start. Default real mode, at the boot sector's customary address.</param>
    /// <exception cref="GuestImageException">The image is empty or the address impossible.</exception>
    public FlatBinaryLoader(ReadOnlyMemory<byte> image, ulong gpa = 0x7C00, FlatStartMode mode = FlatStartMode.Real16)
    {
        if (image.IsEmpty)
        {
            throw new GuestImageException("The flat binary is empty.");
        }

        if (mode == FlatStartMode.Real16 && (gpa % 16 != 0 || gpa >= RealModeEnd))
        {
            throw new GuestImageException($"A flat binary in real mode must go to a multiple of 16 below 1 MiB, not to 0x{gpa:X}.");
        }

        if (mode != FlatStartMode.Real16 && gpa is < LowestProtected or > uint.MaxValue)
        {
            throw new GuestImageException(
                $"A flat binary in protected or long mode must go from 64 KiB, above the boot structures, to below 4 GiB, not to 0x{gpa:X}.");
        }

        _image = image;
        _gpa = gpa;
        _mode = mode;
    }

    /// <inheritdoc/>
    public CpuStartState? Load(BootContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var state = _mode switch
        {
            FlatStartMode.Real16 => StartStates.Real((ushort)(_gpa >> 4), 0),
            FlatStartMode.Protected32 => StartStates.Protected32(context, _gpa),
            _ => StartStates.Long64(context, _gpa),
        };
        context.Write(_gpa, _image.Span, "flat binary");
        return state;
    }
}

/// <summary>The processor's mode when a flat binary starts.</summary>
public enum FlatStartMode
{
    /// <summary>16-bit real mode.</summary>
    Real16,

    /// <summary>Flat 32-bit protected mode without paging.</summary>
    Protected32,

    /// <summary>64-bit mode with the first 4 GiB mapped to themselves.</summary>
    Long64,
}
