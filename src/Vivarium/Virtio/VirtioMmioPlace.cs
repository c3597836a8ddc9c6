namespace Vivarium;

/// <summary>Where a virtio device of a machine without PCI is. The guest's kernel has to be told.</summary>
/// <param name="Gpa">The guest-physical address of its registers.</param>
/// <param name="Irq">Its interrupt.</param>
public sealed record VirtioMmioPlace(ulong Gpa, int Irq)
{
    private const ulong FirstGpa = 0xCFF0_0000;

    /// <summary>Interrupts that nothing else on the board uses; each device has its own, as they are edge-triggered.</summary>
    private static readonly int[] s_irqs = [5, 10, 11, 6, 7, 14, 15];

    /// <summary>What to append to a Linux command line.</summary>
    public string KernelParameter => $"virtio_mmio.device=4K@0x{Gpa:x}:{Irq}";

    /// <summary>The place of the device added as number <paramref name="index"/>, from 0.</summary>
    /// <exception cref="InvalidOperationException">There are no more places.</exception>
    public static VirtioMmioPlace At(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        return index < s_irqs.Length
            ? new VirtioMmioPlace(FirstGpa + ((ulong)index * 0x1000), s_irqs[index])
            : throw new InvalidOperationException($"A machine without PCI has room for {s_irqs.Length} virtio devices; give it a PCI bus.");
    }
}
