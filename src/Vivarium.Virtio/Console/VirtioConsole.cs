using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Virtio;

/// <summary>
/// Consoles and ports (Virtio 1.2 §5.3): a console that the guest can log in at, and named channels between programs in the guest and the host
/// program, which has them as streams (<see cref="Ports"/>).
/// </summary>
public sealed partial class VirtioConsole : VirtioDevice
{
    private const ulong SizeFeature = 1 << 0;
    private const ulong MultiPortFeature = 1 << 1;
    private const ulong EmergencyWriteFeature = 1 << 2;
    private const int ConsoleConfigurationBytes = 12;
    private const int EmergencyOffset = 8;
    private const int QueueSize = 64;
    private const int ControlToGuest = 2;
    private const int ControlFromGuest = 3;
    private const int BytesPerTurn = 1 << 20;

    private readonly byte[] _chunk = new byte[4096];
    private readonly Action _pump;
    private int _pumpPosted;

    /// <summary>Creates the device.</summary>
    /// <param name="services">The machine's.</param>
    /// <param name="stateName">Such as <c>virtio-console0</c>.</param>
    /// <param name="options">Its ports.</param>
    /// <exception cref="ArgumentException">An option is impossible.</exception>
    public VirtioConsole(VirtioServices services, string stateName, VirtioConsoleOptions? options = null)
        : base(services, stateName, deviceType: 3, SizeFeature | MultiPortFeature | EmergencyWriteFeature, ConsoleConfigurationBytes, QueueSizes(options ??= new VirtioConsoleOptions()))
    {
        Ports = [.. options.Ports.Select((port, index) => new VirtioConsolePort(this, index, port))];
        _pump = PumpAll;
        ShowSize(options.Columns, options.Rows);
        BinaryPrimitives.WriteInt32LittleEndian(Configuration[4..], Ports.Count);
    }

    /// <summary>The ports, by index.</summary>
    public IReadOnlyList<VirtioConsolePort> Ports { get; }

    /// <summary>Tells the guest that its consoles have another size. Any thread, without the device lock.</summary>
    /// <exception cref="ArgumentException">It is not 1 to 65,535 each.</exception>
    public void Resize(int columns, int rows)
    {
        VirtioConsoleOptions.CheckSize(columns, rows);
        Services.Events.Post(() =>
        {
            ShowSize(columns, rows);
            AnnounceConfiguration();
            foreach (var port in Ports.Where(port => port.IsReady && port.IsConsole))
            {
                TellSize(port);
            }

            PumpAll();
        });
    }

    /// <inheritdoc/>
    public override void WriteConfiguration(ulong offset, ReadOnlySpan<byte> source)
    {
        if (offset == EmergencyOffset && !source.IsEmpty)
        {
            // A guest without a driver yet writes one character at a time.
            Ports[0].DroppedBytes += Ports[0].FromGuest.Overwrite(source[..1]);
        }
    }

    /// <summary>The host program has read or written. Any thread.</summary>
    internal void Wake()
    {
        if (Interlocked.Exchange(ref _pumpPosted, 1) == 0)
        {
            Services.Events.Post(_pump);
        }
    }

    /// <inheritdoc/>
    protected override void OnKick(Virtqueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (queue.Index is ControlToGuest)
        {
            PumpControl();
        }
        else if (queue.Index is ControlFromGuest)
        {
            TakeControl(queue);
            PumpControl();
        }
        else if (queue.Index % 2 == 0)
        {
            PumpInput(Ports[PortOf(queue)], queue);
        }
        else
        {
            TakeOutput(Ports[PortOf(queue)], queue);
        }
    }

    /// <inheritdoc/>
    protected override void OnMemoryUsable() => PumpAll();

    /// <inheritdoc/>
    protected override void ResetDevice()
    {
        _control.Clear();
        foreach (var port in Ports)
        {
            port.SendChain = null;
            port.SentBytes = 0;
            port.IsReady = false;
            port.IsOpen = false;
        }
    }

