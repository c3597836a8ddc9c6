using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <summary>The code at the start of each code cache: from C# into emitted code, back, and callbacks in between.</summary>
internal sealed unsafe partial class Thunks
{
    /// <summary>Room for 512 return frames.</summary>
    private const int ReturnStackBytes = 512 * 16;

    /// <summary>The guest address in the first frame: canonical, so that a guest which returns to it is right to have returned.</summary>
    private const long FirstFrameAddress = 0x7FFF_FFFF_FFF0;

    private readonly X64Assembler _a;
    private readonly nint[] _findPageToRead = new nint[Tlb.ModeCount];
    private readonly nint[] _findPageToWrite = new nint[Tlb.ModeCount];

    /// <summary>Writes the thunks where the assembler stands.</summary>
    public Thunks(X64Assembler assembler)
    {
        _a = assembler;
        SaveVectors = WriteSaveVectors();
        LoadVectors = WriteLoadVectors();
        SaveX87 = WriteSaveX87();
        LoadX87 = WriteLoadX87();
        var epilogue = WriteEpilogue();
        Exit = WriteExit(epilogue);
        var firstFrame = WriteFirstFrameReturn();
        Interpret = WriteInterpret(epilogue);
        FindBeside = WriteFindBeside();
        for (var mode = 0; mode < Tlb.ModeCount; mode++)
        {
            _findPageToRead[mode] = (nint)WriteFindPage(TlbEntry.TableOf(mode) + TlbEntry.ReadTagOffset);
            _findPageToWrite[mode] = (nint)WriteFindPage(TlbEntry.TableOf(mode) + TlbEntry.WriteTagOffset);
        }

        Enter = WriteEnter(firstFrame);
        assembler.Align(64);
    }

    /// <summary>
    /// Of the unmanaged type <c>int (CpuState*, nint code)</c>, in the writable view. It leaves a frame as guest calls do, host return address
    /// and guest return address; guest calls add theirs below it.
    /// </summary>
    public byte* Enter { get; }

    /// <summary>Jumped to with the result in ESI: stores the guest's registers and returns to C#.</summary>
    public byte* Exit { get; }

    /// <summary>Called with the index of an <see cref="OpRecord"/> in EDI: the interpreter executes it; temporaries and host flags are lost.</summary>
    public byte* Interpret { get; }

    /// <summary>
    /// Called with a guest address in RDI and the offset of a jump cache entry in RSI, which becomes that of the one beside it. Whether that is the
    /// address's in this context is in the zero flag. If it is not, RDI stays, and RSI becomes 0 if the address is canonical.
    /// </summary>
    public byte* FindBeside { get; }

    /// <summary>
    /// Called where a lookup missed: with the offset of its slot in EDI and, in RSI, what it compares, which become those of the slot beside. Below
    /// if that has the page. If RSI was an offset in the page, which was there, it stays.
    /// </summary>
    public byte* FindPage(int mmuMode, bool writes) => (byte*)(writes ? _findPageToWrite : _findPageToRead)[mmuMode];

    private byte* WriteEnter(byte* firstFrame)
    {
        _a.Align(16);
        var start = _a.Position;
        foreach (var register in CalleeSaved)
        {
            _a.Push(register);
        }

        if (OperatingSystem.IsWindows())
        {
            // Windows also keeps XMM6 to XMM15.
            _a.Alu(8, 5, Rsp, 8 + (10 * 16));
            for (var i = 6; i < 16; i++)
            {
                Vector(0x11, i, new HostOperand(Rsp, (i - 6) * 16));
            }

            _a.Move(8, State, Rcx);
            _a.Move(8, Data, Rdx);
        }
        else
        {
            // The return address and six registers leave RSP 8 bytes off a multiple of 16.
            _a.Alu(8, 5, Rsp, 8);
            _a.Move(8, State, Rdi);
            _a.Move(8, Data, Rsi);
        }

        _a.LoadAddress(8, Rsi, new HostOperand(Rsp, -ReturnStackBytes));
        _a.Store(8, HostOperand.State(EngineFields.StackLimitOffset), Rsi);
        _a.MoveImmediate(Rsi, FirstFrameAddress);
        _a.Push(Rsi);
        _a.LoadRelativeAddress(Rsi, firstFrame);
        _a.Push(Rsi);
        _a.Store(8, HostOperand.State(EngineFields.HostStackOffset), Rsp);
        LoadPinned();
        _a.Op(4, 0xFF, 4, Data);
        return start;
    }

    private byte* WriteEpilogue()
    {
        _a.Align(16);
        var start = _a.Position;
        _a.Load(8, Rsp, HostOperand.State(EngineFields.HostStackOffset));
        _a.Alu(8, 0, Rsp, 16);
        if (OperatingSystem.IsWindows())
        {
            for (var i = 6; i < 16; i++)
            {
                Vector(0x10, i, new HostOperand(Rsp, (i - 6) * 16));
            }

            _a.Alu(8, 0, Rsp, 8 + (10 * 16));
        }
        else
        {
            _a.Alu(8, 0, Rsp, 8);
        }

        for (var i = CalleeSaved.Length - 1; i >= 0; i--)
        {
            _a.Pop(CalleeSaved[i]);
        }

        _a.Return();
        return start;
    }

