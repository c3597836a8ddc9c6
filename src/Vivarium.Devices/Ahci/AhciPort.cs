using System.Numerics;

namespace Vivarium.Devices;

/// <summary>
/// A port of an AHCI controller (AHCI 1.3.1 §3.3, §5.3): its registers, and the running of command slots. Commands run in the order of their slots
/// from the last one on; queued ones side by side, others alone. Device lock held.
/// </summary>
internal sealed partial class AhciPort : IAtaPort
{
    public const int SlotCount = 32;

    private const int CommandListBase = 0x00;
    private const int CommandListBaseHigh = 0x04;
    private const int FisBase = 0x08;
    private const int FisBaseHigh = 0x0C;
    private const int InterruptStatus = 0x10;
    private const int InterruptEnable = 0x14;
    private const int Command = 0x18;
    private const int TaskFile = 0x20;
    private const int SignatureRegister = 0x24;
    private const int LinkStatus = 0x28;
    private const int LinkControl = 0x2C;
    private const int LinkError = 0x30;
    private const int Active = 0x34;
    private const int Issue = 0x38;
    private const int Notification = 0x3C;

    private const uint CommandStart = 1 << 0;
    private const uint CommandSpinUp = 1 << 1;
    private const uint CommandPower = 1 << 2;
    private const uint CommandListOverride = 1 << 3;
    private const uint CommandFisReceive = 1 << 4;
    private const uint CommandFisRunning = 1 << 14;
    private const uint CommandRunning = 1 << 15;
    private const uint CommandAtapi = 1 << 24;
    private const uint CommandKept = CommandStart | CommandFisReceive | CommandAtapi | (1 << 25) | (1 << 26) | (1 << 27);

    private const uint InterruptBits = 0xFDC0_00FF;
    private const uint LinkUp = 0x133;
    private const uint LinkOffline = 0x4;
    private const uint NoDeviceTaskFile = 0x7F;

    private readonly Action<int> _interrupt;
    private readonly IGuestMemory _memory;
    private readonly BlockJobRunner _jobs;
    private readonly Func<bool> _isRunning;
    private readonly Func<bool> _mayUseMemory;
    private readonly AtaCommand[] _commands = [.. Enumerable.Range(0, SlotCount).Select(slot => new AtaCommand(slot))];
    private ulong _listGpa;
    private ulong _fisGpa;
    private uint _interruptStatus;
    private uint _interruptEnable;
    private uint _command;
    private uint _taskFile;
    private uint _signature;
    private uint _linkControl;
    private uint _linkError;
    private uint _active;
    private uint _issued;

    /// <summary>Slots whose commands the device has.</summary>
    private uint _running;
    private int _lastSlot;

    /// <summary>An error stopped the list until the guest stops and starts it.</summary>
    private bool _isHalted;
    private bool _isKicking;
    private bool _isSoftReset;

    /// <param name="number">The port's number.</param>
    /// <param name="memory">Guest memory.</param>
    /// <param name="jobs">Carries out what the devices want of their back ends.</param>
    /// <param name="isRunning">Whether commands may be begun: the machine is not paused.</param>
    /// <param name="mayUseMemory">Whether the guest allows the use of its memory.</param>
    /// <param name="interrupt">Hears, with the port's number, that interrupt status or enable changed.</param>
    public AhciPort(int number, IGuestMemory memory, BlockJobRunner jobs, Func<bool> isRunning, Func<bool> mayUseMemory, Action<int> interrupt)
    {
        _isRunning = isRunning;
        Number = number;
        _memory = memory;
        _jobs = jobs;
        _mayUseMemory = mayUseMemory;
        _interrupt = interrupt;
    }

    public int Number { get; }

    /// <summary>What is plugged in; null for nothing.</summary>
    public IAtaDevice? Device { get; set; }

    /// <summary>Whether an interrupt that the guest wants is due.</summary>
    public bool HasInterrupt => (_interruptStatus & _interruptEnable) != 0;

    public uint Read(int register) => register switch
    {
        CommandListBase => (uint)_listGpa,
        CommandListBaseHigh => (uint)(_listGpa >> 32),
        FisBase => (uint)_fisGpa,
        FisBaseHigh => (uint)(_fisGpa >> 32),
        InterruptStatus => _interruptStatus,
        InterruptEnable => _interruptEnable,
        Command => CommandRegister(),
        TaskFile => _taskFile,
        SignatureRegister => _signature,
        LinkStatus => Device is null ? 0 : (_linkControl & 0xF) == LinkOffline ? LinkOffline : LinkUp,
        LinkControl => _linkControl,
        LinkError => _linkError,
        Active => _active,
        Issue => _issued,
        _ => 0,
    };

