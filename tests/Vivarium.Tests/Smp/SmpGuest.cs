using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Tests.Smp;

/// <summary>
/// A guest of up to 16 processors that load one another, as a kernel does: each sends an interrupt to another and waits halted or spinning for its
/// answer, contends with LOCKed operations and a spin lock, and now and then remaps a page that all read, write and execute, with a shoot-down
/// by broadcast. All is counted, and what cannot be ends the machine with a code of <see cref="SmpFailure"/>.
/// </summary>
/// <remarks>
/// A sender has one interrupt under way at a time, so that none merges with another and sent equals handled. After a shoot-down the old frame is
/// poisoned: a processor that still reads it sees 0, one that still writes it alters the poison, one that still executes it returns 0.
/// </remarks>
internal static partial class SmpGuest
{
    private const ulong Image = 0x10_0000;
    private const ulong Trampoline = 0x8000;
    private const ulong Secondary = 0x10_8000;
    private const ulong PingStubs = 0x10_9000;
    private const ulong Ping = 0x10_A000;
    private const ulong Pong = 0x10_B000;
    private const ulong Shoot = 0x10_C000;
    private const uint Idt = 0x16000;
    private const uint Gdtr = 0xF000;
    private const uint PageDirectory = 0x30000;
    private const uint PageTable = 0x31000;
    private const uint Frames = 0x34000;
    private const uint Stacks = 0x8_0000;
    private const int StackBytes = 0x1000;
    private const uint Apic = 0xFEE0_0000;
    private const int PingVector = 0x40;
    private const int ShootVector = 0x50;
    private const int PongVector = 0x60;
    private const int StubBytes = 16;
    private const int MaximumCpus = 16;

    /// <summary>Where the page is that is remapped: a datum, a counter, and a function.</summary>
    private const uint Remapped = 0x4000_0000;
    private const int CounterOffset = 8;
    private const int FunctionOffset = 0x100;
    private const uint Poison = 0xDEAD_0000;
    private const int FirstGeneration = 2;

    private const int ShootEvery = 16;
    private const int SplitEvery = 64;

    public static VirtualMachineBuilder Builder(ExecutionEngine engine, int cpus) => new VirtualMachineBuilder().WithMemory(4 << 20).WithCpus(cpus)
        .WithEngine(engine).WithBootLoader(new FlatBinaryLoader(GuestCode.Assemble(32, Image, c => First(c, cpus)), Image, FlatStartMode.Protected32));

    /// <summary>Puts the rest of the guest into a machine that was built; each processor does <paramref name="rounds"/> rounds.</summary>
    public static void Load(VirtualMachine vm, int rounds)
    {
        vm.Memory.TryWrite(Trampoline, GuestCode.Assemble(16, 0, Start));
        vm.Memory.TryWrite(Secondary, GuestCode.Assemble(32, Secondary, FlatThenWork));
        for (var sender = 0; sender < MaximumCpus; sender++)
        {
            var stub = PingStubs + (ulong)(sender * StubBytes);
            var number = sender;
            vm.Memory.TryWrite(stub, GuestCode.Assemble(32, stub, c =>
            {
                c.push(number);
                c.jmp(Ping);
            }));
            Gate(vm, PingVector + sender, stub);
            Gate(vm, PongVector + sender, Pong);
        }

        vm.Memory.TryWrite(Ping, GuestCode.Assemble(32, Ping, HandlePing));
        vm.Memory.TryWrite(Pong, GuestCode.Assemble(32, Pong, HandlePong));
        vm.Memory.TryWrite(Shoot, GuestCode.Assemble(32, Shoot, HandleShoot));
        Gate(vm, ShootVector, Shoot);
        vm.Memory.Write(Idt - 8, (ushort)0x7FF);
        vm.Memory.Write(Idt - 6, Idt);

        // Large pages for RAM and the local APIC, which is not cached, and a table for the page that is remapped.
        vm.Memory.Write(PageDirectory, 0x83u);
        vm.Memory.Write(PageDirectory + ((Apic >> 22) * 4), (Apic & 0xFFC0_0000) | 0x9B);
        vm.Memory.Write(PageDirectory + ((Remapped >> 22) * 4), PageTable | 3);
        vm.Memory.Write(PageTable, FrameOf(FirstGeneration) | 3);
        vm.Memory.Write(FrameOf(FirstGeneration), FirstGeneration);
        WriteFunction(vm, FrameOf(FirstGeneration), FirstGeneration);
        WriteFunction(vm, FrameOf(FirstGeneration + 1), 0);
        vm.Memory.Write(FrameOf(FirstGeneration + 1) + CounterOffset, Poison);
        vm.Memory.Write(SmpCounters.Generation, FirstGeneration);
        vm.Memory.Write(SmpCounters.Rounds, rounds);
    }

    /// <summary>What the frame holds that is mapped now: writes that no shoot-down has added up yet.</summary>
    public static uint MappedWrites(VirtualMachine vm) => vm.Memory.Read<uint>(FrameOf(vm.Memory.Read<int>(SmpCounters.Generation)) + CounterOffset);

    private static uint FrameOf(int generation) => Frames + (uint)((generation & 1) << 12);

    private static void WriteFunction(VirtualMachine vm, uint frame, int result)
    {
        // mov eax, result; ret
        vm.Memory.Write(frame + FunctionOffset, (byte)0xB8);
        vm.Memory.Write(frame + FunctionOffset + 1, result);
        vm.Memory.Write(frame + FunctionOffset + 5, (byte)0xC3);
    }

    private static void Gate(VirtualMachine vm, int vector, ulong handler) =>
        vm.Memory.Write(Idt + ((ulong)vector * 8), (0x8E00UL << 32) | (0x10UL << 16) | (handler & 0xFFFF) | (handler >> 16 << 48));
}
