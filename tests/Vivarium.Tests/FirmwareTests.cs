using System.Text;
using Vivarium.Devices;
using Vivarium.Storage;

namespace Vivarium.Tests;

/// <summary>SeaBIOS, as Debian's package seabios has it, on the machine: it boots a sector of ours from each kind of disk.</summary>
public sealed class FirmwareTests
{
    private const string Firmware = "/usr/share/seabios/bios-256k.bin";
    private const string RescueCd = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso";
    private const ulong Shadow = 0xF0000;

    /// <summary>
    /// Prints a text on COM1, waits for a key there, and ends the machine with code 11. Interrupts are off: SeaBIOS looks for keys on its console at each
    /// tick of the clock, and would take this one.
    /// </summary>
    private static readonly byte[] s_bootSector =
    [
        0xFA, 0xBE, 0x24, 0x7C, 0xFC, // cli; mov si, text; cld
        0xBA, 0xF8, 0x03, // mov dx, 0x3F8
        0xAC, 0x08, 0xC0, 0x74, 0x03, // next: lodsb; or al, al; jz wait
        0xEE, 0xEB, 0xF8, // out dx, al; jmp next
        0xBA, 0xFD, 0x03, 0xEC, // wait: mov dx, 0x3FD; poll: in al, dx
        0xA8, 0x01, 0x74, 0xFB, // test al, 1; jz poll
        0xB0, 0x05, 0xBA, 0xF4, 0x00, 0xEE, // mov al, 5; mov dx, 0xF4; out dx, al
        0xF4, 0xEB, 0xFD, // hlt
        0, 0, 0,
        .. "from the disk\0"u8,
    ];

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(180);

    public static TheoryData<string, ExecutionEngine> Disks => new()
    {
        { "virtio", ExecutionEngine.Auto },
        { "ahci", ExecutionEngine.Auto },
        { "nvme", ExecutionEngine.Auto },
        { "virtio", ExecutionEngine.Interpreter },
    };

    [Theory]
    [MemberData(nameof(Disks))]
    public async Task SeaBios_boots_a_disk(string kind, ExecutionEngine engine)
    {
        await using var disk = await CreateDiskAsync();
        var log = new TextSink();
        await using var vm = Builder(engine, log, kind, disk).WithCpus(2).Build();
        await vm.StartAsync();
        await ReadUntilAsync(vm, "from the disk");
        await vm.Console.Input.WriteAsync(new byte[] { 13 });
        var reason = await vm.WaitForShutdownAsync(new CancellationTokenSource(s_patience).Token);
        Assert.Equal((ShutdownKind.DebugExit, 11), (reason.Kind, reason.ExitCode));
        Assert.Contains("Running on QEMU (i440fx)", log.Text, StringComparison.Ordinal);
        Assert.Contains("Found 2 cpu(s)", log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_machine_with_firmware_comes_back_from_a_snapshot_and_resets()
    {
        await using var disk = await CreateDiskAsync();
        await using var vm = Builder(ExecutionEngine.Auto, new TextSink(), "ahci", disk).Build();
        await vm.StartAsync();
        await ReadUntilAsync(vm, "from the disk");
        using var snapshot = new MemoryStream();
        await vm.SaveAsync(snapshot);
        var shadow = new byte[0x10000];
        Assert.True(vm.Memory.TryRead(Shadow, shadow));
        Assert.True(vm.Memory.IsRom(Shadow));

        snapshot.Position = 0;
        await using var other = Builder(ExecutionEngine.Auto, new TextSink(), "ahci", disk).Build();
        Assert.Equal(File.ReadAllBytes(Firmware)[^16..], Read(other, 0xFFFF0, 16));
        await other.RestoreAsync(snapshot);
        Assert.Equal(shadow, Read(other, Shadow, shadow.Length));
        Assert.True(other.Memory.IsRom(Shadow));
        await other.StartAsync();
        await other.ResetAsync();
        await ReadUntilAsync(other, "from the disk");
        await other.Console.Input.WriteAsync(new byte[] { 13 });
        Assert.Equal(11, (await other.WaitForShutdownAsync(new CancellationTokenSource(s_patience).Token)).ExitCode);
    }

    [Fact]
    public async Task SeaBios_boots_a_grub_rescue_cd()
    {
        Assert.SkipUnless(File.Exists(RescueCd), "The package grub-rescue-pc is not installed: its CD was not booted.");
        await using var medium = await DiskImage.OpenAsync(RescueCd, DiskFormat.Raw, new DiskOptions { IsReadOnly = true });
        await using var vm = Builder(ExecutionEngine.Auto, new TextSink(), "cd", medium).Build();
        await vm.StartAsync();
        await ReadUntilAsync(vm, "GNU GRUB");
    }

    [Fact]
    public void A_machine_with_firmware_has_a_pci_bus() => Assert.Contains(
        "PCI", Assert.Throws<InvalidOperationException>(() => TestMachine.Idle().WithPreset(MachinePreset.I440Fx).WithPci(false).Build()).Message, StringComparison.Ordinal);

    private static VirtualMachineBuilder Builder(ExecutionEngine engine, TextSink log, string kind, IBlockBackend disk)
    {
        Assert.SkipUnless(File.Exists(Firmware), "The package seabios is not installed: no firmware was booted.");
        var builder = new VirtualMachineBuilder().WithPreset(MachinePreset.I440Fx).WithMemory(64 << 20).WithEngine(engine)
            .WithBootLoader(new RomLoader(File.ReadAllBytes(Firmware))).WithDebugConsole(log)
            .WithFirmware(new FirmwareOptions { BootOrder = [BootDevice.Cd, BootDevice.Disk] });
        return kind switch
        {
            "ahci" => builder.AddAhci(new AhciDisk(disk)),
            "nvme" => builder.AddNvme([disk]),
            "cd" => builder.AddAhci(new AhciCdDrive(disk)),
            _ => builder.AddVirtioBlock(disk),
        };
    }

    private static async Task<RamDisk> CreateDiskAsync()
    {
        var sector = new byte[512];
        s_bootSector.CopyTo(sector, 0);
        (sector[510], sector[511]) = (0x55, 0xAA);
        var disk = new RamDisk(1 << 20);
        await disk.WriteAsync(0, [sector]);
        return disk;
    }

    private static byte[] Read(VirtualMachine vm, ulong gpa, int sizeBytes)
    {
        var bytes = new byte[sizeBytes];
        Assert.True(vm.Memory.TryRead(gpa, bytes));
        return bytes;
    }

    private static async Task ReadUntilAsync(VirtualMachine vm, string text)
    {
        using var patience = new CancellationTokenSource(s_patience);
        var seen = new StringBuilder();
        var buffer = new byte[256];
        while (!seen.ToString().Contains(text, StringComparison.Ordinal))
        {
            var count = await vm.Console.Output.ReadAsync(buffer, patience.Token);
            Assert.NotEqual(0, count);
            seen.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
    }

    private sealed class TextSink : ICharacterSink
    {
        private readonly StringBuilder _text = new();

        public string Text
        {
            get
            {
                lock (_text)
                {
                    return _text.ToString();
                }
            }
        }

        public void Write(ReadOnlySpan<byte> data)
        {
            lock (_text)
            {
                _text.Append(Encoding.Latin1.GetString(data));
            }
        }
    }
}
