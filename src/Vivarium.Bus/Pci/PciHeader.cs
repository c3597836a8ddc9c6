using System.Buffers.Binary;

namespace Vivarium.Bus;

/// <summary>Makes a function's configuration space from its description: header, capabilities list, registers of its own.</summary>
internal static class PciHeader
{
    /// <summary>Lays it out.</summary>
    /// <param name="description">What the function is and has.</param>
    /// <param name="messages">Where MSI is, if the function has it.</param>
    /// <param name="table">Where MSI-X is, if the function has it.</param>
    /// <exception cref="ArgumentException">The description is impossible.</exception>
    public static PciConfigurationSpace Create(PciFunctionDescription description, out int messages, out int table)
    {
        PciDescriptionRules.Check(description);
        var isExtended = description.Registers.Any(each => each.Offset + each.Values.Length > PciRegister.SpaceBytes);
        var space = new PciConfigurationSpace(isExtended ? PciRegister.ExtendedSpaceBytes : PciRegister.SpaceBytes);
        foreach (var registers in description.Registers)
        {
            space.Define(registers.Offset, registers.Values.Span, registers.WritableBits.Span, registers.Access);
        }

        var list = new CapabilityList(space);
        foreach (var capability in description.Capabilities)
        {
            list.Add(capability.Id, capability.Body.Span, capability.WritableBits.Span, capability.Access);
        }

        table = description.MsiX is { } msiX ? AddMsiX(list, msiX) : 0;
        messages = description.MsiMessageCount > 0 ? AddMsi(list, description.MsiMessageCount) : 0;
        DefineHeader(space, description, list.Finish());
        space.Reset();
        return space;
    }

    private static void DefineHeader(PciConfigurationSpace space, PciFunctionDescription description, byte firstCapability)
    {
        var command = (ulong)(PciRegister.CommandBusMaster | PciRegister.CommandParity | PciRegister.CommandSystemError);
        command |= description.InterruptPin != PciInterruptPin.None ? PciRegister.CommandInterruptDisable : 0UL;
        foreach (var bar in description.Bars)
        {
            command |= bar.Kind == PciBarKind.Io ? PciRegister.CommandIo : PciRegister.CommandMemory;
            DefineBar(space, bar);
        }

        space.Define(PciRegister.VendorId, 2, description.VendorId);
        space.Define(PciRegister.DeviceId, 2, description.DeviceId);
        space.Define(PciRegister.Command, 2, 0, command);
        space.Define(PciRegister.Status, 2, firstCapability != 0 ? PciRegister.StatusCapabilities : 0UL);
        space.Define(PciRegister.RevisionId, 1, description.RevisionId);
        space.Define(PciRegister.ClassCode, 3, description.ClassCode);
        space.Define(PciRegister.CacheLineSize, 1, 0, 0xFF);
        space.Define(PciRegister.LatencyTimer, 1, 0, 0xFF);
        space.Define(PciRegister.SubsystemVendorId, 2, description.SubsystemVendorId);
        space.Define(PciRegister.SubsystemId, 2, description.SubsystemId);
        space.Define(PciRegister.CapabilitiesPointer, 1, firstCapability);
        space.Define(PciRegister.InterruptLine, 1, 0, 0xFF);
        space.Define(PciRegister.InterruptPin, 1, (ulong)description.InterruptPin);
    }

    /// <summary>The writable bits are those of the address above the size: that is how guests find the size.</summary>
    private static void DefineBar(PciConfigurationSpace space, PciBar bar)
    {
        var kind = bar.Kind switch
        {
            PciBarKind.Io => 0x1UL,
            PciBarKind.Memory64 => 0x4UL,
            _ => 0x0UL,
        };
        kind |= bar.IsPrefetchable ? 0x8UL : 0;
        space.Define(PciRegister.BaseAddresses + (4 * bar.Index), bar.Kind == PciBarKind.Memory64 ? 8 : 4, kind, ~(bar.SizeBytes - 1));
    }

    private static int AddMsiX(CapabilityList list, PciMsiX msiX)
    {
        Span<byte> body = stackalloc byte[10];
        Span<byte> writable = stackalloc byte[10];
        BinaryPrimitives.WriteUInt16LittleEndian(body, (ushort)(msiX.VectorCount - 1));
        BinaryPrimitives.WriteUInt32LittleEndian(body[2..], msiX.TableOffset | (uint)msiX.Bar);
        BinaryPrimitives.WriteUInt32LittleEndian(body[6..], msiX.PendingOffset | (uint)msiX.Bar);
        writable.Clear();
        writable[1] = 0xC0;
        return list.Add(PciRegister.MsiXId, body, writable);
    }

    private static int AddMsi(CapabilityList list, int messageCount)
    {
        // With 64-bit addresses and masks for each message.
        Span<byte> body = stackalloc byte[22];
        Span<byte> writable = stackalloc byte[22];
        body.Clear();
        writable.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(body, (ushort)(0x180 | (int.Log2(messageCount) << 1)));
        BinaryPrimitives.WriteUInt16LittleEndian(writable, 0x71);
        BinaryPrimitives.WriteUInt64LittleEndian(writable[2..], ~3UL);
        BinaryPrimitives.WriteUInt16LittleEndian(writable[10..], 0xFFFF);
        BinaryPrimitives.WriteUInt32LittleEndian(writable[14..], (uint)((1UL << messageCount) - 1));
        return list.Add(PciRegister.MsiId, body, writable);
    }

    /// <summary>Places capabilities and links each to the one before.</summary>
    private sealed class CapabilityList(PciConfigurationSpace space)
    {
        private int _pending = -1;
        private byte _pendingId;
        private byte _first;

        public int Add(byte id, ReadOnlySpan<byte> body, ReadOnlySpan<byte> writableBits, IPciRegisterAccess? access = null)
        {
            var offset = space.FindFree(2 + body.Length);
            if (offset < 0)
            {
                throw new ArgumentException("The capabilities of a PCI function do not fit into its configuration space from 0x40 to 0xFF. Leave some out.");
            }

            space.Define(offset + 2, body, writableBits, access);
            Link((byte)offset);
            (_pending, _pendingId) = (offset, id);
            return offset;
        }

        /// <summary>Ends the list and returns where it begins; 0 if it is empty.</summary>
        public byte Finish()
        {
            Link(0);
            return _first;
        }

        private void Link(byte next)
        {
            if (_pending < 0)
            {
                _first = next;
            }
            else
            {
                space.Define(_pending, [_pendingId, next], [0, 0]);
            }
        }
    }
}
