using System.Text;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Vivarium.Debugging.Tests;

/// <summary>Clients that mean no good: no packet makes the stub or a processor throw, hang, or answer without bounds.</summary>
public sealed class FuzzTests
{
    private static readonly string[] s_starts =
    [
        "?", "g", "G", "p", "P", "m", "M", "X", "Z0,", "Z1,", "Z2,", "Z3,", "Z4,", "z0,", "z2,", "c", "C", "s", "S", "Hg", "Hc", "T", "D", "k", "vCont;", "vCont?",
        "vKill", "qSupported:", "qXfer:features:read:target.xml:", "qRcmd,", "qfThreadInfo", "qThreadExtraInfo,", "qC", "qAttached", "qqemu.", "Qqemu.PhyMemMode:",
        "Qqemu.sstep=", "QStartNoAckMode",
    ];

    private static readonly string[] s_pieces =
    [
        "0", "1", "2", "ff", "1000", "ffff", "10000", "fffff", "ffffffff", "ffffffffffffffff", "fffffffffffffffff", "8000000000000000", "-1", ",", ";", ":", "=", ".", "p1.1",
        "s", "c", "r", "x", "68656c70", "00000000", "deadbeef", "\0", "\u00ff", " ", "0000000000000000",
    ];

    private static Gen<string> Packet { get; } =
        from start in Gen.Frequency((8, Gen.Elements(s_starts)), (1, Gen.Constant("")))
        from pieces in Gen.ListOf(Gen.Elements(s_pieces))
        select start + string.Concat(pieces);

    /// <summary>Register writes above all: the processor then runs with what it was given.</summary>
    private static Gen<string> RegisterWrite { get; } =
        from number in Gen.Choose(0, 110)
        from value in Gen.ArrayOf(Gen.Choose(0, 255), 16)
        from sizeBytes in Gen.Elements(4, 8, 10, 16)
        select FormattableString.Invariant($"P{number:x}={Convert.ToHexStringLower([.. value.Take(sizeBytes).Select(each => (byte)each)])}");

    private static Arbitrary<List<string>> Packets { get; } = Arb.From(Gen.ListOf(Gen.Frequency((2, Packet), (1, RegisterWrite))).Select(each => each.ToList()));

    [Property(MaxTest = 300)]
    public Property No_packet_is_too_much() => Prop.ForAll(Packets, packets =>
    {
        using var machine = new FakeMachine(2);
        using var control = new RunControl(machine);
        var handler = new CommandHandler(control, GdbRegisterSet.X64);
        foreach (var packet in packets)
        {
            var reply = handler.Handle(Encoding.Latin1.GetBytes(packet));
            Assert.True((reply.Text?.Length ?? 0) <= 2 * PacketReader.MaxPacketBytes, packet);
            if (reply.Action == CommandAction.Resume)
            {
                foreach (var cpu in machine.Processors)
                {
                    cpu.Run(500);
                }

                control.Report();
            }
        }
    });

    [Property(MaxTest = 200)]
    public Property Any_bytes_end_a_session_in_order() => Prop.ForAll(Packets, ArbMap.Default.ArbFor<byte[]>(), (packets, noise) =>
    {
        using var machine = new FakeMachine();
        using var wire = new MemoryStream();
        var input = Encoding.Latin1.GetBytes(string.Concat(packets.Select(packet => Encoding.Latin1.GetString(PacketWriter.Frame(packet)) + Encoding.Latin1.GetString(noise))));
        using var stream = new HalfStream(input, wire);
        using var session = new GdbSession(machine, stream, GdbRegisterSet.X64);
        Assert.True(session.RunAsync(CancellationToken.None).Wait(TimeSpan.FromSeconds(90)));
        Assert.False(machine.HaltsAtTripleFault);
    });

    /// <summary>Reads from one place, writes to another.</summary>
    private sealed class HalfStream(byte[] input, Stream output) : Stream
    {
        private int _position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = Math.Min(Math.Min(count, 7), input.Length - _position);
            Array.Copy(input, _position, buffer, offset, read);
            _position += read;
            return read;
        }

        public override void Write(byte[] buffer, int offset, int count) => output.Write(buffer, offset, count);

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
