using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>
/// The PCI transport of modern devices (Virtio 1.2 §4.1): one base address with common configuration, ISR, device configuration,
/// notifications and MSI-X, and the configuration window in PCI space. Device lock held.
/// </summary>
public sealed partial class VirtioPci : IPciFunction, IVirtioTransport
{
    private const ushort VirtioVendorId = 0x1AF4;
    private const ushort FirstDeviceId = 0x1040;
    private const ushort NoVector = 0xFFFF;
    private const int Bar = 0;
    private const uint BarBytes = 0x8000;
    private const uint CommonOffset = 0x0000;
    private const uint CommonBytes = 0x40;
    private const uint IsrOffset = 0x1000;
    private const uint ConfigurationOffset = 0x2000;
    private const uint NotifyOffset = 0x3000;
    private const uint NotifyMultiplier = 4;
    private const uint TableOffset = 0x4000;
    private const uint PendingOffset = 0x7000;
    private const byte QueueInterrupt = 1;
    private const byte ConfigurationInterrupt = 2;

    private readonly VirtioDevice _device;
    private readonly IPciHost _host;
    private readonly int _vectorCount;
    private readonly ushort[] _queueVectors;
    private ushort _configurationVector = NoVector;
    private uint _deviceFeaturesSelect;
    private uint _driverFeaturesSelect;
    private ushort _queueSelect;
    private byte _isr;

