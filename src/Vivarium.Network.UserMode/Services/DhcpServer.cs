using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Network.UserMode;

/// <summary>
/// Gives out IPv4 addresses (RFC 2131, RFC 2132). A lease belongs to the Ethernet address of its client; there are never more than the pool has
/// addresses. Not thread-safe.
/// </summary>
internal sealed class DhcpServer(DhcpSettings settings)
{
    private const int HeaderBytes = 240;
    private const byte Discover = 1, Offer = 2, Request = 3, Decline = 4, Acknowledge = 5, Refuse = 6, Release = 7, Inform = 8;
    private const long OfferNs = 10_000_000_000;

    private readonly Dictionary<ulong, Lease> _byClient = [];
    private readonly Dictionary<uint, Lease> _byAddress = [];

    public int LeaseCount => _byAddress.Count;

    /// <summary>The leases in force.</summary>
    public IEnumerable<(MacAddress Client, IpAddress Address, string? Name)> Leases =>
        _byAddress.Values.Where(lease => lease.IsTaken).Select(lease => (lease.Client, IpAddress.FromV4(lease.Address), lease.Name));

    /// <summary>Whether an address has been given to somebody else, who alone may use it.</summary>
    public bool IsAnothers(IpAddress address, MacAddress client, long nowNs) =>
        _byAddress.TryGetValue(address.V4, out var lease) && (lease.IsTaken || lease.IsReserved) && lease.EndNs > nowNs && lease.Client != client;

    /// <summary>Binds an address to a client for good.</summary>
    public void Reserve(MacAddress client, IpAddress address)
    {
        if (_byAddress.Remove(address.V4, out var old))
        {
            _byClient.Remove(old.Client.Value);
        }

        if (_byClient.Remove(client.Value, out old))
        {
            _byAddress.Remove(old.Address);
        }

        var lease = new Lease(client, address.V4) { IsReserved = true, EndNs = long.MaxValue };
        _byClient.Add(client.Value, lease);
        _byAddress.Add(address.V4, lease);
    }

    /// <summary>
    /// Answers a message. 0 if it deserves no answer; else the length of the reply in <paramref name="reply"/>, which has 576 bytes.
    /// </summary>
    public int Answer(ReadOnlySpan<byte> message, MacAddress sender, long nowNs, Span<byte> reply)
    {
        // BOOTREQUEST, Ethernet, and from the station that it says it is from: else one guest could ask for all the others.
        if (message.Length < HeaderBytes || message[0] != 1 || message[1] != 1 || message[2] != 6
            || BinaryPrimitives.ReadUInt32BigEndian(message[236..]) != 0x6382_5363 || MacAddress.Read(message[28..]) != sender)
        {
            return 0;
        }

        var options = DhcpOptions.Parse(message[HeaderBytes..]);
        if (options.Server is { } server && server != settings.Server.V4)
        {
            if (options.Type == Request && _byClient.TryGetValue(sender.Value, out var other) && !other.IsTaken)
            {
                Forget(other);
            }

            return 0;
        }

        switch (options.Type)
        {
            case Discover:
                return Find(sender, options.Requested, nowNs) is { } offered ? Write(message, reply, Offer, offered.Address, options) : 0;
            case Request:
                return Confirm(message, sender, options, nowNs, reply);
            case Release or Decline:
                if (_byClient.TryGetValue(sender.Value, out var lease))
                {
                    Forget(lease);
                }

                return 0;
            case Inform:
                return Write(message, reply, Acknowledge, 0, options);
            default:
                return 0;
        }
    }

    private int Confirm(ReadOnlySpan<byte> message, MacAddress sender, in DhcpOptions options, long nowNs, Span<byte> reply)
    {
        var current = BinaryPrimitives.ReadUInt32BigEndian(message[12..]);
        var wanted = options.Requested ?? current;
        if (wanted == 0 || Find(sender, wanted, nowNs) is not { } lease || lease.Address != wanted)
        {
            return Write(message, reply, Refuse, 0, options);
        }

        lease.IsTaken = true;
        lease.Name = options.Name.Length > 0 ? options.Name : lease.Name;
        lease.EndNs = lease.IsReserved ? long.MaxValue : nowNs + (settings.LeaseSeconds * 1_000_000_000L);
        return Write(message, reply, Acknowledge, lease.Address, options);
    }

