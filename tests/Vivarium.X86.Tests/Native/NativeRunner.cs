using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>
/// Runs one instruction on the host's own x87, MMX, SSE and AVX units: loads an XSAVE image (FXSAVE on hosts without AVX) and three general
/// registers, executes the bytes, and stores what became of them. Linux x64 only.
/// </summary>
internal sealed unsafe class NativeRunner : IDisposable
{
    private const int PageBytes = 4096;
    private const int ReadWriteExecute = 7;
    private const int PrivateAnonymous = 0x22;

    // push rbx; mov rbx, rcx; mov r8, rdx; mov r9, rsi; fxsave64 [r8]; fxrstor64 [rdi]; lea rdi, [rbx+64];
    // push [rbx+24]; popfq; mov rax, [rbx]; mov rcx, [rbx+8]; mov rdx, [rbx+16]
    private static readonly byte[] s_prologue =
    [
        0x53, 0x48, 0x89, 0xCB, 0x49, 0x89, 0xD0, 0x49, 0x89, 0xF1, 0x49, 0x0F, 0xAE, 0x00, 0x48, 0x0F, 0xAE, 0x0F, 0x48, 0x8D, 0x7B, 0x40,
        0xFF, 0x73, 0x18, 0x9D, 0x48, 0x8B, 0x03, 0x48, 0x8B, 0x4B, 0x08, 0x48, 0x8B, 0x53, 0x10,
    ];

    // pushfq; pop [rbx+24]; mov [rbx], rax; mov [rbx+8], rcx; mov [rbx+16], rdx; fxsave64 [r9]; fxrstor64 [r8]; cld; pop rbx; ret
    private static readonly byte[] s_epilogue =
    [
        0x9C, 0x8F, 0x43, 0x18, 0x48, 0x89, 0x03, 0x48, 0x89, 0x4B, 0x08, 0x48, 0x89, 0x53, 0x10, 0x49, 0x0F, 0xAE, 0x01, 0x49, 0x0F, 0xAE,
        0x08, 0xFC, 0x5B, 0xC3,
    ];

    // The same, with mov eax, 7; xor edx, edx; xsave64 [r8]; xrstor64 [rdi] in place of the FXSAVE forms.
    private static readonly byte[] s_prologueAvx =
    [
        0x53, 0x48, 0x89, 0xCB, 0x49, 0x89, 0xD0, 0x49, 0x89, 0xF1, 0xB8, 0x07, 0x00, 0x00, 0x00, 0x31, 0xD2, 0x49, 0x0F, 0xAE, 0x20,
        0x48, 0x0F, 0xAE, 0x2F, 0x48, 0x8D, 0x7B, 0x40, 0xFF, 0x73, 0x18, 0x9D, 0x48, 0x8B, 0x03, 0x48, 0x8B, 0x4B, 0x08, 0x48, 0x8B, 0x53, 0x10,
    ];

    // The same, with mov eax, 7; xor edx, edx; xsave64 [r9]; xrstor64 [r8].
    private static readonly byte[] s_epilogueAvx =
    [
        0x9C, 0x8F, 0x43, 0x18, 0x48, 0x89, 0x03, 0x48, 0x89, 0x4B, 0x08, 0x48, 0x89, 0x53, 0x10, 0xB8, 0x07, 0x00, 0x00, 0x00, 0x31, 0xD2,
        0x49, 0x0F, 0xAE, 0x21, 0x49, 0x0F, 0xAE, 0x28, 0xFC, 0x5B, 0xC3,
    ];

    private readonly byte* _code;
    private readonly byte* _host;

    public NativeRunner()
    {
        _code = (byte*)Map(0, PageBytes, ReadWriteExecute, PrivateAnonymous, -1, 0);
        if ((nint)_code == -1)
        {
            throw new InvalidOperationException("The host refuses executable memory.");
        }

        _host = (byte*)NativeMemory.AlignedAlloc(NativeState.ImageBytes, 64);
        new Span<byte>(_host, NativeState.ImageBytes).Clear();
    }

    public static bool IsSupported => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Executes <paramref name="instruction"/> from one machine into another; RDI points to the memory of <paramref name="output"/>.</summary>
    public void Execute(ReadOnlySpan<byte> instruction, NativeState input, NativeState output)
    {
        var code = new Span<byte>(_code, PageBytes);
        var prologue = HostFeatures.HasAvx ? s_prologueAvx : s_prologue;
        prologue.CopyTo(code);
        instruction.CopyTo(code[prologue.Length..]);
        (HostFeatures.HasAvx ? s_epilogueAvx : s_epilogue).CopyTo(code[(prologue.Length + instruction.Length)..]);
        input.General.CopyTo(output.General);
        input.Memory.CopyTo(output.Memory);
        ((delegate* unmanaged<byte*, byte*, byte*, ulong*, void>)_code)(input.Image, output.Image, _host, output.Auxiliary);
    }

    public void Dispose()
    {
        _ = Unmap((nint)_code, PageBytes);
        NativeMemory.AlignedFree(_host);
    }

    [DllImport("libc", EntryPoint = "mmap")]
    private static extern nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [DllImport("libc", EntryPoint = "munmap")]
    private static extern int Unmap(nint address, nuint length);
}
