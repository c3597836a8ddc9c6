using System.Diagnostics;
using System.IO.Compression;
using System.Text;

namespace Vivarium.Samples.TwoGuestsOneSwitch;

/// <summary>The kernel and initramfs that <c>eng/get-network-guest.sh</c> makes, and a script for it to run.</summary>
internal sealed record NetworkGuest(byte[] Kernel, byte[] Initrd)
{
    /// <summary>Gets its address, then does what its console says, line by line.</summary>
    private const string Script = """
        stty -echo
        udhcpc -i eth0 -s /lease.sh -n -q > /dev/null 2>&1
        echo "guest ready"
        while read -r line; do
          eval "$line"
          echo "== done"
        done
        """;

    /// <summary>Runs the script, which returns at once if it has run before. Null: it failed and has said why.</summary>
    public static async Task<NetworkGuest?> FetchAsync()
    {
        var root = FindRoot();
        using var script = Process.Start("bash", [Path.Combine(root, "eng", "get-network-guest.sh"), "cloud"]);
        await script.WaitForExitAsync();
        if (script.ExitCode != 0)
        {
            return null;
        }

        var folder = Path.Combine(root, "artifacts", "guest", "network-cloud");
        var initrd = await File.ReadAllBytesAsync(Path.Combine(folder, "initrd.img"));
        return new NetworkGuest(await File.ReadAllBytesAsync(Path.Combine(folder, "vmlinuz")), [.. initrd, .. Archive("check.sh", Script)]);
    }

    /// <summary>An initramfs of one file (Linux Documentation/driver-api/early-userspace/buffer-format.rst); the kernel reads several in a row.</summary>
    private static byte[] Archive(string name, string content)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            Write(gzip, name, Encoding.UTF8.GetBytes(content));
            Write(gzip, "TRAILER!!!", []);
        }

        return packed.ToArray();
    }

    private static void Write(Stream stream, string name, byte[] content)
    {
        const int HeaderBytes = 110, RegularFile = 0x81A4;
        int[] fields = [0, RegularFile, 0, 0, 1, 0, content.Length, 0, 0, 0, 0, name.Length + 1, 0];
        stream.Write(Encoding.ASCII.GetBytes("070701" + string.Concat(fields.Select(field => field.ToString("x8")))));
        stream.Write(Encoding.ASCII.GetBytes(name));
        stream.Write(new byte[1 + Padding(HeaderBytes + name.Length + 1)]);
        stream.Write(content);
        stream.Write(new byte[Padding(content.Length)]);
    }

    private static int Padding(int length) => -length & 3;

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "eng", "get-network-guest.sh")))
            {
                return folder.FullName;
            }
        }

        return Directory.GetCurrentDirectory();
    }
}
