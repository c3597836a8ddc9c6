namespace Vivarium.Devices.Tests.Apic;

public sealed class LocalApicConcurrencyTests
{
    [Fact]
    public async Task Interrupts_sent_from_many_threads_all_arrive_once()
    {
        const int Senders = 4;
        const int Rounds = 2_000;
        var machine = new ApicMachine(processors: 1).Enable();
        var apic = machine.Apics[0];
        var arrived = new int[256];
        var senders = Enumerable.Range(0, Senders).Select(sender => Task.Run(() =>
        {
            // Each sender owns one vector and sends it again only after it arrived.
            var vector = (byte)(0x30 + 0x10 * sender);
            for (var i = 0; i < Rounds; i++)
            {
                machine.Set.SendMsi(0xFEE0_0000, vector);
                SpinWait.SpinUntil(() => Volatile.Read(ref arrived[vector]) > i);
            }
        })).ToArray();

        while (!senders.All(s => s.IsCompleted))
        {
            var vector = apic.AcknowledgeInterrupt();
            if (vector >= 0)
            {
                Assert.True(apic.ReadRegister(0x100 + (uint)(vector / 32) * 16, 4) != 0);
                apic.WriteRegister(0xB0, 4, 0);
                Volatile.Write(ref arrived[vector], arrived[vector] + 1);
            }
            else
            {
                Thread.Yield();
            }
        }

        await Task.WhenAll(senders);
        Assert.Equal(Senders * Rounds, arrived.Sum());
        Assert.Equal(Senders, arrived.Count(a => a == Rounds));
        Assert.False(apic.HasPendingInterrupt);
    }
}
