namespace Vivarium.Memory;

/// <summary>A vCPU that caches page pointers in a TLB.</summary>
public interface IPageTagHolder
{
    /// <summary>Asks a running vCPU to reach a boundary and call <see cref="RevocationParticipant.Poll"/> soon. Any thread; must not block.</summary>
    void RequestPoll();

    /// <summary>Forgets all cached page pointers. Called on the vCPU's own thread at a boundary, or while it is parked by the thread that resumes it.</summary>
    void DropTags();

    /// <summary>Forgets the cached pointers to one page, whatever they were for. Called as <see cref="DropTags()"/> is.</summary>
    /// <param name="hostPage">The page's host address.</param>
    void DropTags(nint hostPage);
}
