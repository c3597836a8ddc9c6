namespace Vivarium.Memory;

/// <summary>One vCPU's part in <see cref="PageRevocation"/>. Called on the vCPU's thread.</summary>
public sealed class RevocationParticipant
{
    internal RevocationParticipant()
    {
    }

    /// <summary>The vCPU begins to run: waits out an exclusive operation and drops tags that were revoked while it was parked.</summary>
    public void Enter() => throw new NotImplementedException();

    /// <summary>The vCPU is parked: it counts as having acknowledged everything.</summary>
    public void Leave() => throw new NotImplementedException();

    /// <summary>At an instruction boundary: acknowledges revocations and waits out an exclusive operation.</summary>
    public void Poll() => throw new NotImplementedException();
}
