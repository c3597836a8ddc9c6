using Vivarium.Network;
using Vivarium.Network.UserMode;

namespace Vivarium.Fuzzing.Tests;

/// <summary>Frames with whatever offloads, from a guest to a switch with a gateway and a second guest that can do nothing itself.</summary>
/// <param name="isBroken">The second guest walks IP options by their lengths, and does not mind a length of zero.</param>
internal sealed class FrameTarget(bool isBroken) : FuzzTarget
{
    private const int MaxFrames = 16;
    private volatile bool _stop;

    public override IReadOnlyList<byte[]> Seeds { get; } = [.. FrameSeeds.All()];

    public override IReadOnlyList<byte[]> Words { get; } = [[0x08, 0x00, 0x45, 0x00], [0x08, 0x06], [0x86, 0xDD, 0x60], [0x81, 0x00, 0, 5], [10, 0, 2, 2], [10, 0, 2, 15], [0x52, 0x55, 0x0A, 0, 2, 2], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x63, 0x82, 0x53, 0x63]];

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        using var network = new VirtualSwitch(TimeProvider.System);
        using var gateway = new UserModeGateway(network);
        var second = new Plain(this);
        network.AddPort(second, new SwitchPortOptions { Name = "second" });
        var inbox = new Plain(null);
        var first = network.AddPort(inbox, new SwitchPortOptions { Name = "first" });
        var choices = new FuzzInput(input);
        for (var count = 0; !choices.IsEmpty && count < MaxFrames; count++)
        {
            var flags = choices.U8();
            var offload = (flags & 1) == 0 ? default : new FrameOffload
            {
                NeedsChecksum = (flags & 2) != 0,
                ChecksumValid = (flags & 4) != 0,
                HasEcn = (flags & 8) != 0,
                Segmentation = (SegmentationKind)(flags >> 4 & 3),
                ChecksumStart = choices.U16(),
                ChecksumOffset = choices.U16(),
                SegmentBytes = choices.U16(),
                HeaderBytes = choices.U16(),
            };
            var data = choices.Bytes(choices.U16() % 2048);
            var padding = (flags & 0x40) == 0 ? 0 : 4000;
            var frame = network.Pool.Rent(Math.Max(1, data.Length + padding));
            frame.Span.Clear();
            data.CopyTo(frame.Span);
            frame.Offload = offload;
            first.Send([frame]);
        }

        reached.NoteMagnitude(0, inbox.Count);
        reached.NoteMagnitude(1, second.Count);
        for (var kind = 0; kind < 33; kind++)
        {
            reached.Note(2, (inbox.Kinds >> kind & 1) << kind);
            reached.Note(3, (second.Kinds >> kind & 1) << kind);
        }

        reached.NoteMagnitude(4, gateway.ConnectionCount);
    }

    public override void Dispose() => _stop = true;

    /// <summary>Takes frames as they are on a wire.</summary>
    private sealed class Plain(FrameTarget? owner) : IFrameSink
    {
        public int Count { get; private set; }

        public long Kinds { get; private set; }

        public FrameCapabilities Capabilities => FrameCapabilities.None;

        public void Send(ReadOnlySpan<EthernetFrame> frames)
        {
            foreach (var frame in frames)
            {
                Count++;
                Assert.False(frame.Offload.NeedsWork, "A frame came with work left to do.");
                Kinds |= frame.Length < 24 ? 1 : 2L << ((frame.Data[12] ^ frame.Data[13] ^ frame.Data[23]) & 31);
                if (owner is { } target && target.IsBroken)
                {
                    target.WalkBroken(frame.Data);
                }
            }

            EthernetFrame.Release(frames);
        }
    }

    private bool IsBroken => isBroken;

    private void WalkBroken(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < 34 || frame[12] != 8 || frame[13] != 0)
        {
            return;
        }

        var end = Math.Min(frame.Length, 14 + ((frame[14] & 15) * 4));
        for (var at = 34; at + 1 < end && frame[at] != 0 && !_stop; at += frame[at] == 1 ? 1 : frame[at + 1])
        {
        }
    }
}
