using System.Buffers.Binary;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>
/// The child process as an ELF file, written at run time: it maps the shared memory, catches the signals of exceptions on a stack of its own,
/// gives up every system call but read, write, exit and sigreturn, and then lives in its signal handler. That one reports where the registers
/// are (the signal's own frame, in shared memory), waits, and returns to whatever the frame says by then: the frame is both result and request.
/// </summary>
internal static class HostChildImage
{
    private const ulong Base = 0x2F5A_6100_0000;
    private const int HeaderBytes = 64 + (2 * 56);
    private const int MapShared = 0x1;
    private const int MapPopulate = 0x8000;
    private const int MapFixedNoReplace = 0x100000;

    /// <summary>SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV.</summary>
    private static readonly int[] s_signals = [4, 5, 7, 8, 11];

    private enum SystemCall
    {
        Read = 0,
        Write = 1,
        Map = 9,
        SignalAction = 13,
        SignalReturn = 15,
        Exit = 60,
        SignalStack = 131,
        ProcessControl = 157,
        SetLimit = 160,
    }

    /// <summary>The file, for a child that has the shared memory under this descriptor.</summary>
    public static byte[] Create(int file)
    {
        var code = new Assembler(64);
        Emit(code, file);
        using var stream = new MemoryStream();
        stream.Write(new byte[HeaderBytes]);
        code.Assemble(new StreamCodeWriter(stream), Base + HeaderBytes);
        var image = stream.ToArray();
        WriteHeaders(image);
        return image;
    }

    /// <summary>What the child's code expects in the control page.</summary>
    public static void Prepare(HostArea area)
    {
        area.Control.Clear();
        area.Field(HostArea.SignalStack) = HostArea.StackAddress;
        area.Field(HostArea.SignalStack + 16) = HostArea.StackBytes;

        // SA_SIGINFO, SA_RESTORER, SA_ONSTACK.
        area.Field(HostArea.Action + 8) = 0x0C00_0004;
    }

    private static void Emit(Assembler code, int file)
    {
        var (handler, fail) = (code.CreateLabel(), code.CreateLabel());
        Map(HostArea.ControlAddress, HostArea.ControlBytes, 3, HostArea.FramesBytes);
        foreach (var page in LabLayout.HostPages)
        {
            var protection = 1 | ((page.Flags & LabPage.Writable) != 0 ? 2 : 0) | ((page.Flags & LabPage.NoExecute) == 0 ? 4 : 0);
            Map(page.Linear, 0x1000, protection, (long)(page.Gpa - LabLayout.Frame[0]));
        }

        code.mov(rbx, HostArea.ControlAddress);
        code.lea(rdi, __[rbx + HostArea.SignalStack]);
        code.xor(esi, esi);
        Call(SystemCall.SignalStack);
        Check();
        code.lea(rax, __[handler]);
        code.mov(__[rbx + HostArea.Action], rax);
        code.mov(__[rbx + HostArea.Action + 16], rax);
        foreach (var signal in s_signals)
        {
            code.mov(edi, signal);
            code.lea(rsi, __[rbx + HostArea.Action]);
            code.xor(edx, edx);
            code.mov(r10d, 8);
            Call(SystemCall.SignalAction);
            Check();
        }

        // No core files.
        code.mov(edi, 4);
        code.lea(rsi, __[rbx + HostArea.NoLimit]);
        Call(SystemCall.SetLimit);
        Check();

        // PR_SET_SECCOMP, SECCOMP_MODE_STRICT: whatever a case's bytes may turn out to be, they cannot reach the system.
        code.mov(edi, 22);
        code.mov(esi, 1);
        Call(SystemCall.ProcessControl);
        Check();
        code.int3();
        code.Label(ref fail);
        code.mov(edi, 1);
        Call(SystemCall.Exit);
        EmitHandler(code, handler, fail);

        void Map(ulong address, int bytes, int protection, long offset)
        {
            code.mov(rdi, address);
            code.mov(esi, bytes);
            code.mov(edx, protection);
            code.mov(r10d, MapShared | MapFixedNoReplace | MapPopulate);
            code.mov(r8d, file);
            code.mov(r9, offset);
            Call(SystemCall.Map);
            code.cmp(rax, rdi);
            code.jne(fail);
        }

        void Call(SystemCall number)
        {
            code.mov(eax, (int)number);
            code.syscall();
        }

        void Check()
        {
            code.test(rax, rax);
            code.jne(fail);
        }
    }

    /// <summary>RSP is at the frame, whose first word sigreturn expects to be taken from the stack; RDX points to its context.</summary>
    private static void EmitHandler(Assembler code, Label handler, Label fail)
    {
        code.Label(ref handler);

        // NT, ID and AC are still the case's.
        code.push(2);
        code.popfq();
        code.mov(rbx, HostArea.ControlAddress);
        code.mov(__[rbx + HostArea.Context], rdx);
        if (HostFeatures.HasBaseInstructions)
        {
            Exchange(static (code, register) => code.rdfsbase(register), HostArea.FsBase);
            Exchange(static (code, register) => code.rdgsbase(register), HostArea.GsBase);
        }

        Transfer(SystemCall.Write, 1);
        Transfer(SystemCall.Read, 0);
        if (HostFeatures.HasBaseInstructions)
        {
            code.mov(rax, __[rbx + HostArea.FsBase]);
            code.wrfsbase(rax);
            code.mov(rax, __[rbx + HostArea.GsBase]);
            code.wrgsbase(rax);
        }

        // Flags that sigreturn takes from here and not from the frame.
        code.add(rsp, 8);
        code.push(__qword_ptr[rbx + HostArea.SystemFlags]);
        code.popfq();
        code.mov(eax, (int)SystemCall.SignalReturn);
        code.syscall();

        void Transfer(SystemCall call, int stream)
        {
            code.mov(edi, stream);
            code.lea(rsi, __[rbx + HostArea.Token]);
            code.mov(edx, 1);
            code.mov(eax, (int)call);
            code.syscall();
            code.cmp(rax, 1);
            code.jne(fail);
        }

        void Exchange(Action<Assembler, AssemblerRegister64> read, int field)
        {
            read(code, rax);
            code.mov(__[rbx + field], rax);
        }
    }

    /// <summary>An ELF header, one segment with everything in it, and a stack that is not executable (gABI; ELF-64 object file format).</summary>
    private static void WriteHeaders(Span<byte> image)
    {
        ReadOnlySpan<byte> identity = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(image);
        Write16(image, 16, 2, 62);
        image[20] = 1;
        BinaryPrimitives.WriteUInt64LittleEndian(image[24..], Base + HeaderBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(image[32..], 64);
        Write16(image, 52, 64, 56);
        Write16(image, 56, 2, 64);
        Segment(image[64..], 1, 5, Base, (ulong)image.Length);
        Segment(image[(64 + 56)..], 0x6474_E551, 6, 0, 0);
    }

    private static void Segment(Span<byte> header, uint type, uint flags, ulong address, ulong bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], flags);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(header[40..], bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(header[48..], 0x1000);
    }

    private static void Write16(Span<byte> image, int offset, ushort first, ushort second)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(image[offset..], first);
        BinaryPrimitives.WriteUInt16LittleEndian(image[(offset + 2)..], second);
    }
}
