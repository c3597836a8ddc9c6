using Vivarium.X86;

namespace Vivarium.Debugging.Tests;

/// <summary>A machine whose guest counts RAX in 64-bit mode and stores it, forever.</summary>
internal static class TestGuest
{
    public const ulong Start = 0x100000;
    public const ulong Loop = Start + 3;
    public const ulong Store = Start + 6;
    public const ulong Jump = Start + 14;
    public const ulong Counter = 0x200000;

    public static readonly byte[] Counting =
    [
        0x48, 0x31, 0xC0,                               // xor rax, rax
        0x48, 0xFF, 0xC0,                               // Loop: inc rax
        0x48, 0x89, 0x04, 0x25, 0x00, 0x00, 0x20, 0x00, // Store: mov [Counter], rax
        0xEB, 0xF3,                                     // Jump: jmp Loop
    ];

    public static TheoryData<ExecutionEngine> Engines => Recompiler.IsSupported
        ? [ExecutionEngine.Interpreter, ExecutionEngine.Recompiler]
        : [ExecutionEngine.Interpreter];

    public static VirtualMachineBuilder Builder(ExecutionEngine engine, byte[] code, int cpus = 1) => new VirtualMachineBuilder()
        .WithMemory(4 << 20)
        .WithCpus(cpus)
        .WithEngine(engine)
        .WithBootLoader(new FlatBinaryLoader(code, Start, FlatStartMode.Long64));

    public static VirtualMachine Create(ExecutionEngine engine, byte[]? code = null, int cpus = 1) =>
        Builder(engine, code ?? Counting, cpus).WithGdbServer(new GdbServerOptions { Port = 0 }).Build();
}
