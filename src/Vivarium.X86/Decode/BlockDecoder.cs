using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Decodes guest bytes into operations: Iced decodes, the lowering tables choose handlers.</summary>
internal sealed unsafe class BlockDecoder
{
    public const int MaxInstructions = 64;
    public const int MaxInstructionBytes = 15;
    private const DecoderOptions Options = DecoderOptions.NoWbnoinvd | DecoderOptions.ForceReservedNop;
    private readonly CpuModel _model;
    private readonly DecoderOptions _options;
    private readonly CodeBytes _bytes = new();
    private readonly Decoder _decoder16;
    private readonly Decoder _decoder32;
    private readonly Decoder _decoder64;

    public BlockDecoder(CpuModel model)
    {
        _model = model;
        _options = Options
            | (model.Has(CpuFeature.Bmi1) ? 0 : DecoderOptions.NoMPFX_0FBC)
            | (model.Has(CpuFeature.Abm) ? 0 : DecoderOptions.NoMPFX_0FBD);
        _decoder16 = Decoder.Create(16, _bytes, _options);
        _decoder32 = Decoder.Create(32, _bytes, _options);
        _decoder64 = Decoder.Create(64, _bytes, _options);
    }

    /// <summary>The bytes that were decoded last.</summary>
    public ReadOnlySpan<byte> Code => _bytes.Content;

    /// <summary>
    /// Decodes up to <paramref name="maxInstructions"/> instructions from <paramref name="code"/>, which starts at offset
    /// <paramref name="pageOffset"/> of a page, into <paramref name="ops"/> and closes them. The bytes may run on into the next page by up to
    /// 15. Returns the number of instructions: 0 if the first one is cut off. What Iced decoded goes to <paramref name="instructions"/> if it
    /// has room.
    /// </summary>
    public int Decode(ReadOnlySpan<byte> code, int pageOffset, DecodeMode mode, int maxInstructions, DecodedOp* ops, out int lengthBytes, Span<Instruction> instructions = default)
    {
        fixed (byte* source = code)
        {
            _bytes.Set(source, code.Length);
            var count = DecodeRun(code, pageOffset, mode, maxInstructions, ops, out lengthBytes, instructions);
            _bytes.Complete(lengthBytes);
            return count;
        }
    }

    private int DecodeRun(ReadOnlySpan<byte> code, int pageOffset, DecodeMode mode, int maxInstructions, DecodedOp* ops, out int lengthBytes, Span<Instruction> instructions)
    {
        var decoder = (mode & DecodeMode.Code64) != 0 ? _decoder64 : (mode & DecodeMode.Code32) != 0 ? _decoder32 : _decoder16;
        decoder.IP = (ulong)pageOffset;
        lengthBytes = 0;
        var count = 0;
        while (count < maxInstructions && pageOffset + lengthBytes < 4096)
        {
            decoder.Decode(out var instruction);
            var length = instruction.Length;
            if (instruction.IsInvalid)
            {
                length = Math.Clamp(EncodingLength.Of(code[lengthBytes..], decoder.Bitness), length, MaxInstructionBytes);
                if (decoder.LastError == DecoderError.NoMoreBytes || lengthBytes + length > code.Length)
                {
                    break;
                }
            }

            // An instruction that crosses into the next page stands alone in its block.
            if (count > 0 && pageOffset + lengthBytes + length > 4096)
            {
                break;
            }

            var op = ops + count;
            OperandLowering.Initialize(instruction, mode, pageOffset + lengthBytes, op);
            op->Length = (byte)length;
            if (!TryLower(instruction, mode, op))
            {
                Lower.Leave(op, instruction.Length >= MaxInstructionBytes ? &HintOps.TooLong : &HintOps.Undefined);
            }

            if (instructions.IsEmpty)
            {
                FastOperations.Apply(mode, op);
            }
            else
            {
                // A recompiler's: it calls handlers, if at all.
                instructions[count] = instruction;
            }

            lengthBytes += length;
            count++;
            if (op->Code == OpCode.CallAndLeave || EndsBlock(op->Code) || pageOffset + lengthBytes > 4096)
            {
                break;
            }
        }

        if (count > 0)
        {
            ops[count] = new DecodedOp
            {
                Code = OpCode.EndOfBlock,
                Size = (mode & DecodeMode.Code64) != 0 ? (byte)8 : (mode & DecodeMode.Code32) != 0 ? (byte)4 : (byte)2,
            };
            Close(ops, count, pageOffset + lengthBytes);
        }

        return count;
    }

