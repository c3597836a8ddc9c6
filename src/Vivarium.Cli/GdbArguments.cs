using System.Globalization;
using System.Net;
using Vivarium.Debugging;

namespace Vivarium.Cli;

/// <summary>The options about gdb.</summary>
internal static class GdbArguments
{
    /// <summary>The register sets there are, for people.</summary>
    public const string SetNames = "x64, x86, or x86real for real mode";

    /// <exception cref="UsageException">They make no sense.</exception>
    public static GdbServerOptions? Parse(string? where, bool isRunning, string registers)
    {
        var set = registers switch
        {
            "x64" => GdbRegisterSet.X64,
            "x86" => GdbRegisterSet.X86,
            "x86real" => GdbRegisterSet.X86Real,
            _ => throw new UsageException($"--gdb-registers takes {SetNames}, not '{registers}'."),
        };
        if (where is null)
        {
            return !isRunning ? null : throw new UsageException("--gdb-nowait is for a machine with --gdb; give it a port.");
        }

        var (address, port) = ParsePlace(where);
        return new GdbServerOptions { Address = address, Port = port, StartsHalted = !isRunning, Registers = set };
    }

    private static (IPAddress Address, int Port) ParsePlace(string where)
    {
        var colon = where.LastIndexOf(':');
        var host = colon > 0 ? where[..colon] : "127.0.0.1";
        var isAddress = IPAddress.TryParse(host == "localhost" ? "127.0.0.1" : host.Trim('[', ']'), out var address);
        return isAddress && int.TryParse(where.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= IPEndPoint.MaxPort
            ? (address!, port)
            : throw new UsageException($"--gdb takes a port, 0 to 65535, or an address and a port, as 127.0.0.1:1234 or [::1]:1234, not '{where}'.");
    }
}
