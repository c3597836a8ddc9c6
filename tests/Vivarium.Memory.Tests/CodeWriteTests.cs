namespace Vivarium.Memory.Tests;

/// <summary>Writes to a page with code, beside the code, and whoever marks more of the page.</summary>
public sealed class CodeWriteTests
{
    [Fact]
    public async Task A_translator_waits_for_a_write_that_began()
    {
        var revocation = new PageRevocation();
        var writer = revocation.Register(new RevocationTests.CountingHolder());
        var translator = revocation.Register(new RevocationTests.CountingHolder());
        writer.Enter();
        writer.BeginWrite();
        revocation.WaitForWriters(writer);
        var waiting = Task.Run(() => revocation.WaitForWriters(translator));
        Assert.NotSame(waiting, await Task.WhenAny(waiting, Task.Delay(50)));
        writer.EndWrite();
        await waiting.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void The_first_mark_of_a_page_takes_pointers_to_it_back()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, 0x4000);
        var holder = new RevocationTests.CountingHolder();
        var vcpu = memory.Revocation.Register(holder);
        memory.MarkCode(0x1234, 16);
        memory.MarkCode(0x1000, 16);
        vcpu.Enter();
        vcpu.Leave();
        Assert.Single(holder.DroppedPages);
        memory.InvalidateCode(0x1000);
        memory.MarkCode(0x1000, 16);
        memory.MarkCode(0x2000, 16);
        vcpu.Enter();
        vcpu.Leave();
        Assert.Equal(3, holder.DroppedPages.Count);
        Assert.Equal(0, holder.Drops);
    }

    /// <summary>A vCPU may still have a pointer to write to the page that it got before the mark, whoever made it.</summary>
    [Fact]
    public async Task Who_marks_more_waits_until_the_first_mark_is_known_everywhere()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, 0x4000);
        var vcpu = memory.Revocation.Register(new RevocationTests.CountingHolder());
        using var entered = new ManualResetEventSlim();
        using var leaves = new ManualResetEventSlim();

        // On a thread of its own, as whoever waits for a vCPU on that vCPU's thread parks it.
        var thread = new Thread(() =>
        {
            vcpu.Enter();
            entered.Set();
            leaves.Wait();
            vcpu.Leave();
        });
        thread.Start();
        entered.Wait();
        Task[] marking = [Task.Run(() => memory.MarkCode(0x1000, 16)), Task.Run(() => memory.MarkCode(0x1800, 16))];
        await Task.Delay(50);
        Assert.All(marking, task => Assert.False(task.IsCompleted));
        leaves.Set();
        await Task.WhenAll(marking).WaitAsync(TimeSpan.FromSeconds(30));
        thread.Join();
    }
}
