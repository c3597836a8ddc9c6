namespace Vivarium.X86;

/// <summary>An operation of two operands whose result replaces the first.</summary>
internal interface IX87Arithmetic
{
    abstract static FloatParts Apply(in FloatParts destination, in FloatParts source, in FloatFormat format, ref FloatStatus status);
}

/// <summary>FADD, FSUB, FMUL, FDIV and their reversed forms.</summary>
internal static class X87Arithmetic
{
    internal readonly struct Add : IX87Arithmetic
    {
        public static FloatParts Apply(in FloatParts destination, in FloatParts source, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.Add(destination, source, format, ref status);
    }

    internal readonly struct Subtract : IX87Arithmetic
    {
        public static FloatParts Apply(in FloatParts destination, in FloatParts source, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.Subtract(destination, source, format, ref status);
    }

    internal readonly struct SubtractReversed : IX87Arithmetic
    {
        public static FloatParts Apply(in FloatParts destination, in FloatParts source, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.Subtract(source, destination, format, ref status);
    }

    internal readonly struct Multiply : IX87Arithmetic
    {
        public static FloatParts Apply(in FloatParts destination, in FloatParts source, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.Multiply(destination, source, format, ref status);
    }

    internal readonly struct Divide : IX87Arithmetic
    {
        public static FloatParts Apply(in FloatParts destination, in FloatParts source, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.Divide(destination, source, format, ref status);
    }

    internal readonly struct DivideReversed : IX87Arithmetic
    {
        public static FloatParts Apply(in FloatParts destination, in FloatParts source, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.Divide(source, destination, format, ref status);
    }
}
