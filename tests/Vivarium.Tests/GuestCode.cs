using Iced.Intel;

namespace Vivarium.Tests;

/// <summary>Code of guests that tests assemble.</summary>
internal static class GuestCode
{
    /// <summary>The bytes of code for 16, 32 or 64 bits at an address.</summary>
    public static byte[] Assemble(int bits, ulong rip, Action<Assembler> code)
    {
        var assembler = new Assembler(bits);
        code(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), rip);
        return stream.ToArray();
    }
}
