using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <content>Save and restore. What is on its way in the host program's streams is not part of the machine.</content>
public sealed partial class VirtioConsole
{
    private const int PortStateBytes = 12;

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        base.Save(writer);
        writer.Write(16, Configuration[..4]);
        using var control = new MemoryStream();
        foreach (var message in _control)
        {
            control.WriteByte((byte)(message.Length >> 8));
            control.WriteByte((byte)message.Length);
            control.Write(message);
        }

        writer.Write(17, control.ToArray());
        using var ports = new MemoryStream();
        var header = new byte[PortStateBytes];
        foreach (var port in Ports)
        {
            var chain = port.SendChain is null ? [] : HeldChain.Save(port.SendChain);
            BinaryPrimitives.WriteUInt32LittleEndian(header, (port.IsReady ? 1u : 0) | (port.IsOpen ? 2u : 0));
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), (uint)port.SentBytes);
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), chain.Length);
            ports.Write(header);
            ports.Write(chain);
        }

        writer.Write(18, ports.ToArray());
    }

    /// <inheritdoc/>
    public override void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        base.Restore(reader);
        reader.ReadBytes(16, Configuration[..4]);
        for (var rest = reader.ReadBytes(17); !rest.IsEmpty;)
        {
            var length = rest.Length < 2 ? -1 : (rest[0] << 8) | rest[1];
            if (length < ControlBytes || length > rest.Length - 2 || _control.Count >= 2 * MaximumControl)
            {
                throw reader.Invalid(17);
            }

            _control.Enqueue(rest.Slice(2, length).ToArray());
            rest = rest[(2 + length)..];
        }

        var state = reader.ReadBytes(18);
        foreach (var port in Ports)
        {
            var length = state.Length < PortStateBytes ? -1 : BinaryPrimitives.ReadInt32LittleEndian(state[8..]);
            if (length < 0 || length > state.Length - PortStateBytes)
            {
                throw reader.Invalid(18);
            }

            port.IsReady = (state[0] & 1) != 0;
            port.IsOpen = (state[0] & 2) != 0;
            if (length > 0)
            {
                port.SendChain = HeldChain.Restore(OutputQueue(port), state.Slice(PortStateBytes, length)) ?? throw reader.Invalid(18);
                port.SentBytes = Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(state[4..]), port.SendChain.ReadableBytes);
            }

            state = state[(PortStateBytes + length)..];
        }
    }
}
