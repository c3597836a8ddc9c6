using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Encodes the steps of a case one behind the other, with branches as they are: short ones stay short.</summary>
internal static class LabAssembler
{
    private const int LongestBytes = 1500;

    /// <summary>The bytes, or null if something cannot be encoded.</summary>
    public static byte[]? TryAssemble(int bits, ulong rip, IReadOnlyList<LabStep> steps)
    {
        var writer = new ByteWriter();
        var encoder = Encoder.Create(bits, writer);
        var starts = new ulong[steps.Count + 1];
        starts[0] = rip;

        // Sizes do not depend on distances, so a first pass with every branch to itself finds the addresses.
        for (var i = 0; i < steps.Count; i++)
        {
            if (!TryEncode(encoder, writer, steps[i], starts[i], starts[i], out var length))
            {
                return null;
            }

            starts[i + 1] = starts[i] + length;
        }

        if (starts[^1] - rip > LongestBytes)
        {
            return null;
        }

        writer.Bytes.Clear();
        for (var i = 0; i < steps.Count; i++)
        {
            var target = steps[i].Target < 0 ? 0 : starts[steps[i].Target];
            if (!TryEncode(encoder, writer, steps[i], starts[i], target, out var length) || starts[i] + length != starts[i + 1])
            {
                return null;
            }
        }

        return [.. writer.Bytes];
    }

    private static bool TryEncode(Encoder encoder, ByteWriter writer, LabStep step, ulong rip, ulong target, out uint length)
    {
        if (step.Encoding is { } bytes)
        {
            writer.Bytes.AddRange(bytes);
            length = (uint)bytes.Length;
            return true;
        }

        var instruction = step.Instruction;
        if (step.Target >= 0)
        {
            if (instruction.IsIPRelativeMemoryOperand)
            {
                instruction.MemoryDisplacement64 = target;
            }
            else
            {
                SetTarget(ref instruction, target);
            }
        }

        return encoder.TryEncode(instruction, rip, out length, out _);
    }

    private static void SetTarget(ref Instruction instruction, ulong target)
    {
        switch (instruction.Op0Kind)
        {
            case OpKind.NearBranch32: instruction.NearBranch32 = (uint)target; break;
            case OpKind.NearBranch64: instruction.NearBranch64 = target; break;
            default: instruction.SetImmediate(1, target); break;
        }
    }

    private sealed class ByteWriter : CodeWriter
    {
        public List<byte> Bytes { get; } = [];

        public override void WriteByte(byte value) => Bytes.Add(value);
    }
}
