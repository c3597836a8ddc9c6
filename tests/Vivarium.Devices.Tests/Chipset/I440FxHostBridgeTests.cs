using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Chipset;

public sealed class I440FxHostBridgeTests
{
    private readonly Shadow[] _segments = [.. Enumerable.Range(0, I440FxHostBridge.SegmentCount).Select(_ => new Shadow())];

    [Fact]
    public void The_pam_registers_choose_segment_by_segment()
    {
        var bridge = new I440FxHostBridge(_segments);
        bridge.Reset();
        Assert.All(_segments, each => Assert.Equal((false, false), each.Access));

        // PAM0 is for 0xF0000 to 0xFFFFF, PAM1 for 0xC0000 and 0xC4000, PAM6 for 0xE8000 and 0xEC000.
        bridge.Written([0x30, 0x21, 0, 0, 0, 0, 0x13], 0, 4);
        Assert.Equal((true, true), _segments[12].Access);
        Assert.Equal((true, false), _segments[0].Access);
        Assert.Equal((false, true), _segments[1].Access);
        Assert.Equal((true, true), _segments[10].Access);
        Assert.Equal((true, false), _segments[11].Access);
        Assert.All(_segments[2..10], each => Assert.Equal((false, false), each.Access));
    }

    [Fact]
    public void Segments_cover_768_KiB_to_1_MiB_without_a_gap()
    {
        var next = 0xC0000UL;
        for (var segment = 0; segment < I440FxHostBridge.SegmentCount; segment++)
        {
            var (gpa, sizeBytes) = I440FxHostBridge.FindSegment(segment);
            Assert.Equal(next, gpa);
            next += (ulong)sizeBytes;
        }

        Assert.Equal(0x10_0000UL, next);
    }

    [Fact]
    public void A_restored_bridge_shows_what_the_saved_one_did()
    {
        var bridge = new I440FxHostBridge(_segments);
        bridge.Written([0x30, 0x33, 0, 0, 0, 0, 0], 0, 1);
        Shadow[] segments = [.. _segments.Select(_ => new Shadow())];
        var other = new I440FxHostBridge(segments);
        other.Reset();
        bridge.CopyStateTo(other);
        Assert.Equal(_segments.Select(each => each.Access), segments.Select(each => each.Access));
    }

    [Fact]
    public void It_is_for_thirteen_segments() => Assert.Throws<ArgumentException>(() => new I440FxHostBridge([]));

    private sealed class Shadow : IShadowRam
    {
        public (bool ReadsRam, bool WritesRam) Access { get; private set; }

        public void SetAccess(bool readsRam, bool writesRam) => Access = (readsRam, writesRam);
    }
}
