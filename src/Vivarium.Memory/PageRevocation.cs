namespace Vivarium.Memory;

/// <summary>Takes cached page pointers back from vCPUs, and stops them all for an exclusive operation.</summary>
public sealed class PageRevocation
{
    /// <summary>Adds a holder of cached page pointers.</summary>
    public RevocationParticipant Register(IPageTagHolder holder) => throw new NotImplementedException();

    /// <summary>Makes every participant drop its tags and waits until all running ones but <paramref name="self"/> have; <paramref name="self"/> drops its own at once.</summary>
    public void Revoke(RevocationParticipant? self) => throw new NotImplementedException();

    /// <summary>Waits until every other participant stands at a boundary or is parked, and holds them there until <see cref="EndExclusive"/>.</summary>
    public void BeginExclusive(RevocationParticipant? self) => throw new NotImplementedException();

    /// <summary>Lets the others go on.</summary>
    public void EndExclusive(RevocationParticipant? self) => throw new NotImplementedException();
}
