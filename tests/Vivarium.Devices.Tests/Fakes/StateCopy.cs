namespace Vivarium.Devices.Tests.Fakes;

internal static class StateCopy
{
    /// <summary>Saves one unit and restores it into another of the same kind.</summary>
    public static void CopyStateTo(this IStateUnit source, IStateUnit destination)
    {
        var writer = new StateWriter();
        source.Save(writer);
        destination.Restore(new StateReader(destination.StateName, source.StateVersion, writer.WrittenMemory.ToArray()));
    }

    /// <summary>The saved state as bytes.</summary>
    public static byte[] SaveToArray(this IStateUnit unit)
    {
        var writer = new StateWriter();
        unit.Save(writer);
        return writer.WrittenMemory.ToArray();
    }
}
