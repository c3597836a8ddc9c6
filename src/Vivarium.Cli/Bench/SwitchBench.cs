using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Vivarium.Network;

namespace Vivarium.Cli;

/// <summary>Drives a flow of small frames through a switch on the calling thread.</summary>
internal sealed class SwitchBench : IDisposable
{
    private const int FrameBytes = 64;
    private const int Batch = 32;
    private const int BatchesPerTurn = 20_000;
    private const int SequenceAt = 14;
    private const int ChecksumAt = FrameBytes - 8;

    private readonly VirtualSwitch _switch;
    private readonly SwitchPort _sender;
    private readonly FrameQueue _receiver;
    private readonly EthernetFrame[] _frames = new EthernetFrame[Batch];
    private readonly byte[] _received = new byte[FrameBytes];
    private readonly byte[] _template = new byte[FrameBytes];
    private long _sent;
    private long _expected;

    private SwitchBench(TimeProvider time, int ports)
    {
        _switch = new VirtualSwitch(time);
        _receiver = new FrameQueue(() => { });
        _sender = _switch.AddPort(new FrameQueue(() => { }));
        var to = _switch.AddPort(_receiver);
        for (var i = 0; i < ports; i++)
        {
            var port = i switch { 0 => _sender, 1 => to, _ => _switch.AddPort(new FrameQueue(() => { }, maxFrames: 1)) };
            var frame = _switch.Pool.Rent(FrameBytes);
            frame.Span.Clear();
            MacAddress.FromSeed(1, 1).Write(frame.Span);
            MacAddress.FromSeed(1, i).Write(frame.Span[6..]);
            port.Send(new ReadOnlySpan<EthernetFrame>(in frame));
        }

        _receiver.Clear();
        MacAddress.FromSeed(1, 1).Write(_template);
        MacAddress.FromSeed(1, 0).Write(_template.AsSpan(6));
        _template[12] = 0x88;
        _template[13] = 0xB5;
    }

    /// <summary>Measures for about so long.</summary>
    public static Result Run(int seconds)
    {
        // A measurement is of the host's time, and this is a program.
#pragma warning disable RS0030
        var time = TimeProvider.System;
#pragma warning restore RS0030
        using var pair = new SwitchBench(time, 2);
        using var crowd = new SwitchBench(time, 1_000);
        for (var i = 0; i < 10; i++)
        {
            pair.Turn();
            crowd.Turn();
        }

        var start = time.GetTimestamp();
        TimeSpan pairTime = default, crowdTime = default;
        long pairFrames = 0, crowdFrames = 0;
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        while (time.GetElapsedTime(start).TotalSeconds < seconds)
        {
            var begin = time.GetTimestamp();
            pairFrames += pair.Turn();
            var middle = time.GetTimestamp();
            crowdFrames += crowd.Turn();
            pairTime += time.GetElapsedTime(begin, middle);
            crowdTime += time.GetElapsedTime(middle);
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        return new Result(pairFrames / pairTime.TotalSeconds, crowdFrames / crowdTime.TotalSeconds, (double)allocated / (pairFrames + crowdFrames));
    }

    public void Dispose() => _switch.Dispose();

    /// <summary>Sends and receives some batches; returns the frames that arrived.</summary>
    private long Turn()
    {
        for (var i = 0; i < BatchesPerTurn; i++)
        {
            Send();
            Receive();
        }

        return BatchesPerTurn * Batch;
    }

    private void Send()
    {
        _switch.Pool.Rent(FrameBytes, _frames);
        foreach (var frame in _frames)
        {
            var data = frame.Span;
            _template.CopyTo(data);
            BinaryPrimitives.WriteInt64LittleEndian(data[SequenceAt..], _sent++);
            BinaryPrimitives.WriteUInt64LittleEndian(data[ChecksumAt..], Checksum(data));
        }

        _sender.Send(_frames);
    }

    private void Receive()
    {
        var count = _receiver.Receive(_frames);
        foreach (var frame in _frames.AsSpan(0, count))
        {
            frame.Data.CopyTo(_received);
            if (BinaryPrimitives.ReadInt64LittleEndian(_received.AsSpan(SequenceAt)) != _expected++
                || BinaryPrimitives.ReadUInt64LittleEndian(_received.AsSpan(ChecksumAt)) != Checksum(_received))
            {
                throw new InvalidOperationException($"Frame {_expected - 1} came out of order or damaged: this is a defect of the switch.");
            }
        }

        EthernetFrame.Release(_frames.AsSpan(0, count));
        if (count != Batch)
        {
            throw new InvalidOperationException($"{Batch - count} frames were lost: this is a defect of the switch.");
        }
    }

    private static ulong Checksum(ReadOnlySpan<byte> frame)
    {
        var sum = 0UL;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(frame[..ChecksumAt]))
        {
            sum = (sum << 1 | sum >> 63) + word;
        }

        return sum;
    }

    /// <summary>What was measured.</summary>
    internal readonly record struct Result(double FramesPerSecond, double FramesPerSecondCrowded, double AllocatedBytesPerFrame);
}
