using System.Globalization;
using System.Text;

namespace Vivarium.X86;

/// <summary>
/// Guest code and what the recompiler makes of it, side by side, for people: blocks, host code, flags that are live, what the interpreter
/// executes. Nothing is run. Immutable.
/// </summary>
public sealed class TranslationDump
{
    private const int WidestBytes = 11;

    private TranslationDump(IReadOnlyList<TranslationDumpBlock> blocks, bool isCut)
    {
        Blocks = blocks;
        IsCut = isCut;
    }

    /// <summary>The blocks that are reached from the entry, by address.</summary>
    public IReadOnlyList<TranslationDumpBlock> Blocks { get; }

    /// <summary>Whether there are more than <see cref="TranslationDumpOptions.MaxBlocks"/>.</summary>
    public bool IsCut { get; }

    /// <summary>Translates the block at the entry, and what its branches and calls lead to as far as that is known and in the code.</summary>
    /// <exception cref="ArgumentException">The options are impossible, or the entry is not in the code.</exception>
    /// <exception cref="PlatformNotSupportedException">The host is not x64; see <see cref="Recompiler.IsSupported"/>.</exception>
    /// <exception cref="OutOfMemoryException">The host refused executable memory.</exception>
    public static TranslationDump Create(IReadOnlyList<GuestCode> code, TranslationDumpOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(code);
        options ??= new TranslationDumpOptions();
        if (options.Bits is not (64 or 32))
        {
            throw new ArgumentException($"Code of {options.Bits} bits is not translated; choose 64 or 32.", nameof(options));
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MaxBlocks, nameof(options));
        var entry = options.Entry ?? (code.Count == 0 ? 0 : code[0].Address);
        if (!code.Any(piece => piece.Contains(entry)))
        {
            throw new ArgumentException($"There is no code at {entry:X}.", nameof(code));
        }

        if (!Recompiler.IsSupported)
        {
            throw new PlatformNotSupportedException("The recompiler emits code for x64 hosts only.");
        }

        using var translator = new DumpTranslator(code, options);
        return new TranslationDump(translator.Translate(entry, out var isCut), isCut);
    }

    /// <summary>The guest's address, bytes and instruction on the left; label, offset and host instruction on the right.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var block in Blocks)
        {
            text.Append(block).AppendLine().AppendLine();
            var width = block.Parts.Max(part => LeftOf(part).Length);
            foreach (var part in block.Parts)
            {
                var left = LeftOf(part);
                foreach (var line in part.Host)
                {
                    text.AppendLine(CultureInfo.InvariantCulture, $"  {left.PadRight(width)}  | {line.Label,-8} {line.Offset:X4}  {line.Text}");
                    left = "";
                }

                if (part.Host.Count == 0)
                {
                    text.AppendLine(CultureInfo.InvariantCulture, $"  {left.PadRight(width)}  |");
                }
            }

            text.AppendLine();
        }

        return text.Append(IsCut ? "There are more blocks." + Environment.NewLine : "").ToString();
    }

    /// <summary>A part's guest side as one line.</summary>
    private static string LeftOf(TranslationDumpPart part)
    {
        if (part.GuestText.Length == 0)
        {
            return part.Title;
        }

        var bytes = Convert.ToHexString(part.GuestBytes.Span);
        bytes = bytes.Length > 2 * WidestBytes ? bytes[..(2 * WidestBytes)] + "+" : bytes;
        var note = part.IsInterpreted ? "interpreted" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{part.Address:X8}  {bytes,-(2 * WidestBytes) - 1} {part.LiveFlags,-6}  {note,-11}  {part.GuestText}");
    }
}
