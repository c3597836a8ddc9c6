using Vivarium.Memory;

namespace Vivarium;

/// <summary>
/// A firmware image that ends at 4 GiB, where the reset vector is (Intel SDM Vol. 3A §10.1.4), with its last 128 KiB also below 1 MiB, as
/// a PC has it. The copy below 1 MiB is shadow RAM: firmware unpacks itself there. With <see cref="MachinePreset.I440Fx"/> it is ROM
/// until the firmware has the chipset show RAM.
/// </summary>
public sealed class RomLoader : IBootLoader
{
    private const ulong TopOfRom = 1UL << 32;
    private const int MaximumBytes = 16 << 20;
    private const int AliasBytes = 128 << 10;
    private const ulong TopOfAlias = 1 << 20;

    private readonly ReadOnlyMemory<byte> _image;

    /// <summary>Takes a ROM image.</summary>
    /// <exception cref="GuestImageException">Its size is not a multiple of 4,096 bytes, or more than 16 MiB.</exception>
    public RomLoader(ReadOnlyMemory<byte> image)
    {
        if (image.IsEmpty || image.Length % GuestMemory.PageSize != 0 || image.Length > MaximumBytes)
        {
            throw new GuestImageException($"A ROM image must have a multiple of 4,096 bytes, at most 16 MiB; this one has {image.Length:N0}.");
        }

        _image = image;
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> ShadowedImage => _image;

    /// <inheritdoc/>
    public void AddMemory(GuestMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        memory.AddRom(TopOfRom - (ulong)_image.Length, _image.Span);
    }

    /// <inheritdoc/>
    public CpuStartState? Load(BootContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.HasShadowedRom)
        {
            return null;
        }

        var alias = _image[^Math.Min(AliasBytes, _image.Length)..];
        context.Write(TopOfAlias - (ulong)alias.Length, alias.Span, "ROM's copy below 1 MiB");
        return null;
    }
}
