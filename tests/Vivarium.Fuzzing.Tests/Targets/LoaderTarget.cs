using System.Buffers.Binary;
using Vivarium.Memory;
using Vivarium.Tests;

namespace Vivarium.Fuzzing.Tests;

/// <summary>Boot images through every loader, and through what tells them apart.</summary>
/// <param name="isBroken">Loads ELF segments without looking at the file's end, too.</param>
internal sealed class LoaderTarget(bool isBroken) : FuzzTarget
{
    private const ulong MemoryBytes = 64 << 20;
    private readonly GuestMemory _memory = CreateMemory();

    public override IReadOnlyList<byte[]> Seeds { get; } =
        [TestImages.BzImage(true), TestImages.BzImage(false), TestImages.PvhElf(), TestImages.MultibootElf(), TestImages.MultibootFlat()];

    public override IReadOnlyList<byte[]> Words { get; } = [[0x7F, (byte)'E', (byte)'L', (byte)'F'], "HdrS"u8.ToArray(), [0x02, 0xB0, 0xAD, 0x1B], [0x1F, 0x8B, 8]];

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        var image = input.ToArray();
        Identify(image, reached);
        Load(() => new LinuxBootLoader(image, "ram disk"u8.ToArray(), "console=ttyS0"), reached);
        Load(() => new PvhBootLoader(image, "ram disk"u8.ToArray(), "hello"), reached);
        Load(() => new MultibootLoader(image, "kernel", [new MultibootModule(new byte[] { 1 }, "module")]), reached);
        if (isBroken)
        {
            LoadBroken(image);
        }
    }

    public override void Dispose() => _memory.Dispose();

    private static void Identify(byte[] image, Features reached)
    {
        try
        {
            reached.Note(0, (long)GuestImage.Identify(image).Kind);
            reached.Note(1, GuestImageCode.TryRead(image) is null ? 0 : 1);
        }
        catch (GuestImageException refusal)
        {
            Assert.EndsWith(".", refusal.Message, StringComparison.Ordinal);
            reached.Note(refusal.Message);
        }
    }

    private void Load(Func<IBootLoader> create, Features reached)
    {
        try
        {
            var context = new BootContext(_memory, MemoryLayout.CreateMap(MemoryBytes, hasPci: false)) { RsdpGpa = 0xE0000 };
            var state = create().Load(context);
            reached.Note(2, (long)(state?.Cr0 ?? 0));
        }
        catch (GuestImageException refusal)
        {
            Assert.EndsWith(".", refusal.Message, StringComparison.Ordinal);
            reached.Note(refusal.Message);
        }
    }

    private static void LoadBroken(byte[] image)
    {
        if (image.Length < 64 || image[0] != 0x7F || image[4] != 2)
        {
            return;
        }

        var headers = BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(32));
        for (var i = 0; i < BinaryPrimitives.ReadUInt16LittleEndian(image.AsSpan(56)); i++)
        {
            var header = image.AsSpan(headers + (i * 56), 56);
            if (header[0] == 1)
            {
                _ = image.AsSpan(BinaryPrimitives.ReadInt32LittleEndian(header[8..]), BinaryPrimitives.ReadInt32LittleEndian(header[32..]));
            }
        }
    }

    private static GuestMemory CreateMemory()
    {
        var memory = new GuestMemory();
        MemoryLayout.AddRam(memory, MemoryBytes);
        return memory;
    }
}
