namespace Vivarium.Measurements;

/// <summary>Disk images that a Linux guest and QEMU's tools write by turns, that a killed process leaves, and on a host that is full.</summary>
internal static class StorageProof
{
    public static async Task<int> RunAsync(MeasurementOptions options, StorageOptions storage)
    {
        var report = new Report("Disk images, judged by QEMU's tools", options.MarkdownFile, "what", "must", "found");
        var folder = Directory.CreateTempSubdirectory("vivarium-storage").FullName;
        try
        {
            await new StormCheck(options, folder, storage).RunAsync(report);
            await KilledCheck.RunAsync(storage, folder, report);
            await FullHostCheck.RunAsync(storage, folder, report);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return report.Finish();
    }
}
