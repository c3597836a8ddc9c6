using Microsoft.Extensions.Logging;
using Vivarium.X86;

namespace Vivarium.Tests;

/// <summary>Which engine a machine gets, and that a guest cannot tell them apart.</summary>
public sealed class EngineTests
{
    private const int Rounds = 4_000_000;

    /// <summary>
    /// Computes 2,000,000 rounds in integer and x87 registers after it has printed '?', waits for a key, computes as many again and prints the
    /// result: 32-bit code that does not depend on its address.
    /// </summary>
    private static readonly byte[] s_guest =
    [
        0xBC, 0x00, 0x00, 0x08, 0x00,                               // mov esp, 80000h
        0xDB, 0xE3, 0xD9, 0xE8, 0xD9, 0xEE,                         // fninit; fld1; fldz
        0xBE, 0x78, 0x56, 0x34, 0x12, 0x31, 0xDB,                   // mov esi, 12345678h; xor ebx, ebx
        0xBA, 0xF8, 0x03, 0x00, 0x00, 0xB0, 0x3F, 0xEE,             // mov edx, 3F8h; mov al, '?'; out dx, al
        0xE8, 0x41, 0x00, 0x00, 0x00,                               // first: call round
        0x81, 0xFB, 0x80, 0x84, 0x1E, 0x00, 0x75, 0xF3,             // cmp ebx, 2000000; jne first
        0x83, 0xC2, 0x05, 0xEC, 0xA8, 0x01, 0x74, 0xFB,             // add edx, 5; wait: in al, dx; test al, 1; jz wait
        0x83, 0xEA, 0x05, 0xEC,                                     // sub edx, 5; in al, dx
        0xE8, 0x28, 0x00, 0x00, 0x00,                               // second: call round
        0x81, 0xFB, 0x00, 0x09, 0x3D, 0x00, 0x75, 0xF3,             // cmp ebx, 4000000; jne second
        0x52, 0xDB, 0x1D, 0x00, 0x00, 0x09, 0x00,                   // push edx; fistp dword [90000h]
        0x33, 0x35, 0x00, 0x00, 0x09, 0x00, 0x5A,                   // xor esi, [90000h]; pop edx
        0xB9, 0x04, 0x00, 0x00, 0x00,                               // mov ecx, 4
        0x89, 0xF0, 0xEE, 0xC1, 0xEE, 0x08, 0xE2, 0xF8,             // print: mov eax, esi; out dx, al; shr esi, 8; loop print
        0xB0, 0x14, 0xE6, 0xF4, 0xF4,                               // mov al, 20; out 0F4h, al; hlt
        0x69, 0xF6, 0x93, 0x01, 0x00, 0x01,                         // round: imul esi, esi, 1000193h
        0x31, 0xDE, 0x43, 0xD8, 0xC1, 0xC3,                         // xor esi, ebx; inc ebx; fadd st, st(1); ret
    ];

