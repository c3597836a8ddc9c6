namespace Vivarium.Memory.Tests;

public sealed class ShadowRamTests
{
    private const ulong Gpa = 0xF0000;

    private readonly GuestMemory _memory = new();
    private readonly IShadowRam _shadow;

    public ShadowRamTests()
    {
        _memory.AddRam(0, Gpa);
        _memory.AddRam(0x10_0000, 0x10_0000);
        var rom = new byte[0x10000];
        rom.AsSpan().Fill(0xAB);
        _shadow = _memory.AddShadowRam(Gpa, rom);
    }

    [Fact]
    public void The_guest_sees_ram_or_rom_as_the_chipset_says()
    {
        Assert.Equal(0, _memory.Read<byte>(Gpa));
        _memory.Write(Gpa, (byte)1);
        _shadow.SetAccess(readsRam: false, writesRam: false);
        Assert.Equal(0xAB, _memory.Read<byte>(Gpa));
        Assert.True(_memory.IsRom(Gpa));
        Assert.False(_memory.TryWrite(Gpa, (byte)2));
        Assert.False(_memory.Contains(Gpa, 1, writable: true));
        Assert.True(_memory.Contains(Gpa - 1, 0x10002, writable: false));
        _shadow.SetAccess(readsRam: true, writesRam: false);
        Assert.Equal(1, _memory.Read<byte>(Gpa));
        Assert.False(_memory.TryWrite(Gpa, (byte)2));
        Assert.True(_memory.IsRom(Gpa));
        _shadow.SetAccess(readsRam: true, writesRam: true);
        _memory.Write(Gpa, (byte)3);
        Assert.Equal(3, _memory.Read<byte>(Gpa));
    }

    [Fact]
    public void A_change_takes_pointers_and_translated_code_back()
    {
        var listener = new Listener();
        _memory.AddCodeListener(listener);
        _memory.MarkCode(Gpa + 0x1000, 16);
        _shadow.SetAccess(readsRam: false, writesRam: false);
        Assert.Equal([Gpa + 0x1000], listener.Pages);
        _memory.MarkCode(Gpa + 0x2000, 16);
        Assert.True(_memory.HoldsCode(Gpa + 0x2000, 1));
        _shadow.SetAccess(readsRam: true, writesRam: true);
        Assert.Equal([Gpa + 0x1000, Gpa + 0x2000], listener.Pages);
        Assert.False(_memory.HoldsCode(Gpa + 0x2000, 1));
        _shadow.SetAccess(readsRam: true, writesRam: true);
        Assert.Equal(2, listener.Pages.Count);
    }

    [Fact]
    public void Content_is_saved_and_replaced_behind_rom()
    {
        _memory.Write(Gpa + 8, 0x1122334455667788UL);
        using var template = _memory.Seal();
        _shadow.SetAccess(readsRam: false, writesRam: false);
        var page = new byte[0x20];
        Assert.True(_memory.TryReadRam(Gpa - 0x10, page));
        Assert.Equal(0x88, page[0x18]);
        Assert.True(_memory.TryWriteRam(Gpa - 2, [1, 2, 3, 4]));
        Assert.Equal(0xAB, _memory.Read<byte>(Gpa));
        _shadow.SetAccess(readsRam: true, writesRam: false);
        Assert.Equal(0x0403, _memory.Read<ushort>(Gpa));
        _memory.ResetTo(template);
        Assert.Equal(0x1122334455667788UL, _memory.Read<ulong>(Gpa + 8));
        Assert.False(_memory.TryWrite(Gpa, (byte)2));
        _memory.Clear();
        Assert.Equal(0UL, _memory.Read<ulong>(Gpa + 8));
        Assert.False(_memory.TryReadRam(0x20_0000, page));
        Assert.False(_memory.TryWriteRam(0x20_0000, page));
    }

    private sealed class Listener : ICodePageListener
    {
        public List<ulong> Pages { get; } = [];

        public void OnCodePageInvalidated(ulong gpa) => Pages.Add(gpa);
    }
}
