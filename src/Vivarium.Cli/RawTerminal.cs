using System.Runtime.InteropServices;

namespace Vivarium.Cli;

/// <summary>Takes the terminal out of line mode, so that each key goes to the guest as it is, and puts it back when disposed.</summary>
internal sealed unsafe partial class RawTerminal : IDisposable
{
    /// <summary>More than any system's struct termios, whose layout need not be known.</summary>
    private const int SettingsBytes = 256;
    private const int StandardInput = 0;

    private readonly byte[] _saved;
    private bool _restored;

    private RawTerminal(byte[] saved)
    {
        _saved = saved;
    }

    /// <summary>Enters raw mode; null if standard input is no terminal or the host has none of this kind.</summary>
    public static RawTerminal? Enter()
    {
        if (OperatingSystem.IsWindows())
        {
            return null;
        }

        var saved = new byte[SettingsBytes];
        var raw = new byte[SettingsBytes];

        // SAFETY: the buffers are larger than any struct termios.
        fixed (byte* savedSettings = saved, rawSettings = raw)
        {
            if (GetAttributes(StandardInput, savedSettings) != 0)
            {
                return null;
            }

            saved.CopyTo(raw, 0);
            MakeRaw(rawSettings);
            return SetAttributes(StandardInput, 0, rawSettings) == 0 ? new RawTerminal(saved) : null;
        }
    }

    public void Dispose()
    {
        if (!_restored)
        {
            _restored = true;

            // SAFETY: the settings that the system itself wrote.
            fixed (byte* settings = _saved)
            {
                _ = SetAttributes(StandardInput, 0, settings);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetAttributes(int descriptor, byte* settings);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetAttributes(int descriptor, int when, byte* settings);

    [LibraryImport("libc", EntryPoint = "cfmakeraw")]
    private static partial void MakeRaw(byte* settings);
}