    /// <summary>Makes a device a PCI function with a message vector for its configuration and one for each queue.</summary>
    /// <param name="device">Without a transport so far.</param>
    /// <param name="host">The function's place on the bus.</param>
    /// <exception cref="InvalidOperationException">The device has a transport already.</exception>
    public VirtioPci(VirtioDevice device, IPciHost host)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(host);
        _device = device;
        _host = host;
        _vectorCount = device.Queues.Count + 1;
        _queueVectors = new ushort[device.Queues.Count];
        Array.Fill(_queueVectors, NoVector);
        Description = Describe();
        device.Attach(this);
    }

    /// <inheritdoc/>
    public string StateName => _device.StateName + "-pci";

    /// <inheritdoc/>
    public PciFunctionDescription Description { get; }

    /// <inheritdoc/>
    public bool CanUseMemory => _host.IsBusMaster;

    /// <inheritdoc/>
    public void SignalQueue(int queue) => Signal(_queueVectors[queue], QueueInterrupt);

    /// <inheritdoc/>
    public void SignalConfiguration() => Signal(_configurationVector, ConfigurationInterrupt);

    /// <inheritdoc/>
    public void OnDeviceReset() => Reset();

    /// <inheritdoc/>
    public void BusMasterChanged(bool enabled)
    {
        if (enabled)
        {
            _device.ResumeQueues();
        }
    }

    /// <inheritdoc/>
    public IoResult ReadBar(int bar, ulong offset, int sizeBytes, out ulong value)
    {
        value = 0;
        if (offset < CommonOffset + CommonBytes)
        {
            return ReadCommon((uint)offset, sizeBytes, out value);
        }

        if (offset == IsrOffset)
        {
            value = TakeIsr();
            return IoResult.Ok;
        }

        if (offset is >= ConfigurationOffset and < NotifyOffset)
        {
            Span<byte> bytes = stackalloc byte[sizeof(ulong)];
            _device.ReadConfiguration(offset - ConfigurationOffset, bytes[..sizeBytes]);
            value = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            return IoResult.Ok;
        }

        return offset is >= NotifyOffset and < TableOffset ? IoResult.Ok : IoResult.NoRegister;
    }

    /// <inheritdoc/>
    public IoResult WriteBar(int bar, ulong offset, int sizeBytes, ulong value)
    {
        if (offset < CommonOffset + CommonBytes)
        {
            return WriteCommon((uint)offset, sizeBytes, value);
        }

        if (offset is >= NotifyOffset and < TableOffset)
        {
            // The place says which queue; the value says it again.
            _device.Notify((uint)(offset - NotifyOffset) / NotifyMultiplier);
            return IoResult.Ok;
        }

        if (offset is >= ConfigurationOffset and < NotifyOffset)
        {
            Span<byte> bytes = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
            _device.WriteConfiguration(offset - ConfigurationOffset, bytes[..sizeBytes]);
            return IoResult.Ok;
        }

        return offset == IsrOffset ? IoResult.ReadOnly : IoResult.NoRegister;
    }

    /// <inheritdoc/>
    public void Reset()
    {
        Array.Fill(_queueVectors, NoVector);
        _configurationVector = NoVector;
        _deviceFeaturesSelect = 0;
        _driverFeaturesSelect = 0;
        _queueSelect = 0;
        TakeIsr();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(1, (ulong)_deviceFeaturesSelect);
        writer.Write(2, (ulong)_driverFeaturesSelect);
        writer.Write(3, (ulong)_queueSelect);
        writer.Write(4, (ulong)_isr);
        writer.Write(5, (ulong)_configurationVector);
        var vectors = new byte[2 * _queueVectors.Length];
        for (var i = 0; i < _queueVectors.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(vectors.AsSpan(2 * i), _queueVectors[i]);
        }

        writer.Write(6, vectors);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var vectors = new byte[2 * _queueVectors.Length];
        reader.ReadBytes(6, vectors);
        _deviceFeaturesSelect = reader.ReadUInt32(1);
        _driverFeaturesSelect = reader.ReadUInt32(2);
        _queueSelect = reader.ReadUInt16(3);
        _isr = (byte)(reader.ReadByte(4) & (QueueInterrupt | ConfigurationInterrupt));
        _configurationVector = ToVector(reader.ReadUInt16(5));
        for (var i = 0; i < _queueVectors.Length; i++)
        {
            _queueVectors[i] = ToVector(BinaryPrimitives.ReadUInt16LittleEndian(vectors.AsSpan(2 * i)));
        }
    }

    /// <summary>Reading the reasons acknowledges them (§4.1.4.5).</summary>
    private byte TakeIsr()
    {
        var reasons = _isr;
        _isr = 0;
        _host.SetInterruptPin(false);
        return reasons;
    }

    private void Signal(ushort vector, byte reason)
    {
        if (_host.IsMsiXEnabled)
        {
            if (vector != NoVector)
            {
                _host.SignalMessage(vector);
            }

            return;
        }

        _isr |= reason;
        _host.SetInterruptPin(true);
    }

    private ushort ToVector(ushort value) => value < _vectorCount ? value : NoVector;

    private PciFunctionDescription Describe() => new()
    {
        VendorId = VirtioVendorId,
        DeviceId = (ushort)(FirstDeviceId + _device.DeviceType),
        RevisionId = 1,
        ClassCode = _device.DeviceType switch
        {
            1 => 0x020000,
            2 => 0x018000,
            3 => 0x078000,
            _ => 0x00FF00,
        },
        SubsystemVendorId = VirtioVendorId,
        SubsystemId = (ushort)(FirstDeviceId + _device.DeviceType),
        Bars = [new PciBar(Bar, PciBarKind.Memory32, BarBytes)],
        InterruptPin = PciInterruptPin.A,
        MsiX = new PciMsiX(_vectorCount, Bar, TableOffset, PendingOffset),
        Capabilities =
        [
            Capability(1, CommonOffset, CommonBytes),
            Capability(2, NotifyOffset, NotifyMultiplier * (uint)_device.Queues.Count, NotifyMultiplier),
            Capability(3, IsrOffset, 1),
            Capability(4, ConfigurationOffset, (uint)Math.Max(4, _device.ConfigurationBytes)),
            WindowCapability(),
        ],
    };

    /// <summary>Where a structure is (§4.1.4): length, type, base address, offset, size.</summary>
    private static PciCapability Capability(byte type, uint offset, uint sizeBytes, uint? extra = null)
    {
        var body = new byte[extra is null ? 14 : 18];
        body[0] = (byte)(body.Length + 2);
        body[1] = type;
        body[2] = Bar;
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(6), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(10), sizeBytes);
        if (extra is { } value)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(14), value);
        }

        return new PciCapability(PciCapability.VendorSpecificId, body);
    }
}
