namespace Vivarium.Devices;

/// <summary>
/// All local APICs of a machine and the messages between them: interprocessor interrupts, message-signalled interrupts, EOI messages, and
/// the LINT0 and LINT1 wires. Build it before the APICs. Messages may be sent from any thread.
/// </summary>
public sealed class LocalApicSet : IMsiTarget
{
    private readonly Lock _deviceLock;
    private readonly List<IEoiListener> _eoiListeners = [];
    private LocalApic[] _apics = [];
    private Dictionary<uint, LocalApic> _byId = [];

    /// <summary>Creates an empty set.</summary>
    /// <param name="deviceLock">The machine's device lock, taken to acknowledge the 8259 and to tell of an EOI.</param>
    public LocalApicSet(Lock deviceLock)
    {
        _deviceLock = deviceLock ?? throw new ArgumentNullException(nameof(deviceLock));
        Lint0 = new LintLine(this, 0);
        Lint1 = new LintLine(this, 1);
    }

    /// <summary>The wire to every LINT0 pin: the 8259's INTR output drives it.</summary>
    public IrqLine Lint0 { get; }

    /// <summary>The wire to every LINT1 pin: NMI.</summary>
    public IrqLine Lint1 { get; }

    /// <summary>Who answers an acknowledge in ExtINT mode, the 8259 pair; null if the machine has none. Set while building.</summary>
    public IExternalInterruptSource? ExternalInterrupts { get; set; }

    /// <summary>Adds a listener for the EOI of level-triggered vectors, such as an IOAPIC. Call while building.</summary>
    public void AddEoiListener(IEoiListener listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        _eoiListeners.Add(listener);
    }

    /// <summary>Delivers a message as Intel SDM Vol. 3A §11.11 codes it. One that is for nobody is lost. Any thread.</summary>
    public void SendMsi(ulong address, uint data)
    {
        var destination = (uint)(address >> 12) & 0xFF;
        var isLogical = (address & 0x4) != 0;
        var hasRedirectionHint = (address & 0x8) != 0;
        var mode = ApicBits.DeliveryMode(data);
        var isLevel = (data & ApicBits.TriggerLevel) != 0;
        if ((isLevel && (data & ApicBits.LevelAssert) == 0) || mode is ApicDeliveryMode.Startup or ApicDeliveryMode.Reserved)
        {
            return;
        }

        mode = hasRedirectionHint && mode == ApicDeliveryMode.Fixed ? ApicDeliveryMode.LowestPriority : mode;
        Send(destination, isLogical, destination == ApicBits.Broadcast8, mode, (byte)data, isLevel);
    }

    internal void Add(LocalApic apic)
    {
        if (!_byId.TryAdd(apic.ApicId, apic))
        {
            throw new ArgumentException($"There is already a local APIC with ID {apic.ApicId}.");
        }

        _apics = [.. _apics, apic];
    }

    /// <summary>Sends what was written to an interrupt command register (Intel SDM Vol. 3A §11.6.1).</summary>
    internal void SendIpi(LocalApic sender, uint command, uint destination, bool isX2Apic)
    {
        var mode = ApicBits.DeliveryMode(command);
        var vector = (byte)command;
        var isDeassert = (command & (ApicBits.TriggerLevel | ApicBits.LevelAssert)) == ApicBits.TriggerLevel;
        if (mode is ApicDeliveryMode.Reserved or ApicDeliveryMode.ExtInt || (mode == ApicDeliveryMode.Init && isDeassert))
        {
            // An INIT level de-assert only synchronised arbitration IDs on processors before the Pentium 4.
            return;
        }

        if (mode is ApicDeliveryMode.Fixed or ApicDeliveryMode.LowestPriority && vector < ApicBits.FirstLegalVector)
        {
            sender.ReportIllegalVector();
            return;
        }

        var isLogical = (command & ApicBits.DestinationLogical) != 0;
        switch ((command >> 18) & 3)
        {
            case 0:
                var isBroadcast = destination == (isX2Apic ? ApicBits.Broadcast32 : ApicBits.Broadcast8);
                Send(destination, isLogical, isBroadcast, mode, vector, isLevel: false);
                break;
            case 1:
                sender.Deliver(mode, vector, isLevelTriggered: false);
                break;
            case var shorthand:
                foreach (var apic in _apics)
                {
                    if (shorthand == 2 || apic != sender)
                    {
                        apic.Deliver(mode, vector, isLevelTriggered: false);
                    }
                }

                break;
        }
    }

