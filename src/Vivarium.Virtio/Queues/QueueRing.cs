using Vivarium.Memory;

namespace Vivarium.Virtio;

/// <summary>One format of virtqueue, laid over guest memory. What the driver wrote there is hostile; nothing here throws or runs on.</summary>
internal abstract class QueueRing(GuestMemory memory, QueueLayout layout)
{
    protected const ushort NextFlag = 1;
    protected const ushort WriteFlag = 2;
    protected const ushort IndirectFlag = 4;
    protected const int DescriptorBytes = 16;

    protected GuestMemory Memory { get; } = memory;

    protected QueueLayout Layout { get; } = layout;

    protected int Size => Layout.Size;

    /// <summary>Where both sides stand, as the state is saved.</summary>
    public abstract ulong Position { get; set; }

    /// <summary>Whether the layout lies in memory at its alignment; the reason why not, or null.</summary>
    public abstract string? Check();

    /// <summary>Takes the next buffer.</summary>
    /// <param name="chain">Cleared; filled in if there is one.</param>
    /// <param name="fault">What is wrong with the ring, if the result is <see cref="TakeResult.Broken"/>.</param>
    public abstract TakeResult TryTake(DescriptorChain chain, out string? fault);

    /// <summary>Forgets that a buffer was taken: the one taken last.</summary>
    public abstract void Untake(DescriptorChain chain);

    /// <summary>Gives a buffer back; false if the ring is not writable memory any more.</summary>
    public abstract bool TryGive(DescriptorChain chain, uint writtenBytes);

    /// <summary>Whether the driver wants an interrupt for what was given since the last call.</summary>
    public abstract bool TakeInterruptWish();

    /// <summary>Asks the driver to kick for the next buffer; true if one is there already.</summary>
    public abstract bool RequestKick();

    /// <summary>Reads the table of an indirect descriptor into <paramref name="chain"/>.</summary>
    protected string? TakeIndirect(DescriptorChain chain, ulong tableGpa, uint tableBytes, bool linked)
    {
        if (!Layout.HasIndirect)
        {
            return "an indirect descriptor, which was not negotiated";
        }

        var count = tableBytes / DescriptorBytes;
        if (tableBytes % DescriptorBytes != 0 || count == 0)
        {
            return $"an indirect table of {tableBytes} bytes";
        }

        if (!Memory.Contains(tableGpa, tableBytes, writable: false))
        {
            return "an indirect table outside guest memory";
        }

        var index = 0u;
        for (var taken = 0; ; taken++)
        {
            if (taken == Size)
            {
                return "an indirect table that loops or is longer than the queue";
            }

            if (!Memory.TryRead(tableGpa + (index * DescriptorBytes), out Descriptor descriptor))
            {
                return "an indirect table outside guest memory";
            }

            var flags = linked ? descriptor.Flags : descriptor.PackedFlags;
            if ((flags & IndirectFlag) != 0)
            {
                return "an indirect table in an indirect table";
            }

            if (chain.Append(descriptor.Gpa, descriptor.SizeBytes, (flags & WriteFlag) != 0) is { } fault)
            {
                return fault;
            }

            // A linked table goes where its links say; a packed one is used from its first to its last descriptor.
            if (linked ? (flags & NextFlag) == 0 : index + 1 == count)
            {
                return null;
            }

            index = linked ? descriptor.Next : index + 1;
            if (index >= count)
            {
                return "a link out of its indirect table";
            }
        }
    }

    /// <summary>Whether stepping from <paramref name="before"/> to <paramref name="now"/> passed the event index (Virtio 1.2 §2.7.7.2).</summary>
    protected static bool Passes(ushort eventIndex, ushort now, ushort before) => (ushort)(now - eventIndex - 1) < (ushort)(now - before);

    /// <summary>A descriptor of either format; the last four bytes differ.</summary>
    protected readonly struct Descriptor
    {
        public readonly ulong Gpa;
        public readonly uint SizeBytes;

        /// <summary>Split: flags. Packed: the buffer's ID.</summary>
        public readonly ushort Flags;

        /// <summary>Split: the next descriptor. Packed: flags.</summary>
        public readonly ushort Next;

        public Descriptor(ulong gpa, uint sizeBytes, ushort flags, ushort next)
        {
            Gpa = gpa;
            SizeBytes = sizeBytes;
            Flags = flags;
            Next = next;
        }

        public ushort PackedFlags => Next;

        public ushort PackedId => Flags;
    }
}

/// <summary>What came of looking for a buffer.</summary>
internal enum TakeResult
{
    /// <summary>There is none.</summary>
    Empty,

    /// <summary>There is one.</summary>
    Taken,

    /// <summary>The ring is malformed.</summary>
    Broken,
}

/// <summary>Where a queue's three areas are, and what was negotiated for it.</summary>
internal readonly record struct QueueLayout(int Size, ulong DescriptorGpa, ulong DriverGpa, ulong DeviceGpa, bool HasIndirect, bool HasEventIndex);
