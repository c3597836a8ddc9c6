namespace Vivarium.Storage;

/// <summary>What the host's errors mean for a disk.</summary>
internal static class HostErrors
{
    private const int NoSpace = 28;
    private const int FileTooBig = 27;
    private const int ReadOnlyFileSystem = 30;
    private const int QuotaExceeded = 122;
    private const int WindowsDiskFull = unchecked((int)0x80070070);
    private const int WindowsHandleDiskFull = unchecked((int)0x80070027);

    /// <summary>Whether it is the host's failure, and not a defect or a cancellation.</summary>
    public static bool IsHostError(Exception exception) =>
        exception is (IOException and not BlockIOException) or UnauthorizedAccessException or NotSupportedException or ArgumentException or ObjectDisposedException;

    public static BlockIOException Translate(Exception exception, string what) =>
        new(exception is UnauthorizedAccessException ? BlockErrorKind.ReadOnly : KindOf(exception.HResult), $"{what}: {exception.Message}", exception);

    public static BlockErrorKind KindOf(int error) => error switch
    {
        NoSpace or FileTooBig or QuotaExceeded or WindowsDiskFull or WindowsHandleDiskFull => BlockErrorKind.Full,
        ReadOnlyFileSystem => BlockErrorKind.ReadOnly,
        _ => BlockErrorKind.Failed,
    };
}
