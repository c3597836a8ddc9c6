using Microsoft.Extensions.Logging.Abstractions;
using Vivarium.Devices;
using Vivarium.Devices.Tests.Fakes;
using Vivarium.Network;
using Vivarium.Tests;
using Vivarium.Virtio;

namespace Vivarium.Fuzzing.Tests;

/// <summary>
/// Accesses of a guest to a whole machine of the PC preset with disks, networks and virtio devices: ports, memory-mapped registers, PCI
/// configuration space and the processor's APIC, while its timers and events run.
/// </summary>
/// <param name="isBroken">There is a device with sixteen registers behind an index that it takes as it comes, once it was unlocked.</param>
internal sealed class DeviceTarget(bool isBroken) : FuzzTarget
{
    private const int MaxSteps = 200;
    private const int InputsOfAMachine = 256;

    /// <summary>Inputs between two waits for the machine's own thread, which cost more than the inputs. A failure there is of one of the last.</summary>
    private const int InputsOfASettling = 8;

    private static readonly byte[] s_cleared = new byte[1 << 20];
    private const ulong BarsGpa = 0xE000_0000;
    private static readonly ushort[] s_ports =
    [
        0x20, 0x21, 0x40, 0x41, 0x42, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x92, 0xA0, 0xA1, 0xE9, 0xF0, 0x2F8, 0x3F8, 0x3F9, 0x3FA, 0x3FB, 0x3FC, 0x3FE, 0x402, 0x4D0, 0x4D1, 0x510, 0x511, 0x514, 0x518,
        0x5A0, 0x5A1, 0x600, 0x604, 0x608, 0x60C, 0x610, 0x614, 0x618, 0xCF8, 0xCF9, 0xCFC, 0xCFE,
    ];

