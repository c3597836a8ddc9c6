namespace Vivarium.X86;

/// <summary>One guest instruction, or an out-of-line part of its block, with its host code. Immutable.</summary>
public sealed class TranslationDumpPart
{
    internal TranslationDumpPart(string title, IReadOnlyList<TranslationDumpLine> host)
    {
        Title = title;
        Host = host;
    }

    /// <summary>What it is, if it is no guest instruction.</summary>
    public string Title { get; }

    /// <summary>Address of the guest instruction.</summary>
    public ulong Address { get; internal init; }

    /// <summary>The guest instruction's bytes.</summary>
    public ReadOnlyMemory<byte> GuestBytes { get; internal init; }

    /// <summary>The guest instruction in Intel's syntax; empty if it is none.</summary>
    public string GuestText { get; internal init; } = "";

    /// <summary>Whether the interpreter executes it, because it has no native form.</summary>
    public bool IsInterpreted { get; internal init; }

    /// <summary>The arithmetic flags that are read later, before the instruction: letters of OSZAPC.</summary>
    public string LiveFlags { get; internal init; } = "";

    /// <summary>The host code.</summary>
    public IReadOnlyList<TranslationDumpLine> Host { get; }
}

/// <summary>One host instruction.</summary>
/// <param name="Offset">Offset in the block's code.</param>
/// <param name="Label">Its name where code jumps to it; else empty.</param>
/// <param name="Bytes">Its bytes.</param>
/// <param name="Text">The instruction in Intel's syntax, with names for the processor's fields and for code elsewhere.</param>
public sealed record TranslationDumpLine(int Offset, string Label, ReadOnlyMemory<byte> Bytes, string Text);
