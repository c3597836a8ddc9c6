using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>
/// x87 registers to and from the host's unit. The state has them by their physical number, the image by their distance from the top.
/// </content>
internal sealed unsafe partial class Thunks
{
    private const int Registers = 8;
    private const int RegisterMask = 0x70;

    /// <summary>From TOP in the status word to 16 times TOP.</summary>
    private const int TopShift = 7;

    private static readonly int s_fcw = OffsetOf(nameof(CpuState.Fcw));
    private static readonly int s_fsw = OffsetOf(nameof(CpuState.Fsw));
    private static readonly int s_ftw = OffsetOf(nameof(CpuState.Ftw));

    /// <summary>Called: takes the guest's x87 registers into the host's. Temporaries and flags are lost.</summary>
    public byte* LoadX87 { get; }

    /// <summary>Called with the general registers stored: gives the x87 registers back. RAX, RCX and flags are lost.</summary>
    private byte* SaveX87 { get; }

    private byte* WriteLoadX87()
    {
        _a.Align(16);
        var start = _a.Position;
        Widen(s_fcw, X87Image.ControlOffset);
        Widen(s_ftw, X87Image.TagOffset);
        Widen(s_fsw, X87Image.StatusOffset);
        SelectTop(Rsi);
        for (var i = 0; i < Registers; i++)
        {
            _a.Load(8, Rdi, Physical(Rsi, 0));
            _a.Store(8, Stacked(i, 0), Rdi);
            _a.LoadZero16(Rdi, Physical(Rsi, 8));
            _a.Store16(Stacked(i, 8), Rdi);
            SelectNext(Rsi);
        }

        // frstor [image].
        _a.Op(4, 0xDD, 4, Image(0));
        _a.StoreImmediate(4, HostOperand.State(EngineFields.X87LiveOffset), 1);
        _a.Return();
        return start;

        void Widen(int field, int offset)
        {
            _a.LoadZero16(Rsi, HostOperand.State(field));
            _a.Store(4, Image(offset), Rsi);
        }
    }

    private byte* WriteSaveX87()
    {
        _a.Align(16);
        var start = _a.Position;

        // fnsave [image]; fldcw [host's].
        _a.Op(4, 0xDD, 6, Image(0));
        _a.Op(4, 0xD9, 5, Image(X87Image.HostControlOffset));
        _a.StoreImmediate(4, HostOperand.State(EngineFields.X87LiveOffset), 0);
        _a.Load(4, Rax, Image(X87Image.ControlOffset));
        _a.Store16(HostOperand.State(s_fcw), Rax);

        // Of a tag only "empty", both bits set, counts.
        _a.Load(4, Rax, Image(X87Image.TagOffset));
        _a.Move(4, Rcx, Rax);
        _a.Shift(4, 5, Rcx, 1);
        _a.AluRegister(4, 4, Rax, Rcx);
        _a.Alu(4, 4, Rax, 0x5555);
        _a.LoadAddress(4, Rax, new HostOperand(Rax, Rax, 1, 0));
        _a.Store16(HostOperand.State(s_ftw), Rax);
        _a.Load(4, Rax, Image(X87Image.StatusOffset));
        _a.Store16(HostOperand.State(s_fsw), Rax);
        SelectTop(Rax);
        for (var i = 0; i < Registers; i++)
        {
            _a.Load(8, Rcx, Stacked(i, 0));
            _a.Store(8, Physical(Rax, 0), Rcx);
            _a.LoadZero16(Rcx, Stacked(i, 8));
            _a.Store16(Physical(Rax, 8), Rcx);
            SelectNext(Rax);
        }

        _a.Return();
        return start;
    }

    private void SaveLiveX87()
    {
        _a.Alu(4, 7, HostOperand.State(EngineFields.X87LiveOffset), 0);
        var skip = _a.JumpIf(4);
        _a.Call(SaveX87);
        _a.Bind(skip);
    }

    private void SelectTop(int register)
    {
        _a.Shift(4, 5, register, TopShift);
        _a.Alu(4, 4, register, RegisterMask);
    }

    private void SelectNext(int register)
    {
        _a.Alu(4, 0, register, 16);
        _a.Alu(4, 4, register, RegisterMask);
    }

    private static HostOperand Image(int offset) => HostOperand.State(X87Image.Offset + offset);

    private static HostOperand Stacked(int index, int offset) => Image(X87Image.RegistersOffset + (index * X87Image.RegisterBytes) + offset);

    private static HostOperand Physical(int register, int offset) => new(State, register, 0, RegisterOffset.X87 + offset);

    private static int OffsetOf(string field) => (int)System.Runtime.InteropServices.Marshal.OffsetOf<CpuState>(field);
}
