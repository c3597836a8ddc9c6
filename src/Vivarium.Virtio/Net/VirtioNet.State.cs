namespace Vivarium.Virtio;

/// <content>Save and restore: what the driver set up. Frames on their way are lost, as on a wire.</content>
public sealed partial class VirtioNet
{
    private const int EverythingBit = 1;
    private const int AllMulticastBit = 2;
    private const int AllUnicastBit = 4;
    private const int NoMulticastBit = 8;
    private const int NoUnicastBit = 16;
    private const int NoBroadcastBit = 32;
    private const int UnicastOverflowBit = 64;
    private const int MulticastOverflowBit = 128;

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        base.Save(writer);
        var filter = _receiver.Filter;
        writer.Write(16, filter.Own.Value);
        writer.Write(17, (ulong)_receiver.ActivePairs);
        writer.Write(18, _guestOffloads);
        writer.Write(19, (ulong)Configuration[NetBits.StatusOffset]);
        writer.Write(20, (ulong)((filter.Everything ? EverythingBit : 0) | (filter.AllMulticast ? AllMulticastBit : 0)
            | (filter.AllUnicast ? AllUnicastBit : 0) | (filter.NoMulticast ? NoMulticastBit : 0) | (filter.NoUnicast ? NoUnicastBit : 0)
            | (filter.NoBroadcast ? NoBroadcastBit : 0) | (filter.UnicastOverflow ? UnicastOverflowBit : 0)
            | (filter.MulticastOverflow ? MulticastOverflowBit : 0)));
        writer.Write(21, Pack(filter.Unicast));
        writer.Write(22, Pack(filter.Multicast));
        writer.Write(23, filter.Vlans ?? []);
    }

    /// <inheritdoc/>
    public override void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        base.Restore(reader);
        var own = reader.ReadUInt64(16);
        if (own > MacAddress.Broadcast.Value || new MacAddress(own).IsMulticast)
        {
            throw reader.Invalid(16);
        }

        var vlans = reader.ReadBytes(23);
        if (vlans.Length is not (0 or ReceiveFilter.VlanBytes))
        {
            throw reader.Invalid(23);
        }

        var offloads = reader.ReadUInt64(18);
        if ((offloads & ~(DriverFeatures & NetBits.SwitchableOffloads)) != 0)
        {
            throw reader.Invalid(18);
        }

        var bits = reader.ReadByte(20);
        _receiver.ActivePairs = reader.ReadInt32(17, 1, _receiveQueues.Length);
        _receiver.Filter = new ReceiveFilter
        {
            Own = new MacAddress(own),
            Everything = (bits & EverythingBit) != 0,
            AllMulticast = (bits & AllMulticastBit) != 0,
            AllUnicast = (bits & AllUnicastBit) != 0,
            NoMulticast = (bits & NoMulticastBit) != 0,
            NoUnicast = (bits & NoUnicastBit) != 0,
            NoBroadcast = (bits & NoBroadcastBit) != 0,
            UnicastOverflow = (bits & UnicastOverflowBit) != 0,
            MulticastOverflow = (bits & MulticastOverflowBit) != 0,
            Unicast = Unpack(reader, 21),
            Multicast = Unpack(reader, 22),
            Vlans = vlans.IsEmpty ? null : vlans.ToArray(),
        };
        new MacAddress(own).Write(Configuration);
        _guestOffloads = offloads;

        // The guest saw this link last; if it is another by now, it is told when the machine starts. So is that the network has to find it again.
        Configuration[NetBits.StatusOffset] = (byte)(reader.ReadByte(19) & NetBits.LinkUp);
        _announces = IsDriverReady && Has(NetBits.GuestAnnounce);
        if (IsDriverReady)
        {
            OpenReceiver();
        }
    }

    private static byte[] Pack(IReadOnlyList<MacAddress> addresses)
    {
        var bytes = new byte[addresses.Count * MacBytes];
        for (var i = 0; i < addresses.Count; i++)
        {
            addresses[i].Write(bytes.AsSpan(i * MacBytes));
        }

        return bytes;
    }

    private static MacAddress[] Unpack(StateReader reader, ushort tag)
    {
        var bytes = reader.ReadBytes(tag);
        if (bytes.Length % MacBytes != 0 || bytes.Length > MacBytes * ReceiveFilter.MaximumAddresses)
        {
            throw reader.Invalid(tag);
        }

        var addresses = new MacAddress[bytes.Length / MacBytes];
        for (var i = 0; i < addresses.Length; i++)
        {
            addresses[i] = MacAddress.Read(bytes[(i * MacBytes)..]);
        }

        return addresses;
    }
}