    /// <summary>The client's lease, or a new one: of the address it asks for if that is free. Null if the pool is empty.</summary>
    private Lease? Find(MacAddress client, uint? wanted, long nowNs)
    {
        if (_byClient.TryGetValue(client.Value, out var lease))
        {
            return lease;
        }

        if (wanted is { } address && IsInPool(address) && IsFree(address, nowNs))
        {
            return Add(client, address, nowNs);
        }

        for (var next = settings.First.V4; next <= settings.Last.V4; next++)
        {
            if (IsFree(next, nowNs))
            {
                return Add(client, next, nowNs);
            }
        }

        return null;
    }

    private bool IsInPool(uint address) => address >= settings.First.V4 && address <= settings.Last.V4;

    private bool IsFree(uint address, long nowNs)
    {
        if (!_byAddress.TryGetValue(address, out var lease))
        {
            return true;
        }

        if (lease.EndNs > nowNs)
        {
            return false;
        }

        Forget(lease);
        return true;
    }

    private Lease Add(MacAddress client, uint address, long nowNs)
    {
        var lease = new Lease(client, address) { EndNs = nowNs + OfferNs };
        _byClient.Add(client.Value, lease);
        _byAddress.Add(address, lease);
        return lease;
    }

    private void Forget(Lease lease)
    {
        if (lease.IsReserved)
        {
            lease.IsTaken = false;
            return;
        }

        _byClient.Remove(lease.Client.Value);
        _byAddress.Remove(lease.Address);
    }

    private int Write(ReadOnlySpan<byte> message, Span<byte> reply, byte type, uint address, in DhcpOptions options)
    {
        reply.Clear();
        message[..HeaderBytes].CopyTo(reply);
        reply[0] = 2;
        reply[3] = 0;
        reply[8..28].Clear();
        reply[44..236].Clear();
        if (type == Refuse)
        {
            // Whoever is refused has no address to be answered at.
            reply[12..16].Clear();
        }

        BinaryPrimitives.WriteUInt32BigEndian(reply[16..], address);
        settings.Server.Write(reply[20..]);
        var at = Option(reply, HeaderBytes, 53, [type]);
        Span<byte> value = stackalloc byte[4];
        settings.Server.Write(value);
        at = Option(reply, at, 54, value);
        if (type != Refuse)
        {
            if (options.Type != Inform)
            {
                BinaryPrimitives.WriteUInt32BigEndian(value, (uint)settings.LeaseSeconds);
                at = Option(reply, at, 51, value);
            }

            BinaryPrimitives.WriteUInt32BigEndian(value, settings.Mask);
            at = Option(reply, at, 1, value);
            settings.Router.Write(value);
            at = Option(reply, at, 3, value);
            settings.Dns.Write(value);
            at = Option(reply, at, 6, value);
            at = Option(reply, at, 15, Encoding.ASCII.GetBytes(settings.Domain));
            BinaryPrimitives.WriteUInt16BigEndian(value, (ushort)settings.MtuBytes);
            at = Option(reply, at, 26, value[..2]);
            foreach (var (code, bytes) in settings.ExtraOptions)
            {
                at = Option(reply, at, code, bytes);
            }
        }

        reply[at++] = 255;
        return Math.Max(300, at);
    }

    private static int Option(Span<byte> reply, int at, byte code, ReadOnlySpan<byte> value)
    {
        if (at + 2 + value.Length >= reply.Length)
        {
            return at;
        }

        reply[at] = code;
        reply[at + 1] = (byte)value.Length;
        value.CopyTo(reply[(at + 2)..]);
        return at + 2 + value.Length;
    }

    private sealed class Lease(MacAddress client, uint address)
    {
        public MacAddress Client { get; } = client;

        public uint Address { get; } = address;

        public bool IsReserved { get; init; }

        public bool IsTaken { get; set; }

        public string? Name { get; set; }

        public long EndNs { get; set; }
    }
}
