using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <content>I/O commands (NVMe 1.4 §6) and the guest's buffers (§4.3).</content>
public sealed partial class NvmeController
{
    /// <summary>The largest transfer, in pages of 4 KiB as a power of two: 2 MiB.</summary>
    private const int MaximumTransferShift = 9;
    private const long MaximumTransferBytes = 4096L << MaximumTransferShift;
    private const int MaximumRanges = 256;
    private const int RangeBytes = 16;

    private readonly HashSet<NvmeCommand> _inFlight = [];
    private readonly Stack<NvmeCommand> _free = new();
    private readonly byte[] _prpEntry = new byte[sizeof(ulong)];

    private static int BlockShiftOf(IBlockBackend backend) => backend.BlockSizeBytes == 4096 ? 12 : 9;

    private static ulong BlocksOf(IBlockBackend backend) => (ulong)backend.SizeBytes >> BlockShiftOf(backend);

    private IBlockBackend? FindNamespace(uint id) => id >= 1 && id <= (uint)_namespaces.Count ? _namespaces[(int)id - 1] : null;

    private void ExecuteIo(NvmeCommand command)
    {
        if (FindNamespace(command.NamespaceId) is not { } backend)
        {
            if (command is { Opcode: 0x00, NamespaceId: uint.MaxValue } && _namespaces.Count == 1)
            {
                Begin(command, _namespaces[0], BlockJobKind.Flush);
                return;
            }

            Complete(command, NvmeStatus.InvalidNamespace);
            return;
        }

        switch (command.Opcode)
        {
            case 0x00:
                Begin(command, backend, BlockJobKind.Flush);
                break;
            case 0x01:
                Transfer(command, backend, BlockJobKind.Write);
                break;
            case 0x02:
                Transfer(command, backend, BlockJobKind.Read);
                break;
            case 0x08:
                WriteZeroes(command, backend);
                break;
            case 0x09:
                ManageDataset(command, backend);
                break;
            default:
                Complete(command, NvmeStatus.InvalidOpcode);
                break;
        }
    }

    private static bool IsOnDisk(IBlockBackend backend, ulong first, ulong count) => first <= BlocksOf(backend) && count <= BlocksOf(backend) - first;

    private void Transfer(NvmeCommand command, IBlockBackend backend, BlockJobKind kind)
    {
        var count = (command.Word(12) & 0xFFFF) + 1;
        var lengthBytes = (long)count << BlockShiftOf(backend);
        if (!IsOnDisk(backend, command.FirstBlock, count))
        {
            Complete(command, NvmeStatus.LbaOutOfRange);
            return;
        }

        if (kind == BlockJobKind.Write && backend.IsReadOnly)
        {
            Complete(command, NvmeStatus.WriteToReadOnly);
            return;
        }

        var job = _jobs.Rent();
        var status = lengthBytes > MaximumTransferBytes ? NvmeStatus.InvalidField : FindBuffers(command, lengthBytes, job.Segments);
        if (status != NvmeStatus.Success)
        {
            _jobs.Return(job);
            Complete(command, status);
            return;
        }

        job.Kind = kind;
        job.OffsetBytes = (long)command.FirstBlock << BlockShiftOf(backend);
        job.LengthBytes = lengthBytes;
        job.IsFlushedAfter = kind == BlockJobKind.Write && ((command.Word(12) & (1 << 30)) != 0 || !_hasWriteCache);
        Begin(command, backend, job);
    }

    private void WriteZeroes(NvmeCommand command, IBlockBackend backend)
    {
        var count = (command.Word(12) & 0xFFFF) + 1;
        if (!IsOnDisk(backend, command.FirstBlock, count) || backend.IsReadOnly)
        {
            Complete(command, backend.IsReadOnly ? NvmeStatus.WriteToReadOnly : NvmeStatus.LbaOutOfRange);
            return;
        }

        var job = _jobs.Rent();
        job.Kind = BlockJobKind.WriteZeroes;
        job.Ranges.Add(((long)command.FirstBlock << BlockShiftOf(backend), (long)count << BlockShiftOf(backend)));
        job.IsFlushedAfter = (command.Word(12) & (1 << 30)) != 0 || !_hasWriteCache;
        Begin(command, backend, job);
    }

