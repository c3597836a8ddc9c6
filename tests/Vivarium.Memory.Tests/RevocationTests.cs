namespace Vivarium.Memory.Tests;

public sealed unsafe class RevocationTests
{
    [Fact]
    public void A_parked_vcpu_blocks_nobody_and_drops_its_tags_when_it_enters()
    {
        var revocation = new PageRevocation();
        var holder = new CountingHolder();
        var participant = revocation.Register(holder);
        participant.Enter();
        participant.Leave();
        Assert.Equal(0, holder.Drops);
        revocation.Revoke(null);
        revocation.Revoke(null);
        Assert.Equal(0, holder.Drops);
        participant.Enter();
        Assert.Equal(1, holder.Drops);
        revocation.Revoke(participant);
        Assert.Equal(2, holder.Drops);
        participant.Poll();
        Assert.Equal(2, holder.Drops);
    }

    /// <summary>Whoever is not too far behind drops the pages that were revoked, and everything only if all were among them.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(60, false)]
    [InlineData(70, true)]
    [InlineData(1000, true)]
    public void A_page_is_revoked_alone(int pages, bool isTooMany)
    {
        var revocation = new PageRevocation();
        var holder = new CountingHolder();
        var participant = revocation.Register(holder);
        for (var page = 1; page <= pages; page++)
        {
            revocation.Revoke(null, page << 12);
        }

        participant.Enter();
        Assert.Equal(isTooMany ? 1 : 0, holder.Drops);
        Assert.Equal(isTooMany ? [] : Enumerable.Range(1, pages).Select(page => (nint)page << 12), holder.DroppedPages);
        revocation.Revoke(null, 0x5000);
        revocation.Revoke(participant);
        Assert.Equal(isTooMany ? 2 : 1, holder.Drops);
    }

    [Fact]
    public void Exclusive_operations_pair_up()
    {
        var revocation = new PageRevocation();
        Assert.Throws<InvalidOperationException>(() => revocation.EndExclusive(null));
        revocation.BeginExclusive(null);
        Assert.Throws<InvalidOperationException>(() => revocation.BeginExclusive(null));
        revocation.EndExclusive(null);
        revocation.BeginExclusive(null);
        revocation.EndExclusive(null);
    }

    [Fact]
    public void Vcpus_that_revoke_from_each_other_and_stop_the_world_neither_deadlock_nor_overlap()
    {
        var revocation = new PageRevocation();
        var inside = 0;
        var counter = 0;
        var vcpus = Enumerable.Range(0, 4).Select(index => new Thread(() =>
        {
            var holder = new CountingHolder();
            var self = revocation.Register(holder);
            var random = new Random(index);
            self.Enter();
            for (var step = 0; step < 3000; step++)
            {
                switch (random.Next(20))
                {
                    case 0:
                        revocation.Revoke(random.Next(2) == 0 ? self : null);
                        break;
                    case 1:
                        revocation.BeginExclusive(self);
                        Assert.Equal(1, Interlocked.Increment(ref inside));
                        counter++;
                        Interlocked.Decrement(ref inside);
                        revocation.EndExclusive(self);
                        break;
                    case 2:
                        self.Leave();
                        self.Enter();
                        break;
                    default:
                        Assert.Equal(0, Volatile.Read(ref inside));
                        if (holder.TakeRequest())
                        {
                            self.Poll();
                        }

                        break;
                }
            }

            self.Leave();
            revocation.Unregister(self);
        })).ToList();
        RunAll(vcpus);
        Assert.True(counter > 0);
    }

    [Fact]
    public void No_vcpu_reads_a_shared_page_after_another_was_allowed_to_write_its_copy()
    {
        using var source = new GuestMemory();
        source.AddRam(0, 64 * GuestMemory.PageSize);
        for (var page = 0UL; page < 64; page++)
        {
            source.Write(page * GuestMemory.PageSize, 1L);
        }

        using var template = source.Seal();
        using var memory = GuestMemory.Fork(template);
        var published = new long[64];
        var failures = 0;
        var writersLeft = 2;
        var readers = Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            var tags = new TagCache();
            var self = memory.Revocation.Register(tags);
            self.Enter();
            while (Volatile.Read(ref writersLeft) > 0)
            {
                for (var page = 0; page < 64; page++)
                {
                    // At a boundary: what was published before must be seen through any tag that is still held.
                    if (tags.TakeRequest())
                    {
                        self.Poll();
                    }

                    var atLeast = Volatile.Read(ref published[page]);
                    if (tags.Pages[page] == 0)
                    {
                        tags.Pages[page] = (nint)memory.GetReadPage((ulong)page * GuestMemory.PageSize);
                    }

                    if (Volatile.Read(ref *(long*)tags.Pages[page]) < atLeast)
                    {
                        Interlocked.Increment(ref failures);
                    }
                }
            }

            self.Leave();
        })).ToList();
        var writers = Enumerable.Range(0, 2).Select(index => new Thread(() =>
        {
            var self = index == 0 ? memory.Revocation.Register(new CountingHolder()) : null;
            self?.Enter();
            for (var page = 0; page < 64; page++)
            {
                var address = (long*)memory.GetWritePage((ulong)page * GuestMemory.PageSize, out _);
                Interlocked.Increment(ref *address);
                Interlocked.Increment(ref published[page]);
                self?.Poll();
                Thread.Yield();
            }

            self?.Leave();
            Interlocked.Decrement(ref writersLeft);
        })).ToList();
        RunAll([.. readers, .. writers]);
        Assert.Equal(0, failures);
        Assert.All(Enumerable.Range(0, 64), page => Assert.Equal(3L, memory.Read<long>((ulong)page * GuestMemory.PageSize)));
        Assert.Equal(1L, source.Read<long>(0));
    }

    [Fact]
    public void Concurrent_compare_exchange_loses_no_update()
    {
        using var source = new GuestMemory();
        source.AddRam(0, GuestMemory.PageSize);
        source.Write(0, 5);
        using var template = source.Seal();
        using var memory = GuestMemory.Fork(template);
        RunAll([.. Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (var i = 0; i < 5000; i++)
            {
                int original;
                int expected;
                do
                {
                    expected = memory.Read<int>(8);
                    memory.TryCompareExchange(8, expected + 1, expected, out original);
                }
                while (original != expected);
            }
        }))]);
        Assert.Equal(20000, memory.Read<int>(8));
    }

    private static void RunAll(List<Thread> threads)
    {
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => Assert.True(thread.Join(TimeSpan.FromSeconds(60)), "A thread hangs."));
    }

    internal sealed class CountingHolder : IPageTagHolder
    {
        private int _requested;

        public int Drops { get; private set; }

        public void RequestPoll() => Volatile.Write(ref _requested, 1);

        public List<nint> DroppedPages { get; } = [];

        public void DropTags() => Drops++;

        public void DropTags(nint hostPage) => DroppedPages.Add(hostPage);

        public bool TakeRequest() => Interlocked.Exchange(ref _requested, 0) != 0;
    }

    private sealed class TagCache : IPageTagHolder
    {
        private int _requested;

        public nint[] Pages { get; } = new nint[64];

        public void RequestPoll() => Volatile.Write(ref _requested, 1);

        public void DropTags() => Array.Clear(Pages);

        public void DropTags(nint hostPage) => Pages.AsSpan().Replace(hostPage, 0);

        public bool TakeRequest() => Interlocked.Exchange(ref _requested, 0) != 0;
    }
}
