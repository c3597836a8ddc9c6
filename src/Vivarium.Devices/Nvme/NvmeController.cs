namespace Vivarium.Devices;

/// <summary>
/// An NVMe controller (NVM Express 1.4) as a function of PCI: an admin queue and up to <see cref="NvmeOptions.QueueCount"/> pairs of I/O queues, MSI-X or a
/// pin, one namespace for each back end, flush, trim and write-zeroes. Work in flight at a pause is begun again afterwards, here or where the
/// state is restored. All members are called with the device lock held.
/// </summary>
/// <remarks>
/// Data goes through a buffer of the host's, 256 KiB at a time. What the back end cannot do is an error status for the guest, and the
/// controller goes on.
/// </remarks>
public sealed partial class NvmeController : IPciFunction, IWordRegisters
{
    private const int CapabilitiesOffset = 0x00;
    private const int VersionOffset = 0x08;
    private const int MaskSetOffset = 0x0C;
    private const int MaskClearOffset = 0x10;
    private const int ConfigurationOffset = 0x14;
    private const int StatusOffset = 0x1C;
    private const int AdminSizesOffset = 0x24;
    private const int AdminSubmissionOffset = 0x28;
    private const int AdminCompletionOffset = 0x30;
    private const int DoorbellsOffset = 0x1000;
    private const uint TableOffset = 0x2000;
    private const uint PendingOffset = 0x3000;
    private const int BarBytes = 0x4000;

    /// <summary>Queues of 1,024 entries that are contiguous, ten seconds to get ready, the NVM command set, pages of 4 to 64 KiB.</summary>
    private const ulong Capabilities = (MaximumQueueSize - 1) | (1UL << 16) | (20UL << 24) | (1UL << 37) | (4UL << 52);
    private const int MaximumQueueSize = 1024;
    private const uint Version = 0x0001_0400;
    private const uint ConfigurationEnable = 1;
    private const uint ConfigurationBits = 0x00FF_FFF1;
    private const uint StatusReady = 1;
    private const uint StatusFatal = 2;
    private const uint StatusShutdownComplete = 2 << 2;

    private readonly IPciHost _host;
    private readonly IGuestMemory _memory;
    private readonly BlockJobRunner _jobs;
    private readonly IReadOnlyList<IBlockBackend> _namespaces;
    private readonly NvmeOptions _options;
    private readonly NvmeSubmissionQueue?[] _submissions;
    private readonly NvmeCompletionQueue?[] _completions;
    private uint _interruptMask;
    private uint _configuration;
    private uint _status;
    private uint _adminSizes;
    private ulong _adminSubmissionGpa;
    private ulong _adminCompletionGpa;
    private bool _isRunning;

    /// <summary>Creates a controller.</summary>
    /// <param name="host">Its place on the bus.</param>
    /// <param name="stateName">Such as <c>nvme0</c>.</param>
    /// <param name="memory">Guest memory.</param>
    /// <param name="events">The machine's event queue.</param>
    /// <param name="namespaces">What stands behind namespaces 1, 2 and so on: 1 to 64. Stay the caller's, and must outlive the machine.</param>
    /// <param name="options">How the controller shows itself.</param>
    /// <exception cref="ArgumentException">There are too many namespaces, or none, or an option is impossible.</exception>
    public NvmeController(
        IPciHost host, string stateName, IGuestMemory memory, IVmEventQueue events, IReadOnlyList<IBlockBackend> namespaces, NvmeOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(stateName);
        ArgumentNullException.ThrowIfNull(namespaces);
        if (namespaces.Count is < 1 or > MaximumNamespaces)
        {
            throw new ArgumentException($"An NVMe controller has 1 to {MaximumNamespaces} namespaces, not {namespaces.Count}.", nameof(namespaces));
        }

        _host = host ?? throw new ArgumentNullException(nameof(host));
        _memory = memory ?? throw new ArgumentNullException(nameof(memory));
        _jobs = new BlockJobRunner(memory, events ?? throw new ArgumentNullException(nameof(events)));
        _namespaces = [.. namespaces];
        _options = options ?? new NvmeOptions();
        _options.Validate();
        StateName = stateName;
        _submissions = new NvmeSubmissionQueue?[_options.QueueCount + 1];
        _completions = new NvmeCompletionQueue?[_options.QueueCount + 1];
        Description = new PciFunctionDescription
        {
            VendorId = 0x1B36,
            DeviceId = 0x0010,
            ClassCode = 0x010802,
            RevisionId = 2,
            SubsystemVendorId = 0x1AF4,
            SubsystemId = 0x1100,
            Bars = [new PciBar(0, PciBarKind.Memory64, BarBytes)],
            InterruptPin = PciInterruptPin.A,
            MsiX = new PciMsiX(_options.QueueCount + 1, 0, TableOffset, PendingOffset),
        };
    }