    /// <summary>Dataset management: of its hints "deallocate" alone does something.</summary>
    private void ManageDataset(NvmeCommand command, IBlockBackend backend)
    {
        var count = (int)(command.Word(10) & 0xFF) + 1;
        if (backend.IsReadOnly)
        {
            Complete(command, NvmeStatus.WriteToReadOnly);
            return;
        }

        Span<byte> ranges = stackalloc byte[MaximumRanges * RangeBytes];
        ranges = ranges[..(count * RangeBytes)];
        var job = _jobs.Rent();
        var status = FindBuffers(command, ranges.Length, job.Segments);
        if (status == NvmeStatus.Success && !GuestBuffers.TryRead(_memory, job.Segments, 0, ranges))
        {
            status = NvmeStatus.DataTransferError;
        }

        job.Kind = BlockJobKind.Discard;
        for (var i = 0; i < count && status == NvmeStatus.Success; i++)
        {
            var range = ranges[(i * RangeBytes)..];
            var blocks = BinaryPrimitives.ReadUInt32LittleEndian(range[4..]);
            var first = BinaryPrimitives.ReadUInt64LittleEndian(range[8..]);
            status = IsOnDisk(backend, first, blocks) ? status : NvmeStatus.LbaOutOfRange;
            if (blocks > 0)
            {
                job.Ranges.Add(((long)first << BlockShiftOf(backend), (long)blocks << BlockShiftOf(backend)));
            }
        }

        if (status != NvmeStatus.Success || (command.Word(11) & (1 << 2)) == 0)
        {
            _jobs.Return(job);
            Complete(command, status);
            return;
        }

        Begin(command, backend, job);
    }

    private void Begin(NvmeCommand command, IBlockBackend backend, BlockJobKind kind)
    {
        var job = _jobs.Rent();
        job.Kind = kind;
        Begin(command, backend, job);
    }

    private void Begin(NvmeCommand command, IBlockBackend backend, BlockJob job)
    {
        job.Backend = backend;
        job.Tag = command.Queue.Id;
        job.Completed = (done, result) =>
        {
            if (result != BlockJobResult.Abandoned)
            {
                Complete(command, result switch
                {
                    BlockJobResult.Ok => NvmeStatus.Success,
                    BlockJobResult.BadBuffer => NvmeStatus.DataTransferError,
                    _ when done.Failure is BlockIOException { Kind: BlockErrorKind.Full } => NvmeStatus.CapacityExceeded,
                    _ => done.Kind == BlockJobKind.Read ? NvmeStatus.UnrecoveredRead : NvmeStatus.WriteFault,
                });
            }
        };
        _jobs.Begin(job);
    }

    /// <summary>
    /// The pieces of a buffer from its PRP entries: the first may begin within a page, the others are pages; the second entry is a page or, for more
    /// than one, a list, whose last entry of a page leads to the next page of it.
    /// </summary>
    private ushort FindBuffers(NvmeCommand command, long lengthBytes, List<(ulong Gpa, uint SizeBytes)> segments)
    {
        var page = PageBytes;
        if ((command.Prp1 & 3) != 0)
        {
            return NvmeStatus.InvalidPrpOffset;
        }

        var first = (uint)Math.Min(lengthBytes, page - (long)(command.Prp1 & (page - 1)));
        segments.Add((command.Prp1, first));
        lengthBytes -= first;
        if (lengthBytes <= 0)
        {
            return NvmeStatus.Success;
        }

        if (lengthBytes <= page)
        {
            segments.Add((command.Prp2, (uint)lengthBytes));
            return (command.Prp2 & (page - 1)) == 0 ? NvmeStatus.Success : NvmeStatus.InvalidPrpOffset;
        }

        var at = command.Prp2;
        if ((at & 7) != 0)
        {
            return NvmeStatus.InvalidPrpOffset;
        }

        // Each entry but those that lead on takes a page of the length, and after one that leads on there is always such a one.
        while (lengthBytes > 0)
        {
            if (!_memory.TryRead(at, _prpEntry))
            {
                return NvmeStatus.DataTransferError;
            }

            var entry = BinaryPrimitives.ReadUInt64LittleEndian(_prpEntry);
            if ((entry & (page - 1)) != 0)
            {
                return NvmeStatus.InvalidPrpOffset;
            }

            if ((at & (page - 1)) == page - sizeof(ulong) && lengthBytes > page)
            {
                at = entry;
                continue;
            }

            segments.Add((entry, (uint)Math.Min(lengthBytes, page)));
            lengthBytes -= page;
            at += sizeof(ulong);
        }

        return NvmeStatus.Success;
    }
}
