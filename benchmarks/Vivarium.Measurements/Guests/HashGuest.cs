using System.Security.Cryptography;
using System.Text;

namespace Vivarium.Measurements;

/// <summary>A chain of SHA-256 sums that a shell and its child processes compute in a Linux guest.</summary>
internal static class HashGuest
{
    public const ulong MemoryBytes = 256 << 20;
    private const int Rounds = 400;

    /// <summary>The mark is put together by the shell, so that the echo of the command does not hold it.</summary>
    public static readonly string Command =
        $"s=start; i=0; while [ $i -lt {Rounds} ]; do s=$(echo $s | sha256sum); i=$((i+1)); done; echo res\"\"ult ${{s%% *}}; poweroff -f\n";

    /// <summary>The same chain, computed by the host.</summary>
    public static string Expected()
    {
        var sum = "start";
        for (var round = 0; round < Rounds; round++)
        {
            sum = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(sum + "\n"))) + " -";
        }

        return sum[..^2];
    }
}