    /// <inheritdoc/>
    public PciFunctionDescription Description { get; }

    /// <inheritdoc/>
    public string StateName { get; }

    private bool IsEnabled => (_status & (StatusReady | StatusFatal)) == StatusReady;

    /// <summary>Bytes of the pages that the guest chose.</summary>
    private uint PageBytes => 4096u << (int)((_configuration >> 7) & 0xF);

    /// <inheritdoc/>
    public IoResult ReadBar(int bar, ulong offset, int sizeBytes, out ulong value) => WordRegisters.Read(this, offset, sizeBytes, out value);

    /// <inheritdoc/>
    public IoResult WriteBar(int bar, ulong offset, int sizeBytes, ulong value) => WordRegisters.Write(this, offset, sizeBytes, value);

    /// <inheritdoc/>
    public void BusMasterChanged(bool enabled)
    {
        if (enabled)
        {
            ProcessAll();
        }
    }

    uint IWordRegisters.ReadWord(int offset) => offset switch
    {
        CapabilitiesOffset => unchecked((uint)Capabilities),
        CapabilitiesOffset + 4 => (uint)(Capabilities >> 32),
        VersionOffset => Version,
        MaskSetOffset or MaskClearOffset => _interruptMask,
        ConfigurationOffset => _configuration,
        StatusOffset => _status,
        AdminSizesOffset => _adminSizes,
        AdminSubmissionOffset => (uint)_adminSubmissionGpa,
        AdminSubmissionOffset + 4 => (uint)(_adminSubmissionGpa >> 32),
        AdminCompletionOffset => (uint)_adminCompletionGpa,
        AdminCompletionOffset + 4 => (uint)(_adminCompletionGpa >> 32),
        _ => 0,
    };

    void IWordRegisters.WriteWord(int offset, uint value)
    {
        switch (offset)
        {
            case MaskSetOffset:
                _interruptMask |= value;
                UpdatePin();
                break;
            case MaskClearOffset:
                _interruptMask &= ~value;
                UpdatePin();
                break;
            case ConfigurationOffset:
                WriteConfiguration(value & ConfigurationBits);
                break;
            case AdminSizesOffset:
                _adminSizes = value & 0x0FFF_0FFF;
                break;
            case AdminSubmissionOffset:
                _adminSubmissionGpa = (_adminSubmissionGpa & ~0xFFFF_FFFFUL) | (value & ~0xFFFU);
                break;
            case AdminSubmissionOffset + 4:
                _adminSubmissionGpa = (uint)_adminSubmissionGpa | ((ulong)value << 32);
                break;
            case AdminCompletionOffset:
                _adminCompletionGpa = (_adminCompletionGpa & ~0xFFFF_FFFFUL) | (value & ~0xFFFU);
                break;
            case AdminCompletionOffset + 4:
                _adminCompletionGpa = (uint)_adminCompletionGpa | ((ulong)value << 32);
                break;
            case >= DoorbellsOffset and < (int)TableOffset:
                WriteDoorbell((offset - DoorbellsOffset) / sizeof(uint), value);
                break;
            default:
                break;
        }
    }

    private void WriteConfiguration(uint value)
    {
        var wasEnabled = (_configuration & ConfigurationEnable) != 0;
        _configuration = value;
        if (!wasEnabled && (value & ConfigurationEnable) != 0)
        {
            Enable();
        }
        else if (wasEnabled && (value & ConfigurationEnable) == 0)
        {
            Disable();
        }

        // A shutdown has nothing to wait for but what is durable with the guest's own flush.
        _status = (_status & ~(3u << 2)) | (((value >> 14) & 3) != 0 ? StatusShutdownComplete : 0);
    }

