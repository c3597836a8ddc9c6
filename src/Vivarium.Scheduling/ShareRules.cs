namespace Vivarium.Scheduling;

/// <summary>The ranges of <see cref="VmShare"/>.</summary>
internal static class ShareRules
{
    private const int MaximumWeight = 10_000;
    private const int MaximumMilliCores = 1_000_000;

    public static void Check(VmShare share)
    {
        ArgumentNullException.ThrowIfNull(share);
        if (share.Weight is < 1 or > MaximumWeight)
        {
            throw new ArgumentException($"A machine's weight must be 1 to {MaximumWeight}; got {share.Weight}.", nameof(share));
        }

        if (share.CapMilliCores is < 1 or > MaximumMilliCores)
        {
            throw new ArgumentException($"A machine's cap must be 1 to {MaximumMilliCores} milli-cores, or null; got {share.CapMilliCores}.", nameof(share));
        }

        if (share.ReservationMilliCores is < 0 or > MaximumMilliCores || share.ReservationMilliCores > share.CapMilliCores)
        {
            throw new ArgumentException(
                $"A machine's reservation must be 0 to {MaximumMilliCores} milli-cores and at most its cap; got {share.ReservationMilliCores}.", nameof(share));
        }
    }
}
