namespace Vivarium.Devices;

/// <summary>Helpers to read fields whose range a device depends on.</summary>
internal static class StateFields
{
    /// <summary>Reads a guest time, which is never negative.</summary>
    public static long ReadTime(this StateReader reader, ushort tag)
    {
        var value = reader.ReadInt64(tag);
        return value >= 0 ? value : throw reader.Invalid(tag);
    }

    /// <summary>Arms the timer for a saved deadline, or disarms it.</summary>
    public static void Rearm(this IVmTimer timer, long deadlineNs)
    {
        if (deadlineNs == long.MaxValue)
        {
            timer.Disarm();
        }
        else
        {
            timer.Arm(deadlineNs);
        }
    }
}