    private readonly List<IDisposable> _owned = [];
    private VirtualMachine? _machine;
    private List<ScriptedCpu> _cpus = [];
    private DeviceContext? _context;
    private int _inputs;

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        [0, 40, 2, 0, 0, 0, 0x80, 1, 41, 2, 0], [0, 3, 0, 0x34, 0, 0x34, 0, 0, 0, 0, 0, 0, 0, 0xFF], [0, 8, 0, 0x20, 0, 0, 0, 1, 6, 0], [2, 0, 0x10, 2, 4, 0, 0, 0], [3, 0, 0x14, 2], [2, 3, 0xF0, 2, 0xFF, 1, 0, 0],
        [4, 0x80, 2, 1, 0, 0, 0], [5, 0x30, 1, 2, 3, 4], [0, 27, 1, 0x19, 0, 0, 0, 1, 27, 0], [0, 28, 2, 0, 0, 0, 1], [6, 5, 1, 2, 3], [2, 5, 0x14, 2, 1, 0, 0x46, 0], [0, 30, 0, 0x55, 0, 0, 0], [7, 9],
    ];

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        var machine = _inputs++ % InputsOfAMachine == 0 || _machine is null || _machine.State != MachineState.Running ? Renew() : _machine;
        Reset(machine);
        var plan = _cpus[0].Plan;
        var bars = AssignBars(plan.PortIo);
        var choices = new FuzzInput(input);
        for (var step = 0; !choices.IsEmpty && step < MaxSteps; step++)
        {
            switch (choices.Below(8))
            {
                case 0:
                    plan.PortIo.WritePort(s_ports[choices.Below(s_ports.Length)], 1 << choices.Below(3), choices.U32());
                    break;
                case 1:
                    var port = s_ports[choices.Below(s_ports.Length)];
                    reached.NoteMagnitude(port, plan.PortIo.ReadPort(port, 1 << choices.Below(3)));
                    break;
                case 2:
                    plan.MmioPort.WriteMmio(Place(ref choices, bars), 1 << choices.Below(4), choices.U32());
                    break;
                case 3:
                    var gpa = Place(ref choices, bars);
                    reached.NoteMagnitude((int)(gpa >> 12), (long)plan.MmioPort.ReadMmio(gpa, 1 << choices.Below(4)));
                    break;
                case 4:
                    plan.MmioPort.WriteMmio(MemoryLayout.PciConfigurationGpa + ((ulong)choices.Below(20) << 15) + choices.U8(), 1 << choices.Below(3), choices.U32());
                    break;
                case 5:
                    plan.LocalApic.WriteRegister((uint)choices.U8() << 4, 4, choices.U32());
                    break;
                case 6:
                    Write(machine, (ulong)choices.U16() << 4, choices.Bytes(choices.Below(64)));
                    break;
                default:
                    plan.LocalApic.AcknowledgeInterrupt();
                    break;
            }
        }

        if (_inputs % InputsOfASettling == 0)
        {
            Settle(machine);
        }
    }

    public override void Dispose()
    {
        _machine?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _owned.ForEach(each => each.Dispose());
    }

    /// <summary>As the reset button, but without parking a processor that executes nothing.</summary>
    private void Reset(VirtualMachine machine)
    {
        lock (_context!.DeviceLock)
        {
            foreach (var unit in _context.Units)
            {
                unit.Reset();
            }
        }

        Write(machine, 0, s_cleared);
    }

    /// <summary>As a device writes: a machine that the guest restarts takes its old memory away under the same lock.</summary>
    private void Write(VirtualMachine machine, ulong gpa, ReadOnlySpan<byte> bytes)
    {
        lock (_context!.DeviceLock)
        {
            machine.Memory.TryWrite(gpa, bytes);
        }
    }

    /// <summary>Waits until what was posted has run; a defect that ended the machine is this input's.</summary>
    private static void Settle(VirtualMachine machine)
    {
        if (machine.State == MachineState.Running)
        {
            using var done = new ManualResetEventSlim();
            machine.Events.Post(done.Set);
            // A guest that asked for its end has no more events.
            while (!done.Wait(20) && machine.State == MachineState.Running)
            {
            }
        }

        var ended = machine.WaitForShutdownAsync();
        if (ended.IsFaulted)
        {
            ended.GetAwaiter().GetResult();
        }
    }

    private static ulong Place(ref FuzzInput choices, List<ulong> bars)
    {
        var which = choices.Below(bars.Count + 2);
        var offset = choices.U16();
        return which < bars.Count ? bars[which] + offset : which == bars.Count ? IoApic.DefaultAddress + (offset & 0xFFu) : Hpet.DefaultAddress + (offset & 0x3FFu);
    }

    /// <summary>As firmware does it: a place of 1 MiB for each memory base address.</summary>
    private static List<ulong> AssignBars(IPortIo ports)
    {
        var bars = new List<ulong>();
        uint Read(uint slot, uint register)
        {
            ports.WritePort(0xCF8, 4, 0x8000_0000 | (slot << 11) | register);
            return ports.ReadPort(0xCFC, 4);
        }

        void Write(uint slot, uint register, uint value)
        {
            ports.WritePort(0xCF8, 4, 0x8000_0000 | (slot << 11) | register);
            ports.WritePort(0xCFC, 4, value);
        }

        for (var slot = 1u; slot < 20; slot++)
        {
            if ((Read(slot, 0) & 0xFFFF) == 0xFFFF)
            {
                continue;
            }

            for (var register = 0x10u; register <= 0x24; register += 4)
            {
                Write(slot, register, uint.MaxValue);
                if (Read(slot, register) is not 0 and var mask && (mask & 1) == 0)
                {
                    bars.Add(BarsGpa + ((ulong)bars.Count << 20));
                    Write(slot, register, (uint)bars[^1]);
                    register += (mask & 4) != 0 ? 4u : 0;
                }
            }

            Write(slot, 4, 7);
        }

        return bars;
    }

    private VirtualMachine Renew()
    {
        _machine?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _owned.ForEach(each => each.Dispose());
        _owned.Clear();
        var network = new VirtualSwitch(TimeProvider.System);
        _owned.Add(network);
        _cpus = [];
        _machine = TestMachine.Idle(_cpus).WithPreset(MachinePreset.Pc).WithLogging(NullLoggerFactory.Instance)
            .AddAhci(new AhciDisk(new FakeDisk(1 << 20)), new AhciCdDrive(new FakeDisk(1 << 20) { IsReadOnly = true })).AddNvme([new FakeDisk(1 << 20)])
            .AddE1000(network, new E1000Options { Address = new MacAddress(0x0200_0000_0001) }).AddVirtioNet(network, new VirtioNetOptions { Address = new MacAddress(0x0200_0000_0002) }).AddVirtioBlock(new FakeDisk(1 << 20)).AddVirtioConsole().AddVirtioRng().AddVirtioBalloon().AddVirtioVsock()
            .WithDevice(context =>
            {
                _context = context;
                if (isBroken)
                {
                    context.MapPorts(0x5A0, 2, new BrokenDevice(), "broken");
                }
            })
            .Build();
        _machine.StartAsync().GetAwaiter().GetResult();
        return _machine;
    }

    private sealed class BrokenDevice : IPortDevice
    {
        private readonly byte[] _registers = new byte[16];
        private int _index;
        private bool _isUnlocked;

        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            value = _registers[_isUnlocked ? _index : _index & 15];
            return IoResult.Ok;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value)
        {
            if (offset == 0)
            {
                _index = (byte)value;
                _isUnlocked |= _index == 0x55;
            }

            return IoResult.Ok;
        }
    }
}
