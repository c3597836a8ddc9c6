using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>
/// A read-modify-write translates its address once: what was read and what is written is the same place, even if the page tables change between
/// (Intel SDM Vol. 3A §4.10.1). Here a device changes them while it is read, where on a real machine another processor would.
/// </summary>
public sealed unsafe class UpdateTests
{
    private const ulong DeviceGpa = 0xE000_0000;
    private const uint DeviceValue = 0x10;

    public static TheoryData<string, uint> Forms => new()
    {
        { "add", 0x15 }, { "inc", 0x11 }, { "neg", 0xFFFF_FFF0 }, { "not", 0xFFFF_FFEF }, { "shl", 0x20 }, { "rol cl", 0x20 }, { "bts", 0x11 },
        { "shld", 0x100 }, { "lock add", 0x15 }, { "lock inc", 0x11 }, { "lock bts", 0x11 }, { "xadd", 0x15 }, { "xchg", 5 }, { "cmpxchg", 5 },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public void WhatIsReadFromADeviceIsWrittenToIt(string form, uint expected)
    {
        var device = new RemappingDevice();
        using var program = Create(form, GuestProgram.Data, device);
        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.Data), DeviceGpa | 7);
        device.OnRead = () => program.Memory.Write(GuestProgram.EntryOf(GuestProgram.Data), GuestProgram.Data | 7);
        program.Run().AssertCompleted();
        Assert.Equal([(DeviceGpa, (ulong)expected)], device.Writes);
        Assert.Equal(0u, program.Memory.Read<uint>(GuestProgram.Data));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void TheSecondPageStaysTheSameToo(string form, uint expected)
    {
        // Two bytes of the device, two of RAM: zeros.
        const ulong Second = GuestProgram.Data + 0x1000;
        var device = new RemappingDevice();
        using var program = Create(form, Second - 2, device);
        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.Data), DeviceGpa | 7);
        program.Memory.Write(Second + 0x1000, (ushort)0x7777);
        device.OnRead = () => program.Memory.Write(GuestProgram.EntryOf(Second), (Second + 0x1000) | 7);
        program.Run().AssertCompleted();
        Assert.Equal([(DeviceGpa + 0xFFE, (ulong)(ushort)expected)], device.Writes);
        Assert.Equal((ushort)(expected >> 16), program.Memory.Read<ushort>(Second));
        Assert.Equal((ushort)0x7777, program.Memory.Read<ushort>(Second + 0x1000));
    }

    /// <summary>RAM that only the slow path serves: beside what a debugger or the guest watches, beside translated code, and where alignment is checked.</summary>
    [Theory]
    [InlineData("watch")]
    [InlineData("breakpoint register")]
    [InlineData("code")]
    [InlineData("alignment")]
    [InlineData("two pages")]
    public void RamOfTheSlowPathStaysTheSame(string kind)
    {
        const ulong Page = GuestProgram.Data;
        const ulong Other = GuestProgram.Data + 0x10000;
        using var program = GuestProgram.Long(code => code.hlt());
        program.Load(code => code.hlt(), Page, Page);
        program.Run().AssertCompleted();
        switch (kind)
        {
            case "watch":
                program.Cpu.AttachDebugger().AddWatch(new DataWatch(Page + 0x10, 8, DataWatchKind.Access));
                break;
            case "breakpoint register":
                program.Cpu.Core.State->Dr[0] = Page + 0x10;
                program.Cpu.Core.State->Dr[7] = 0x3_0002;
                program.Cpu.Core.FlushTlb();
                break;
            case "code":
                program[X86Register.Rip] = Page;
                program.Run().AssertCompleted();
                Assert.True(program.Memory.HoldsCode(Page, 1));
                break;
            case "alignment":
                program.AsUser();
                program[X86Register.Cr0] |= 1 << 18;
                program[X86Register.Rflags] = 0x40002;
                program[X86Register.Rip] = GuestProgram.CodeBase;
                program.Run(1);
                break;
            default:
                break;
        }

        var core = program.Cpu.Core;
        var linear = Page + (kind == "two pages" ? 0xFFEu : 0x800);
        program.Memory.Write(linear, 0x0001_FFFFu);
        Assert.True(core.TryReadForUpdate<uint>(linear, (int)X86Segment.Ds, out var value));
        Assert.Equal(0x0001_FFFFu, value);
        program.Memory.Write(GuestProgram.EntryOf(Page), Other | 7);
        program.Memory.Write(GuestProgram.EntryOf(Page + 0x1000), (Other + 0x1000) | 7);
        Assert.True(core.TryWriteUpdate<uint>(linear, (int)X86Segment.Ds, value + 1));
        Assert.Equal(0x0002_0000u, program.Memory.Read<uint>(linear));
        Assert.Equal(0u, program.Memory.Read<uint>(linear - Page + Other));
    }

    private static GuestProgram Create(string form, ulong address, RemappingDevice device) => GuestProgram.Long(
        code =>
        {
            code.mov(rbx, address);
            code.mov(eax, form == "cmpxchg" ? (int)DeviceValue : 0);
            code.mov(ecx, form == "rol cl" ? 1 : 5);
            Update(code, form);
            code.hlt();
        },
        configure: options => options with { MmioPort = device });

    private static void Update(Assembler code, string form)
    {
        var operand = __dword_ptr[rbx];
        switch (form)
        {
            case "add": code.add(operand, ecx); break;
            case "inc": code.inc(operand); break;
            case "neg": code.neg(operand); break;
            case "not": code.not(operand); break;
            case "shl": code.shl(operand, 1); break;
            case "rol cl": code.rol(operand, cl); break;
            case "bts": code.bts(operand, (byte)0); break;
            case "shld": code.shld(operand, eax, 4); break;
            case "lock add": code.@lock.add(operand, ecx); break;
            case "lock inc": code.@lock.inc(operand); break;
            case "lock bts": code.@lock.bts(operand, (byte)0); break;
            case "xadd": code.xadd(operand, ecx); break;
            case "xchg": code.xchg(operand, ecx); break;
            case "cmpxchg": code.cmpxchg(operand, ecx); break;
            default: throw new ArgumentOutOfRangeException(nameof(form), form, null);
        }
    }

    /// <summary>Answers <see cref="DeviceValue"/>, and changes the page tables by then.</summary>
    private sealed class RemappingDevice : IMmioPort
    {
        public Action? OnRead { get; set; }

        public List<(ulong Gpa, ulong Value)> Writes { get; } = [];

        public ulong ReadMmio(ulong gpa, int sizeBytes)
        {
            OnRead?.Invoke();
            return DeviceValue;
        }

        public void WriteMmio(ulong gpa, int sizeBytes, ulong value) => Writes.Add((gpa, value));
    }
}
