using System.Globalization;
using System.Text;
using Vivarium.X86;

namespace Vivarium.Debugging;

/// <summary>What a user types after <c>monitor</c>.</summary>
internal sealed class MonitorCommands(RunControl control)
{
    private const int LineBytes = 16;
    private const int MaxDumpBytes = 1024;

    private const string Help = """
        help                  this list
        cpus                  what each vCPU does, where it is and how many instructions it has completed
        translate ADDRESS     the guest-physical address of a linear one, by the page tables of the chosen vCPU
        phys ADDRESS [BYTES]  guest-physical memory, 64 bytes unless said otherwise, 1024 at most
        reset                 resets the machine; it stays halted
        Numbers are hexadecimal, with or without 0x.

        """;

    public CommandReply Execute(string command, CpuDebugger processor)
    {
        var words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return words switch
        {
            [] or ["help", ..] => Print(Help),
            ["cpus"] => Print(ListProcessors()),
            ["reset"] => new CommandReply("OK", CommandAction.Reset),
            ["translate", var address] when TryParse(address, out var linear) => Print(Translate(processor, linear)),
            ["phys", var address] when TryParse(address, out var gpa) => Print(Dump(processor, gpa, 64)),
            ["phys", var address, var bytes] when TryParse(address, out var gpa) && TryParse(bytes, out var count) && count is > 0 and <= MaxDumpBytes =>
                Print(Dump(processor, gpa, (int)count)),
            _ => Print("No such command, or not with these words; 'monitor help' has the list.\n"),
        };
    }

    private static CommandReply Print(string text) => new(HexText.Encode(text));

    private static bool TryParse(string text, out ulong value) => ulong.TryParse(
        text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text.AsSpan(2) : text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);

    private static string Translate(CpuDebugger processor, ulong linear) => processor.Probe.TryTranslate(linear, out var gpa)
        ? string.Create(CultureInfo.InvariantCulture, $"0x{linear:x} is at guest-physical 0x{gpa:x}\n")
        : string.Create(CultureInfo.InvariantCulture, $"0x{linear:x} is not mapped\n");

    private static string Dump(CpuDebugger processor, ulong gpa, int count)
    {
        var text = new StringBuilder();
        Span<byte> line = stackalloc byte[LineBytes];
        for (var done = 0; done < count; done += LineBytes)
        {
            var bytes = line[..Math.Min(LineBytes, count - done)];
            var at = gpa + (ulong)done;
            text.Append(CultureInfo.InvariantCulture, $"{at:x12}");
            if (!processor.Core.Memory.TryRead(at, bytes))
            {
                text.Append("  no memory\n");
                break;
            }

            foreach (var value in bytes)
            {
                text.Append(CultureInfo.InvariantCulture, $" {value:x2}");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    private unsafe string ListProcessors()
    {
        var text = new StringBuilder();
        for (var i = 0; i < control.Processors.Count; i++)
        {
            var cpu = control.Processors[i];
            var count = control.Machine.Processors[i].InstructionCount;

            // SAFETY: the state lives as long as the processor, which the machine keeps until the session has ended.
            text.Append(CultureInfo.InvariantCulture, $"vCPU {i}: {cpu.Activity}, rip 0x{cpu.Core.State->Rip:x}, {count} instructions\n");
        }

        return text.ToString();
    }
}
