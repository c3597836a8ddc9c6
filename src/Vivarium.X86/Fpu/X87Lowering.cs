using Iced.Intel;

namespace Vivarium.X86;

internal static unsafe class X87Lowering
{
    public static bool TryLower(in Instruction instruction, DecodedOp* op) => false;
}
