namespace Vivarium.X86;

/// <summary>
/// Which followed jump has which cell, in all vCPUs alike. Each vCPU keeps in it the linear page from which the jump led to the code that was
/// followed, in the context of the privilege that it runs with; when that changes the cells are emptied. Under the cache's gate.
/// </summary>
internal sealed class SeamTable
{
    /// <summary>No cell.</summary>
    public const int None = -1;

    /// <summary>In an empty cell: no page begins there.</summary>
    public const ulong Empty = 1;

    /// <summary>Cells of user code, behind which are as many of supervisors.</summary>
    public const int Count = 1024;

    private readonly Dictionary<SeamKey, int> _cells = [];
    private readonly int[] _used = new int[2];

    /// <summary>From the state to the cells, 8 bytes each.</summary>
    public static int TableOffset => JumpCacheEntry.TableOffset + (JumpCacheEntry.Count << JumpCacheEntry.SizeShift);

    /// <summary>The cells of a vCPU for user code or for supervisors.</summary>
    public static unsafe Span<ulong> CellsOf(CpuState* state, bool isUser) =>
        new((byte*)state + TableOffset + (isUser ? 0 : Count * sizeof(ulong)), Count);

    /// <summary>The cell of a jump, or <see cref="None"/> if there is no room.</summary>
    public int CellOf(in SeamKey key)
    {
        if (_cells.TryGetValue(key, out var cell))
        {
            return cell;
        }

        var isUser = ((DecodeMode)key.Block.Mode & DecodeMode.User) != 0;
        ref var used = ref _used[isUser ? 0 : 1];
        if (used == Count)
        {
            return None;
        }

        cell = used++ + (isUser ? 0 : Count);
        _cells.Add(key, cell);
        return cell;
    }

    public void Clear()
    {
        _cells.Clear();
        Array.Clear(_used);
    }
}
