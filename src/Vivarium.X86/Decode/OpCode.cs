namespace Vivarium.X86;

/// <summary>The cases of the interpreter's dispatch switch.</summary>
internal enum OpCode : ushort
{
    /// <summary>Calls <see cref="DecodedOp.Target"/>.</summary>
    Call,
}
