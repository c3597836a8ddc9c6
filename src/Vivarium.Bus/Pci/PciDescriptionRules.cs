namespace Vivarium.Bus;

/// <summary>What a function's description must fulfil, so that no guest can tell it from hardware that is right.</summary>
internal static class PciDescriptionRules
{
    private const int BarCount = 6;
    private const int MaximumVectors = 2048;
    private const int MaximumMessages = 32;

    /// <exception cref="ArgumentException">Something is impossible; the message says what.</exception>
    public static void Check(PciFunctionDescription description)
    {
        Require(description.VendorId != ushort.MaxValue, "the vendor ID 0xFFFF means that nobody is there");
        Require(description.ClassCode <= 0xFF_FFFF, "the class code has 24 bits");
        Require(Enum.IsDefined(description.InterruptPin), "there is no such interrupt pin");
        Require(
            description.MsiMessageCount is >= 0 and <= MaximumMessages && (description.MsiMessageCount & (description.MsiMessageCount - 1)) == 0,
            $"MSI has 0, 1, 2, 4, 8, 16 or 32 messages, not {description.MsiMessageCount}");
        var taken = new bool[BarCount + 1];
        foreach (var bar in description.Bars)
        {
            CheckBar(bar);
            for (var i = bar.Index; i <= bar.Index + (bar.Kind == PciBarKind.Memory64 ? 1 : 0); i++)
            {
                Require(i < BarCount, $"base address {bar.Index} has 64 bits and needs the next register, which is not there");
                Require(!taken[i], $"two regions want base address register {i}");
                taken[i] = true;
            }
        }

        if (description.MsiX is { } msiX)
        {
            CheckMsiX(msiX, description.Bars);
        }
    }

    private static void CheckBar(PciBar bar)
    {
        Require(bar.Index is >= 0 and < BarCount, $"there is no base address register {bar.Index}");
        var (minimum, maximum) = bar.Kind switch
        {
            PciBarKind.Io => (4UL, 256UL),
            PciBarKind.Memory32 => (16UL, 1UL << 31),
            PciBarKind.Memory64 => (16UL, 1UL << 40),
            _ => (1UL, 0UL),
        };
        Require(
            bar.SizeBytes >= minimum && bar.SizeBytes <= maximum && ulong.IsPow2(bar.SizeBytes),
            $"base address {bar.Index} of kind {bar.Kind} must have a power of two from {minimum:N0} to {maximum:N0} bytes, not {bar.SizeBytes:N0}");
        Require(bar.Kind != PciBarKind.Io || !bar.IsPrefetchable, $"base address {bar.Index} is of I/O ports and cannot be prefetchable");
    }

    private static void CheckMsiX(PciMsiX msiX, IReadOnlyList<PciBar> bars)
    {
        Require(msiX.VectorCount is >= 1 and <= MaximumVectors, $"MSI-X has 1 to {MaximumVectors:N0} vectors, not {msiX.VectorCount:N0}");
        var bar = bars.FirstOrDefault(each => each.Index == msiX.Bar && each.Kind != PciBarKind.Io);
        Require(bar is not null, $"MSI-X wants to be in base address {msiX.Bar}, which is no memory region of the function");
        Require(msiX.TableOffset % 8 == 0 && msiX.PendingOffset % 8 == 0, "MSI-X's table and pending bits must be at multiples of 8");
        var tableEnd = (ulong)msiX.TableOffset + msiX.TableSizeBytes;
        var pendingEnd = (ulong)msiX.PendingOffset + msiX.PendingSizeBytes;
        Require(tableEnd <= bar!.SizeBytes && pendingEnd <= bar.SizeBytes, $"MSI-X's table and pending bits must lie within the {bar.SizeBytes:N0} bytes of base address {bar.Index}");
        Require(tableEnd <= msiX.PendingOffset || pendingEnd <= msiX.TableOffset, "MSI-X's table and pending bits must not overlap");
    }

    private static void Require(bool condition, string sentence)
    {
        if (!condition)
        {
            throw new ArgumentException($"A PCI function cannot be so: {sentence}.");
        }
    }
}
