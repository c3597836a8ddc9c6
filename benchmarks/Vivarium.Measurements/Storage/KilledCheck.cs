using System.Buffers.Binary;
using System.Globalization;

namespace Vivarium.Measurements;

/// <summary>
/// The tool killed while its guest writes: the image is consistent, and what the guest had flushed is there. Each time on the image that the last
/// one left.
/// </summary>
internal static class KilledCheck
{
    private const int BlockBytes = 64 << 10;
    private const int Blocks = 700;

    /// <summary>
    /// Writes numbered blocks in an order that makes each land in another table, and says a number when its flush is over. Another process rewrites,
    /// discards and zeroes what lies behind, so that tables change at any moment.
    /// </summary>
    private const string Writer =
        "perl -e 'sysopen(D,\"/dev/vda\",2)||die; $s=shift; $|=1; "
        + "if(!fork){$b=\"x\"x200000; while(1){$o=512*int(rand(100000))+(700<<16); $o=int($o/4096)*4096; $k=rand; "
        + "if($k<.6){sysseek(D,$o,0);syswrite(D,$b)}else{ioctl(D,$k<.8?0x1277:0x127f,pack(\"QQ\",$o,262144))} syscall(75,fileno(D)) if rand()<.2}} "
        + "for($i=0;$i<700;$i++){$n=$i*37%700; $b=pack(\"NN\",$s,$n)x8192; syscall(18,fileno(D),unpack(\"Q\",pack(\"p\",$b)),65536,$n<<16)==65536||die; syscall(75,fileno(D))==0||die; print \"flushed-$n.\\n\"}' ";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);

    public static async Task RunAsync(StorageOptions storage, string folder, Report report)
    {
        var path = Path.Combine(folder, "killed.qcow2");
        QemuTools.Img("create", "-q", "-f", "qcow2", path, "128M");
        var random = new Random(storage.Seed);
        var wrong = new List<string>();
        var flushed = 0;
        var leaks = 0;
        for (var kill = 1; kill <= storage.Kills; kill++)
        {
            var last = random.Next(20, Blocks / 2);
            var done = await KillAsync(storage, path, kill, last);
            flushed += done.Count;
            var (hasErrors, hasLeaks, text) = QemuTools.Check(path);
            leaks += hasLeaks ? 1 : 0;
            if (hasErrors)
            {
                wrong.Add($"kill {kill}: {text}");
            }

            wrong.AddRange((await MissingAsync(path, kill, done)).Select(block => $"kill {kill}: block {block} was flushed and is not there"));
        }

        report.Add(wrong.Count == 0, $"killed {storage.Kills} times while the guest writes a qcow2 disk", "no error; all that was flushed is there",
            wrong.Count == 0 ? $"so, {flushed} flushed blocks; {leaks} images with unused clusters" : string.Join("; ", wrong.Take(5)));
    }

    private static async Task<List<int>> KillAsync(StorageOptions storage, string path, int stamp, int last)
    {
        await using var guest = await ToolGuest.StartAsync(storage, path + ",format=qcow2");
        await guest.Text.SendAsync(Writer + stamp.ToString(CultureInfo.InvariantCulture) + "\n");
        var done = new List<int>();
        while (done.Count < last)
        {
            await guest.Text.WaitForAsync("flushed-", s_patience);
            var word = await guest.Text.WaitForAsync(".", s_patience);

            // The command's echo has the same words.
            if (int.TryParse(word, CultureInfo.InvariantCulture, out var block))
            {
                done.Add(block);
            }
        }

        await guest.KillAsync();
        return done;
    }

    private static async Task<List<int>> MissingAsync(string path, int stamp, List<int> flushed)
    {
        var raw = path + ".raw";
        QemuTools.Img("convert", "-f", "qcow2", "-O", "raw", path, raw);
        var missing = new List<int>();
        await using var file = File.OpenRead(raw);
        var expected = new byte[BlockBytes];
        var found = new byte[BlockBytes];
        foreach (var block in flushed)
        {
            for (var at = 0; at < BlockBytes; at += 8)
            {
                BinaryPrimitives.WriteUInt32BigEndian(expected.AsSpan(at), (uint)stamp);
                BinaryPrimitives.WriteUInt32BigEndian(expected.AsSpan(at + 4), (uint)block);
            }

            file.Position = (long)block * BlockBytes;
            await file.ReadExactlyAsync(found);
            if (!found.AsSpan().SequenceEqual(expected))
            {
                missing.Add(block);
            }
        }

        return missing;
    }
}
