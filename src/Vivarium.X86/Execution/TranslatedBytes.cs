using System.Diagnostics;
using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>
/// The guest's bytes that code was decoded or translated from, so that debug builds can look whether they are still there. Empty in release
/// builds. Guarded by whatever guards the cache that it belongs to.
/// </summary>
/// <typeparam name="TKey">What the cache finds its code by.</typeparam>
/// <param name="isKept">Whether the cache still has the code of a key.</param>
internal sealed unsafe class TranslatedBytes<TKey>(Func<TKey, bool> isKept)
    where TKey : notnull
{
    /// <summary>A check must not take longer the more code there is: each looks at the next few.</summary>
    private const int PerCheck = 64;

    private readonly Dictionary<TKey, (ulong Gpa, ulong SecondPageGpa, byte[] Code)> _pieces = [];
    private readonly Queue<TKey> _order = new();

    /// <summary>Remembers what was translated. <paramref name="secondPageGpa"/> is where the code goes on if it crosses the end of its page.</summary>
    [Conditional("DEBUG")]
    public void Note(TKey key, ulong gpa, ulong secondPageGpa, ReadOnlySpan<byte> code)
    {
        if (!_pieces.ContainsKey(key))
        {
            _order.Enqueue(key);
        }

        _pieces[key] = (gpa, secondPageGpa, code.ToArray());
    }

    /// <summary>
    /// Looks at the next few of those that are kept. The guest-physical address of one that has other bytes by now, or null. Code on a page that
    /// is written is given up before the writer goes on, so there is none, but for writes by other threads that are about to tell.
    /// </summary>
    public ulong? FindStale(GuestMemory memory)
    {
        for (var i = Math.Min(PerCheck, _order.Count); i > 0; i--)
        {
            var key = _order.Dequeue();
            if (!isKept(key))
            {
                _pieces.Remove(key);
                continue;
            }

            _order.Enqueue(key);
            var (gpa, secondPageGpa, code) = _pieces[key];
            var first = Math.Min(code.Length, GuestMemory.PageSize - (int)(gpa & (GuestMemory.PageSize - 1)));
            if (!Holds(memory, gpa, code.AsSpan(0, first)) || (first < code.Length && !Holds(memory, secondPageGpa, code.AsSpan(first))))
            {
                return gpa;
            }
        }

        return null;
    }

    private static bool Holds(GuestMemory memory, ulong gpa, ReadOnlySpan<byte> code)
    {
        var page = memory.GetReadPage(gpa);

        // SAFETY: the page stays where it is until the vCPU's next boundary, and the caller cut the span at its end.
        return page != null && new ReadOnlySpan<byte>(page + (gpa & (GuestMemory.PageSize - 1)), code.Length).SequenceEqual(code);
    }
}