    /// <summary>Sends a fixed interrupt to the sender itself.</summary>
    internal void SendSelf(LocalApic sender, byte vector)
    {
        if (vector < ApicBits.FirstLegalVector)
        {
            sender.ReportIllegalVector();
        }
        else
        {
            sender.Deliver(ApicDeliveryMode.Fixed, vector, isLevelTriggered: false);
        }
    }

    /// <summary>Tells the IOAPICs that a level-triggered vector was finished.</summary>
    internal void BroadcastEndOfInterrupt(byte vector)
    {
        lock (_deviceLock)
        {
            foreach (var listener in _eoiListeners)
            {
                listener.EndOfInterrupt(vector);
            }
        }
    }

    /// <summary>Acknowledges the 8259 on behalf of an APIC; −1 if it wants nothing from that APIC any more.</summary>
    internal int AcknowledgeExternal(LocalApic apic)
    {
        lock (_deviceLock)
        {
            return apic.TryTakeExternal() && ExternalInterrupts is not null ? ExternalInterrupts.Acknowledge() : -1;
        }
    }

    private void Send(uint destination, bool isLogical, bool isBroadcast, ApicDeliveryMode mode, byte vector, bool isLevel)
    {
        if (mode == ApicDeliveryMode.LowestPriority)
        {
            FindLowestPriority(destination, isLogical, isBroadcast, vector)?.Deliver(mode, vector, isLevel);
        }
        else if (!isLogical && !isBroadcast)
        {
            if (_byId.TryGetValue(destination, out var apic) && apic.Matches(destination, isLogical: false))
            {
                apic.Deliver(mode, vector, isLevel);
            }
        }
        else
        {
            foreach (var apic in _apics)
            {
                if (isBroadcast || apic.Matches(destination, isLogical))
                {
                    apic.Deliver(mode, vector, isLevel);
                }
            }
        }
    }

    /// <summary>
    /// The destination with the lowest processor priority. Among equals the vector chooses, so that vectors spread over processors and the
    /// choice needs no state.
    /// </summary>
    private LocalApic? FindLowestPriority(uint destination, bool isLogical, bool isBroadcast, byte vector)
    {
        var lowest = int.MaxValue;
        var count = 0;
        foreach (var apic in _apics)
        {
            if (IsCandidate(apic))
            {
                var priority = apic.ProcessorPriority;
                count = priority < lowest ? 1 : priority == lowest ? count + 1 : count;
                lowest = Math.Min(lowest, priority);
            }
        }

        // A processor may change its priority meanwhile: then the last candidate serves.
        var chosen = count == 0 ? 0 : vector % count;
        LocalApic? last = null;
        foreach (var apic in _apics)
        {
            if (IsCandidate(apic))
            {
                last = apic;
                if (apic.ProcessorPriority == lowest && chosen-- == 0)
                {
                    break;
                }
            }
        }

        return last;

        bool IsCandidate(LocalApic apic) =>
            apic.IsGloballyEnabled && apic.IsSoftwareEnabled && (isBroadcast || apic.Matches(destination, isLogical));
    }

    private sealed class LintLine(LocalApicSet set, int pin) : IrqLine
    {
        protected override void OnLevelChanged(bool level)
        {
            foreach (var apic in set._apics)
            {
                apic.SetLint(pin, level);
            }
        }
    }
}