    private static int[] QueueSizes(VirtioConsoleOptions options)
    {
        options.Validate();
        return [.. Enumerable.Repeat(QueueSize, 2 + (2 * options.Ports.Count))];
    }

    /// <summary>Port 0 has queues 0 and 1, then come those of the control messages, then the other ports'.</summary>
    private static int PortOf(Virtqueue queue) => queue.Index < ControlToGuest ? 0 : (queue.Index / 2) - 1;

    private Virtqueue InputQueue(VirtioConsolePort port) => Queues[port.Index == 0 ? 0 : 2 + (2 * port.Index)];

    private Virtqueue OutputQueue(VirtioConsolePort port) => Queues[port.Index == 0 ? 1 : 3 + (2 * port.Index)];

    private void ShowSize(int columns, int rows)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Configuration, (ushort)columns);
        BinaryPrimitives.WriteUInt16LittleEndian(Configuration[2..], (ushort)rows);
    }

    private void PumpAll()
    {
        Volatile.Write(ref _pumpPosted, 0);
        if (!IsDriverReady || !CanUseMemory)
        {
            return;
        }

        PumpControl();
        foreach (var port in Ports)
        {
            PumpInput(port, InputQueue(port));
            TakeOutput(port, OutputQueue(port));
        }
    }

    /// <summary>Gives the guest what the host program wrote, as far as there are buffers. Bounded by what the pipe holds.</summary>
    private void PumpInput(VirtioConsolePort port, Virtqueue queue)
    {
        var left = BytesPerTurn;
        do
        {
            while (port.ToGuest.Count > 0 && left > 0 && queue.TryTake() is { } chain)
            {
                var written = 0L;
                while (written < chain.WritableBytes && port.ToGuest.TryRead(_chunk.AsSpan(0, (int)Math.Min(_chunk.Length, chain.WritableBytes - written))) is var count and > 0)
                {
                    chain.TryWrite(written, _chunk.AsSpan(0, count));
                    written += count;
                }

                left -= (int)Math.Min(written, left);
                queue.Complete(chain, (uint)written);
            }
        }
        while (port.ToGuest.Count > 0 && left > 0 && queue.RequestKick());
        queue.SignalDriver();
        if (left <= 0)
        {
            Wake();
        }
    }

    /// <summary>Takes what the guest wrote: a console's always, another port's as far as the host program has room for it.</summary>
    private void TakeOutput(VirtioConsolePort port, Virtqueue queue)
    {
        var left = (long)BytesPerTurn;
        do
        {
            while (left > 0 && (port.SendChain ??= queue.TryTake()) is { } chain)
            {
                left -= 16 + Take(port, chain, left);
                if (port.SentBytes < chain.ReadableBytes)
                {
                    break;
                }

                port.SendChain = null;
                port.SentBytes = 0;
                queue.Complete(chain, 0);
            }
        }
        while (left > 0 && port.SendChain is null && queue.RequestKick());
        queue.SignalDriver();
        if (left <= 0)
        {
            Wake();
        }
    }

    private long Take(VirtioConsolePort port, DescriptorChain chain, long atMost)
    {
        var taken = 0L;
        while (taken < atMost && port.SentBytes < chain.ReadableBytes)
        {
            var room = port.IsConsole ? _chunk.Length : port.FromGuest.Capacity - port.FromGuest.Count;
            var part = _chunk.AsSpan(0, (int)Math.Min(Math.Min(room, _chunk.Length), chain.ReadableBytes - port.SentBytes));
            if (part.IsEmpty)
            {
                break;
            }

            chain.TryRead(port.SentBytes, part);
            if (port.IsConsole)
            {
                port.DroppedBytes += port.FromGuest.Overwrite(part);
            }
            else
            {
                // The only writer, so that there is still room.
                port.FromGuest.TryWrite(part);
            }

            port.SentBytes += part.Length;
            taken += part.Length;
        }

        return taken;
    }
}
