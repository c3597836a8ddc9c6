using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Iced's registers as byte offsets into <see cref="CpuState"/>.</summary>
internal static class RegisterMap
{
    /// <summary>A general register of any width, AH to BH included.</summary>
    public static ushort General(Register register)
    {
        if (register is >= Register.AH and <= Register.BH)
        {
            return (ushort)(RegisterOffset.Gpr(register - Register.AH) + 1);
        }

        return RegisterOffset.Gpr(register.GetFullRegister() - Register.RAX);
    }

    /// <summary>ES, CS, SS, DS, FS, GS as 0 to 5.</summary>
    public static int Segment(Register register) => register - Register.ES;
}
