namespace Vivarium.Memory;

/// <summary>An engine that keeps code translated from guest pages.</summary>
public interface ICodePageListener
{
    /// <summary>The page at <paramref name="pageGpa"/> was written: drop its translations at the next boundary. Any thread; must not block.</summary>
    void OnCodePageInvalidated(ulong pageGpa);
}
