using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using FsCheck.Xunit;
using Vivarium.Memory;

namespace Vivarium.Tests;

public sealed class BootLoaderTests
{
    private const ulong MemoryBytes = 64 << 20;

    [Fact]
    public void Linux_gets_its_kernel_initrd_command_line_and_map()
    {
        using var memory = CreateMemory();
        var kernel = TestImages.BzImage(is64Bit: true);
        var initrd = new byte[5000];
        initrd.AsSpan().Fill(0x55);
        var state = new LinuxBootLoader(kernel, initrd, "console=ttyS0").Load(Context(memory, rsdp: 0xE0000))!;
        Assert.Equal(0x10_0000UL + 0x200, state.Rip);
        Assert.Equal(0x8000_0011UL, state.Cr0);
        Assert.Equal(0x500UL, state.Efer);
        var zeroPage = state.Rsi;
        Assert.Equal(0x53726448u, memory.Read<uint>(zeroPage + 0x202));
        Assert.Equal(0xFF, memory.Read<byte>(zeroPage + 0x210));
        Assert.Equal(0xE0000UL, memory.Read<ulong>(zeroPage + 0x70));
        Assert.Equal("console=ttyS0\0", ReadText(memory, memory.Read<uint>(zeroPage + 0x228), 14));
        var initrdGpa = memory.Read<uint>(zeroPage + 0x218);
        Assert.Equal(5000u, memory.Read<uint>(zeroPage + 0x21C));
        Assert.Equal(0x55, memory.Read<byte>(initrdGpa + 4999));
        Assert.Equal(0u, initrdGpa % 4096);
        Assert.Equal(4, memory.Read<byte>(zeroPage + 0x1E8));
        Assert.Equal((0UL, 0x9FC00UL, 1u), (memory.Read<ulong>(zeroPage + 0x2D0), memory.Read<ulong>(zeroPage + 0x2D8), memory.Read<uint>(zeroPage + 0x2E0)));
        Assert.Equal(TestImages.KernelMarker, memory.Read<uint>(0x10_0000 + 0x200));

        // The page tables map the entry to itself.
        var pml4 = memory.Read<ulong>(state.Cr3);
        var pdpt = memory.Read<ulong>(pml4 & ~0xFFFUL);
        Assert.Equal(0x83UL, memory.Read<ulong>(pdpt & ~0xFFFUL));
        Assert.Equal(0xFFE0_0083UL, memory.Read<ulong>(state.Cr3 + 0x5000 + (511 * 8)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_initrd_comes_from_a_stream_at_every_load(bool isLinux)
    {
        var initrd = new byte[700_001];
        new Random(7).NextBytes(initrd);
        using var stream = new MemoryStream(initrd);
        IBootLoader loader = isLinux ? LinuxBootLoader.CreateStreamed(TestImages.BzImage(is64Bit: true), stream) : PvhBootLoader.CreateStreamed(TestImages.PvhElf(), stream);
        for (var k = 0; k < 2; k++)
        {
            using var memory = CreateMemory();
            var state = loader.Load(Context(memory))!;
            var module = memory.Read<ulong>(state.Rbx + 16);
            var (gpa, length) = isLinux ? (memory.Read<uint>(state.Rsi + 0x218), memory.Read<uint>(state.Rsi + 0x21C)) : (memory.Read<ulong>(module), memory.Read<ulong>(module + 8));
            var content = new byte[length];
            Assert.True(memory.TryRead(gpa, content));
            Assert.Equal(initrd, content);
        }

        stream.SetLength(600_000);
        using var last = CreateMemory();
        Assert.Contains("100,001 of 700,001 bytes", Assert.Throws<GuestImageException>(() => loader.Load(Context(last))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_initrd_that_cannot_be_read_again_is_refused()
    {
        using var stream = new DeflateStream(new MemoryStream(), CompressionMode.Decompress);
        Assert.Throws<ArgumentException>(() => LinuxBootLoader.CreateStreamed(TestImages.BzImage(is64Bit: true), stream));
    }

    [Fact]
    public void A_32_bit_kernel_starts_at_its_32_bit_entry()
    {
        using var memory = CreateMemory();
        var state = new LinuxBootLoader(TestImages.BzImage(is64Bit: false)).Load(Context(memory))!;
        Assert.Equal((0x10_0000UL, 0x11UL), (state.Rip, state.Cr0));
    }

    [Fact]
    public void Pvh_gets_its_start_info()
    {
        using var memory = CreateMemory();
        var state = new PvhBootLoader(TestImages.PvhElf(), new byte[] { 1, 2, 3 }, "hello").Load(Context(memory, rsdp: 0xE0000))!;
        Assert.Equal(0x20_0000UL, state.Rip);
        Assert.Equal(0x336EC578u, memory.Read<uint>(state.Rbx));
        Assert.Equal("hello\0", ReadText(memory, memory.Read<ulong>(state.Rbx + 24), 6));
        var module = memory.Read<ulong>(state.Rbx + 16);
        Assert.Equal((byte)3, memory.Read<byte>(memory.Read<ulong>(module) + 2));
        Assert.Equal(0xE0000UL, memory.Read<ulong>(state.Rbx + 32));
        Assert.Equal(4u, memory.Read<uint>(state.Rbx + 48));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Multiboot_loads_elf_and_flat_images_with_modules(bool isElf)
    {
        using var memory = CreateMemory();
        var image = isElf ? TestImages.MultibootElf() : TestImages.MultibootFlat();
        var state = new MultibootLoader(image, "kernel arg", [new MultibootModule(new byte[] { 7, 8 }, "mod one")]).Load(Context(memory))!;
        Assert.Equal(0x10_0000UL + 0x20, state.Rip);
        Assert.Equal(0x2BADB002UL, state.Rax);
        Assert.Equal("kernel arg\0", ReadText(memory, memory.Read<uint>(state.Rbx + 16), 11));
        var module = memory.Read<uint>(state.Rbx + 24);
        Assert.Equal(1u, memory.Read<uint>(state.Rbx + 20));
        Assert.Equal(0x0807, memory.Read<ushort>(memory.Read<uint>(module)));
        Assert.Equal("mod one\0", ReadText(memory, memory.Read<uint>(module + 8), 8));
        Assert.Equal(4u * 24, memory.Read<uint>(state.Rbx + 44));
        Assert.Equal((uint)((MemoryBytes >> 10) - 1024), memory.Read<uint>(state.Rbx + 8));
    }

    [Fact]
    public void A_rom_ends_at_4_gib_and_has_a_copy_below_1_mib()
    {
        using var memory = CreateMemory();
        var rom = new byte[256 << 10];
        rom[^16] = 0xEA;
        var loader = new RomLoader(rom);
        loader.AddMemory(memory);
        Assert.Null(loader.Load(Context(memory)));
        Assert.Equal(0xEA, memory.Read<byte>(0xFFFF_FFF0));
        Assert.Equal(0xEA, memory.Read<byte>(0xF_FFF0));
        Assert.True(memory.IsRom(0xFFFC_0000));
        Assert.Throws<GuestImageException>(() => new RomLoader(new byte[5000]));
    }

    [Theory]
    [InlineData(FlatStartMode.Real16, 0x7C00UL)]
    [InlineData(FlatStartMode.Protected32, 0x10_0000UL)]
    [InlineData(FlatStartMode.Long64, 0x10_0000UL)]
    public void A_flat_binary_goes_where_it_is_told(FlatStartMode mode, ulong gpa)
    {
        using var memory = CreateMemory();
        var state = new FlatBinaryLoader(new byte[] { 1, 2, 3, 4 }, gpa, mode).Load(Context(memory))!;
        Assert.Equal(gpa, state.Code.Base + state.Rip);
        Assert.Equal(0x04030201u, memory.Read<uint>(gpa));
    }

    [Fact]
    public void Every_truncation_of_every_image_is_refused_or_loads_but_never_crashes()
    {
        byte[][] images = [TestImages.BzImage(true), TestImages.PvhElf(), TestImages.MultibootElf(), TestImages.MultibootFlat()];
        using var memory = CreateMemory();
        foreach (var image in images)
        {
            for (var length = 0; length < image.Length; length++)
            {
                TryEverything(image[..length], memory);
            }
        }

        Assert.Throws<GuestImageException>(() => new LinuxKernelImage(images[0].AsMemory(0, images[0].Length - 16)));
        Assert.NotEqual(0, new LinuxKernelImage(images[0].AsMemory(0, images[0].Length - 15)).System.Length);
    }

    [Property(MaxTest = 300)]
    public void Altered_images_are_refused_or_load_but_never_crash(int seed)
    {
        var random = new Random(seed);
        byte[][] images = [TestImages.BzImage(random.Next(2) == 0), TestImages.PvhElf(), TestImages.MultibootElf(), TestImages.MultibootFlat()];
        var image = images[random.Next(images.Length)];
        for (var count = random.Next(1, 20); count > 0; count--)
        {
            image[random.Next(Math.Min(image.Length, 0x300))] = random.Next(3) == 0 ? (byte)0xFF : (byte)random.Next(256);
        }

        using var memory = CreateMemory();
        TryEverything(image, memory);
    }

    [Property(MaxTest = 300)]
    public void Random_bytes_are_refused_with_a_sentence(byte[] image)
    {
        using var memory = CreateMemory();
        Assert.EndsWith(".", Assert.Throws<GuestImageException>(() => new LinuxBootLoader(image)).Message, StringComparison.Ordinal);
        Assert.EndsWith(".", Assert.Throws<GuestImageException>(() => new PvhBootLoader(image)).Message, StringComparison.Ordinal);
        Assert.EndsWith(".", Assert.Throws<GuestImageException>(() => new MultibootLoader(image)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("30373037303130303030", GuestImageKind.InitialRamDisk)]
    [InlineData("1F8B", GuestImageKind.Unknown)]
    [InlineData("1F8B0800000000000003FFFF", GuestImageKind.Unknown)]
    [InlineData("", GuestImageKind.Unknown)]
    public void Ram_disks_are_known_by_their_first_bytes(string hex, GuestImageKind kind) =>
        Assert.Equal(kind, GuestImage.Identify(Convert.FromHexString(hex)).Kind);

    [Fact]
    public void Ram_disks_may_be_compressed()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write("070701, and an archive"u8);
        }

        Assert.Equal(GuestImageKind.InitialRamDisk, GuestImage.Identify(packed.ToArray()).Kind);
    }

    [Fact]
    public void Command_lines_that_are_too_long_and_initrds_that_do_not_fit_are_refused()
    {
        using var memory = CreateMemory();
        Assert.Throws<GuestImageException>(() => new LinuxBootLoader(TestImages.BzImage(true), default, new string('x', 3000)));
        var loader = new LinuxBootLoader(TestImages.BzImage(true), new byte[MemoryBytes]);
        Assert.Contains("initrd", Assert.Throws<GuestImageException>(() => loader.Load(Context(memory))).Message, StringComparison.Ordinal);
    }

    private static void TryEverything(byte[] image, GuestMemory memory)
    {
        Func<IBootLoader>[] loaders = [() => new LinuxBootLoader(image), () => new PvhBootLoader(image), () => new MultibootLoader(image)];
        foreach (var create in loaders)
        {
            try
            {
                create().Load(Context(memory));
            }
            catch (GuestImageException exception)
            {
                Assert.EndsWith(".", exception.Message, StringComparison.Ordinal);
            }
        }
    }

    private static GuestMemory CreateMemory()
    {
        var memory = new GuestMemory();
        MemoryLayout.AddRam(memory, MemoryBytes);
        return memory;
    }

    private static BootContext Context(GuestMemory memory, ulong rsdp = 0) => new(memory, MemoryLayout.CreateMap(MemoryBytes, hasPci: false)) { RsdpGpa = rsdp };

    private static string ReadText(GuestMemory memory, ulong gpa, int length)
    {
        var bytes = new byte[length];
        Assert.True(memory.TryRead(gpa, bytes));
        return Encoding.ASCII.GetString(bytes);
    }
}