    /// <summary>The guest returned to the address in the first frame: what is there is looked up like anything else.</summary>
    private byte* WriteFirstFrameReturn()
    {
        _a.Align(16);
        var start = _a.Position;
        _a.MoveImmediate(Rdi, FirstFrameAddress);
        _a.Store(8, HostOperand.State(RegisterOffset.Rip), Rdi);
        _a.MoveImmediate(Rsi, ExitCode.Lookup);
        _a.Jump(Exit);
        return start;
    }

    private byte* WriteExit(byte* epilogue)
    {
        _a.Align(16);
        var start = _a.Position;
        StorePinned();
        SaveLiveVectors();
        SaveLiveX87();
        _a.Move(4, Rax, Rsi);
        _a.Jump(epilogue);
        return start;
    }

    private byte* WriteFindBeside()
    {
        _a.Align(16);
        var start = _a.Position;
        _a.Alu(4, 6, Address, 1 << JumpCacheEntry.SizeShift);
        _a.AluLoad(8, 7, Data, new HostOperand(State, Address, 0, JumpCacheEntry.TableOffset + JumpCacheEntry.RipOffset));
        var absent = _a.JumpIf(5);
        _a.Load(8, Data, HostOperand.State(EngineFields.ContextOffset));
        _a.AluLoad(8, 7, Data, new HostOperand(State, Address, 0, JumpCacheEntry.TableOffset + JumpCacheEntry.ContextOffset));
        _a.Load(8, Data, new HostOperand(State, Address, 0, JumpCacheEntry.TableOffset + JumpCacheEntry.RipOffset));
        var stale = _a.JumpIf(5);
        _a.Return();
        _a.Bind(absent);
        _a.Bind(stale);
        const int UpperBits = 16;
        _a.Move(8, Address, Data);
        _a.Shift(8, 4, Address, UpperBits);
        _a.Shift(8, 7, Address, UpperBits);
        _a.AluRegister(8, 6, Address, Data);
        _a.TestSelf(8, Rsp);
        _a.Return();
        return start;
    }

    private byte* WriteFindPage(int tagOffset)
    {
        _a.Align(16);
        var start = _a.Position;
        var tag = new HostOperand(State, Data, 0, tagOffset);
        _a.Alu(8, 7, Address, 4096);
        var crosses = _a.JumpIf(2);
        _a.AluLoad(8, 6, Address, tag);
        _a.Alu(4, 6, Data, Tlb.Beside << TlbEntry.SizeShift);
        _a.AluLoad(8, 6, Address, tag);
        _a.Alu(8, 7, Address, 4096);
        _a.Return();
        _a.Bind(crosses);
        _a.TestSelf(8, Rsp);
        _a.Return();
        return start;
    }

    private byte* WriteInterpret(byte* epilogue)
    {
        _a.Align(16);
        var start = _a.Position;
        StorePinned();
        SaveLiveVectors();
        SaveLiveX87();

        // The call that led here left RSP 8 bytes off a multiple of 16; Windows wants room for four registers besides.
        var room = OperatingSystem.IsWindows() ? 40 : 8;
        _a.Alu(8, 5, Rsp, room);
        if (OperatingSystem.IsWindows())
        {
            _a.Move(8, R8, Rsi);
            _a.Move(4, Rdx, Rdi);
            _a.Move(8, Rcx, State);
        }
        else
        {
            _a.Move(8, Rdx, Rsi);
            _a.Move(4, Rsi, Rdi);
            _a.Move(8, Rdi, State);
        }

        _a.CallIndirect(HostOperand.State(EngineFields.InterpretOffset));
        _a.Alu(8, 0, Rsp, room);
        _a.Alu(4, 7, Rax, ExitCode.Interpreted);
        var leave = _a.JumpIf(4);
        LoadPinned();
        var again = _a.JumpIf(7);
        _a.Return();

        // The lookup is made again: the way back behind the instruction is not needed.
        _a.Bind(again);
        _a.Alu(8, 0, Rsp, 8);
        _a.Alu(4, 7, HostOperand.State(EngineFields.ReloadsVectorsOffset), 0);
        var scalar = _a.JumpIf(4);
        _a.Call(LoadVectors);
        _a.Bind(scalar);
        _a.JumpIndirect(HostOperand.State(EngineFields.ValueOffset));
        _a.Bind(leave);
        _a.Jump(epilogue);
        return start;
    }

    private void LoadPinned()
    {
        for (var guest = 0; guest < 16; guest++)
        {
            if (Of(guest) != None)
            {
                _a.Load(8, Of(guest), HostOperand.Gpr(guest));
            }
        }
    }

    private void StorePinned()
    {
        for (var guest = 0; guest < 16; guest++)
        {
            if (Of(guest) != None)
            {
                _a.Store(8, HostOperand.Gpr(guest), Of(guest));
            }
        }
    }

    /// <summary>What C# expects to find again: on Windows also RSI and RDI.</summary>
    private static int[] CalleeSaved => OperatingSystem.IsWindows() ? [Rbx, Rbp, R12, R13, R14, R15, Rsi, Rdi] : [Rbx, Rbp, R12, R13, R14, R15];
}
