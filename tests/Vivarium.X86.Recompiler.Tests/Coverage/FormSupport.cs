using System.Runtime.InteropServices;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>What the decoder and the translator do with instructions: asked, not looked up.</summary>
internal sealed unsafe class FormSupport : IDisposable
{
    private readonly EmittedBlock _block = new(isHot: false);
    private readonly BlockDecoder _decoder = new(CpuModel.Max);
    private readonly DecodedOp* _ops = (DecodedOp*)NativeMemory.AllocZeroed(BlockDecoder.MaxInstructions + 1, (nuint)sizeof(DecodedOp));
    private readonly Instruction[] _instructions = new Instruction[BlockDecoder.MaxInstructions];

    /// <summary>Whether the decoder takes the instruction and has a handler, in any mode.</summary>
    public bool IsInterpreted(OpcodeExample example) => Modes(example.Bits).Any(mode => HasHandler(example, mode));

    /// <summary>Whether the translator emits code for it that does not call the interpreter. False too where it has no code of that size.</summary>
    public bool IsNative(OpcodeExample example) => example.Bits != 16 && _block.Translate([.. example.Bytes, 0xF4], example.Bits)
        && _block.Map.Places.First(place => place.Part == CodePart.Instruction).Kind != LoweringKind.Interpret;

    public void Dispose()
    {
        _block.Dispose();
        NativeMemory.Free(_ops);
    }

    private static DecodeMode[] Modes(int bits) => bits switch
    {
        64 => [DecodeMode.Code64 | DecodeMode.FlatCode | DecodeMode.FlatData],
        32 => [DecodeMode.Code32 | DecodeMode.FlatCode | DecodeMode.FlatData],
        _ => [DecodeMode.None, DecodeMode.Real],
    };

    private bool HasHandler(OpcodeExample example, DecodeMode mode)
    {
        // The decoder of the processor has options that the one which found the example has not.
        if (_decoder.Decode(example.Bytes, 0, mode, 1, _ops, out var length, _instructions) != 1 || length != example.Bytes.Length || _instructions[0].IsInvalid)
        {
            return false;
        }

        // UD0, UD1 and UD2 are what they are called.
        return _ops->Code != OpCode.CallAndLeave || _ops->Target != (nint)(delegate*<CpuCore, DecodedOp*, bool>)&HintOps.Undefined
            || _instructions[0].Mnemonic is Mnemonic.Ud0 or Mnemonic.Ud1 or Mnemonic.Ud2;
    }
}
