namespace Vivarium.X86;

/// <content>The instructions that the recompiler writes of its own accord.</content>
internal sealed unsafe partial class X64Assembler
{
    /// <summary>Length of a jump with a 32-bit displacement.</summary>
    public const int JumpBytes = 5;

    /// <summary>mov dst, src. 4 bytes zero-extend.</summary>
    public void Move(int sizeBytes, int destination, int source) => Op(sizeBytes, 0x8B, destination, source);

    /// <summary>mov dst, [memory] of 4 or 8 bytes.</summary>
    public void Load(int sizeBytes, int destination, in HostOperand memory) => Op(sizeBytes, 0x8B, destination, memory);

    /// <summary>mov [memory], src of 4 or 8 bytes.</summary>
    public void Store(int sizeBytes, in HostOperand memory, int source) => Op(sizeBytes, 0x89, source, memory);

    /// <summary>mov word [memory], src.</summary>
    public void Store16(in HostOperand memory, int source)
    {
        Byte(0x66);
        Op(4, 0x89, source, memory);
    }

    /// <summary>add byte [memory], imm8.</summary>
    public void Add8(in HostOperand memory, byte value)
    {
        Op(4, 0x80, 0, memory);
        Byte(value);
    }

    /// <summary>cmp byte [memory], imm8.</summary>
    public void Compare8(in HostOperand memory, byte value)
    {
        Op(4, 0x80, 7, memory);
        Byte(value);
    }

    /// <summary>push qword [memory].</summary>
    public void PushMemory(in HostOperand memory) => Op(4, 0xFF, 6, memory);

    /// <summary>pop qword [memory].</summary>
    public void PopMemory(in HostOperand memory) => Op(4, 0x8F, 0, memory);

    /// <summary>movzx dst, word [memory].</summary>
    public void LoadZero16(int destination, in HostOperand memory) => Op0F(4, 0xB7, destination, memory);

    /// <summary>mov dword/qword [memory], imm32, sign-extended.</summary>
    public void StoreImmediate(int sizeBytes, in HostOperand memory, int value)
    {
        Op(sizeBytes, 0xC7, 0, memory);
        Int32(value);
    }

    /// <summary>mov word [memory], imm16.</summary>
    public void StoreImmediate16(in HostOperand memory, ushort value)
    {
        Byte(0x66);
        Op(4, 0xC7, 0, memory);
        Byte(value & 0xFF);
        Byte(value >> 8);
    }

    /// <summary>mov byte [memory], imm8.</summary>
    public void StoreImmediate8(in HostOperand memory, byte value)
    {
        Op(4, 0xC6, 0, memory);
        Byte(value);
    }

    /// <summary>test dword [memory], imm32.</summary>
    public void Test(in HostOperand memory, int bits)
    {
        Op(4, 0xF7, 0, memory);
        Int32(bits);
    }

    /// <summary>mov dst, imm in its shortest form.</summary>
    public void MoveImmediate(int destination, long value)
    {
        if (value == (uint)value)
        {
            Rex(false, 0, 0, destination);
            Byte(0xB8 | (destination & 7));
            Int32((int)value);
        }
        else if (value == (int)value)
        {
            Op(8, 0xC7, 0, destination);
            Int32((int)value);
        }
        else
        {
            Rex(true, 0, 0, destination);
            Byte(0xB8 | (destination & 7));
            *(long*)_next = value;
            _next += sizeof(long);
        }
    }

    /// <summary>lea dst, [memory]; 4 bytes cut the address to 32 bits. Flags stay.</summary>
    public void LoadAddress(int sizeBytes, int destination, in HostOperand memory) => Op(sizeBytes, 0x8D, destination, memory);

    /// <summary>One of add, or, adc, sbb, and, sub, xor, cmp (0 to 7) with an immediate.</summary>
    public void Alu(int sizeBytes, int operation, int destination, int immediate)
    {
        var isShort = immediate == (sbyte)immediate;
        Op(sizeBytes, isShort ? 0x83 : 0x81, operation, destination);
        Immediate(isShort, immediate);
    }

