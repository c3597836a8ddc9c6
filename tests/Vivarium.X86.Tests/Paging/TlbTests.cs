using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Vivarium.X86.Tests;

/// <summary>The data TLB may forget, but what it has is what was filled last, once, and nothing that was to be dropped.</summary>
public sealed unsafe class TlbTests
{
    private const string Fill = "fill";
    private const string FlushAll = "flush all";
    private const string FlushLocal = "flush all but global";
    private const string FlushPage = "flush a page";
    private const string FlushHost = "flush a page of the host's";

    [Property(MaxTest = 300, Arbitrary = [typeof(Arbitraries)], QuietOnSuccess = true)]
    public void ItHasWhatWasFilledAndNotDropped(Operation[] operations)
    {
        var memory = (byte*)NativeMemory.AllocZeroed((nuint)(Tlb.SizeBytes + SiteTlb.SizeBytes));
        try
        {
            var tlb = new Tlb((TlbEntry*)memory, new SiteTlb(memory + Tlb.SizeBytes));
            var filled = new Dictionary<(MmuMode Mode, ulong Page), (nint Host, bool IsGlobal)>();
            foreach (var operation in operations)
            {
                Apply(tlb, filled, operation);
                foreach (var mode in Enum.GetValues<MmuMode>())
                {
                    foreach (var page in Arbitraries.Pages)
                    {
                        Assert.True(Found(tlb, mode, page) is not { } host || (filled.TryGetValue((mode, page), out var expected) && expected.Host == host), $"{mode} {page:X} after {operation}");
                    }
                }

                if (operation.What == Fill)
                {
                    Assert.Equal(operation.Host, Found(tlb, operation.Mode, operation.Page));
                }
            }
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    /// <summary>A page that is used no more does not go to and fro between two that are.</summary>
    [Fact]
    public void TwoPagesStayInTheirSlotsWhateverWasThere()
    {
        var memory = (byte*)NativeMemory.AllocZeroed((nuint)(Tlb.SizeBytes + SiteTlb.SizeBytes));
        try
        {
            var tlb = new Tlb((TlbEntry*)memory, new SiteTlb(memory + Tlb.SizeBytes));
            ulong[] pages = [0x5000 + ((ulong)Tlb.EntryCount << 12), 0x5000 + ((ulong)Tlb.Beside << 12), 0x5000];
            foreach (var page in pages)
            {
                Apply(tlb, [], new Operation(Fill, 0, page, 1, false));
            }

            for (var i = 0; i < 4; i++)
            {
                foreach (var page in pages.AsSpan(1))
                {
                    if (Found(tlb, 0, page) is null)
                    {
                        Assert.Equal(0, i);
                        Apply(tlb, [], new Operation(Fill, 0, page, 1, false));
                    }
                }
            }
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    /// <summary>Few pages are remembered one by one, for many all slots are looked at.</summary>
    [Theory]
    [InlineData(100)]
    [InlineData(5000)]
    public void FlushesReachFewPagesAndMany(int count)
    {
        var memory = (byte*)NativeMemory.AllocZeroed((nuint)(Tlb.SizeBytes + SiteTlb.SizeBytes));
        try
        {
            var tlb = new Tlb((TlbEntry*)memory, new SiteTlb(memory + Tlb.SizeBytes));
            var pages = Enumerable.Range(1, count).Select(static number => (ulong)number << 12).ToArray();
            foreach (var page in pages)
            {
                Apply(tlb, [], new Operation(Fill, 1, page, 1, IsGlobal: (page & 0x1000) != 0));
            }

            Apply(tlb, [], new Operation(Fill, 1, 0x5000, 2, IsGlobal: false));
            tlb.FlushHostPage(new Operation(Fill, 1, 0x5000, 2, IsGlobal: false).Host);
            Assert.Equal([0x5000UL], pages.Where(page => Found(tlb, (MmuMode)1, page) is null));
            Apply(tlb, [], new Operation(Fill, 1, 0x5000, 1, IsGlobal: true));
            tlb.Flush(keepGlobal: true);
            Assert.All(pages, page => Assert.Equal((page & 0x1000) != 0, Found(tlb, (MmuMode)1, page) is not null));
            tlb.Flush(keepGlobal: false);
            Assert.All(pages, page => Assert.Null(Found(tlb, (MmuMode)1, page)));
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    /// <summary>Emitted code has one comparison alone between it and a page of the host's.</summary>
    [Fact]
    public void NoCanonicalAddressComesNearAnEmptySite()
    {
        var memory = (byte*)NativeMemory.AllocZeroed((nuint)(Tlb.SizeBytes + SiteTlb.SizeBytes));
        try
        {
            var sites = new SiteTlb(memory + Tlb.SizeBytes);
            sites.Open(SiteTlb.Count);
            for (var number = 0; number < SiteTlb.Count; number++)
            {
                var (tag, page) = (sites[number].Tag, sites[number].Page);
                Assert.True(sites.IsEmpty(number));
                Assert.Equal(0b10UL, tag >> 62);
                Assert.InRange(page, (nint)memory + Tlb.SizeBytes + SiteTlb.FilledCountOffset + sizeof(int), (nint)memory + Tlb.SizeBytes + SiteTlb.SizeBytes - 4096);
            }

            var tagOfOne = sites[0].Tag;
            new SiteTlb(memory + Tlb.SizeBytes).Open(1);
            Assert.NotEqual(tagOfOne, sites[0].Tag);
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    /// <summary>Such an entry is a copy, and stays when the table needs the place for another page.</summary>
    [Fact]
    public void AFlushReachesTheSiteOfAPageThatTheTableHasLost()
    {
        var memory = (byte*)NativeMemory.AllocZeroed((nuint)(Tlb.SizeBytes + SiteTlb.SizeBytes));
        try
        {
            var sites = memory + Tlb.SizeBytes;
            var tlb = new Tlb((TlbEntry*)memory, new SiteTlb(sites));
            var lost = new Operation(Fill, 0, 0x5000, 1, false);
            Apply(tlb, [], lost);
            tlb.Sites.Open(8);
            tlb.Sites[7] = new SiteEntry { Tag = lost.Page, Page = lost.Host };
            *(int*)(sites + SiteTlb.FilledOffset) = 7;
            *(int*)(sites + SiteTlb.FilledCountOffset) = 1;
            var others = Enumerable.Range(1, 4).Select(n => new Operation(Fill, 0, 0x5000 + ((ulong)(n * Tlb.Beside) << 12), n + 1, false)).ToList();
            others.ForEach(other => Apply(tlb, [], other));
            Assert.Null(Found(tlb, 0, lost.Page));
            tlb.FlushHostPage(others[^1].Host);
            Assert.False(tlb.Sites.IsEmpty(7));
            tlb.FlushHostPage(lost.Host);
            Assert.True(tlb.Sites.IsEmpty(7));
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    private static void Apply(Tlb tlb, Dictionary<(MmuMode Mode, ulong Page), (nint Host, bool IsGlobal)> filled, Operation operation)
    {
        switch (operation.What)
        {
            case Fill:
                var entry = tlb.FillSlot(operation.Mode, operation.Page, operation.IsGlobal, 12, operation.Host);
                entry->Page = operation.Host;
                entry->ReadTag = operation.Page;
                filled[(operation.Mode, operation.Page)] = (operation.Host, operation.IsGlobal);
                break;
            case FlushPage:
                tlb.FlushPage(operation.Page);
                foreach (var mode in Enum.GetValues<MmuMode>())
                {
                    filled.Remove((mode, operation.Page));
                }

                break;
            case FlushHost:
                tlb.FlushHostPage(operation.Host);
                foreach (var key in filled.Keys.Where(key => filled[key].Host == operation.Host).ToList())
                {
                    filled.Remove(key);
                }

                break;
            default:
                tlb.Flush(operation.What == FlushLocal);
                foreach (var key in filled.Keys.Where(key => operation.What == FlushAll || !filled[key].IsGlobal).ToList())
                {
                    filled.Remove(key);
                }

                break;
        }
    }

    /// <summary>The host's page, as emitted code finds it: in its slot or beside. Null if it is in neither.</summary>
    private static nint? Found(Tlb tlb, MmuMode mode, ulong page)
    {
        var slot = (int)(page >> 12) & (Tlb.EntryCount - 1);
        var own = tlb.ForMode(mode) + slot;
        var beside = tlb.ForMode(mode) + (slot ^ Tlb.Beside);
        Assert.False(own->ReadTag == page && beside->ReadTag == page, $"{page:X} is there twice");
        return own->ReadTag == page ? own->Page : beside->ReadTag == page ? beside->Page : null;
    }

    public sealed record Operation(string What, int ModeNumber, ulong Page, long HostNumber, bool IsGlobal)
    {
        internal MmuMode Mode => (MmuMode)ModeNumber;

        internal nint Host => (nint)HostNumber << 12;
    }

    public static class Arbitraries
    {
        /// <summary>Pages that meet in two pairs of slots, the first page among them, and one elsewhere.</summary>
        public static readonly ulong[] Pages =
        [
            0, (ulong)Tlb.Beside << 12, (ulong)Tlb.EntryCount << 12, (ulong)(Tlb.EntryCount + Tlb.Beside) << 12, 0x5000, 0x5000 + ((ulong)Tlb.Beside << 12), 0xFFFF_8000_0000_0000,
        ];

        public static Arbitrary<Operation[]> Operations() => Arb.From(Gen.ArrayOf(
            from what in Gen.Frequency((6, Gen.Constant(Fill)), (1, Gen.Elements(FlushAll, FlushLocal, FlushPage, FlushHost)))
            from mode in Gen.Choose(0, Tlb.ModeCount - 1)
            from page in Gen.Elements(Pages)
            from host in Gen.Choose(1, 20)
            from isGlobal in Gen.Elements(true, false)
            select new Operation(what, mode, page, host, isGlobal)));
    }
}
