using System.Globalization;
using System.Net;

namespace Vivarium.Network.UserMode;

/// <summary>Names of the network's machines. Not thread-safe.</summary>
internal sealed class NameTable(string domain)
{
    private readonly Dictionary<string, List<IpAddress>> _fixed = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Gives a name an address more.</summary>
    public void Add(string name, IpAddress address)
    {
        var list = _fixed.TryGetValue(Local(name), out var known) ? known : _fixed[Local(name)] = [];
        if (!list.Contains(address))
        {
            list.Add(address);
        }
    }

    public bool Remove(string name) => _fixed.Remove(Local(name));

    /// <summary>
    /// The addresses of a name: given ones before what guests call themselves. Null if the name is not of this network.
    /// </summary>
    public IReadOnlyList<IpAddress>? Find(string name, IEnumerable<(MacAddress Client, IpAddress Address, string? Name)> leases)
    {
        var local = Local(name);
        if (_fixed.TryGetValue(local, out var addresses))
        {
            return addresses;
        }

        var fromLeases = leases.Where(lease => string.Equals(lease.Name, local, StringComparison.OrdinalIgnoreCase)).Select(lease => lease.Address).Take(1).ToList();
        return fromLeases.Count > 0 ? fromLeases : IsOurs(name) ? [] : null;
    }

    /// <summary>The name of an address as <c>in-addr.arpa</c> asks for it; null if there is none.</summary>
    public string? FindPointer(string question, IEnumerable<(MacAddress Client, IpAddress Address, string? Name)> leases)
    {
        const string suffix = ".in-addr.arpa";
        if (!question.EndsWith(suffix, StringComparison.Ordinal)
            || !IPAddress.TryParse(string.Join('.', question[..^suffix.Length].Split('.').Reverse()), out var parsed))
        {
            return null;
        }

        var address = IpAddress.From(parsed);
        var name = _fixed.FirstOrDefault(pair => pair.Value.Contains(address)).Key ?? leases.FirstOrDefault(lease => lease.Address == address).Name;
        return name is null ? null : string.Create(CultureInfo.InvariantCulture, $"{name}.{domain}");
    }

    /// <summary>Whether a name is in the network's own domain, or has none.</summary>
    private bool IsOurs(string name) => !name.Contains('.', StringComparison.Ordinal) || name.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase);

    private string Local(string name) => name.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase) ? name[..^(domain.Length + 1)] : name;
}
