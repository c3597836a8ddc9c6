using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>
/// Vector registers to and from the host's. Their upper halves go along only when they hold something: hosts track whether they do (Intel SDM Vol. 1
/// §13.6), and processors from Golden Cove on take some 400 cycles for the first SSE instruction behind an AVX one that wrote them, zeros or not.
/// </content>
internal sealed unsafe partial class Thunks
{
    private const int VectorRegisters = 16;
    private const int HalfBytes = 16;

    /// <summary>The upper halves' bit of XCR0 and of what is in use of it.</summary>
    private const int AvxState = 1 << 2;

    private static readonly int s_mxcsr = OffsetOf(nameof(CpuState.Mxcsr));

    /// <summary>Called: takes the guest's vector registers and MXCSR into the host's. Flags are lost.</summary>
    public byte* LoadVectors { get; }

    /// <summary>Called with the general registers stored: gives the vector registers and MXCSR back. RAX, RCX, RDX and flags are lost.</summary>
    private byte* SaveVectors { get; }

    private byte* WriteLoadVectors()
    {
        _a.Align(16);
        var start = _a.Position;
        if (!CodeHost.HasAvx)
        {
            MoveVectors(isStore: false, wide: false);
        }
        else if (!CodeHost.TracksUpperHalves)
        {
            MoveVectors(isStore: false, wide: true);
        }
        else
        {
            ZeroUpperHalves();

            // vmovups xmm0; vorps xmm0, xmm0; vptest xmm0, xmm0: these write no upper half but zeros.
            for (var i = 0; i < VectorRegisters; i++)
            {
                Vex(i == 0 ? 0x10 : 0x56, 0, UpperHalf(i), wide: false);
            }

            _a.Bytes([0xC4, 0xE2, 0x79, 0x17, 0xC0]);
            var inUse = _a.JumpIf(5);
            MoveVectors(isStore: false, wide: false);
            FinishLoad();
            _a.Bind(inUse);
            MoveVectors(isStore: false, wide: true);
        }

        FinishLoad();
        return start;
    }

    private void FinishLoad()
    {
        _a.StoreImmediate(4, HostOperand.State(EngineFields.VectorsLiveOffset), 1);
        _a.Op0F(4, 0xAE, 2, HostOperand.State(s_mxcsr));
        _a.Return();
    }

    private byte* WriteSaveVectors()
    {
        _a.Align(16);
        var start = _a.Position;
        if (!CodeHost.HasAvx)
        {
            MoveVectors(isStore: true, wide: false);
        }
        else if (!CodeHost.TracksUpperHalves)
        {
            MoveVectors(isStore: true, wide: true);
            ZeroUpperHalves();
        }
        else
        {
            // xgetbv with ECX = 1.
            _a.MoveImmediate(Rcx, 1);
            _a.Bytes([0x0F, 0x01, 0xD0]);
            _a.Alu(4, 4, Rax, AvxState);
            var inUse = _a.JumpIf(5);
            MoveVectors(isStore: true, wide: false);

            // xorps xmm0, xmm0.
            _a.Bytes([0x0F, 0x57, 0xC0]);
            for (var i = 0; i < VectorRegisters; i++)
            {
                Vector(0x11, 0, UpperHalf(i));
            }

            FinishSave();
            _a.Bind(inUse);
            MoveVectors(isStore: true, wide: true);
            ZeroUpperHalves();
        }

        FinishSave();
        return start;
    }

    private void FinishSave()
    {
        _a.StoreImmediate(4, HostOperand.State(EngineFields.VectorsLiveOffset), 0);
        _a.Op0F(4, 0xAE, 3, HostOperand.State(s_mxcsr));
        _a.Op0F(4, 0xAE, 2, HostOperand.State(EngineFields.HostMxcsrOffset));
        _a.Return();
    }

    private void SaveLiveVectors()
    {
        _a.Alu(4, 7, HostOperand.State(EngineFields.VectorsLiveOffset), 0);
        var skip = _a.JumpIf(4);
        _a.Call(SaveVectors);
        _a.Bind(skip);
    }

    /// <summary>vzeroupper: neither .NET's code nor SSE instructions should pay for upper halves in use.</summary>
    private void ZeroUpperHalves() => _a.Bytes([0xC5, 0xF8, 0x77]);

    /// <summary>All registers, whole or their lower halves.</summary>
    private void MoveVectors(bool isStore, bool wide)
    {
        for (var i = 0; i < VectorRegisters; i++)
        {
            var opcode = isStore ? 0x11 : 0x10;
            var memory = HostOperand.State(RegisterOffset.Xmm(i));
            if (wide)
            {
                Vex(opcode, i, memory, wide: true);
            }
            else
            {
                Vector(opcode, i, memory);
            }
        }
    }

    private static HostOperand UpperHalf(int register) => HostOperand.State(RegisterOffset.Xmm(register) + HalfBytes);

    /// <summary>movups: opcode 0x10 loads, 0x11 stores.</summary>
    private void Vector(int opcode, int register, in HostOperand memory)
    {
        _a.Rex(false, register, 0, memory.Base);
        _a.Byte(0x0F);
        _a.Byte(opcode);
        _a.ModRm(register, memory);
    }

    /// <summary>VEX.0F.WIG with 128 or 256 bits: inverted R, X = 1, inverted B, map 1; XMM0, or nothing, as the first source.</summary>
    private void Vex(int opcode, int register, in HostOperand memory, bool wide)
    {
        _a.Byte(0xC4);
        _a.Byte((register < 8 ? 0x80 : 0) | 0x40 | (memory.Base < 8 ? 0x20 : 0) | 1);
        _a.Byte(wide ? 0x7C : 0x78);
        _a.Byte(opcode);
        _a.ModRm(register, memory);
    }
}
