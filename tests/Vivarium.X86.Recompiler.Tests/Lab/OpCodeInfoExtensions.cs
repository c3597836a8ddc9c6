using Iced.Intel;

namespace Vivarium.X86.Tests;

internal static class OpCodeInfoExtensions
{
    public static IEnumerable<OpCodeOperandKind> Operands(this OpCodeInfo info) => Enumerable.Range(0, info.OpCount).Select(info.GetOpKind);
}
