using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <content>Admin commands (NVMe 1.4 §5).</content>
public sealed partial class NvmeController
{
    private const int MaximumNamespaces = 64;
    private const int MaximumEventRequests = 4;
    private const int ErrorLogEntries = 16;
    private const int ErrorEntryBytes = 64;

    /// <summary>Asynchronous event requests: nothing here ever happens that they would tell.</summary>
    private readonly Queue<NvmeCommand> _eventRequests = new();
    private readonly byte[] _errors = new byte[ErrorLogEntries * ErrorEntryBytes];
    private readonly List<(ulong Gpa, uint SizeBytes)> _replySegments = [];
    private ulong _errorCount;
    private bool _hasWriteCache = true;
    private uint _arbitration;
    private uint _temperatureThreshold;
    private uint _eventConfiguration;

    private void ExecuteAdmin(NvmeCommand command)
    {
        switch (command.Opcode)
        {
            case 0x00:
                DeleteSubmissionQueue(command);
                break;
            case 0x01:
                CreateSubmissionQueue(command);
                break;
            case 0x02:
                GetLogPage(command);
                break;
            case 0x04:
                DeleteCompletionQueue(command);
                break;
            case 0x05:
                CreateCompletionQueue(command);
                break;
            case 0x06:
                Identify(command);
                break;
            case 0x08:
                // An abort is best effort; what was begun on the host is not stopped.
                Complete(command, NvmeStatus.Success, 1);
                break;
            case 0x09:
                SetFeature(command);
                break;
            case 0x0A:
                GetFeature(command);
                break;
            case 0x0C when _eventRequests.Count < MaximumEventRequests:
                _eventRequests.Enqueue(command);

                // It waits without holding a place in the completion queue.
                command.Queue.Completions.Outstanding--;
                _inFlight.Remove(command);
                break;
            case 0x0C:
                Complete(command, NvmeStatus.AsyncEventLimit);
                break;
            default:
                Complete(command, NvmeStatus.InvalidOpcode);
                break;
        }
    }

    private void CreateCompletionQueue(NvmeCommand command)
    {
        var id = (int)(command.Word(10) & 0xFFFF);
        var size = (int)(command.Word(10) >> 16) + 1;
        var vector = (int)(command.Word(11) >> 16);
        var status = CheckNewQueue(id, size, command, _completions);
        if (status == NvmeStatus.Success && vector > _options.QueueCount)
        {
            status = NvmeStatus.InvalidVector;
        }

        if (status == NvmeStatus.Success)
        {
            _completions[id] = new NvmeCompletionQueue(id, command.Prp1, size, vector, (command.Word(11) & 2) != 0);
        }

        Complete(command, status);
    }

    private void CreateSubmissionQueue(NvmeCommand command)
    {
        var id = (int)(command.Word(10) & 0xFFFF);
        var size = (int)(command.Word(10) >> 16) + 1;
        var completionId = (int)(command.Word(11) >> 16);
        var status = CheckNewQueue(id, size, command, _submissions);
        if (status == NvmeStatus.Success && (completionId == 0 || completionId >= _completions.Length || _completions[completionId] is null))
        {
            status = NvmeStatus.InvalidCompletionQueue;
        }

        if (status == NvmeStatus.Success)
        {
            _submissions[id] = new NvmeSubmissionQueue(id, command.Prp1, size, _completions[completionId]!);
        }

        Complete(command, status);
    }

    /// <summary>Queues must be contiguous, and begin with a page.</summary>
    private ushort CheckNewQueue(int id, int size, NvmeCommand command, object?[] queues) =>
        id == 0 || id >= queues.Length || queues[id] is not null ? NvmeStatus.InvalidQueueId
        : size is < 2 or > MaximumQueueSize ? NvmeStatus.InvalidQueueSize
        : (command.Word(11) & 1) == 0 || (command.Prp1 & (PageBytes - 1)) != 0 ? NvmeStatus.InvalidField
        : NvmeStatus.Success;

    /// <summary>Commands of the queue that are in flight are completed as aborted.</summary>
    private void DeleteSubmissionQueue(NvmeCommand command)
    {
        var id = (int)(command.Word(10) & 0xFFFF);
        if (id == 0 || id >= _submissions.Length || _submissions[id] is not { } submissions)
        {
            Complete(command, NvmeStatus.InvalidQueueId);
            return;
        }

        _submissions[id] = null;
        _jobs.Abandon(job => job.Tag == id);
        foreach (var each in _inFlight.Where(each => ReferenceEquals(each.Queue, submissions)).ToArray())
        {
            Complete(each, NvmeStatus.AbortedBySqDeletion);
        }

        Complete(command, NvmeStatus.Success);
    }

    private void DeleteCompletionQueue(NvmeCommand command)
    {
        var id = (int)(command.Word(10) & 0xFFFF);
        if (id == 0 || id >= _completions.Length || _completions[id] is not { } completions)
        {
            Complete(command, NvmeStatus.InvalidQueueId);
        }
        else if (Array.Exists(_submissions, each => ReferenceEquals(each?.Completions, completions)))
        {
            Complete(command, NvmeStatus.InvalidQueueDeletion);
        }
        else
        {
            _completions[id] = null;
            UpdatePin();
            Complete(command, NvmeStatus.Success);
        }
    }

