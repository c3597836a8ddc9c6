using System.Globalization;
using System.Text;
using Vivarium.Debugging;
using Vivarium.Debugging.Tests;

namespace Vivarium.Fuzzing.Tests;

/// <summary>Packets to the gdb stub, one a line, and the processors let go where a packet says so.</summary>
/// <param name="isBroken">Takes the length of a memory read as it comes.</param>
internal sealed class GdbTarget(bool isBroken) : FuzzTarget
{
    private const int BudgetAfterResume = 500;

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        .. new[]
        {
            "qSupported:swbreak+\nqXfer:features:read:target.xml:0,ffb\n?\ng\nm1000,10", "Hg1\np10\nP10=0010000000000000\nZ0,1000,1\nc\nz0,1000,1", "Z2,1000,4\ns\nS05\nD\nk",
            "vCont?\nvCont;s:1;c\nqfThreadInfo\nqsThreadInfo\nqThreadExtraInfo,1", "X1000,4:abcd\nM1000,2:ffff\nqRcmd,68656c70", "QStartNoAckMode\nqqemu.PhyMemMode\nQqemu.PhyMemMode:1\nm0,4",
            "G00000000", "m0,fffff\nm1000,ffff", "T1\nHc-1\nvKill;1\nqC\nqAttached\nQqemu.sstep=7",
        }.Select(Encoding.Latin1.GetBytes),
    ];

    public override IReadOnlyList<byte[]> Words { get; } = [.. new[] { "\n", "Z0,", "Z1,", "vCont;", "qXfer:features:read:", "ffffffffffffffff", "fffff", "qRcmd,", "p1.1", ",", ";" }.Select(Encoding.Latin1.GetBytes)];

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        using var machine = new FakeMachine(2);
        using var control = new RunControl(machine);
        var handler = new CommandHandler(control, GdbRegisterSet.X64);
        var count = 0;
        foreach (var range in input.Split((byte)'\n'))
        {
            var packet = input[range];
            if (packet.Length > PacketReader.MaxPacketBytes || ++count > 64)
            {
                continue;
            }

            var reply = handler.Handle(packet);
            reached.Note(packet.IsEmpty ? 0 : packet[0], reply.Text is null ? -1 : (reply.Text.Length > 3 ? 4 : reply.Text.GetHashCode(StringComparison.Ordinal)));
            Assert.True((reply.Text?.Length ?? 0) <= 2 * PacketReader.MaxPacketBytes);
            Feed(Encoding.Latin1.GetString(packet));
            if (reply.Action == CommandAction.Resume)
            {
                foreach (var cpu in machine.Processors)
                {
                    cpu.Run(BudgetAfterResume);
                }

                control.Report();
            }

            if (isBroken && packet.Length > 3 && packet[0] == 'm' && packet.IndexOf((byte)',') is > 1 and var comma
                && int.TryParse(packet[(comma + 1)..], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var length) && length > 0)
            {
                _ = new byte[length];
            }
        }
    }

    /// <summary>The same as raw bytes and as a whole packet.</summary>
    private static void Feed(string packet)
    {
        var reader = new PacketReader();
        foreach (var value in Encoding.Latin1.GetBytes(packet).Concat(PacketWriter.Frame(packet)))
        {
            if (reader.Push(value) == PacketEvent.Packet)
            {
                Assert.True(reader.Payload.Length <= PacketReader.MaxPacketBytes);
            }
        }
    }
}
