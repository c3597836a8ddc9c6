namespace Vivarium.Virtio;

/// <content>The common configuration structure (Virtio 1.2 §4.1.4.3).</content>
public sealed partial class VirtioPci
{
    private IoResult ReadCommon(uint offset, int sizeBytes, out ulong value)
    {
        _device.TryGetQueue(_queueSelect, out var queue);
        var (width, register) = offset switch
        {
            0x00 => (4, _deviceFeaturesSelect),
            0x04 => (4, _deviceFeaturesSelect <= 1 ? (uint)(_device.OfferedFeatures >> (32 * (int)_deviceFeaturesSelect)) : 0),
            0x08 => (4, _driverFeaturesSelect),
            0x0C => (4, _driverFeaturesSelect <= 1 ? (uint)(_device.DriverFeatures >> (32 * (int)_driverFeaturesSelect)) : 0),
            0x10 => (2, _configurationVector),
            0x12 => (2, (uint)_device.Queues.Count),
            0x14 => (1, (uint)_device.Status),
            0x15 => (1, (byte)_device.ConfigurationGeneration),
            0x16 => (2, _queueSelect),
            0x18 => (2, (uint)(queue?.Size ?? 0)),
            0x1A => (2, queue is null ? NoVector : _queueVectors[queue.Index]),
            0x1C => (2, queue is { IsEnabled: true } ? 1u : 0),
            0x1E => (2, (uint)(queue?.Index ?? 0)),
            0x20 => (4, (uint)(queue?.DescriptorGpa ?? 0)),
            0x24 => (4, (uint)((queue?.DescriptorGpa ?? 0) >> 32)),
            0x28 => (4, (uint)(queue?.DriverGpa ?? 0)),
            0x2C => (4, (uint)((queue?.DriverGpa ?? 0) >> 32)),
            0x30 => (4, (uint)(queue?.DeviceGpa ?? 0)),
            0x34 => (4, (uint)((queue?.DeviceGpa ?? 0) >> 32)),
            _ => (0, 0u),
        };
        value = 0;
        if (sizeBytes == 8 && offset is 0x20 or 0x28 or 0x30)
        {
            value = offset switch
            {
                0x20 => queue?.DescriptorGpa,
                0x28 => queue?.DriverGpa,
                _ => queue?.DeviceGpa,
            } ?? 0;
            return IoResult.Ok;
        }

        if (width == 0)
        {
            return IoResult.NoRegister;
        }

        // A driver reads at a register's own width (§4.1.3.1).
        if (sizeBytes != width)
        {
            return IoResult.BadSize;
        }

        value = register;
        return IoResult.Ok;
    }

    private IoResult WriteCommon(uint offset, int sizeBytes, ulong value)
    {
        if (sizeBytes == 8 && offset is 0x20 or 0x28 or 0x30)
        {
            WriteCommon(offset, 4, (uint)value);
            return WriteCommon(offset + 4, 4, value >> 32);
        }

        var width = offset switch
        {
            0x00 or 0x08 or 0x0C => 4,
            >= 0x20 and <= 0x34 when offset % 4 == 0 => 4,
            0x10 or 0x16 or 0x18 or 0x1A or 0x1C => 2,
            0x14 => 1,
            0x04 or 0x12 or 0x15 or 0x1E => -1,
            _ => 0,
        };
        if (width != sizeBytes)
        {
            return width == 0 ? IoResult.NoRegister : width < 0 ? IoResult.ReadOnly : IoResult.BadSize;
        }

        switch (offset)
        {
            case 0x00:
                _deviceFeaturesSelect = (uint)value;
                break;
            case 0x08:
                _driverFeaturesSelect = (uint)value;
                break;
            case 0x0C:
                _device.WriteDriverFeatures(_driverFeaturesSelect, (uint)value);
                break;
            case 0x10:
                _configurationVector = ToVector((ushort)value);
                break;
            case 0x14:
                _device.WriteStatus((byte)value);
                break;
            case 0x16:
                _queueSelect = (ushort)value;
                break;
            case 0x1A when _queueSelect < _queueVectors.Length:
                _queueVectors[_queueSelect] = ToVector((ushort)value);
                break;
            case 0x1C when value == 1:
                _device.EnableQueue(_queueSelect);
                break;
            default:
                if (QueueRegister(offset) is { } change)
                {
                    _device.Configure(_queueSelect, change, value);
                }

                break;
        }

        return IoResult.Ok;
    }

    private static Action<Virtqueue, ulong>? QueueRegister(uint offset) => offset switch
    {
        0x18 => QueueRegisters.SetSize,
        0x20 => QueueRegisters.SetDescriptorLow,
        0x24 => QueueRegisters.SetDescriptorHigh,
        0x28 => QueueRegisters.SetDriverLow,
        0x2C => QueueRegisters.SetDriverHigh,
        0x30 => QueueRegisters.SetDeviceLow,
        0x34 => QueueRegisters.SetDeviceHigh,
        _ => null,
    };
}
