using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

public sealed unsafe class JumpCacheTests
{
    /// <summary>Addresses of one place, of the one beside, and of others; the first three are a kernel's, met in this order once too often.</summary>
    private static readonly ulong[] s_addresses = [0xA50, 0x1_000A50, 0x1A51, 0x774A50, 0x775A50, 0xA50 + (1UL << 24)];

    [Fact]
    public void WhatWasPutLastIsFoundAndNothingWrong()
    {
        var table = (JumpCacheEntry*)NativeMemory.AllocZeroed((nuint)(JumpCacheEntry.Count * sizeof(JumpCacheEntry)));
        try
        {
            var random = new Random(1);
            for (var n = 0; n < 20_000; n++)
            {
                var rip = s_addresses[random.Next(s_addresses.Length)];
                var context = (ulong)random.Next(1, 3);
                JumpCacheEntry.Put(table, new JumpCacheEntry { Rip = rip, Context = context, Code = n });
                Assert.Equal(n, JumpCacheEntry.Find(table, rip, context)->Code);
                foreach (var other in s_addresses)
                {
                    var found = JumpCacheEntry.Find(table, other, context);
                    Assert.True(found == null || (found->Rip == other && found->Context == context));
                }
            }
        }
        finally
        {
            NativeMemory.Free(table);
        }
    }

    /// <summary>An entry that is used no more does not go to and fro between two that are.</summary>
    [Fact]
    public void TwoAddressesStayWhateverWasThere()
    {
        var table = (JumpCacheEntry*)NativeMemory.AllocZeroed((nuint)(JumpCacheEntry.Count * sizeof(JumpCacheEntry)));
        try
        {
            // The first has the place of the second.
            ulong[] rips = [0x775A51, 0x774A50, 0x775A50];
            foreach (var rip in rips)
            {
                JumpCacheEntry.Put(table, new JumpCacheEntry { Rip = rip, Context = 1, Code = 1 });
            }

            for (var i = 0; i < 4; i++)
            {
                foreach (var rip in rips.AsSpan(1))
                {
                    if (JumpCacheEntry.Find(table, rip, 1) == null)
                    {
                        Assert.Equal(0, i);
                        JumpCacheEntry.Put(table, new JumpCacheEntry { Rip = rip, Context = 1, Code = 1 });
                    }
                }
            }
        }
        finally
        {
            NativeMemory.Free(table);
        }
    }
}
