using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Vivarium.X86;

/// <summary>Randomness from the host's cryptographic generator: the source of a processor or machine that is given no other. Any thread.</summary>
public sealed partial class HostEntropy : IEntropySource
{
    /// <summary>What Linux gives in one call, whatever signals come.</summary>
    private const int MaxBytes = 256;

    /// <inheritdoc/>
    public void Fill(Span<byte> destination)
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomNumberGenerator.Fill(destination);
            return;
        }

        // .NET's generator loads OpenSSL, which costs a start as much as its machine.
        while (!destination.IsEmpty)
        {
            var part = destination[..Math.Min(destination.Length, MaxBytes)];
            if (GetRandom(part, (nuint)part.Length, 0) != part.Length)
            {
                RandomNumberGenerator.Fill(part);
            }

            destination = destination[part.Length..];
        }
    }

    [LibraryImport("libc", EntryPoint = "getrandom")]
    private static partial nint GetRandom(Span<byte> destination, nuint length, uint flags);
}
