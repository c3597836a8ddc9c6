using System.Text;

namespace Vivarium.Measurements;

/// <summary>The memory of a text screen, 80 × 25 characters at 0xB8000, without a display: enough to see what a guest wrote.</summary>
internal sealed class TextScreen : IMmioDevice, IStateUnit
{
    private const ulong Gpa = 0xB8000;
    private const int Columns = 80;
    private const int Rows = 25;

    private readonly byte[] _cells = new byte[0x8000];

    public string StateName => "text-screen";

    /// <summary>What is on the screen.</summary>
    public string Text
    {
        get
        {
            var text = new StringBuilder();
            for (var cell = 0; cell < Columns * Rows; cell++)
            {
                var character = (char)_cells[cell * 2];
                text.Append(character is >= ' ' and <= '~' ? character : ' ').Append((cell + 1) % Columns == 0 ? "\n" : "");
            }

            return text.ToString();
        }
    }

    public static TextScreen Attach(DeviceContext context)
    {
        var screen = new TextScreen();
        context.MapMmio(Gpa, (ulong)screen._cells.Length, screen, "text screen");
        context.AddStateUnit(screen);
        return screen;
    }

    /// <summary>Waits until <paramref name="text"/> is on the screen.</summary>
    /// <exception cref="MeasurementException">It did not come.</exception>
    public async Task<string> WaitForAsync(string text, TimeSpan patience)
    {
        using var timeout = new CancellationTokenSource(patience);
        while (!Text.Contains(text, StringComparison.OrdinalIgnoreCase))
        {
            if (timeout.IsCancellationRequested)
            {
                throw new MeasurementException($"'{text}' did not appear on the screen within {patience.TotalSeconds:F0} s.");
            }

            await Task.Delay(10);
        }

        return text;
    }

    public IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value)
    {
        value = 0;
        for (var i = sizeBytes - 1; i >= 0; i--)
        {
            value = (value << 8) | _cells[(int)offset + i];
        }

        return IoResult.Ok;
    }

    public IoResult WriteMmio(ulong offset, int sizeBytes, ulong value)
    {
        for (var i = 0; i < sizeBytes; i++, value >>= 8)
        {
            _cells[(int)offset + i] = (byte)value;
        }

        return IoResult.Ok;
    }

    public void Reset() => Array.Clear(_cells);

    public void Save(StateWriter writer) => writer.Write(1, _cells);

    public void Restore(StateReader reader) => reader.ReadBytes(1, _cells);
}
