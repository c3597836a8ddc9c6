using System.Buffers.Binary;
using FsCheck;
using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Paravirtual;

public sealed class KvmParavirtTests
{
    private const uint WallClock = 0x4B564D00;
    private const uint SystemTime = 0x4B564D01;
    private const uint StealTime = 0x4B564D03;

    private readonly FakeClock _clock = new(123_456_789);
    private readonly FakeMemory _memory = new();
    private readonly List<uint> _kicked = [];

    [Property]
    public void The_guests_arithmetic_gives_guest_time(DoNotSize<uint> frequencySeed, DoNotSize<uint> nowSeed)
    {
        var frequency = 1_000_000 + (ulong)frequencySeed.Item * 2;
        var vcpu = new FakeVcpu(_clock, frequency) { TscOffset = nowSeed.Item };
        var kvm = Create(vcpu);
        Assert.True(kvm.TryWriteMsr(SystemTime, 0x2000 | 1));
        var now = (long)nowSeed.Item * 1_000;
        var structure = _memory.Bytes.AsSpan(0x2000, 32);
        var delta = unchecked(vcpu.TscAt(now) - BinaryPrimitives.ReadUInt64LittleEndian(structure[8..]));
        var shift = (sbyte)structure[28];
        var shifted = shift < 0 ? delta >> -shift : delta << shift;
        var ns = (long)((UInt128)shifted * BinaryPrimitives.ReadUInt32LittleEndian(structure[24..]) >> 32)
            + BinaryPrimitives.ReadInt64LittleEndian(structure[16..]);
        var oneTickNs = (long)(1_000_000_000 / frequency) + 1;
        Assert.InRange(ns, now - 2 * oneTickNs - now / 1_000_000_000, now + 1);
        Assert.Equal(1, structure[29]);
    }

    [Fact]
    public void Versions_are_odd_while_a_structure_changes()
    {
        var seen = new List<uint>();
        _memory.Writing = gpa =>
        {
            if (gpa == 0x3004)
            {
                seen.Add(Word(0x3000));
            }
        };
        var kvm = Create();
        kvm.TryWriteMsr(SystemTime, 0x3001);
        kvm.OnTscChanged();
        Assert.Equal([1u, 3u], seen);
        Assert.Equal(4u, Word(0x3000));
    }

    [Theory]
    [InlineData(WallClock)]
    [InlineData(0x11u)]
    public void The_wall_clock_is_that_of_guest_time_zero(uint msr)
    {
        Assert.True(Create().TryWriteMsr(msr, 0x1000));
        Assert.Equal(1_700_000_000u, Word(0x1004));
        Assert.Equal(0u, Word(0x1008));
        Assert.Equal(0u, Word(0x1000) & 1);
    }

    [Fact]
    public void Steal_time_grows_by_what_the_scheduler_reports()
    {
        var kvm = Create();
        kvm.UpdateSteal(100);
        Assert.True(kvm.TryWriteMsr(StealTime, 0x4001));
        Assert.Equal(100u, Word(0x4000));
        kvm.UpdateSteal(1_000);
        Assert.Equal(1_000u, Word(0x4000));
        Assert.Equal(0u, Word(0x4008) & 1);

        var other = Create();
        kvm.CopyStateTo(other);
        other.UpdateSteal(50);
        Assert.Equal(1_050u, Word(0x4000));
    }

    [Fact]
    public void Reserved_bits_fault_and_addresses_outside_ram_do_nothing()
    {
        var kvm = Create();
        Assert.False(kvm.TryWriteMsr(StealTime, 0x4003));
        Assert.False(kvm.TryWriteMsr(0x4B564D04, 0));
        Assert.False(kvm.TryReadMsr(0x4B564D02, out _));
        Assert.True(kvm.TryWriteMsr(SystemTime, ulong.MaxValue));
        Assert.True(kvm.TryWriteMsr(StealTime, 0xFFFF_FFFF_FFFF_FFC1));
        Assert.True(kvm.TryWriteMsr(WallClock, 0x7FFF_FFFF_FFFF_FFFF));
        kvm.UpdateSteal(5);
        Assert.True(kvm.TryReadMsr(0x12, out var value));
        Assert.Equal(ulong.MaxValue, value);
    }

    [Fact]
    public void Hypercalls()
    {
        var kvm = Create();
        Assert.Equal(0, kvm.Hypercall(5, 0, 7, 0, 0));
        Assert.Equal([7u], _kicked);
        Assert.Equal(0, kvm.Hypercall(1, 0, 0, 0, 0));
        Assert.Equal(-1000, kvm.Hypercall(99, 0, 0, 0, 0));
    }

    [Fact]
    public void The_cpuid_leaves_name_kvm()
    {
        Assert.True(KvmCpuid.TryGet(0x40000000, 2_000_000_000, out var signature));
        Span<byte> text = stackalloc byte[12];
        BinaryPrimitives.WriteUInt32LittleEndian(text, signature.Ebx);
        BinaryPrimitives.WriteUInt32LittleEndian(text[4..], signature.Ecx);
        BinaryPrimitives.WriteUInt32LittleEndian(text[8..], signature.Edx);
        Assert.Equal("KVMKVMKVM\0\0\0"u8.ToArray(), text.ToArray());
        Assert.True(KvmCpuid.TryGet(0x40000001, 2_000_000_000, out var features));
        Assert.Equal(0x010000A9u, features.Eax);
        Assert.True(KvmCpuid.TryGet(0x40000010, 2_000_000_000, out var timing));
        Assert.Equal(2_000_000u, timing.Eax);
        Assert.False(KvmCpuid.TryGet(0x40000011, 2_000_000_000, out _));
    }

    private KvmParavirt Create(FakeVcpu? vcpu = null) => new(0, _memory, _clock, vcpu ?? new FakeVcpu(_clock), _kicked.Add);

    private uint Word(int gpa) => BinaryPrimitives.ReadUInt32LittleEndian(_memory.Bytes.AsSpan(gpa));
}
