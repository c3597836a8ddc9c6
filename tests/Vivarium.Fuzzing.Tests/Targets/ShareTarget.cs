using System.Diagnostics;
using Vivarium.Virtio;
using Vivarium.Virtio.Tests.Fakes;

namespace Vivarium.Fuzzing.Tests;

/// <summary>Messages of 9P2000.L to a share of a folder; what lies beside the folder must stay as it is.</summary>

internal sealed class ShareTarget : FuzzTarget
{
    private const int MaxMessages = 10;
    private const int InputsOfAFolder = 64;
    private readonly bool _isBroken;
    private readonly string _outside = Directory.CreateTempSubdirectory("vivarium-fuzz").FullName;
    private readonly string _folder;
    private int _inputs;

    public ShareTarget(bool isBroken)
    {
        _isBroken = isBroken;
        _folder = Path.Combine(_outside, "shared");
        File.WriteAllText(Path.Combine(_outside, "secret"), "secret");
    }

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        Messages((110, ShareClient.Fields().U32(0).U32(1).U16(2).Text("a").Text("b")), (24, ShareClient.Fields().U32(1).U64(0x3FFF)), (120, ShareClient.Fields().U32(1))),
        Messages((110, ShareClient.Fields().U32(0).U32(1).U16(1).Text("top")), (12, ShareClient.Fields().U32(1).U32(2)), (118, ShareClient.Fields().U32(1).U64(3).U32(4).Raw([1, 2, 3, 4])), (116, ShareClient.Fields().U32(1).U64(0).U32(100))),
        Messages((110, ShareClient.Fields().U32(0).U32(1).U16(0)), (14, ShareClient.Fields().U32(1).Text("new").U32(0x42).U32(0x1A4).U32(0)), (50, ShareClient.Fields().U32(1).U32(0))),
        Messages((110, ShareClient.Fields().U32(0).U32(1).U16(0)), (12, ShareClient.Fields().U32(1).U32(0)), (40, ShareClient.Fields().U32(1).U64(0).U32(4000))),
        Messages((72, ShareClient.Fields().U32(0).Text("folder").U32(0x1ED).U32(0)), (74, ShareClient.Fields().U32(0).Text("folder").U32(0).Text("other")), (76, ShareClient.Fields().U32(0).Text("other").U32(0x200))),
        Messages((16, ShareClient.Fields().U32(0).Text("link").Text("../secret").U32(0)), (110, ShareClient.Fields().U32(0).U32(2).U16(1).Text("link")), (22, ShareClient.Fields().U32(2)), (12, ShareClient.Fields().U32(2).U32(2))),
        Messages((8, ShareClient.Fields().U32(0)), (100, ShareClient.Fields().U32(8192).Text("9P2000.L")), (104, ShareClient.Fields().U32(0).U32(uint.MaxValue).Text("x").Text("").U32(0)), (108, ShareClient.Fields().U16(1))),
    ];

    public override IReadOnlyList<byte[]> Words { get; } = [[2, 0, (byte)'.', (byte)'.'], [1, 0, (byte)'/'], [3, 0, (byte)'t', (byte)'o', (byte)'p'], [1, 0, (byte)'a'], [0xFF, 0xFF, 0xFF, 0xFF], [9, 0, .. "../secret"u8]];

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        if (_inputs++ % InputsOfAFolder == 0)
        {
            Renew();
        }

        using var memory = MmioDriver.CreateMemory();
        var client = new ShareClient(_folder, memory: memory).Begin();
        using var share = client.Share;
        var choices = new FuzzInput(input);
        for (var count = 0; !choices.IsEmpty && count < MaxMessages; count++)
        {
            var message = choices.Bytes(choices.U16() % 4096).ToArray();
            if (_isBroken && message.Length > 17 && message[4] == 110)
            {
                _ = new string[16].AsSpan(0, BitConverter.ToUInt16(message, 15));
            }

            client.SubmitRaw(message.Length == 0 ? [0] : message, 8192);
            var waited = Stopwatch.StartNew();
            while (!Answered(client, message, reached))
            {
                if ((client.Share.Status & VirtioStatus.DeviceNeedsReset) != 0)
                {
                    return;
                }

                Assert.True(waited.Elapsed < TimeSpan.FromSeconds(5), "A message was not answered.");
                Thread.Yield();
            }
        }

        Assert.Equal("secret", File.ReadAllText(Path.Combine(_outside, "secret")));
        Assert.Equal(2, Directory.GetFileSystemEntries(_outside).Length);
    }

    public override void Dispose() => Delete(_outside);

    private static bool Answered(ShareClient client, byte[] message, Features reached)
    {
        client.Events.RunAll();
        foreach (var (_, answer) in client.TakeUsed())
        {
            reached.Note(message.Length > 4 ? message[4] : 0, answer.Length < 11 ? answer.Length : answer[4] == 7 ? -BitConverter.ToInt32(answer, 7) : 100);
            return true;
        }

        return false;
    }

    /// <summary>Guests give names that are no text, which only a program for bytes can delete.</summary>
    private static void Delete(string folder)
    {
        using var program = Process.Start("rm", ["-rf", folder]);
        program.WaitForExit();
        Assert.Equal(0, program.ExitCode);
    }

    private void Renew()
    {
        if (Directory.Exists(_folder))
        {
            Delete(_folder);
        }

        Directory.CreateDirectory(Path.Combine(_folder, "a", "b"));
        File.WriteAllText(Path.Combine(_folder, "a", "b", "inner"), "inner text");
        File.WriteAllText(Path.Combine(_folder, "top"), "top text");
    }

    private static byte[] Messages(params (byte Kind, ShareClient.Message Fields)[] messages)
    {
        var all = new List<byte>();
        foreach (var (kind, message) in messages)
        {
            var fields = message.ToArray();
            all.AddRange(BitConverter.GetBytes((ushort)(fields.Length + 7)));
            all.AddRange(BitConverter.GetBytes(fields.Length + 7));
            all.AddRange([kind, 1, 0, .. fields]);
        }

        return [.. all];
    }
}
