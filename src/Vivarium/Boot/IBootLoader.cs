using Vivarium.Memory;

namespace Vivarium;

/// <summary>
/// Puts a guest into memory and says how the processor starts. One loader belongs to one machine. Images are checked in constructors, what
/// depends on the machine in <see cref="Load"/>, which the builder calls once before it returns and the machine again at every reset.
/// </summary>
public interface IBootLoader
{
    /// <summary>Adds memory of the loader's own, such as a ROM, before the first <see cref="Load"/>.</summary>
    void AddMemory(GuestMemory memory)
    {
    }

    /// <summary>
    /// The ROM whose last 128 KiB the guest sees below 1 MiB as long as a chipset says so (<see cref="MachinePreset.I440Fx"/>). Default none.
    /// </summary>
    ReadOnlyMemory<byte> ShadowedImage => default;

    /// <summary>Fills zeroed guest memory.</summary>
    /// <returns>How the bootstrap processor starts; null for the reset vector.</returns>
    /// <exception cref="GuestImageException">The image does not fit the machine.</exception>
    CpuStartState? Load(BootContext context);
}
