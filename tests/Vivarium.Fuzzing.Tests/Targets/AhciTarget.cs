using Vivarium.Devices;
using Vivarium.Devices.Tests.Ahci;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Fuzzing.Tests;

/// <summary>Command headers, tables and packets of a disk and a CD drive behind AHCI, with writes of the port's registers between.</summary>
/// <param name="isBroken">A command of more than sixteen buffers is too much.</param>
internal sealed class AhciTarget(bool isBroken) : FuzzTarget
{
    private const int MaxSteps = 64;
    private const int DiskBytes = 64 << 10;

    /// <summary>Cleared for each input: that takes less time than a new one.</summary>
    private readonly FakeMemory _memory = new();

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        Issue(0, 0xEC, 0, 0), Issue(0, 0x25, 8, 1), Issue(0, 0x35, 8, 1), Issue(0, 0xEA, 0, 0), Issue(0, 0x60, 8, 8), Issue(0, 0x06, 1, 1), Issue(0, 0xEF, 3, 0),
        Issue(1, 0xA0, 0, 1, 0x12, 0, 0, 0, 36), Issue(1, 0xA0, 0, 1, 0x28, 0, 0, 0, 0, 0, 0, 0, 1), Issue(1, 0xA0, 0, 1, 0x43, 0, 0, 0, 0, 0, 0, 0, 20), Issue(1, 0xA0, 0, 1, 0x5A, 0, 0x3F, 0, 0, 0, 0, 0, 64),
        Issue(1, 0xA0, 0, 1, 0x4A, 1, 0, 0, 16, 0, 0, 0, 8), Issue(1, 0xA0, 0, 1, 0x1B, 0, 0, 0, 2), Issue(1, 0xA1, 0, 0), [1, 0x18, 0, 0, 0, 0], [1, 0x2C, 1, 3, 0, 0], [2, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8],
    ];

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        var choices = new FuzzInput(input);
        var isCd = choices.U8() % 2 == 1;
        var events = new FakeEvents();
        Array.Clear(_memory.Bytes);
        var disk = new FakeDisk(DiskBytes) { IsReadOnly = isCd };
        var driver = new AhciDriver(isCd ? new AhciCdDrive(disk) : new AhciDisk(disk), memory: _memory, events: events);
        driver.Initialize();
        for (var step = 0; !choices.IsEmpty && step < MaxSteps; step++)
        {
            switch (choices.Below(4))
            {
                case 0:
                    var slot = choices.Below(32);
                    var buffers = new (ulong, int)[choices.Below(20)];
                    Assert.False(isBroken && buffers.Length > 16 && slot > 16, "The planted bug: too many buffers in a high slot.");
                    for (var i = 0; i < buffers.Length; i++)
                    {
                        buffers[i] = (AhciDriver.Data + ((ulong)choices.U16() << 4), choices.U16() + 1);
                    }

                    var opcode = choices.U8();
                    driver.Prepare(slot, opcode, choices.U32(), choices.U16(), buffers, choices.U8(), choices.U8(), opcode == 0xA0 ? choices.Bytes(16).ToArray() : null);
                    driver.WritePort(0x34, opcode is 0x60 or 0x61 ? 1u << slot : 0);
                    driver.WritePort(0x38, 1u << slot);
                    reached.Note(isCd ? 1 : 0, (opcode << 16) | (int)driver.ReadPort(0x20));
                    break;
                case 1:
                    driver.Controller.WriteBar(5, 0x100 + (ulong)(choices.U8() & 0x7C), 4, choices.U32());
                    break;
                case 2:
                    driver.Memory.TryWrite((ulong)choices.U16(), choices.Bytes(choices.Below(64)));
                    break;
                default:
                    driver.Controller.WriteBar(5, choices.U16(), 1 << choices.Below(4), choices.U32());
                    driver.Controller.ReadBar(5, choices.U16(), 1 << choices.Below(4), out _);
                    break;
            }

            events.RunAll();
            reached.Note(2, driver.ReadPort(0x10) & 0x7FFF_FFFF);
        }
    }

    private static byte[] Issue(byte drive, byte opcode, uint lba, ushort count, params byte[] packet)
    {
        byte[] start = [drive, 0, 0, 1, 0, 0, 0xFF, 0x0F, opcode, .. BitConverter.GetBytes(lba), .. BitConverter.GetBytes(count), (byte)(opcode == 0xA0 ? 1 : 0), 0x40];
        return [.. start, .. packet, .. new byte[opcode == 0xA0 ? 16 - packet.Length : 0]];
    }
}