    public void Write(int register, uint value)
    {
        switch (register)
        {
            case CommandListBase:
                _listGpa = (_listGpa & ~0xFFFF_FFFFUL) | (value & ~0x3FFU);
                break;
            case CommandListBaseHigh:
                _listGpa = (uint)_listGpa | ((ulong)value << 32);
                break;
            case FisBase:
                _fisGpa = (_fisGpa & ~0xFFFF_FFFFUL) | (value & ~0xFFU);
                break;
            case FisBaseHigh:
                _fisGpa = (uint)_fisGpa | ((ulong)value << 32);
                break;
            case InterruptStatus:
                _interruptStatus &= ~value;
                _interrupt(Number);
                break;
            case InterruptEnable:
                _interruptEnable = value & InterruptBits;
                _interrupt(Number);
                break;
            case Command:
                WriteCommand(value);
                break;
            case LinkControl:
                WriteLinkControl(value);
                break;
            case LinkError:
                _linkError &= ~value;
                break;
            case Active when (_command & CommandStart) != 0:
                _active |= value;
                break;
            case Issue when (_command & CommandStart) != 0:
                _issued |= value;
                Kick();
                break;
            case Notification:
            default:
                break;
        }
    }

    /// <summary>After power-on or a reset of the controller.</summary>
    public void Reset()
    {
        (_listGpa, _fisGpa) = (0, 0);
        (_interruptStatus, _interruptEnable, _command, _linkControl, _linkError) = (0, 0, 0, 0, 0);
        StopList();
        ResetLink();
    }

    /// <summary>Runs what was issued, as far as it can. The machine goes on, or the guest allowed the use of memory.</summary>
    public void Kick()
    {
        if (_isKicking)
        {
            return;
        }

        _isKicking = true;
        while (!_isHalted && Device is not null && (_command & CommandStart) != 0 && _isRunning() && _mayUseMemory() && TakeNext() is { } command)
        {
            _running |= 1u << command.Slot;
            Start(command);
        }

        _isKicking = false;
    }

    /// <summary>After a pause: what the device had is begun again.</summary>
    public void Resume()
    {
        _running = 0;
        Kick();
    }

    private uint CommandRegister()
    {
        var value = _command | CommandSpinUp | CommandPower | ((uint)_lastSlot << 8);
        value |= (_command & CommandFisReceive) != 0 ? CommandFisRunning : 0;
        return value | ((_command & CommandStart) != 0 ? CommandRunning : 0);
    }

    private void WriteCommand(uint value)
    {
        var before = _command;
        _command = value & CommandKept;
        if ((value & CommandListOverride) != 0)
        {
            _taskFile &= ~(uint)(AtaStatus.Busy | AtaStatus.DataRequest);
        }

        if ((before & ~_command & CommandStart) != 0)
        {
            StopList();
        }

        if ((_command & ~before & CommandFisReceive) != 0 && Device is not null)
        {
            SendSignature();
        }

        if ((_command & ~before & CommandStart) != 0)
        {
            Kick();
        }
    }

    private void WriteLinkControl(uint value)
    {
        var before = _linkControl & 0xF;
        _linkControl = value & 0xFFF;
        if (before == 1 && (value & 0xF) == 0)
        {
            StopCommands();
            ResetLink();
        }
    }

    private void StopList()
    {
        StopCommands();
        (_issued, _active, _lastSlot) = (0, 0, 0);
    }

    private void StopCommands()
    {
        _jobs.Abandon(job => job.Tag >> 8 == Number);
        _running = 0;
        _accepted = 0;
        _isHalted = false;
    }

    /// <summary>The device was reset and shows what it is.</summary>
    private void ResetLink()
    {
        _isSoftReset = false;
        _linkError = Device is null ? 0 : 1u << 26;
        _signature = Device?.Signature ?? uint.MaxValue;
        _taskFile = Device is null ? NoDeviceTaskFile : (1u << 8) | Device.ResetStatus;
        SendSignature();
    }

    /// <summary>The next slot in turn that can run now; null if there is none.</summary>
    private AtaCommand? TakeNext()
    {
        // A queued command stays active when it is no longer issued.
        var waiting = (_issued | (_active & _accepted)) & ~_running;
        if (waiting == 0 || HasExclusive())
        {
            return null;
        }

        var turned = BitOperations.RotateRight(waiting, (_lastSlot + 1) & 31);
        var slot = (BitOperations.TrailingZeroCount(turned) + _lastSlot + 1) & 31;
        var command = _commands[slot];
        if (!Fetch(command))
        {
            HostError();
            return null;
        }

        if (!command.IsQueued && _running != 0)
        {
            return null;
        }

        _lastSlot = slot;
        return command;
    }

    private bool HasExclusive() => _running != 0 && !_commands[BitOperations.TrailingZeroCount(_running)].IsQueued;
}
