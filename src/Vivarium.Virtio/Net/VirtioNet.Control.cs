using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <content>The control queue (Virtio 1.2 §5.1.6.5).</content>
public sealed partial class VirtioNet
{
    private const int CommandHeaderBytes = 2;
    private const int MacBytes = 6;

    /// <summary>Behind all pairs, or behind the first if the driver knows of no others.</summary>
    private int ControlQueueIndex => Has(NetBits.MultiQueue) ? 2 * _receiveQueues.Length : 2;

    /// <inheritdoc/>
    protected override long Process(Virtqueue queue, DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(chain);
        Span<byte> command = stackalloc byte[CommandHeaderBytes];
        if (chain.WritableBytes == 0 || !chain.TryRead(0, command))
        {
            queue.Complete(chain, 0);
            queue.Break("a command without room for its header or its answer");
            return 0;
        }

        var done = Has(NetBits.ControlQueue) && (NetCommandClass)command[0] switch
        {
            NetCommandClass.Receive when Has(NetBits.ControlReceive) => TrySetMode(command[1], chain),
            NetCommandClass.Mac => TrySetAddresses(command[1], chain),
            NetCommandClass.Vlan when Has(NetBits.ControlVlan) => TrySetVlan(command[1], chain),
            NetCommandClass.Announce when Has(NetBits.GuestAnnounce) => TryEndAnnouncement(command[1]),
            NetCommandClass.MultiQueue when Has(NetBits.MultiQueue) => TrySetPairs(command[1], chain),
            NetCommandClass.GuestOffloads when Has(NetBits.GuestOffloads) => TrySetOffloads(command[1], chain),
            _ => false,
        };
        chain.TryWrite(0, [done ? NetBits.Ok : NetBits.Error]);
        queue.Complete(chain, 1);
        return chain.ReadableBytes;
    }

    private static bool TryReadArgument(DescriptorChain chain, Span<byte> argument) =>
        chain.ReadableBytes == CommandHeaderBytes + argument.Length && chain.TryRead(CommandHeaderBytes, argument);

    private bool TrySetMode(byte command, DescriptorChain chain)
    {
        Span<byte> argument = stackalloc byte[1];
        if (!TryReadArgument(chain, argument) || argument[0] > 1 || (command > 1 && !Has(NetBits.ControlReceiveExtra)))
        {
            return false;
        }

        var isOn = argument[0] != 0;
        var filter = _receiver.Filter;
        switch (command)
        {
            case 0:
                _receiver.Filter = filter with { Everything = isOn };
                return true;
            case 1:
                _receiver.Filter = filter with { AllMulticast = isOn };
                return true;
            case 2:
                _receiver.Filter = filter with { AllUnicast = isOn };
                return true;
            case 3:
                _receiver.Filter = filter with { NoMulticast = isOn };
                return true;
            case 4:
                _receiver.Filter = filter with { NoUnicast = isOn };
                return true;
            case 5:
                _receiver.Filter = filter with { NoBroadcast = isOn };
                return true;
            default:
                return false;
        }
    }

    private bool TrySetAddresses(byte command, DescriptorChain chain)
    {
        if (command == 1 && Has(NetBits.ControlMac))
        {
            Span<byte> address = stackalloc byte[MacBytes];
            if (!TryReadArgument(chain, address) || MacAddress.Read(address).IsMulticast)
            {
                return false;
            }

            _receiver.Filter = _receiver.Filter with { Own = MacAddress.Read(address) };
            address.CopyTo(Configuration);
            return true;
        }

        var offset = (long)CommandHeaderBytes;
        if (command != 0 || !Has(NetBits.ControlReceive)
            || !TryReadTable(chain, ref offset, out var unicast, out var unicastOverflow)
            || !TryReadTable(chain, ref offset, out var multicast, out var multicastOverflow)
            || offset != chain.ReadableBytes)
        {
            return false;
        }

        _receiver.Filter = _receiver.Filter with
        {
            Unicast = unicast,
            UnicastOverflow = unicastOverflow,
            Multicast = multicast,
            MulticastOverflow = multicastOverflow,
        };
        return true;
    }

    private static bool TryReadTable(DescriptorChain chain, ref long offset, out MacAddress[] addresses, out bool overflows)
    {
        addresses = [];
        overflows = false;
        Span<byte> field = stackalloc byte[MacBytes];
        if (!chain.TryRead(offset, field[..4]))
        {
            return false;
        }

        var count = BinaryPrimitives.ReadUInt32LittleEndian(field);
        offset += 4;
        if (count > (chain.ReadableBytes - offset) / MacBytes)
        {
            return false;
        }

        overflows = count > ReceiveFilter.MaximumAddresses;
        addresses = new MacAddress[overflows ? 0 : count];
        for (var i = 0; i < addresses.Length; i++)
        {
            chain.TryRead(offset + (i * MacBytes), field);
            addresses[i] = MacAddress.Read(field);
        }

        offset += (long)count * MacBytes;
        return true;
    }

    private bool TrySetVlan(byte command, DescriptorChain chain)
    {
        Span<byte> argument = stackalloc byte[2];
        if (command > 1 || !TryReadArgument(chain, argument) || BinaryPrimitives.ReadUInt16LittleEndian(argument) is var vlan && vlan > 4095)
        {
            return false;
        }

        _receiver.Filter = _receiver.Filter.WithVlan(vlan, command == 0);
        return true;
    }

    private bool TryEndAnnouncement(byte command)
    {
        if (command != 0)
        {
            return false;
        }

        _announces = false;
        WriteStatusField();
        return true;
    }

    private bool TrySetPairs(byte command, DescriptorChain chain)
    {
        Span<byte> argument = stackalloc byte[2];
        if (command != 0 || !TryReadArgument(chain, argument))
        {
            return false;
        }

        var pairs = BinaryPrimitives.ReadUInt16LittleEndian(argument);
        if (pairs < 1 || pairs > _receiveQueues.Length)
        {
            return false;
        }

        _receiver.ActivePairs = pairs;

        // Buffers that the driver put into a queue before it was switched on, or frames that wait in one that was switched off.
        foreach (var queue in _receiveQueues)
        {
            if (queue.Pair >= pairs)
            {
                queue.ReturnHeld();
                queue.Clear();
            }
            else if (!queue.Queue.IsWorkPosted)
            {
                PostTurn(queue);
            }
        }

        return true;
    }

    private bool TrySetOffloads(byte command, DescriptorChain chain)
    {
        Span<byte> argument = stackalloc byte[8];
        if (command != 0 || !TryReadArgument(chain, argument))
        {
            return false;
        }

        var offloads = BinaryPrimitives.ReadUInt64LittleEndian(argument);
        if ((offloads & ~(DriverFeatures & NetBits.SwitchableOffloads)) != 0)
        {
            return false;
        }

        _guestOffloads = offloads;
        _receiver.Capabilities = CapabilitiesOf(offloads);
        return true;
    }
}
