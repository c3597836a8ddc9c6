using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>A submission queue (NVMe 1.4 §4.1).</summary>
internal sealed class NvmeSubmissionQueue(int id, ulong gpa, int size, NvmeCompletionQueue completions)
{
    public int Id { get; } = id;

    public ulong Gpa { get; } = gpa;

    public int Size { get; } = size;

    public NvmeCompletionQueue Completions { get; } = completions;

    public int Head { get; set; }

    public int Tail { get; set; }

    public bool IsProcessing { get; set; }
}

/// <summary>A completion queue (NVMe 1.4 §4.1, §4.6).</summary>
internal sealed class NvmeCompletionQueue(int id, ulong gpa, int size, int vector, bool hasInterrupt)
{
    public int Id { get; } = id;

    public ulong Gpa { get; } = gpa;

    public int Size { get; } = size;

    public int Vector { get; } = vector;

    public bool HasInterrupt { get; } = hasInterrupt;

    public int Head { get; set; }

    public int Tail { get; set; }

    /// <summary>The phase bit of the entries that are written in this pass.</summary>
    public bool Phase { get; set; } = true;

    /// <summary>How many commands will be completed here.</summary>
    public int Outstanding { get; set; }

    public bool HasEntries => Head != Tail;

    /// <summary>Whether one more command can be begun and be sure of its entry.</summary>
    public bool HasRoom => ((Tail - Head + Size) % Size) + Outstanding < Size - 1;

    /// <summary>Writes an entry; false if the queue is not memory.</summary>
    public bool Post(IGuestMemory memory, NvmeSubmissionQueue submissions, ushort commandId, uint result, ushort status)
    {
        Span<byte> entry = stackalloc byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(entry, result);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], 0);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[8..], (ushort)submissions.Head);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[10..], (ushort)submissions.Id);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[12..], commandId);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[14..], (ushort)((status << 1) | (Phase ? 1 : 0)));

        // The word with the phase bit goes last: a guest that polls must not see an entry in part.
        var at = Gpa + ((ulong)Tail * 16);
        var isWritten = memory.TryWrite(at, entry[..12]) && memory.TryWrite(at + 12, entry[12..]);
        Tail++;
        if (Tail == Size)
        {
            (Tail, Phase) = (0, !Phase);
        }

        return isWritten;
    }
}

/// <summary>A command as the guest wrote it, while the controller has it.</summary>
internal sealed class NvmeCommand
{
    public const int Bytes = 64;

    private readonly byte[] _bytes = new byte[Bytes];

    public NvmeSubmissionQueue Queue { get; set; } = null!;

    public Span<byte> Raw => _bytes;

    public byte Opcode => _bytes[0];

    /// <summary>Whether the buffers are described by lists that this controller does not have.</summary>
    public bool UsesSgl => (_bytes[1] & 0xC0) != 0;

    public ushort Id => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(2));

    public uint NamespaceId => Word(1);

    public ulong Prp1 => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(24));

    public ulong Prp2 => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(32));

    public ulong FirstBlock => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(40));

    public uint Word(int index) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(4 * index));
}
