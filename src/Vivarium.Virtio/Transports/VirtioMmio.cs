using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>The MMIO transport, version 2 (Virtio 1.2 §4.2): a page of registers and an interrupt line. Device lock held.</summary>
public sealed class VirtioMmio : IMmioDevice, IVirtioTransport, IStateUnit
{
    /// <summary>The size of its region in bytes.</summary>
    public const int RegionBytes = 0x1000;

    private const ulong ConfigurationOffset = 0x100;
    private const uint Magic = 0x74726976;
    private const uint Vendor = 0x4D565656;
    private const uint QueueInterrupt = 1;
    private const uint ConfigurationInterrupt = 2;

    private readonly VirtioDevice _device;
    private readonly IrqLine _line;
    private uint _deviceFeaturesSelect;
    private uint _driverFeaturesSelect;
    private uint _queueSelect;
    private uint _interruptStatus;

    /// <summary>Puts a device behind registers.</summary>
    /// <param name="device">Without a transport so far.</param>
    /// <param name="line">Its interrupt, used by nobody else if it is edge-triggered.</param>
    /// <exception cref="InvalidOperationException">The device has a transport already.</exception>
    public VirtioMmio(VirtioDevice device, IrqLine line)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(line);
        _device = device;
        _line = line;
        device.Attach(this);
    }

    /// <inheritdoc/>
    public string StateName => _device.StateName + "-mmio";

    /// <inheritdoc/>
    public bool CanUseMemory => true;

    /// <inheritdoc/>
    public void SignalQueue(int queue) => Raise(QueueInterrupt);

    /// <inheritdoc/>
    public void SignalConfiguration() => Raise(ConfigurationInterrupt);

    /// <inheritdoc/>
    public void OnDeviceReset() => Reset();

    /// <inheritdoc/>
    public IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value)
    {
        value = 0;
        if (offset >= ConfigurationOffset)
        {
            Span<byte> bytes = stackalloc byte[sizeof(ulong)];
            _device.ReadConfiguration(offset - ConfigurationOffset, bytes[..sizeBytes]);
            value = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            return IoResult.Ok;
        }

        if (sizeBytes != sizeof(uint) || offset % sizeof(uint) != 0)
        {
            return IoResult.BadSize;
        }

        _device.TryGetQueue(_queueSelect, out var queue);
        uint? register = offset switch
        {
            0x000 => Magic,
            0x004 => 2,
            0x008 => (uint)_device.DeviceType,
            0x00C => Vendor,
            0x010 => _deviceFeaturesSelect <= 1 ? (uint)(_device.OfferedFeatures >> (32 * (int)_deviceFeaturesSelect)) : 0,
            0x034 => (uint)(queue?.MaximumSize ?? 0),
            0x044 => queue is { IsEnabled: true } ? 1u : 0,
            0x060 => _interruptStatus,
            0x070 => (uint)_device.Status,
            0x0B0 or 0x0B4 or 0x0B8 or 0x0BC => uint.MaxValue,
            0x0FC => _device.ConfigurationGeneration,
            _ => null,
        };
        value = register ?? 0;
        return register is null ? IoResult.NoRegister : IoResult.Ok;
    }

    /// <inheritdoc/>
    public IoResult WriteMmio(ulong offset, int sizeBytes, ulong value)
    {
        if (offset >= ConfigurationOffset)
        {
            Span<byte> bytes = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
            _device.WriteConfiguration(offset - ConfigurationOffset, bytes[..sizeBytes]);
            return IoResult.Ok;
        }

        if (sizeBytes != sizeof(uint) || offset % sizeof(uint) != 0)
        {
            return IoResult.BadSize;
        }

        var word = (uint)value;
        switch (offset)
        {
            case 0x014:
                _deviceFeaturesSelect = word;
                break;
            case 0x020:
                _device.WriteDriverFeatures(_driverFeaturesSelect, word);
                break;
            case 0x024:
                _driverFeaturesSelect = word;
                break;
            case 0x030:
                _queueSelect = word;
                break;
            case 0x038:
                _device.Configure(_queueSelect, QueueRegisters.SetSize, word);
                break;
            case 0x044:
                WriteReady(word);
                break;
            case 0x050:
                _device.Notify(word);
                break;
            case 0x064:
                Acknowledge(word);
                break;
            case 0x070:
                _device.WriteStatus((byte)word);
                break;
            case 0x080:
                _device.Configure(_queueSelect, QueueRegisters.SetDescriptorLow, word);
                break;
            case 0x084:
                _device.Configure(_queueSelect, QueueRegisters.SetDescriptorHigh, word);
                break;
            case 0x090:
                _device.Configure(_queueSelect, QueueRegisters.SetDriverLow, word);
                break;
            case 0x094:
                _device.Configure(_queueSelect, QueueRegisters.SetDriverHigh, word);
                break;
            case 0x0A0:
                _device.Configure(_queueSelect, QueueRegisters.SetDeviceLow, word);
                break;
            case 0x0A4:
                _device.Configure(_queueSelect, QueueRegisters.SetDeviceHigh, word);
                break;
            case 0x0AC:
                break;
            default:
                return offset is 0x000 or 0x004 or 0x008 or 0x00C or 0x010 or 0x034 or 0x060 or 0x0FC ? IoResult.ReadOnly : IoResult.NoRegister;
        }

        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public void Reset()
    {
        _deviceFeaturesSelect = 0;
        _driverFeaturesSelect = 0;
        _queueSelect = 0;
        _interruptStatus = 0;
        _line.SetLevel(false);
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(1, (ulong)_deviceFeaturesSelect);
        writer.Write(2, (ulong)_driverFeaturesSelect);
        writer.Write(3, (ulong)_queueSelect);
        writer.Write(4, (ulong)_interruptStatus);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        _deviceFeaturesSelect = reader.ReadUInt32(1);
        _driverFeaturesSelect = reader.ReadUInt32(2);
        _queueSelect = reader.ReadUInt32(3);
        _interruptStatus = reader.ReadUInt32(4) & (QueueInterrupt | ConfigurationInterrupt);
        _line.SetLevel(_interruptStatus != 0);
    }

    private void WriteReady(uint value)
    {
        if (value == 1)
        {
            _device.EnableQueue(_queueSelect);
        }
        else if (value == 0)
        {
            _device.DisableQueue(_queueSelect);
        }
    }

    private void Raise(uint reason)
    {
        _interruptStatus |= reason;
        _line.SetLevel(true);
    }

    /// <summary>What is left raises the line anew, so that it also works as an edge.</summary>
    private void Acknowledge(uint reasons)
    {
        _interruptStatus &= ~reasons;
        _line.SetLevel(false);
        _line.SetLevel(_interruptStatus != 0);
    }
}