    /// <summary>One of add to cmp (0 to 7) on memory with an immediate.</summary>
    public void Alu(int sizeBytes, int operation, in HostOperand memory, int immediate)
    {
        var isShort = immediate == (sbyte)immediate;
        Op(sizeBytes, isShort ? 0x83 : 0x81, operation, memory);
        Immediate(isShort, immediate);
    }

    /// <summary>One of add to cmp (0 to 7), register with memory.</summary>
    public void AluLoad(int sizeBytes, int operation, int destination, in HostOperand memory) => Op(sizeBytes, (operation << 3) | 3, destination, memory);

    /// <summary>One of add to cmp (0 to 7), register with register.</summary>
    public void AluRegister(int sizeBytes, int operation, int destination, int source) => Op(sizeBytes, (operation << 3) | 3, destination, source);

    /// <summary>shl (4), shr (5) or sar (7) by an immediate.</summary>
    public void Shift(int sizeBytes, int operation, int destination, int count)
    {
        Op(sizeBytes, 0xC1, operation, destination);
        Byte(count);
    }

    /// <summary>imul dst, src, imm32.</summary>
    public void Multiply(int sizeBytes, int destination, int source, int factor)
    {
        Op(sizeBytes, 0x69, destination, source);
        Int32(factor);
    }

    /// <summary>lea dst, [rip + to code of the cache].</summary>
    public void LoadRelativeAddress(int destination, byte* target)
    {
        Rex(true, destination, 0, 0);
        Byte(0x8D);
        Byte(((destination & 7) << 3) | 5);
        PatchRelative(Displacement(), target);
    }

    /// <summary>call rel32; returns where the displacement is.</summary>
    public byte* Call()
    {
        Byte(0xE8);
        return Displacement();
    }

    /// <summary>rorx dst, src, count of 4 bytes (BMI2). Flags stay.</summary>
    public void RotateTo(int destination, int source, int count)
    {
        Byte(0xC4);
        Byte((destination < 8 ? 0x80 : 0) | 0x40 | (source < 8 ? 0x20 : 0) | 3);
        Byte(0x7B);
        Byte(0xF0);
        ModRm(destination, source);
        Byte(count);
    }

    /// <summary>jmp rel32; returns where the displacement is.</summary>
    public byte* Jump()
    {
        Byte(0xE9);
        return Displacement();
    }

    /// <summary>jmp rel32 to code of the cache.</summary>
    public void Jump(byte* target) => PatchRelative(Jump(), target);

    /// <summary>call rel32 to code of the cache.</summary>
    public void Call(byte* target)
    {
        PatchRelative(Call(), target);
    }

    /// <summary>jcc rel32 with condition code 0 to 15; returns where the displacement is.</summary>
    public byte* JumpIf(int condition)
    {
        Byte(0x0F);
        Byte(0x80 | condition);
        return Displacement();
    }

    /// <summary>jmp [memory].</summary>
    public void JumpIndirect(in HostOperand memory) => Op(4, 0xFF, 4, memory);

    /// <summary>call [memory].</summary>
    public void CallIndirect(in HostOperand memory) => Op(4, 0xFF, 2, memory);

    public void Push(int register)
    {
        Rex(false, 0, 0, register);
        Byte(0x50 | (register & 7));
    }

    public void Pop(int register)
    {
        Rex(false, 0, 0, register);
        Byte(0x58 | (register & 7));
    }

    public void Return() => Byte(0xC3);

    /// <summary>test eax-like register with itself.</summary>
    public void TestSelf(int sizeBytes, int register) => Op(sizeBytes, 0x85, register, register);

    /// <summary>Puts the displacement of a jump written before to here.</summary>
    public void Bind(byte* displacement) => PatchRelative(displacement, _next);

    /// <summary>Starts the next instruction at a multiple of <paramref name="bytes"/>.</summary>
    public void Align(int bytes)
    {
        while (((nint)_next & (bytes - 1)) != 0)
        {
            Byte(0xCC);
        }
    }

    private byte* Displacement()
    {
        var at = _next;
        _next += sizeof(int);
        return at;
    }

    private void Immediate(bool isShort, int value)
    {
        if (isShort)
        {
            Byte(value);
        }
        else
        {
            Int32(value);
        }
    }
}
