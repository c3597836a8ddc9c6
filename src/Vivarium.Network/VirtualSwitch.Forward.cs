using System.Buffers.Binary;

namespace Vivarium.Network;

/// <content>The forward path: no lock, no allocation. Runs of frames to the same port go as one batch.</content>
public sealed partial class VirtualSwitch
{
    private const ulong AddressMask = 0xFFFF_FFFF_FFFF;
    private const int LongestUntaggedBytes = EthernetFrame.MaxLengthBytes - VlanTag.Bytes;

    internal void Forward(SwitchPort source, ReadOnlySpan<EthernetFrame> frames)
    {
        var nowNs = Clock.NowNs;
        var start = 0;
        SwitchPort? runPort = null;
        for (var i = 0; i < frames.Length; i++)
        {
            var port = FindPlain(source, frames[i].Data, nowNs);
            if (port is not null && ReferenceEquals(port, runPort))
            {
                continue;
            }

            // What came before goes before: the frame may be for the same port, among others.
            runPort?.Deliver(frames[start..i]);
            runPort = port;
            start = i;
            if (port is null)
            {
                Route(source, frames[i], nowNs);
            }
        }

        runPort?.Deliver(frames[start..]);
    }

    /// <summary>
    /// The port of a frame that needs nothing but to be handed on: no tag here or there, both addresses known, nothing in the way. Null if
    /// that cannot be said at a glance.
    /// </summary>
    private SwitchPort? FindPlain(SwitchPort source, ReadOnlySpan<byte> data, long nowNs)
    {
        if (data.Length is < 14 or > LongestUntaggedBytes)
        {
            return null;
        }

        var vlan = source.Vlans.UntaggedVlan;
        var inVlan = (ulong)vlan << 48;
        var from = source.LastSource;
        var to = source.LastDestination;
        if (from is null || from.Key != ((BinaryPrimitives.ReadUInt64LittleEndian(data[6..]) & AddressMask) | inVlan) || !ReferenceEquals(from.Port, source)
            || (data[12] == PacketLayout.Vlan >> 8 && data[13] == (PacketLayout.Vlan & 0xFF))
            || (source.LockedKey != 0 && source.LockedKey != (from.Key & AddressMask)))
        {
            return null;
        }

        var key = (BinaryPrimitives.ReadUInt64LittleEndian(data) & AddressMask) | inVlan;
        if (to is null || to.Key != key)
        {
            to = _addresses.Find(key, nowNs);
            if (to is null)
            {
                return null;
            }

            source.LastDestination = to;
        }

        if (to.Port is not { } port || ReferenceEquals(port, source) || vlan == 0 || !_addresses.IsFresh(to, nowNs) || !MayReach(source, port) || port.Vlans.UntaggedVlan != vlan)
        {
            return null;
        }

        if (from.LastSeenNs != nowNs)
        {
            from.LastSeenNs = nowNs;
        }

        return port;
    }

    private void Route(SwitchPort source, EthernetFrame frame, long nowNs)
    {
        var data = frame.Data;
        if (data.Length is < 14 or > LongestUntaggedBytes)
        {
            source.Drop(frame, DropReason.Malformed);
            return;
        }

        var destination = BinaryPrimitives.ReadUInt64LittleEndian(data) & AddressMask;
        var from = BinaryPrimitives.ReadUInt64LittleEndian(data[6..]) & AddressMask;
        if ((from & 1) != 0 || from == 0)
        {
            source.Drop(frame, DropReason.Malformed);
            return;
        }

        var vlans = source.Vlans;
        var vlan = vlans.UntaggedVlan;
        ushort tag = 0;
        var isTagged = data[12] == PacketLayout.Vlan >> 8 && data[13] == (PacketLayout.Vlan & 0xFF);
        if (isTagged && !TryClassify(vlans, data, out vlan, out tag))
        {
            source.Drop(frame, data.Length < 18 ? DropReason.Malformed : DropReason.Vlan);
            return;
        }

        if (vlan == 0)
        {
            source.Drop(frame, DropReason.Vlan);
            return;
        }

        if ((source.LockedKey != 0 && from != source.LockedKey) || !Learn(source, from | ((ulong)vlan << 48), nowNs))
        {
            source.Drop(frame, DropReason.Address);
            return;
        }

        if (isTagged)
        {
            // Inside, every frame is without its tag, and its VLAN is known. The priority is kept for where it is tagged again.
            frame = VlanTag.Strip(frame);
        }

        if ((destination & 1) != 0)
        {
            Flood(source, frame, destination, vlan, tag, nowNs);
        }
        else
        {
            Unicast(source, frame, destination | ((ulong)vlan << 48), vlan, tag, nowNs);
        }
    }

