using System.Numerics;

namespace Vivarium.Bus;

/// <summary>
/// MSI with 64-bit addresses and masks (PCI Local Bus 3.0 §6.8.1), whose registers all are in configuration space. Messages that may not be sent
/// wait as pending bits. Device lock held.
/// </summary>
/// <param name="space">The function's configuration space.</param>
/// <param name="offset">Where the capability is in it.</param>
/// <param name="target">Who takes messages.</param>
internal sealed class PciMessages(PciConfigurationSpace space, int offset, IMsiTarget target)
{
    private const int ControlOffset = 2;
    private const int AddressOffset = 4;
    private const int DataOffset = 12;
    private const int MaskOffset = 16;
    private const int PendingOffset = 20;

    private bool _maySend;

    public bool IsEnabled => (Control & 1) != 0;

    private ushort Control => space.ReadUInt16(offset + ControlOffset);

    /// <summary>How many messages the guest allotted: not more than the function asked for, whatever it wrote.</summary>
    private int Allotted => 1 << Math.Min((Control >> 4) & 7, (Control >> 1) & 7);

    private uint Pending
    {
        get => space.ReadUInt32(offset + PendingOffset);
        set => System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(space.Values[(offset + PendingOffset)..], value);
    }

    public void Signal(int vector)
    {
        if (vector >= 0)
        {
            Pending |= 1u << (vector & (Allotted - 1));
            SendUnmasked();
        }
    }

    /// <summary>The capability or the command register changed: sends what is due.</summary>
    /// <param name="maySend">MSI is enabled, MSI-X is not, and the function may write to memory.</param>
    public void Update(bool maySend)
    {
        _maySend = maySend;
        SendUnmasked();
    }

    /// <summary>Takes saved pending bits; <see cref="Update"/> has to follow.</summary>
    public void Restore(uint pending) => Pending = pending & (uint)((1UL << (1 << ((Control >> 1) & 7))) - 1);

    public uint SavePending() => Pending;

    private void SendUnmasked()
    {
        var due = _maySend ? Pending & ~space.ReadUInt32(offset + MaskOffset) : 0;
        Pending &= ~due;
        var address = space.ReadUInt32(offset + AddressOffset) | ((ulong)space.ReadUInt32(offset + AddressOffset + 4) << 32);
        for (; due != 0; due &= due - 1)
        {
            // The low bits of the data, as many as tell the allotted messages apart, are the message's number.
            var low = (uint)Allotted - 1;
            var number = (uint)BitOperations.TrailingZeroCount(due);
            target.SendMsi(address, (space.ReadUInt16(offset + DataOffset) & ~low) | (number & low));
        }
    }
}
