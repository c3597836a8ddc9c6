using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <content>Reset, save and restore. Fields 1 to 15 are the base's.</content>
public abstract partial class VirtioDevice
{
    private const int QueueStateBytes = 40;

    /// <inheritdoc/>
    public void Reset()
    {
        _isResetting = false;
        _status = VirtioStatus.None;
        DriverFeatures = 0;
        foreach (var queue in _queues)
        {
            queue.Reset();
        }

        ResetDevice();
    }

    /// <inheritdoc/>
    public virtual void Start()
    {
        _isRunning = true;
        ResumeQueues();
    }

    /// <inheritdoc/>
    public virtual void Stop() => _isRunning = false;

    /// <inheritdoc/>
    public virtual void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(1, (ulong)_status);
        writer.Write(2, DriverFeatures);
        writer.Write(3, (ulong)ConfigurationGeneration);
        writer.Write(4, _isResetting);
        var state = new byte[_queues.Length * QueueStateBytes];
        for (var i = 0; i < _queues.Length; i++)
        {
            var queue = _queues[i];
            var field = state.AsSpan(i * QueueStateBytes, QueueStateBytes);
            BinaryPrimitives.WriteUInt64LittleEndian(field, queue.DescriptorGpa);
            BinaryPrimitives.WriteUInt64LittleEndian(field[8..], queue.DriverGpa);
            BinaryPrimitives.WriteUInt64LittleEndian(field[16..], queue.DeviceGpa);
            BinaryPrimitives.WriteUInt64LittleEndian(field[24..], queue.Position);
            BinaryPrimitives.WriteInt32LittleEndian(field[32..], queue.Size);
            field[36] = (byte)((queue.IsEnabled ? 1 : 0) | (queue.IsBroken ? 2 : 0));
        }

        writer.Write(5, state);
    }

    /// <inheritdoc/>
    public virtual void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var status = (VirtioStatus)reader.ReadByte(1);
        var features = reader.ReadUInt64(2);
        var state = reader.ReadBytes(5);
        if (state.Length != _queues.Length * QueueStateBytes)
        {
            throw new StateFormatException(
                $"The saved '{StateName}' has {state.Length / QueueStateBytes} queues, this one has {_queues.Length}; create it with as many.");
        }

        if ((features & ~OfferedFeatures) != 0 && (status & VirtioStatus.FeaturesOk) != 0)
        {
            throw new StateFormatException($"The saved driver of '{StateName}' uses features that this device does not have (0x{features & ~OfferedFeatures:X}).");
        }

        Reset();
        _status = status;
        DriverFeatures = features;
        ConfigurationGeneration = reader.ReadUInt32(3);
        _isResetting = reader.ReadBoolean(4);
        for (var i = 0; i < _queues.Length; i++)
        {
            var queue = _queues[i];
            var field = state.Slice(i * QueueStateBytes, QueueStateBytes);
            queue.DescriptorGpa = BinaryPrimitives.ReadUInt64LittleEndian(field);
            queue.DriverGpa = BinaryPrimitives.ReadUInt64LittleEndian(field[8..]);
            queue.DeviceGpa = BinaryPrimitives.ReadUInt64LittleEndian(field[16..]);
            queue.Size = BinaryPrimitives.ReadInt32LittleEndian(field[32..]);
            if (!queue.TryRestore(features, (field[36] & 1) != 0, (field[36] & 2) != 0, BinaryPrimitives.ReadUInt64LittleEndian(field[24..])))
            {
                throw reader.Invalid(5);
            }
        }
    }
}