    private void Identify(NvmeCommand command)
    {
        Span<byte> data = stackalloc byte[4096];
        data.Clear();
        switch (command.Word(10) & 0xFF)
        {
            case 0 when FindNamespace(command.NamespaceId) is { } backend:
                NvmeIdentification.Namespace(data, BlocksOf(backend), BlockShiftOf(backend), backend);
                break;
            case 0 when command.NamespaceId == uint.MaxValue:
                NvmeIdentification.Namespace(data, 0, 9, _namespaces[0]);
                break;
            case 1:
                NvmeIdentification.Controller(data, _options.SerialNumber, _namespaces.Count, MaximumTransferShift, MaximumEventRequests, ErrorLogEntries);
                break;
            case 2:
                var at = 0;
                for (var id = 1u; id <= (uint)_namespaces.Count; id++)
                {
                    if (id > command.NamespaceId)
                    {
                        BinaryPrimitives.WriteUInt32LittleEndian(data[(4 * at++)..], id);
                    }
                }

                break;
            case 3 when FindNamespace(command.NamespaceId) is not null:
                NvmeIdentification.NamespaceNames(data, _options.SerialNumber, command.NamespaceId);
                break;
            case 0 or 3:
                Complete(command, NvmeStatus.InvalidNamespace);
                return;
            default:
                Complete(command, NvmeStatus.InvalidField);
                return;
        }

        Reply(command, data);
    }

    private void GetLogPage(NvmeCommand command)
    {
        var lengthBytes = (((long)(command.Word(11) & 0xFFFF) << 16) | (command.Word(10) >> 16)) + 1 << 2;
        var offset = command.Word(12) | ((ulong)command.Word(13) << 32);
        Span<byte> page = stackalloc byte[ErrorLogEntries * ErrorEntryBytes];
        page.Clear();
        switch (command.Word(10) & 0xFF)
        {
            case 1:
                _errors.CopyTo(page);
                break;
            case 2:
                // Healthy, at 300 K, all of the spare there.
                page = page[..512];
                BinaryPrimitives.WriteUInt16LittleEndian(page[1..], 300);
                page[3] = 100;
                page[4] = 10;
                BinaryPrimitives.WriteUInt64LittleEndian(page[176..], _errorCount);
                break;
            case 3:
                page = page[..512];
                page[0] = 1;
                "1.0     "u8.CopyTo(page[8..]);
                break;
            default:
                Complete(command, NvmeStatus.InvalidLogPage);
                return;
        }

        if (offset > (ulong)page.Length || lengthBytes > MaximumTransferBytes || (offset & 3) != 0)
        {
            Complete(command, NvmeStatus.InvalidField);
            return;
        }

        page = page[(int)offset..];
        Reply(command, page[..(int)Math.Min(page.Length, lengthBytes)]);
    }

    private void SetFeature(NvmeCommand command)
    {
        var value = command.Word(11);
        if ((command.Word(10) & (1u << 31)) != 0)
        {
            Complete(command, NvmeStatus.FeatureNotSaveable);
            return;
        }

        switch (command.Word(10) & 0xFF)
        {
            case 0x01:
                _arbitration = value;
                break;
            case 0x04:
                _temperatureThreshold = value & 0xFFFF;
                break;
            case 0x06:
                _hasWriteCache = (value & 1) != 0;
                break;
            case 0x07:
                Complete(command, NvmeStatus.Success, AllottedQueues());
                return;
            case 0x02 or 0x05 or 0x08 or 0x09 or 0x0A:
                // Power states, recovery, coalescing and atomicity are as they are.
                break;
            case 0x0B:
                _eventConfiguration = value;
                break;
            default:
                Complete(command, NvmeStatus.InvalidField);
                return;
        }

        Complete(command, NvmeStatus.Success);
    }

    private void GetFeature(NvmeCommand command)
    {
        uint? value = (command.Word(10) & 0xFF) switch
        {
            0x01 => _arbitration,
            0x02 or 0x05 or 0x08 or 0x0A => 0,
            0x09 => command.Word(11) & 0xFFFF,
            0x04 => _temperatureThreshold,
            0x06 => _hasWriteCache ? 1u : 0,
            0x07 => AllottedQueues(),
            0x0B => _eventConfiguration,
            _ => null,
        };
        Complete(command, value is null ? NvmeStatus.InvalidField : NvmeStatus.Success, value ?? 0);
    }

    private uint AllottedQueues() => (uint)(_options.QueueCount - 1) * 0x1_0001;

    private void ResetFeatures()
    {
        _hasWriteCache = true;
        (_arbitration, _temperatureThreshold, _eventConfiguration) = (0, 0x157, 0);
    }

    private void Reply(NvmeCommand command, ReadOnlySpan<byte> data)
    {
        _replySegments.Clear();
        var status = FindBuffers(command, data.Length, _replySegments);
        if (status == NvmeStatus.Success && !GuestBuffers.TryWrite(_memory, _replySegments, 0, data))
        {
            status = NvmeStatus.DataTransferError;
        }

        Complete(command, status);
    }

    /// <summary>The newest error is first in the log.</summary>
    private void LogError(NvmeCommand command, ushort status)
    {
        _errors.AsSpan(0, _errors.Length - ErrorEntryBytes).CopyTo(_errors.AsSpan(ErrorEntryBytes));
        var entry = _errors.AsSpan(0, ErrorEntryBytes);
        entry.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(entry, ++_errorCount);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[8..], (ushort)command.Queue.Id);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[10..], command.Id);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[12..], (ushort)(status << 1));
        BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], command.FirstBlock);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[24..], command.NamespaceId);
    }
}
