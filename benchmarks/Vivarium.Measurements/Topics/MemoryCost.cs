using Vivarium.Scheduling;

namespace Vivarium.Measurements;

/// <summary>What a machine of 4 GiB costs beyond the memory that its guest touched.</summary>
internal static class MemoryCost
{
    private const ulong MemoryBytes = 4UL << 30;
    private const uint TouchedBytes = 200 << 20;
    private const long AllowedMib = 30;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(MeasurementOptions options)
    {
        var report = new Report("Memory beyond what the guest touched", options.MarkdownFile, "what", "must", "measured");

        // One small machine first, so that the runtime and the code of the library are there already.
        await MeasureAsync(options.CreateBuilder().WithBootLoader(Tiny(4096)), "touched", null, "warm-up");
        await MeasureAsync(
            options.CreateBuilder().WithMemory(MemoryBytes).WithBootLoader(Tiny(TouchedBytes)), "touched", report, "4 GiB, a tiny guest touched 200 MiB");
        await MeasureAsync(new LinuxGuest("cloud").CreateBuilder(MemoryBytes, options.OneEngine), LinuxGuest.Prompt, report, "4 GiB, Debian booted to a shell");
        return report.Finish();
    }

    private static FlatBinaryLoader Tiny(uint sizeBytes) => new(TinyGuests.Touch(16 << 20, sizeBytes), TinyGuests.Gpa, FlatStartMode.Protected32);

    private static async Task MeasureAsync(VirtualMachineBuilder builder, string mark, Report? report, string what)
    {
        using var timers = new VmTimerService();
        var before = HostProcess.ResidentBytes();
        await using var vm = builder.WithTimerService(timers).Build();
        var text = new GuestText(vm.Console);
        await vm.StartAsync();
        await text.WaitForAsync(mark, s_patience);
        await Task.Delay(TimeSpan.FromSeconds(1));
        await vm.PauseAsync();
        var resident = HostProcess.ResidentBytes();
        var populated = vm.Memory.EnumeratePopulated(1 << 30).Aggregate(0L, (sum, range) => sum + (long)range.SizeBytes);
        var beyond = (resident - before - populated) >> 20;
        report?.Add(
            beyond <= AllowedMib, what, $"≤ {AllowedMib} MiB beyond",
            $"{beyond} MiB beyond the {populated >> 20} MiB touched; the process was {before >> 20} MiB, is {resident >> 20} MiB");
    }
}
