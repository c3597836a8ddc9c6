using System.Security.Cryptography;

namespace Vivarium;

/// <summary>Randomness from the host's cryptographic generator.</summary>
internal sealed class HostEntropy : IEntropySource
{
    public void Fill(Span<byte> destination) => RandomNumberGenerator.Fill(destination);
}
