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
}
