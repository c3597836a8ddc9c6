using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Makes rare encodings of instructions, and some that do not exist: prefixes in any order, bits changed, bytes too many or too few.</summary>
internal sealed class EncodingMutator(Random random, Func<Code, bool> isAllowed)
{
    private const int LongestBytes = 15;
    private readonly byte[] _rest = new byte[LongestBytes];

    private static ReadOnlySpan<byte> Prefixes => [0x66, 0xF2, 0xF3, 0xF0, 0x67, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65, 0x40, 0x41, 0x44, 0x48, 0x4F];

    /// <summary>The step as other bytes, or as it is if those would be an instruction that is not allowed.</summary>
    public LabStep Mutate(in LabStep step)
    {
        if (step.Target >= 0 || LabAssembler.TryAssemble(64, 0, [step]) is not { } original)
        {
            return step;
        }

        var bytes = original.ToList();
        for (var edits = random.Next(1, 4); edits > 0; edits--)
        {
            Edit(bytes);
        }

        // What a longer instruction would take from behind.
        random.NextBytes(_rest);
        bytes.AddRange(_rest);
        var instruction = Decoder.Create(64, bytes.ToArray()).Decode();
        if (!instruction.IsInvalid && (!isAllowed(instruction.Code) || instruction.FlowControl != FlowControl.Next))
        {
            return step;
        }

        return new LabStep(instruction, Encoding: [.. bytes.Take(instruction.IsInvalid ? LongestBytes : instruction.Length)]);
    }

    private void Edit(List<byte> bytes)
    {
        var start = random.Next(Math.Min(bytes.Count, 5));
        switch (random.Next(6))
        {
            case 0 or 1:
                bytes.Insert(0, Prefixes[random.Next(Prefixes.Length)]);
                break;
            case 2:
                bytes.Insert(start, Prefixes[random.Next(Prefixes.Length)]);
                break;
            case 3:
                bytes[start] = (byte)random.Next(256);
                break;
            case 4 when bytes.Count > 2:
                bytes.RemoveAt(start);
                break;
            default:
                bytes[start] ^= (byte)(1 << random.Next(8));
                break;
        }
    }
}
