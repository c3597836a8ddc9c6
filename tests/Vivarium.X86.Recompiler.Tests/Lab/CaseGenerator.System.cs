using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <content>System instructions: flags that only a kernel changes, and ways from one privilege to another.</content>
internal sealed partial class CaseGenerator
{
    private void AddSystem()
    {
        switch (_random.Next(Is64 ? 12 : 6))
        {
            case 0: Add(Instruction.Create(Code.Clac)); break;
            case 1: Add(Instruction.Create(Code.Stac)); break;
            case 2: Add(Instruction.Create(_random.Next(3) == 0 ? Code.Cli : Code.Sti)); break;
            case < 6: AddAccess(); break;
            case < 10: AddSystemCall(); break;
            default: AddSystemReturn(); break;
        }
    }

    /// <summary>STAC and CLAC around what user pages are accessed for.</summary>
    private void AddAccess()
    {
        Add(Instruction.Create(Code.Stac));
        for (var i = _random.Next(3); i >= 0; i--)
        {
            AddOne(s_themes[_random.Next(3) == 0 ? 4 : 1]);
        }

        Add(Instruction.Create(Code.Clac));
    }

    private void AddSystemCall()
    {
        // It stores every flag.
        Add(Definer());
        Add(Instruction.Create(Code.Syscall));
    }

    private void AddSystemReturn()
    {
        var isWild = _random.Next(10) == 0;
        if (isWild)
        {
            _memory.Load(Rcx, _random.Next(2) == 0 ? 0x8000000000000000 : _values.Pointer());
        }
        else
        {
            Add(AddressOf(Register.RCX), _steps.Count + 3);
        }

        var flags = 2 | ((uint)_random.Next() & (uint)(Rflags.Arithmetic | Rflags.If | Rflags.Id | Rflags.Rf | Rflags.Vm | Rflags.Nt))
            | (_random.Next(12) == 0 ? (uint)Rflags.Tf : 0) | (_random.Next(6) == 0 ? (uint)Rflags.Ac : 0) | (_random.Next(4) == 0 ? (uint)Rflags.Df : 0);
        Add(Instruction.Create(Code.Mov_r32_imm32, Register.R11D, flags));
        Add(Instruction.Create(_random.Next(20) == 0 ? Code.Sysretd : Code.Sysretq));
    }
}
