using FsCheck.Xunit;

namespace Vivarium.Cli.Tests;

/// <summary>Commands as a user gives them. They write to the process's one console, so no other class runs beside.</summary>
[Collection("console")]
public sealed class CommandLineTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vivarium-cli").FullName;

    public static TheoryData<string> Engines => X86.Recompiler.IsSupported ? ["auto", "interpreter", "recompiler"] : ["auto", "interpreter"];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("run")]
    [InlineData("run --kernel /nowhere/vmlinuz")]
    [InlineData("run --kernel a --rom b")]
    [InlineData("run --rom a --append x")]
    [InlineData("run --rom a --memory 12Q")]
    [InlineData("run --rom a --engine warp")]
    [InlineData("run --rom a --engine AUTO")]
    [InlineData("run --rom a --serial tcp")]
    [InlineData("run --rom a --serial file:")]
    [InlineData("run --rom a --timeout 0")]
    [InlineData("run --rom a --timeout x")]
    [InlineData("run --rom a --cpus x")]
    [InlineData("run --rom a --cpu x")]
    [InlineData("run --rom a --memory 1M --memory 2M")]
    [InlineData("run --rom a --debugcon /nowhere/file")]
    [InlineData("run --rom a --post-port x")]
    [InlineData("run --rom a --post-port 0x10000")]
    [InlineData("run --rom a --post-port -1")]
    [InlineData("run --rom a --snapshot-save /nowhere/file")]
    [InlineData("run --rom /")]
    [InlineData("run --rom a --frobnicate")]
    [InlineData("run --rom a --gdb x")]
    [InlineData("run --rom a --gdb 65536")]
    [InlineData("run --rom a --gdb -1")]
    [InlineData("run --rom a --gdb nowhere.example:1234")]
    [InlineData("run --rom a --gdb 127.0.0.1:")]
    [InlineData("run --rom a --gdb-nowait")]
    [InlineData("run --rom a --gdb 0 --gdb-registers arm")]
    [InlineData("run --snapshot-load /nowhere/vm.snap")]
    [InlineData("inspect")]
    [InlineData("inspect /nowhere/file")]
    [InlineData("inspect /")]
    [InlineData("bench")]
    [InlineData("bench disk")]
    [InlineData("bench switch --seconds 0")]
    [InlineData("bench switch --seconds x")]
    [InlineData("bench cpu --seconds 0")]
    [InlineData("bench devices --json yes")]
    [InlineData("trace")]
    [InlineData("trace /nowhere/file")]
    [InlineData("trace /")]
    [InlineData("trace a --hex 90")]
    [InlineData("trace --hex 9")]
    [InlineData("trace --hex xy")]
    [InlineData("trace --hex 90 --bits 16")]
    [InlineData("trace --hex 90 --at xyz")]
    [InlineData("trace --hex 90 --blocks 0")]
    [InlineData("trace --hex 90 --cpu pentium")]
    [InlineData("-x")]
    [InlineData("frobnicate")]
    [InlineData("disk")]
    [InlineData("disk frobnicate")]
    [InlineData("disk create")]
    [InlineData("disk create a.qcow2")]
    [InlineData("disk create a.qcow2 20Q")]
    [InlineData("disk create a.qcow2 20")]
    [InlineData("disk create a.dat 20G")]
    [InlineData("disk create a.vhdx 20G")]
    [InlineData("disk create a.img 20G --backing b.img")]
    [InlineData("disk create a.qcow2 20G --cluster-size 3K")]
    [InlineData("disk create a.qcow2 20G --cluster-size 4M")]
    [InlineData("disk create a.qcow2 20G --refcount-bits 3")]
    [InlineData("disk create a.qcow2 20G --compat 4")]
    [InlineData("disk create a.qcow2 20G --compat 2 --zstd")]
    [InlineData("disk create a.qcow2 9000000T")]
    [InlineData("disk create a.qcow2 --backing /nowhere/b.qcow2")]
    [InlineData("disk create /nowhere/a.qcow2 20G")]
    [InlineData("disk info /nowhere/a.qcow2")]
    [InlineData("disk info a")]
    [InlineData("disk info /nowhere/a --format vmdk")]
    [InlineData("disk check /nowhere/a.qcow2")]
    [InlineData("disk check /nowhere/a.qcow2 --repair some")]
    [InlineData("disk convert /nowhere/a.qcow2 b.img")]
    [InlineData("disk convert a.qcow2 b.vhdx")]
    [InlineData("disk convert a.qcow2 b.img --backing-files some")]
    [InlineData("disk resize /nowhere/a.qcow2 20G")]
    [InlineData("disk commit /nowhere/a.qcow2")]
    public async Task Bad_usage_is_64_and_one_line(string line)
    {
        var (code, errors) = await RunAsync(line.Split(' '));
        Assert.Equal(64, code);
        Assert.StartsWith("vivarium: ", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
        Assert.EndsWith(".", errors.TrimEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--cpus 900")]
    [InlineData("--memory 1M")]
    [InlineData("--cpu pentium")]
    public async Task Impossible_machines_are_64(string option)
    {
        var rom = WriteFile("rom", new byte[4096]);
        var (code, _) = await RunAsync(["run", "--rom", rom, "--serial", "none", .. option.Split(' ')]);
        Assert.Equal(64, code);
    }

    [Fact]
    public async Task Damaged_files_are_64()
    {
        var garbage = WriteFile("garbage", [1, 2, 3, 4, 5]);
        foreach (var option in (string[])["--kernel", "--multiboot", "--rom", "--snapshot-load"])
        {
            var (code, errors) = await RunAsync("run", option, garbage, "--serial", "none");
            Assert.Equal(64, code);
            Assert.EndsWith(".", errors.TrimEnd(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_guest_gives_its_debug_exit_code_and_its_serial_port_goes_to_a_file(string engine)
    {
        // At the reset vector: mov dx,3F8h; mov al,'!'; out dx,al; mov al,20; out 0F4h,al; hlt
        var rom = new byte[4096];
        byte[] code = [0xBA, 0xF8, 0x03, 0xB0, (byte)'!', 0xEE, 0xB0, 0x14, 0xE6, 0xF4, 0xF4];
        code.CopyTo(rom, rom.Length - 16);
        var serial = Path.Combine(_folder, "serial.txt");
        var (exit, errors) = await RunAsync("run", "--rom", WriteFile("rom", rom), "--serial", "file:" + serial, "--timeout", "60", "--engine", engine);
        Assert.Equal(41, exit);
        Assert.StartsWith("vivarium: debug exit 41 after ", errors, StringComparison.Ordinal);
        Assert.Contains(engine != "auto" ? engine : X86.Recompiler.IsSupported ? "recompiler" : "interpreter", Assert.Single(errors.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.Equal("!", await File.ReadAllTextAsync(serial));
    }

    /// <summary>The test device's first byte holds what is written.</summary>
    [Fact]
    public async Task Test_images_find_the_test_device_they_ask_for()
    {
        // At the reset vector: mov al,2Ah; out 0E0h,al; mov al,0; in al,0E0h; out 0F4h,al; hlt
        var rom = new byte[4096];
        byte[] code = [0xB0, 0x2A, 0xE6, 0xE0, 0xB0, 0x00, 0xE4, 0xE0, 0xE6, 0xF4, 0xF4];
        code.CopyTo(rom, rom.Length - 16);
        var file = WriteFile("rom", rom);
        Assert.Equal(0x55, (await RunAsync("run", "--rom", file, "--serial", "none", "--timeout", "60", "--device", "pc-testdev")).Code);
        Assert.Equal(0xFF, (await RunAsync("run", "--rom", file, "--serial", "none", "--timeout", "60")).Code & 0xFF);
        var (exit, errors) = await RunAsync("run", "--rom", file, "--serial", "none", "--device", "pc-testdev,port=1");
        Assert.Equal(64, exit);
        Assert.Contains("'port=1' is no setting of pc-testdev", errors, StringComparison.Ordinal);
    }

    /// <summary>As test images learn what machine they are on: fw_cfg's item 5 is the number of processors, item 3 the bytes of memory.</summary>
    [Theory]
    [InlineData(5, 1, 3)]
    [InlineData(3, 4, 0x10)]
    public async Task A_multiboot_image_finds_processors_and_memory_in_fw_cfg(byte item, int bytes, int expected)
    {
        const int Gpa = 0x10_0000;
        using var image = new MemoryStream();
        using var writer = new BinaryWriter(image);
        foreach (var field in (uint[])[0x1BAD_B002, 1 << 16, unchecked(0u - 0x1BAD_B002 - (1 << 16)), Gpa, Gpa, 0, 0, Gpa + 32])
        {
            writer.Write(field);
        }

        // mov dx,510h; mov ax,item; out dx,ax; inc edx; in al,dx as often as there are bytes; out 0F4h,al; hlt
        writer.Write([0x66, 0xBA, 0x10, 0x05, 0x66, 0xB8, item, 0, 0x66, 0xEF, 0x42, .. Enumerable.Repeat((byte)0xEC, bytes), 0xE6, 0xF4, 0xF4]);
        var (exit, _) = await RunAsync("run", "--multiboot", WriteFile("image", image.ToArray()), "--memory", "256M", "--cpus", "3", "--serial", "none", "--timeout", "60");
        Assert.Equal((expected << 1) | 1, exit);
    }

    [Fact]
    public async Task Progress_codes_are_printed_in_order()
    {
        // mov dx,190h; mov al,5Ah; out dx,al; inc ax; out dx,al; mov al,20; out 0F4h,al; hlt
        var rom = new byte[4096];
        byte[] code = [0xBA, 0x90, 0x01, 0xB0, 0x5A, 0xEE, 0x40, 0xEE, 0xB0, 0x14, 0xE6, 0xF4, 0xF4];
        code.CopyTo(rom, rom.Length - 16);
        var (exit, errors) = await RunAsync("run", "--rom", WriteFile("rom", rom), "--serial", "none", "--timeout", "60", "--post-port", "0x190");
        Assert.Equal(41, exit);
        Assert.Equal(["post 0x190: 5A", "post 0x190: 5B"], errors.Split('\n').Where(line => line.StartsWith("post", StringComparison.Ordinal)).Select(line => line.TrimEnd()));
        Assert.Contains("overlaps that of", (await RunAsync("run", "--rom", WriteFile("rom", rom), "--serial", "none", "--post-port", "0xF4")).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_timeout_is_124_and_leaves_a_snapshot_that_goes_on()
    {
        // cli; hlt; jmp to it: nothing ends the halt but the timeout.
        var rom = new byte[4096];
        byte[] code = [0xFA, 0xF4, 0xEB, 0xFD];
        code.CopyTo(rom, rom.Length - 16);
        var file = WriteFile("rom", rom);
        var snapshot = Path.Combine(_folder, "vm.snap");
        Assert.Equal(124, (await RunAsync("run", "--rom", file, "--serial", "none", "--timeout", "0.2", "--snapshot-save", snapshot)).Code);
        var (resumed, errors) = await RunAsync("run", "--rom", file, "--serial", "none", "--timeout", "0.2", "--snapshot-load", snapshot, "--engine", "interpreter");
        Assert.Equal(124, resumed);
        Assert.Contains("interpreter", errors, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("inspect", snapshot)).Code);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_triple_fault_is_70(string engine)
    {
        // lidt of a table with limit 0 from the zeroed byte after the code; int3
        var rom = new byte[4096];
        byte[] code = [0x2E, 0x0F, 0x01, 0x1E, 0xFA, 0xFF, 0xCC];
        code.CopyTo(rom, rom.Length - 16);
        Assert.Equal(70, (await RunAsync("run", "--rom", WriteFile("rom", rom), "--serial", "none", "--timeout", "60", "--engine", engine)).Code);
    }

    [Fact]
    public async Task A_guest_waits_for_gdb_unless_told_otherwise()
    {
        // mov al, 20; out 0F4h, al; hlt
        var rom = new byte[4096];
        byte[] code = [0xB0, 0x14, 0xE6, 0xF4, 0xF4];
        code.CopyTo(rom, rom.Length - 16);
        var file = WriteFile("rom", rom);
        var (waits, errors) = await RunAsync("run", "--rom", file, "--serial", "none", "--timeout", "0.3", "--gdb", "0");
        Assert.Equal(124, waits);
        Assert.StartsWith("vivarium: the guest waits for gdb at 127.0.0.1:", errors, StringComparison.Ordinal);
        Assert.Contains(" 0.0 million instructions", errors, StringComparison.Ordinal);
        var (runs, served) = await RunAsync("run", "--rom", file, "--serial", "none", "--timeout", "60", "--gdb", "localhost:0", "--gdb-nowait", "--gdb-registers", "x86real");
        Assert.Equal(41, runs);
        Assert.StartsWith("vivarium: gdb is served at 127.0.0.1:", served, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_in_use_is_named()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var (code, errors) = await RunAsync("run", "--rom", WriteFile("rom", new byte[4096]), "--serial", "none", "--gdb", $"{listener.LocalEndpoint}");
        Assert.Equal(64, code);
        Assert.StartsWith($"vivarium: gdb cannot be served at {listener.LocalEndpoint}: another program listens there", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_switch_is_measured() => Assert.Equal(0, (await RunAsync("bench", "switch", "--seconds", "1", "--json")).Code);

    [Theory]
    [InlineData("cpu")]
    [InlineData("memory")]
    [InlineData("devices")]
    public async Task Guest_code_is_measured(string what) => Assert.Equal(0, (await RunAsync("bench", what, "--seconds", "1")).Code);

    [Fact]
    public async Task Traces_show_guest_and_host_code()
    {
        Assert.SkipUnless(X86.Recompiler.IsSupported, "Needs an x64 host.");
        Assert.Equal(0, (await RunAsync("trace", "--hex", "0x48 01,d8 c3")).Code);
        Assert.Equal(0, (await RunAsync("trace", WriteFile("code", [0x40, 0xF4]), "--bits", "32", "--at", "0x7c00")).Code);
        Assert.Equal(64, (await RunAsync("trace", WriteFile("elf", [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]))).Code);

        using var output = new StringWriter();
        var console = Spectre.Console.AnsiConsole.Create(new Spectre.Console.AnsiConsoleSettings { Ansi = Spectre.Console.AnsiSupport.No, Out = new Spectre.Console.AnsiConsoleOutput(output) });
        new TraceWriter(console).Write(X86.TranslationDump.Create([new X86.GuestCode(0x1000, new byte[] { 0x48, 0x01, 0xD8, 0x0F, 0xA2, 0xC3 })]));
        Assert.Contains("add rax, rbx", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("cpuid  (interpreted)", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("call interpret", output.ToString(), StringComparison.Ordinal);
    }

    [Property]
    public bool Memory_sizes_are_read_or_refused(string? text)
    {
        try
        {
            return MemorySize.Parse(text ?? "") > 0;
        }
        catch (UsageException)
        {
            return true;
        }
    }

    [Theory]
    [InlineData("512M", 512UL << 20)]
    [InlineData("4g", 4UL << 30)]
    [InlineData("64", 64UL << 20)]
    [InlineData("2048K", 2UL << 20)]
    public void Memory_sizes_have_suffixes(string text, ulong bytes) => Assert.Equal(bytes, MemorySize.Parse(text));

    private static async Task<(int Code, string Errors)> RunAsync(params string[] args)
    {
        using var errors = new StringWriter();
        return (await CommandLine.InvokeAsync(args, errors), errors.ToString());
    }

    private string WriteFile(string name, byte[] content)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
