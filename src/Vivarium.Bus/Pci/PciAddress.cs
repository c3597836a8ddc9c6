namespace Vivarium.Bus;

/// <summary>Where a function is on bus 0.</summary>
public readonly record struct PciAddress
{
    /// <summary>How many slots a bus has.</summary>
    public const int SlotCount = 32;

    /// <summary>How many functions a slot has.</summary>
    public const int FunctionCount = 8;

    /// <summary>Names a place.</summary>
    /// <param name="slot">The device number, 0 to 31.</param>
    /// <param name="function">The function of the device, 0 to 7. A device must have function 0.</param>
    public PciAddress(int slot, int function = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, SlotCount);
        ArgumentOutOfRangeException.ThrowIfNegative(function);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(function, FunctionCount);
        Slot = slot;
        Function = function;
    }

    /// <summary>The device number, 0 to 31.</summary>
    public int Slot { get; }

    /// <summary>The function of the device, 0 to 7.</summary>
    public int Function { get; }

    /// <summary>Slot and function in one number, 0 to 255, as in configuration addresses.</summary>
    public int Index => (Slot * FunctionCount) + Function;

    /// <summary>As operating systems write it: <c>00:1f.3</c>.</summary>
    public override string ToString() => $"00:{Slot:x2}.{Function}";
}