    public static TheoryData<ExecutionEngine> Engines => Recompiler.IsSupported
        ? [ExecutionEngine.Interpreter, ExecutionEngine.Recompiler]
        : [ExecutionEngine.Interpreter];

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_machine_runs_on_the_engine_it_was_given(ExecutionEngine engine)
    {
        await using var vm = Create(engine);
        Assert.Equal(engine, vm.Engine);
        await vm.StartAsync();
        await ReadAsync(vm, 1);
        await AnswerAsync(vm);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_guest_goes_on_from_engine_to_engine(ExecutionEngine engine)
    {
        var vm = Create(engine);
        try
        {
            await vm.StartAsync();
            await ReadAsync(vm, 1);
            for (var moves = 0; moves < 3; moves++)
            {
                using var snapshot = new MemoryStream();
                await vm.SaveAsync(snapshot);
                await vm.DisposeAsync();
                engine = engine == ExecutionEngine.Interpreter && Recompiler.IsSupported ? ExecutionEngine.Recompiler : ExecutionEngine.Interpreter;
                vm = Create(engine);
                snapshot.Position = 0;
                await vm.RestoreAsync(snapshot);
                await vm.StartAsync();
                await Task.Delay(3);
            }

            await AnswerAsync(vm);
        }
        finally
        {
            await vm.DisposeAsync();
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_guest_in_a_tight_loop_pauses_resumes_and_resets(ExecutionEngine engine)
    {
        await using var vm = Builder(engine).WithBootLoader(new FlatBinaryLoader(new byte[] { 0xEB, 0xFE })).WithCpus(2).Build();
        await vm.StartAsync();
        for (var i = 0; i < 5; i++)
        {
            await Task.Delay(2);
            await vm.PauseAsync().WaitAsync(TestMachine.Patience);
            await vm.ResetAsync();
            await vm.ResumeAsync();
        }
    }

    [Fact]
    public async Task Auto_is_the_recompiler_on_x64_and_says_nothing()
    {
        var log = new WarningLog();
        await using var vm = Builder(ExecutionEngine.Auto).WithLogging(log).Build();
        Assert.Equal(Recompiler.IsSupported ? ExecutionEngine.Recompiler : ExecutionEngine.Interpreter, vm.Engine);
        Assert.Empty(log.Warnings);
    }

    [Fact]
    public async Task Auto_falls_back_with_one_warning_where_the_host_refuses()
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        foreach (var refusal in (Exception[])[new OutOfMemoryException("No executable memory."), new PlatformNotSupportedException("Not on this host.")])
        {
            var log = new WarningLog();
            var builder = Builder(ExecutionEngine.Auto).WithLogging(log).WithCpus(3);
            builder.RecompilerFactory = _ => throw refusal;
            await using var vm = builder.Build();
            Assert.Equal(ExecutionEngine.Interpreter, vm.Engine);
            Assert.Contains(refusal.Message, Assert.Single(log.Warnings), StringComparison.Ordinal);
            await vm.StartAsync();
            await ReadAsync(vm, 1);
            await AnswerAsync(vm);
        }
    }

    [Fact]
    public void A_recompiler_asked_for_by_name_that_cannot_be_had_is_refused_with_a_sentence()
    {
        var builder = Builder(ExecutionEngine.Recompiler);
        builder.RecompilerFactory = _ => throw new OutOfMemoryException("The host refused executable memory.");
        var exception = Assert.Throws<InvalidOperationException>(builder.Build);
        Assert.Contains("The host refused executable memory.", exception.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_processors_of_a_machine_share_one_recompiler()
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        var made = 0;
        var builder = Builder(ExecutionEngine.Recompiler).WithCpus(4);
        builder.RecompilerFactory = options =>
        {
            made++;
            return new Recompiler(options);
        };
        await using var vm = builder.Build();
        Assert.Equal(1, made);
    }

    [Fact]
    public void Unknown_engines_are_refused() =>
        Assert.Throws<InvalidOperationException>(() => Builder((ExecutionEngine)9).Build());

    private static VirtualMachineBuilder Builder(ExecutionEngine engine) => new VirtualMachineBuilder().WithMemory(4 << 20).WithEngine(engine)
        .WithBootLoader(new FlatBinaryLoader(s_guest, 0x10_0000, FlatStartMode.Protected32));

    private static VirtualMachine Create(ExecutionEngine engine) => Builder(engine).Build();

    /// <summary>Presses a key and checks what the guest then prints.</summary>
    private static async Task AnswerAsync(VirtualMachine vm)
    {
        await vm.Console.Input.WriteAsync(new byte[] { 1 });
        var result = BitConverter.ToUInt32(await ReadAsync(vm, 4));
        Assert.Equal(new ShutdownReason(ShutdownKind.DebugExit, 41), await vm.WaitForShutdownAsync().WaitAsync(TestMachine.Patience));
        var expected = 0x12345678u;
        for (var round = 0u; round < Rounds; round++)
        {
            expected = (expected * 0x1000193) ^ round;
        }

        Assert.Equal(expected ^ Rounds, result);
    }

    private static async Task<byte[]> ReadAsync(VirtualMachine vm, int count)
    {
        var bytes = new byte[count];
        await vm.Console.Output.ReadExactlyAsync(bytes).AsTask().WaitAsync(TestMachine.Patience);
        return bytes;
    }

    private sealed class WarningLog : ILoggerFactory, ILogger
    {
        public List<string> Warnings { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Warnings.Add(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }
}
