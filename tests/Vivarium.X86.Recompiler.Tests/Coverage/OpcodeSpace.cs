using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>
/// All legacy and VEX opcodes that the decoder knows, found by decoding: each prefix, map, opcode and ModRM byte in turn, in code of 16, 32 and
/// 64 bits. What only an assembler makes of several instructions (FINIT, which is WAIT and FNINIT) does not occur.
/// </summary>
internal sealed class OpcodeSpace
{
    private const int InstructionBytes = 15;
    private const int Registers = 0xC0;
    private static readonly byte[][] s_maps = [[], [0x0F], [0x0F, 0x38], [0x0F, 0x3A]];
    private static readonly byte[][] s_prefixes = [[], [0x66], [0xF2], [0xF3]];

    /// <summary>What immediates, displacements and SIB bytes are made of.</summary>
    private static readonly byte[] s_fillers = [0, 1];

    private readonly Dictionary<InstructionForm, List<OpcodeExample>> _examples = [];
    private readonly byte[] _bytes = new byte[InstructionBytes];
    private readonly ByteArrayCodeReader _reader;

    public OpcodeSpace()
    {
        _reader = new ByteArrayCodeReader(_bytes);
        foreach (var bits in (int[])[64, 32, 16])
        {
            var decoder = Decoder.Create(bits, _reader);
            foreach (var filler in s_fillers)
            {
                AddLegacy(decoder, filler);
                AddVex(decoder, filler);
            }
        }
    }

    /// <summary>The forms, each with an example for every size of code and filler that it occurs with.</summary>
    public IReadOnlyDictionary<InstructionForm, List<OpcodeExample>> Examples => _examples;

    private void AddLegacy(Decoder decoder, byte filler)
    {
        foreach (var prefix in s_prefixes)
        {
            for (var wide = 0; wide < (decoder.Bitness == 64 ? 2 : 1); wide++)
            {
                foreach (var map in s_maps)
                {
                    byte[] start = wide == 0 ? [.. prefix, .. map] : [.. prefix, 0x48, .. map];
                    AddOpcodes(decoder, filler, start, 1);
                }
            }
        }
    }

    /// <summary>The three-byte form: maps 1 to 3, any W, L and prefix, one register in vvvv and none.</summary>
    private void AddVex(Decoder decoder, byte filler)
    {
        for (var map = 1; map <= 3; map++)
        {
            for (var low = 0; low < 8; low++)
            {
                foreach (var rest in (byte[])[0x78, 0x58, 0xF8, 0xD8])
                {
                    AddOpcodes(decoder, filler, [0xC4, (byte)(0xE0 | map), (byte)(rest | low)], 4);
                }
            }
        }
    }

    private void AddOpcodes(Decoder decoder, byte filler, byte[] start, int step)
    {
        for (var opcode = 0; opcode < 256; opcode++)
        {
            // Displacements change nothing, so memory is taken without.
            for (var modRm = 0; modRm < 256; modRm = modRm + step == 0x40 ? Registers : modRm + step)
            {
                _bytes.AsSpan().Fill(filler);
                start.CopyTo(_bytes, 0);
                _bytes[start.Length] = (byte)opcode;
                _bytes[start.Length + 1] = (byte)modRm;
                Add(decoder, filler);
            }
        }
    }

    private void Add(Decoder decoder, byte filler)
    {
        _reader.Position = 0;
        decoder.IP = 0;
        decoder.Decode(out var instruction);
        if (instruction.IsInvalid)
        {
            return;
        }

        var form = InstructionForm.Of(instruction);
        if (!_examples.TryGetValue(form, out var examples))
        {
            _examples.Add(form, examples = []);
        }

        if (!examples.Exists(example => example.Bits == decoder.Bitness && example.Filler == filler))
        {
            examples.Add(new OpcodeExample(decoder.Bitness, filler, _bytes[..instruction.Length]));
        }
    }
}

/// <summary>An instruction as bytes.</summary>
internal sealed record OpcodeExample(int Bits, byte Filler, byte[] Bytes);
