using Vivarium.Devices.Tests.Fakes;
using Vivarium.Devices.Tests.Nvme;

namespace Vivarium.Fuzzing.Tests;

/// <summary>Commands of 64 bytes in the admin and I/O queues of an NVMe controller, with writes of its registers between, over small memory.</summary>
/// <param name="isBroken">Its memory does not stand being asked beyond its end.</param>
internal sealed class NvmeTarget(bool isBroken) : FuzzTarget
{
    private const ulong QueueGpa = 0x10000;
    private const int MaxSteps = 128;
    private const int DiskBytes = 64 << 10;

    /// <summary>Cleared for each input: that takes less time than a new one.</summary>
    private readonly FakeMemory _memory = new();

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        Command(0, 0x06, dw10: 1), Command(0, 0x02, dw10: 0x007F_0001), Command(0, 0x09, dw10: 7), Command(0, 0x0A, dw10: 7), Command(0, 0x0C), Command(0, 0x08, dw10: 1),
        [.. Command(1, 0x01, dw12: 7), .. Command(1, 0x02, dw12: 7), .. Command(1, 0x00), .. Command(1, 0x08, dw12: 7), .. Command(1, 0x09, dw10: 0, dw11: 4)],
        [.. Command(0, 0x00, dw10: 1), .. Command(0, 0x04, dw10: 1)], [2, 0x14, 0, 0, 0, 0, 0, 0, 2, 0x14, 0, 1, 0, 0x46, 0, 0], [3, 0, 4, 0, 1, 2, 3, 4],
    ];

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        var memory = _memory;
        memory.Writing = null;
        Array.Clear(memory.Bytes);
        var events = new FakeEvents();
        var driver = new NvmeDriver([new FakeDisk(DiskBytes)], memory, events);
        driver.Initialize();
        if (isBroken)
        {
            memory.Writing = gpa => Assert.True(gpa < NvmeDriver.Data || gpa % 8 != 4, "The planted bug: no data may begin at an odd word.");
        }

        var tails = new int[4];
        var isWritten = false;
        var choices = new FuzzInput(input);
        for (var step = 0; !choices.IsEmpty && step < MaxSteps; step++)
        {
            switch (choices.Below(5))
            {
                case 0 or 1:
                    var queue = choices.Below(2);
                    var command = new byte[64];
                    choices.Bytes(64).CopyTo(command);
                    memory.TryWrite(QueueGpa + ((ulong)queue * 0x2000) + ((ulong)tails[queue] * 64), command);
                    tails[queue] = (tails[queue] + 1) % 16;
                    driver.Controller.WriteBar(0, 0x1000 + ((ulong)queue * 8), 4, (ulong)tails[queue]);
                    reached.Note(queue, command[0]);
                    break;
                case 2:
                    driver.Controller.WriteBar(0, choices.U8(), 1 << choices.Below(4), choices.U32());
                    break;
                case 3:
                    isWritten = true;
                    memory.TryWrite((ulong)choices.U16() << 4, choices.Bytes(choices.Below(64)));
                    break;
                default:
                    driver.Controller.WriteBar(0, 0x1000 + (ulong)choices.U8(), 4, choices.U16());
                    driver.Controller.ReadBar(0, choices.U16(), 1 << choices.Below(4), out _);
                    break;
            }

            events.RunAll();
            reached.Note(16, driver.Controller.ReadBar(0, 0x1C, 4, out var status) == IoResult.Ok ? (long)status : -1);
            if (!isWritten)
            {
                // What a command was answered with: its status and phase stand in the completion queues, unless the input wrote there itself.
                reached.Note(17, BitConverter.ToUInt16(memory.Bytes, (int)QueueGpa + 0x1000 + 14));
                reached.Note(18, BitConverter.ToUInt16(memory.Bytes, (int)QueueGpa + 0x3000 + 14));
            }
        }
    }

    private static byte[] Command(byte queue, byte opcode, uint dw10 = 0, uint dw11 = 0, uint dw12 = 0)
    {
        var bytes = new byte[66];
        bytes[1] = queue;
        bytes[2] = opcode;
        bytes[6] = 1;
        BitConverter.TryWriteBytes(bytes.AsSpan(2 + 24), 0x80000UL);
        BitConverter.TryWriteBytes(bytes.AsSpan(2 + 40), dw10);
        BitConverter.TryWriteBytes(bytes.AsSpan(2 + 44), dw11);
        BitConverter.TryWriteBytes(bytes.AsSpan(2 + 48), dw12);
        return bytes;
    }
}
