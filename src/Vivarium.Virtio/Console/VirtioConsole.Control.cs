using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Virtio;

/// <content>Control messages (Virtio 1.2 §5.3.6.2).</content>
public sealed partial class VirtioConsole
{
    private const int ControlBytes = 8;

    /// <summary>More than every port can have to say: a driver that asks again and again waits.</summary>
    private const int MaximumControl = 8 * VirtioConsoleOptions.MaximumPorts;

    private readonly Queue<byte[]> _control = new();

    private enum ControlEvent : ushort
    {
        DeviceReady = 0,
        PortAdd = 1,
        PortReady = 3,
        ConsolePort = 4,
        Resize = 5,
        PortOpen = 6,
        PortName = 7,
    }

    private void TakeControl(Virtqueue queue)
    {
        Span<byte> raw = stackalloc byte[ControlBytes];
        var left = QueueSize;
        do
        {
            while (left-- > 0 && _control.Count < MaximumControl && queue.TryTake() is { } chain)
            {
                if (chain.TryRead(0, raw))
                {
                    Obey(BinaryPrimitives.ReadUInt32LittleEndian(raw), (ControlEvent)BinaryPrimitives.ReadUInt16LittleEndian(raw[4..]), BinaryPrimitives.ReadUInt16LittleEndian(raw[6..]));
                }

                queue.Complete(chain, 0);
            }
        }
        while (left > 0 && _control.Count < MaximumControl && queue.RequestKick());
        queue.SignalDriver();
        if (left <= 0)
        {
            queue.IsWorkPosted = true;
            Services.Events.Post(queue.Continue);
        }
    }

    private void Obey(uint id, ControlEvent message, ushort value)
    {
        if (message == ControlEvent.DeviceReady)
        {
            foreach (var each in value == 1 ? Ports : [])
            {
                Tell(each.Index, ControlEvent.PortAdd, 1);
            }

            return;
        }

        if (id >= (uint)Ports.Count)
        {
            return;
        }

        var port = Ports[(int)id];
        switch (message)
        {
            case ControlEvent.PortReady:
                port.IsReady = value == 1;
                if (port.IsReady)
                {
                    Introduce(port);
                }

                break;
            case ControlEvent.PortOpen:
                port.IsOpen = value == 1;
                break;
        }
    }

    private void Introduce(VirtioConsolePort port)
    {
        if (port.IsConsole)
        {
            Tell(port.Index, ControlEvent.ConsolePort, 1);
            TellSize(port);
        }

        if (port.Name.Length > 0)
        {
            Tell(port.Index, ControlEvent.PortName, 1, [.. Encoding.UTF8.GetBytes(port.Name), 0]);
        }

        Tell(port.Index, ControlEvent.PortOpen, 1);
    }

    private void TellSize(VirtioConsolePort port) => Tell(port.Index, ControlEvent.Resize, 0, Configuration[..4]);

    private void Tell(int port, ControlEvent message, ushort value, ReadOnlySpan<byte> rest = default)
    {
        if (!Has(MultiPortFeature))
        {
            return;
        }

        var raw = new byte[ControlBytes + rest.Length];
        BinaryPrimitives.WriteInt32LittleEndian(raw, port);
        BinaryPrimitives.WriteUInt16LittleEndian(raw.AsSpan(4), (ushort)message);
        BinaryPrimitives.WriteUInt16LittleEndian(raw.AsSpan(6), value);
        rest.CopyTo(raw.AsSpan(ControlBytes));
        _control.Enqueue(raw);
    }

    private void PumpControl()
    {
        var queue = Queues[ControlToGuest];
        var wasFull = _control.Count >= MaximumControl;
        do
        {
            while (_control.Count > 0 && queue.TryTake() is { } chain)
            {
                var message = _control.Dequeue();
                var fits = chain.TryWrite(0, message);
                queue.Complete(chain, fits ? (uint)message.Length : 0);
            }
        }
        while (_control.Count > 0 && queue.RequestKick());
        queue.SignalDriver();
        if (wasFull && _control.Count < MaximumControl)
        {
            Services.Events.Post(Queues[ControlFromGuest].Continue);
        }
    }
}
