namespace Vivarium.Devices;

/// <summary>
/// The ISA bridge of Intel's PIIX3 (data sheet 290550, §2.2): identification, and the four PIRQ registers, by which firmware and operating systems
/// without ACPI choose the ISA interrupts of PIRQA# to PIRQD#. What else it bridges to is on the board. All members are called with the device lock
/// held.
/// </summary>
public sealed class PiixIsaBridge : IPciFunction, IPciRegisterAccess, IInterruptInput
{
    /// <summary>How many PIRQ pins there are.</summary>
    public const int PirqCount = 4;

    private const int PirqOffset = 0x60;
    private const byte RoutingDisabled = 0x80;
    private const byte InterruptBits = 0x0F;
    private const byte Writable = RoutingDisabled | InterruptBits;
    private const ushort RoutesTag = 1;

    /// <summary>The timer, the keyboard, the cascade, the clock and the coprocessor have theirs for themselves.</summary>
    private const int PossibleInterrupts = 0b1101_1110_1111_1000;

    private readonly IrqLine?[] _lines = new IrqLine?[InterruptBits + 1];
    private readonly byte[] _routes = new byte[PirqCount];
    private readonly bool[] _levels = new bool[PirqCount];

    /// <summary>Creates the bridge after a reset: nothing is routed.</summary>
    /// <param name="connect">Makes a line to an ISA interrupt, 3 to 15.</param>
    public PiixIsaBridge(Func<int, IrqLine> connect)
    {
        ArgumentNullException.ThrowIfNull(connect);
        for (var interrupt = 0; interrupt < _lines.Length; interrupt++)
        {
            _lines[interrupt] = (PossibleInterrupts >> interrupt & 1) != 0 ? connect(interrupt) : null;
        }

        _routes.AsSpan().Fill(RoutingDisabled);
        Description = new PciFunctionDescription
        {
            VendorId = 0x8086,
            DeviceId = 0x7000,
            ClassCode = 0x060100,
            SubsystemVendorId = 0x1AF4,
            SubsystemId = 0x1100,
            Registers = [new PciRegisters(PirqOffset, _routes, Enumerable.Repeat(Writable, PirqCount).ToArray(), this)],
        };
    }

    /// <inheritdoc/>
    public PciFunctionDescription Description { get; }

    /// <inheritdoc/>
    public string StateName => "piix-isa";

    /// <inheritdoc/>
    public int PinCount => PirqCount;

    /// <summary>Sets the level of a PIRQ: 0 is PIRQA#. High means asserted.</summary>
    public void SetPin(int pin, bool level)
    {
        _levels[pin] = level;
        Apply();
    }

    /// <inheritdoc/>
    public void Reading(Span<byte> registers, int offset, int sizeBytes)
    {
    }

    /// <inheritdoc/>
    public void Written(Span<byte> registers, int offset, int sizeBytes)
    {
        registers.CopyTo(_routes);
        Apply();
    }

    /// <inheritdoc/>
    public void Reset()
    {
        _routes.AsSpan().Fill(RoutingDisabled);
        Apply();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(RoutesTag, _routes);
    }

    /// <summary>Takes the routes; the levels come from whoever drives the pins.</summary>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        reader.ReadBytes(RoutesTag, _routes);
        Apply();
    }

    /// <summary>An ISA interrupt is asserted while any of the PIRQs that are routed to it is.</summary>
    private void Apply()
    {
        var asserted = 0;
        for (var pirq = 0; pirq < PirqCount; pirq++)
        {
            // With the routing disabled the number is above every interrupt's.
            asserted |= _levels[pirq] && _routes[pirq] <= InterruptBits ? 1 << _routes[pirq] : 0;
        }

        for (var interrupt = 0; interrupt < _lines.Length; interrupt++)
        {
            _lines[interrupt]?.SetLevel((asserted >> interrupt & 1) != 0);
        }
    }
}
