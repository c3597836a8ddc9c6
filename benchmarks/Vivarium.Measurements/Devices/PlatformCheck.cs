using Vivarium.Devices;
using Vivarium.Storage;

namespace Vivarium.Measurements;

/// <summary>What a person does at a machine: changes the CD, and presses the power button.</summary>
internal sealed class PlatformCheck : IAsyncDisposable
{
    private const int SmallBytes = 1 << 20;
    private const int LargeBytes = 3 << 20;
    private const string Read = "head -c 4 /dev/sr0 2>&1; cat /sys/block/sr0/size";

    /// <summary>The type, code and value of the first event of an input device: a key, KEY_POWER, pressed.</summary>
    private const string ShowKey =
        "for i in $(seq 200); do [ -s /tmp/key ] && break; sleep 0.1; done; perl -e 'open F,\"/tmp/key\"; sysread F,$b,24; print join \" \",unpack(\"x16 S S l\",$b)'";

    private readonly RamDisk _first = new(SmallBytes);
    private readonly RamDisk _second = new(LargeBytes);
    private readonly AhciCdDrive _drive;

    public PlatformCheck() => _drive = new AhciCdDrive(_first);

    public void Configure(VirtualMachineBuilder builder) => builder.AddAhci(_drive);

    public async Task RunAsync(DeviceGuest guest, Report report)
    {
        await _first.WriteAsync(0, [FilledWith('a')]);
        await _second.WriteAsync(0, [FilledWith('b')]);
        var first = await guest.RunAsync(Read);
        await _drive.ChangeMediumAsync(_second);
        var second = await guest.RunAsync(Read);
        await _drive.ChangeMediumAsync(null);
        var none = await guest.RunAsync(Read);
        await _drive.ChangeMediumAsync(_first);
        var again = await guest.RunAsync(Read);
        report.Add(first == $"aaaa{SmallBytes / 512}" && second == $"bbbb{LargeBytes / 512}" && none.Contains("No medium", StringComparison.Ordinal) && again == first,
            "CD: changed, taken out and put back while the guest runs", "each is seen", $"{first}, {second}, {none.Split('\n')[0].Split(':')[^1].Trim()}, {again}");

        await guest.MustAsync("for e in /sys/class/input/event*; do [ \"$(cat $e/device/name)\" = 'Power Button' ] && (head -c 24 /dev/input/${e##*/} > /tmp/key &); done; sleep 0.5");
        guest.Machine.PressPowerButton();
        var key = await guest.RunAsync(ShowKey);
        report.Add(key == "1 116 1", "the power button", "1 116 1, the key KEY_POWER", key);
    }

    public async ValueTask DisposeAsync()
    {
        await _first.DisposeAsync();
        await _second.DisposeAsync();
    }

    private static byte[] FilledWith(char letter) => [.. Enumerable.Repeat((byte)letter, 4096)];
}
