using BenchmarkDotNet.Attributes;
using Vivarium.Virtio;

namespace Vivarium.Benchmarks;

/// <summary>
/// One disk request from the driver's kick to its interrupt: a read of 4 KiB in three descriptors. With RAM behind it the request is over in
/// the kick; with a file it goes through the thread pool and comes back through the machine's event queue.
/// </summary>
[MedianColumn]
public class VirtioBenchmarks : DiskBenchmark
{
    private const ulong DescriptorGpa = 0x1000;
    private const ulong DriverGpa = 0x2000;
    private const ulong DeviceGpa = 0x3000;
    private const ulong HeaderGpa = 0x4000;
    private const ulong DataGpa = 0x10000;
    private const int QueueSize = 256;

    private readonly SignalledLine _line = new();
    private VirtioMmio? _registers;
    private ushort _index;

    [Params(false, true)]
    public bool Packed { get; set; }

    [GlobalSetup]
    public async Task SetupAsync()
    {
        await PrepareAsync().ConfigureAwait(false);
        var device = new VirtioBlock(new VirtioServices(Memory, Events), "virtio-blk0", Backend);
        _registers = new VirtioMmio(device, _line);
        device.Start();
        Write(0x070, 1);
        Write(0x070, 3);
        Write(0x020, 1 << 9);
        Write(0x024, 1);
        Write(0x020, Packed ? 5u : 1u);
        Write(0x070, 11);
        Write(0x038, QueueSize);
        Write(0x080, (uint)DescriptorGpa);
        Write(0x090, (uint)DriverGpa);
        Write(0x0A0, (uint)DeviceGpa);
        Write(0x044, 1);
        Write(0x070, 15);
        for (var i = 0; i < (Packed ? 0 : 3); i++)
        {
            WriteDescriptor(i, (ushort)Flags(i), (ushort)(i + 1));
        }
    }

    [Benchmark(Description = "read 4 KiB, kick to interrupt")]
    public void RoundTrip()
    {
        if (Packed)
        {
            for (var i = 2; i >= 0; i--)
            {
                var place = (_index + i) % QueueSize;
                var wrap = ((_index + i) / QueueSize) % 2 == 0;
                WriteDescriptor(place, 0, (ushort)(Flags(i) | (wrap ? 1 << 7 : 1 << 15)), i);
            }

            _index = (ushort)((_index + 3) % (2 * QueueSize));
        }
        else
        {
            Memory.Write(DriverGpa + 4 + (2 * (ulong)(_index % QueueSize)), (ushort)0);
            Memory.Write(DriverGpa + 2, ++_index);
        }

        Write(0x050, 0);
        _line.Raised.Wait();
        Write(0x064, 1);
    }

    private static int Flags(int part) => part switch
    {
        0 => 1,
        1 => 3,
        _ => 2,
    };

    private void WriteDescriptor(int place, ushort third, ushort fourth, int part = -1)
    {
        part = part < 0 ? place : part;
        var gpa = DescriptorGpa + (16 * (ulong)place);
        Memory.Write(gpa, part switch
        {
            0 => HeaderGpa,
            1 => DataGpa,
            _ => HeaderGpa + 64,
        });
        Memory.Write(gpa + 8, part switch
        {
            0 => 16,
            1 => 4096,
            _ => 1,
        });
        Memory.Write(gpa + 12, third);
        Memory.Write(gpa + 14, fourth);
    }

    private void Write(ulong offset, uint value)
    {
        lock (DeviceLock)
        {
            _registers!.WriteMmio(offset, 4, value);
        }
    }

    private sealed class SignalledLine : IrqLine
    {
        public Signal Raised { get; } = new();

        protected override void OnLevelChanged(bool level)
        {
            if (level)
            {
                Raised.Raise();
            }
        }
    }
}