    private static bool EndsBlock(OpCode code) => code is >= OpCode.Jump and <= OpCode.CallNearIndirect;

    /// <summary>Has the run end at an offset, and tells each conditional jump how many instructions of it a taken jump leaves out.</summary>
    public static void Close(DecodedOp* ops, int count, int endOffset)
    {
        ops[count].Immediate = endOffset;
        for (var i = 0; i < count; i++)
        {
            if (ops[i].Code is >= OpCode.JumpO and <= OpCode.JumpNle)
            {
                ops[i].Reg1 = (ushort)(count - i - 1);
            }
        }
    }

    private bool TryLower(in Instruction instruction, DecodeMode mode, DecodedOp* op)
    {
        if (instruction.IsInvalid || !IsPermitted(instruction, mode))
        {
            return false;
        }

        return AluLowering.TryLower(instruction, op)
            || MoveLowering.TryLower(instruction, op)
            || BranchLowering.TryLower(instruction, mode, op)
            || StringLowering.TryLower(instruction, op)
            || BitLowering.TryLower(instruction, op)
            || SystemLowering.TryLower(instruction, op)
            || FloatingPointLowering.TryLower(instruction, op);
    }

    private bool IsPermitted(in Instruction instruction, DecodeMode mode)
    {
        if (instruction.Mnemonic is Mnemonic.Endbr32 or Mnemonic.Endbr64 or Mnemonic.Rdsspd or Mnemonic.Rdsspq or Mnemonic.Reservednop or Mnemonic.Salc
            or Mnemonic.Prefetchw or Mnemonic.Prefetch or Mnemonic.Prefetchwt1)
        {
            return true;
        }

        if (instruction.Mnemonic is Mnemonic.Lahf or Mnemonic.Sahf && (mode & DecodeMode.Code64) != 0 && !_model.Has(CpuFeature.LahfLm))
        {
            return false;
        }

        return _model.Allows(instruction) && (instruction.Encoding == EncodingKind.Legacy || (mode & DecodeMode.Real) == 0);
    }

    /// <summary>The bytes under the decoder. What it reads is copied piece by piece: others may write to it, and a page's rest is long.</summary>
    private sealed class CodeBytes : CodeReader
    {
        private const int PieceBytes = 64;
        private readonly byte[] _buffer = new byte[4096 + MaxInstructionBytes];
        private byte* _source;
        private int _length;
        private int _copied;
        private int _next;

        public ReadOnlySpan<byte> Content => _buffer.AsSpan(0, _copied);

        /// <summary>Bytes that must stay where they are until the last one is read.</summary>
        public void Set(byte* source, int length)
        {
            _source = source;
            _length = length;
            _copied = 0;
            _next = 0;
        }

        /// <summary>Copies so many bytes at least, which the source has.</summary>
        public void Complete(int length)
        {
            while (_copied < length && TryCopy())
            {
            }
        }

        public override int ReadByte() => _next < _copied || TryCopy() ? _buffer[_next++] : -1;

        private bool TryCopy()
        {
            // SAFETY: both ends are within the length that was set, and that within the buffer's.
            var piece = Math.Min(PieceBytes, _length - _copied);
            new ReadOnlySpan<byte>(_source + _copied, piece).CopyTo(_buffer.AsSpan(_copied));
            _copied += piece;
            return piece != 0;
        }
    }
}
