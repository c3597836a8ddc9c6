using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Vivarium.X86;

namespace Vivarium.Cli;

/// <summary><c>vivarium trace</c>: shows what the recompiler makes of guest code.</summary>
internal static class TraceCommand
{
    private const ulong DefaultAddress = 0x1000;
    private const int MostBlocks = 10_000;

    private const string Notes = """
        Examples:
          vivarium trace --hex "48 01 d8 0f 84 10 00 00 00 48 8b 07 c3"
          vivarium trace --hex "01 d8 40 75 fb" --bits 32 --at 0x8000
          vivarium trace program.elf --blocks 4
          vivarium trace vmlinux --at 0xffffffff81000000
          vivarium trace code.bin --bits 32 --at 0x7c00

        The left side has the guest's instruction with its address, its bytes and the arithmetic flags that are live before it (OSZAPC);
        "interpreted" marks what has no native form. The right side has the host code with its offset in the block. R15 points at the vCPU;
        RSI and RDI are temporaries; slow_N hands an instruction to the interpreter, way_N leads to a block that is not linked yet.
        Nothing is executed. Code that is reached by known branches and calls is shown too, up to --blocks.
        """;

    public static Command Create()
    {
        var file = new Argument<string?>("file") { Description = "ELF or multiboot image, or plain code.", Arity = ArgumentArity.ZeroOrOne };
        var hex = new Option<string?>("--hex") { HelpName = "BYTES", Description = "The code itself, in hexadecimal." };
        var bits = new Option<string?>("--bits") { HelpName = "N", Description = "64 or 32; default: the image's, or 64." };
        var at = new Option<string?>("--at") { HelpName = "ADDRESS", Description = $"For an image, where to begin instead of its entry; else the address of the first byte, 0x{DefaultAddress:X}." };
        var blocks = new Option<string>("--blocks") { HelpName = "N", Description = "At most so many blocks.", DefaultValueFactory = _ => "16" };
        var cpu = new Option<string>("--cpu") { HelpName = "MODEL", Description = $"CPU model: {RunOptions.CpuModelNames}.", DefaultValueFactory = _ => "max" };
        var command = new NotedCommand("trace", "Shows guest code and the host code that the recompiler makes of it.", Notes) { file, hex, bits, at, blocks, cpu };
        command.SetAction(result =>
        {
            var code = Read(result.GetValue(file), result.GetValue(hex), ParseAddress(result.GetValue(at)), ParseBits(result.GetValue(bits)));
            var options = new TranslationDumpOptions
            {
                Bits = code.Bits,
                Entry = code.Entry,
                MaxBlocks = ParseBlocks(result.GetValue(blocks)!),
                Model = RunOptions.FindModel(result.GetValue(cpu)!),
            };
            new TraceWriter(AnsiConsole.Console).Write(Dump(code, options));
            return ExitCodes.Success;
        });
        return command;
    }

    private static TranslationDump Dump(GuestImageCode code, TranslationDumpOptions options)
    {
        if (!Recompiler.IsSupported)
        {
            throw new UsageException("The recompiler emits code for x64 hosts only; this host is none.");
        }

        return code.Pieces.Any(piece => piece.Contains(code.Entry))
            ? TranslationDump.Create(code.Pieces, options)
            : throw new UsageException($"There is no code at 0x{code.Entry:X}.");
    }

    private static GuestImageCode Read(string? file, string? hex, ulong? at, int? bits)
    {
        if (file is null == hex is null)
        {
            throw new UsageException("Give a file or --hex.");
        }

        var bytes = hex is null ? InputFile.Read(file!) : ParseHex(hex);
        if (hex is null && GuestImageCode.TryRead(bytes) is { } image)
        {
            return image with { Bits = bits ?? image.Bits, Entry = at ?? image.Entry };
        }

        if (hex is null && GuestImage.Identify(bytes) is { Kind: GuestImageKind.LinuxBzImage or GuestImageKind.InitialRamDisk })
        {
            throw new UsageException($"'{file}' is compressed or no code; give the ELF image of a kernel (vmlinux), or code.");
        }

        var address = at ?? DefaultAddress;
        return new GuestImageCode(bits ?? 64, address, [new GuestCode(address, bytes)]);
    }

    private static byte[] ParseHex(string text)
    {
        var digits = string.Concat(text.Replace("0x", "", StringComparison.OrdinalIgnoreCase).Where(character => !char.IsWhiteSpace(character) && character != ','));
        try
        {
            return digits.Length > 0 ? Convert.FromHexString(digits) : throw new UsageException("--hex takes bytes, as \"48 01 d8\".");
        }
        catch (FormatException)
        {
            throw new UsageException($"--hex takes bytes in hexadecimal, as \"48 01 d8\", not '{text}'.");
        }
    }

    private static int? ParseBits(string? text) => text switch
    {
        null => null,
        "64" => 64,
        "32" => 32,
        _ => throw new UsageException($"--bits takes 64 or 32, not '{text}'."),
    };

    private static int ParseBlocks(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is > 0 and <= MostBlocks
        ? count
        : throw new UsageException($"--blocks takes a number, 1 to {MostBlocks}, not '{text}'.");

    private static ulong? ParseAddress(string? text)
    {
        if (text is null)
        {
            return null;
        }

        var digits = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text[2..] : text;
        return ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var address)
            ? address
            : throw new UsageException($"--at takes an address in hexadecimal, as 0x7c00, not '{text}'.");
    }
}
