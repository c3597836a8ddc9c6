using Vivarium.Devices.Tests.Fakes;
using Vivarium.Memory;
using Vivarium.Virtio;
using Vivarium.Virtio.Tests.Fakes;
using Buffer = Vivarium.Virtio.Tests.Fakes.Buffer;

namespace Vivarium.Fuzzing.Tests;

/// <summary>Rings, transports and requests of every virtio device but the share, which has a target of its own.</summary>
/// <param name="isBroken">The device that answers has an answer's room for 4 KiB at most.</param>
internal sealed class VirtioTarget(bool isBroken) : FuzzTarget
{
    private const int MaxSteps = 64;
    private const int Kinds = 7;
    private const ulong QueuesGpa = 0x10_0000;
    private const ulong DataGpa = 0x20_0000;
    private const int DiskBytes = 64 << 10;
    private static readonly byte[] s_cleared = new byte[0x8_0000];
    private readonly FramePool _pool = new();

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        .. Enumerable.Range(0, Kinds).SelectMany(kind => Enumerable.Range(0, 4).Select(flags => Seed(kind, flags))),
    ];

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        var choices = new FuzzInput(input);
        using var memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var kind = choices.Below(Kinds);
        var device = Create(kind, new VirtioServices(memory, events));
        var driver = new MmioDriver(memory, events, device);
        var flags = choices.U8();
        var queues = Begin(driver, flags);
        for (var step = 0; !choices.IsEmpty && step < MaxSteps; step++)
        {
            var queue = queues[choices.Below(queues.Length)];
            switch (choices.Below(6))
            {
                case 0:
                    Offer(ref choices, memory, queue);
                    break;
                case 1:
                    memory.TryWrite(QueuesGpa + ((ulong)choices.Below(queues.Length) * 0x4_0000) + choices.U16(), choices.Bytes(choices.Below(32)));
                    break;
                case 2:
                    driver.Registers.WriteMmio((ulong)choices.U16() & 0x1FF, 1 << choices.Below(4), choices.U32());
                    driver.Registers.ReadMmio((ulong)choices.U16() & 0x1FF, 1 << choices.Below(4), out _);
                    break;
                case 3:
                    memory.TryWrite(DataGpa + choices.U16(), choices.Bytes(choices.Below(64)));
                    break;
                case 4 when device is VirtioNet net:
                    Arrive(net, _pool, choices.Bytes(choices.Below(128)));
                    break;
                default:
                    driver.Registers.WriteMmio(0x050, 4, (ulong)choices.Below(queues.Length));
                    break;
            }

            events.RunAll();
            reached.Note(kind, ((long)device.Status << 8) | (uint)step);
            if ((device.Status & VirtioStatus.DeviceNeedsReset) != 0)
            {
                // Rings of before do not count.
                driver.Registers.WriteMmio(0x070, 4, 0);
                events.RunAll();
                memory.TryWrite(QueuesGpa, s_cleared);
                queues = Begin(driver, flags);
            }
        }

        reached.Note(kind + 16, memory.Read<ushort>(queues[0].DeviceGpa + 2));
        reached.Note(kind + 32, memory.Read<byte>(DataGpa + 0x100));
        (device as IDisposable)?.Dispose();
    }

    private VirtioDevice Create(int kind, VirtioServices services)
    {
        switch (kind)
        {
            case 0:
                return new VirtioBlock(services, "virtio-blk0", new FakeDisk(DiskBytes));
            case 1:
                var net = new VirtioNet(services, "virtio-net0", _pool, new VirtioNetOptions { QueueSize = 16 });
                net.Connect(new FrameRecorder { CountsOnly = true });
                return net;
            case 2:
                return new VirtioConsole(services, "virtio-console0", new VirtioConsoleOptions { Ports = [new(), new() { Name = "second", IsConsole = false }] });
            case 3:
                return new VirtioBalloon(services, "virtio-balloon0");
            case 4:
                return new VirtioRng(services, "virtio-rng0", new CountingEntropy());
            case 5:
                return new VirtioVsock(services, "virtio-vsock0");
            default:
                return isBroken ? new BrokenDevice(services) : new EchoDevice(services, 8);
        }
    }

    private static DriverQueue[] Begin(MmioDriver driver, byte flags)
    {
        var isPacked = (flags & 1) != 0;
        return driver.Begin(driver.Device.OfferedFeatures & ~VirtioFeatures.Common, packed: isPacked, indirect: (flags & 2) != 0, eventIndex: (flags & 4) != 0);
    }

    private static void Offer(ref FuzzInput choices, GuestMemory memory, DriverQueue queue)
    {
        var buffers = new Buffer[choices.Below(6) + 1];
        var gpa = DataGpa;
        for (var i = 0; i < buffers.Length; i++)
        {
            var length = choices.U16();
            buffers[i] = new Buffer(gpa, length == 0 ? 1u : length, (choices.U8() & 1) != 0);
            memory.TryWrite(gpa, choices.Bytes(Math.Min((int)length, choices.Below(64))));
            gpa += buffers[i].SizeBytes;
        }

        queue.Add(buffers);
    }

    private static void Arrive(VirtioNet net, FramePool pool, ReadOnlySpan<byte> data)
    {
        var frame = pool.Rent(Math.Max(14, data.Length));
        frame.Span.Clear();
        data.CopyTo(frame.Span);
        net.Input.Send([frame]);
    }

    /// <summary>One request that the device knows, in three descriptors.</summary>
    private static byte[] Seed(int kind, int flags)
    {
        byte[] head = kind switch
        {
            0 => [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
            1 => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0, 1, 8, 6],
            2 => [0, 0, 0, 0, 0, 0, 1, 0],
            3 => [1, 0, 0, 0, 2, 0, 0, 0],
            5 => [3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0],
            _ => [1, 2, 3, 4],
        };
        var queue = (byte)(kind is 1 or 5 ? 1 : kind == 2 ? 3 : 0);
        return [(byte)kind, (byte)flags, queue, 0, 2, (byte)head.Length, 0, 0, (byte)head.Length, .. head, 0, 2, 1, 0, 1, 0, 1, 0, queue, 5, queue];
    }

    private sealed class CountingEntropy : IEntropySource
    {
        private byte _next;

        public void Fill(Span<byte> destination)
        {
            foreach (ref var each in destination)
            {
                each = _next++;
            }
        }
    }

    private sealed class BrokenDevice(VirtioServices services) : VirtioDevice(services, "broken", deviceType: 42, features: 0, configurationBytes: 8, [8])
    {
        protected override long Process(Virtqueue queue, DescriptorChain chain)
        {
            var answer = new byte[4096].AsSpan(0, (int)chain.WritableBytes);
            chain.TryWrite(0, answer);
            Queues[0].Complete(chain, (uint)answer.Length);
            return 0;
        }

        protected override void ResetDevice()
        {
        }
    }
}