    private void Enable()
    {
        var submissionSize = (int)(_adminSizes & 0xFFF) + 1;
        var completionSize = (int)(_adminSizes >> 16) + 1;
        var isPossible = submissionSize >= 2 && completionSize >= 2 && ((_configuration >> 4) & 7) == 0 && ((_configuration >> 7) & 0xF) <= 4
            && ((_configuration >> 16) & 0xF) == 6 && ((_configuration >> 20) & 0xF) == 4;

        // Linux sets the entry sizes together with the enable bit; SeaBIOS does too.
        if (!isPossible)
        {
            _status |= StatusFatal;
            return;
        }

        _completions[0] = new NvmeCompletionQueue(0, _adminCompletionGpa, completionSize, 0, hasInterrupt: true);
        _submissions[0] = new NvmeSubmissionQueue(0, _adminSubmissionGpa, submissionSize, _completions[0]!);
        _status |= StatusReady;
    }

    /// <summary>A reset of the controller: all queues and what was in them are gone.</summary>
    private void Disable()
    {
        _jobs.Abandon(_ => true);
        Array.Clear(_submissions);
        Array.Clear(_completions);
        _inFlight.Clear();
        _eventRequests.Clear();
        ResetFeatures();
        _status = 0;
        _interruptMask = 0;
        UpdatePin();
    }

    private void WriteDoorbell(int index, uint value)
    {
        var id = index >> 1;
        if (!IsEnabled || id >= _submissions.Length)
        {
            return;
        }

        if ((index & 1) == 0)
        {
            if (_submissions[id] is { } submissions && value < submissions.Size)
            {
                submissions.Tail = (int)value;
                Process(submissions);
            }
        }
        else if (_completions[id] is { } completions && value < completions.Size)
        {
            completions.Head = (int)value;
            UpdatePin();
            foreach (var submissions in _submissions)
            {
                if (submissions is not null && ReferenceEquals(submissions.Completions, completions))
                {
                    Process(submissions);
                }
            }
        }
    }

    private void ProcessAll()
    {
        foreach (var submissions in _submissions)
        {
            if (submissions is not null)
            {
                Process(submissions);
            }
        }
    }

    /// <summary>Begins what was submitted, as long as there will be room for its completion.</summary>
    private void Process(NvmeSubmissionQueue submissions)
    {
        // A command that is completed at once comes back here; the loop below goes on with the next.
        if (submissions.IsProcessing)
        {
            return;
        }

        submissions.IsProcessing = true;
        while (submissions.Head != submissions.Tail && submissions.Completions.HasRoom && IsEnabled && _isRunning && _host.IsBusMaster
            && ReferenceEquals(_submissions[submissions.Id], submissions))
        {
            if (!_free.TryPop(out var command))
            {
                command = new NvmeCommand();
            }

            if (!_memory.TryRead(submissions.Gpa + ((ulong)submissions.Head * NvmeCommand.Bytes), command.Raw))
            {
                _free.Push(command);
                _status |= StatusFatal;
                break;
            }

            submissions.Head = (submissions.Head + 1) % submissions.Size;
            submissions.Completions.Outstanding++;
            command.Queue = submissions;
            _inFlight.Add(command);
            Execute(command);
        }

        submissions.IsProcessing = false;
    }

    private void Execute(NvmeCommand command)
    {
        if (command.UsesSgl)
        {
            Complete(command, NvmeStatus.InvalidField);
        }
        else if (command.Queue.Id == 0)
        {
            ExecuteAdmin(command);
        }
        else
        {
            ExecuteIo(command);
        }
    }

    private void Complete(NvmeCommand command, ushort status, uint result = 0)
    {
        if (!_inFlight.Remove(command))
        {
            return;
        }

        var submissions = command.Queue;
        var completions = submissions.Completions;
        completions.Outstanding--;
        if (status != NvmeStatus.Success)
        {
            LogError(command, status);
        }

        if (ReferenceEquals(_completions[completions.Id], completions) && !completions.Post(_memory, submissions, command.Id, result, status))
        {
            _status |= StatusFatal;
        }

        _free.Push(command);
        if (completions.HasInterrupt && !_host.SignalMessage(completions.Vector))
        {
            UpdatePin();
        }

        if (submissions.Head != submissions.Tail)
        {
            Process(submissions);
        }
    }

    private void UpdatePin()
    {
        var isDue = false;
        foreach (var completions in _completions)
        {
            isDue |= completions is { HasInterrupt: true, HasEntries: true } && (_interruptMask >> (completions.Vector & 31) & 1) == 0;
        }

        _host.SetInterruptPin(isDue);
    }
}