    private void Unicast(SwitchPort source, EthernetFrame frame, ulong key, ushort vlan, ushort tag, long nowNs)
    {
        var entry = _addresses.Find(key, nowNs);
        source.LastDestination = entry;
        if (entry?.Port is not { } port)
        {
            Flood(source, frame, key & AddressMask, vlan, tag, nowNs);
        }
        else if (ReferenceEquals(port, source))
        {
            source.Drop(frame, DropReason.SamePort);
        }
        else if (!MayReach(source, port))
        {
            source.Drop(frame, DropReason.Isolation);
        }
        else if (!port.Vlans.Contains(vlan))
        {
            source.Drop(frame, DropReason.Vlan);
        }
        else
        {
            if (port.Vlans.IsTagged(vlan))
            {
                frame = VlanTag.Insert(frame, (ushort)((tag & ~VlanTag.VlanMask) | vlan));
            }

            port.Deliver(new ReadOnlySpan<EthernetFrame>(in frame));
        }
    }

    private bool Learn(SwitchPort source, ulong key, long nowNs)
    {
        var entry = source.LastSource;
        if (entry?.Key == key && ReferenceEquals(entry.Port, source))
        {
            entry.LastSeenNs = nowNs;
            return true;
        }

        entry = _addresses.Learn(key, source, nowNs, out var allowed);
        source.LastSource = entry;
        return allowed;
    }

    private void Flood(SwitchPort source, EthernetFrame frame, ulong destination, ushort vlan, ushort tag, long nowNs)
    {
        if (source.HasStormLimit && !source.TakeStormToken(nowNs))
        {
            source.Drop(frame, DropReason.Storm);
            return;
        }

        var isGroup = (destination & 1) != 0 && destination != AddressMask;
        var kind = isGroup && _snooper is not null ? _snooper.Inspect(source, vlan, frame.Data, nowNs) : MulticastSnooper.Kind.Other;
        var members = isGroup && _snooper is not null && kind == MulticastSnooper.Kind.Other && !MulticastSnooper.IsAlwaysFlooded(destination)
            ? _groups.Find(destination | ((ulong)vlan << 48))
            : null;
        EthernetFrame? tagged = null;
        foreach (var port in _ports)
        {
            if (ReferenceEquals(port, source) || !MayReach(source, port) || !port.Vlans.Contains(vlan))
            {
                continue;
            }

            if (!port.IsMulticastRouter
                && ((kind == MulticastSnooper.Kind.Report && !IsMember(_groups.Routers(vlan), port, vlan, nowNs))
                    || (members is not null && !IsMember(members, port, vlan, nowNs) && !IsMember(_groups.Routers(vlan), port, vlan, nowNs))))
            {
                continue;
            }

            var sent = frame;
            if (port.Vlans.IsTagged(vlan))
            {
                sent = tagged ??= VlanTag.Insert(frame.Copy(), (ushort)((tag & ~VlanTag.VlanMask) | vlan));
            }

            sent.AddReference();
            port.Deliver(new ReadOnlySpan<EthernetFrame>(in sent));
        }

        tagged?.Release();
        frame.Release();
    }

    private bool IsMember(MulticastTable.Member[] members, SwitchPort port, ushort vlan, long nowNs)
    {
        foreach (var member in members)
        {
            if (ReferenceEquals(member.Port, port))
            {
                return _groups.IsFresh(member, vlan, nowNs);
            }
        }

        return false;
    }

    private static bool MayReach(SwitchPort source, SwitchPort port) =>
        (source.IsolationGroup == 0 || source.IsolationGroup != port.IsolationGroup) && source.Partition == port.Partition;

    /// <summary>The VLAN of a tagged frame. Tag 0 carries a priority only (IEEE 802.1Q §9.6).</summary>
    private static bool TryClassify(VlanMembership vlans, ReadOnlySpan<byte> data, out ushort vlan, out ushort tag)
    {
        vlan = 0;
        if (!VlanTag.TryRead(data, out tag))
        {
            return false;
        }

        vlan = (ushort)(tag & VlanTag.VlanMask);
        if (vlan == 0)
        {
            vlan = vlans.UntaggedVlan;
            return true;
        }

        return vlans.IsTagged(vlan);
    }
}
