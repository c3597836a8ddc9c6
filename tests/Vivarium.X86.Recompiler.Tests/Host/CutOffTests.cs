using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>
/// Instructions that do not exist, cut off by the end of the last page of code: whether a processor asks for the next page, which is not
/// there, or finds out before (Intel SDM Vol. 3A table 7-2: faults of fetching come before #UD).
/// </summary>
public sealed class CutOffTests
{
    private const int End = LabLayout.CodePages << 12;
    private static readonly byte[][] s_tails = [[0xC1], [0x04], [0x80], [0x80, 0, 0, 0, 0], [0x04, 0x25, 0, 0, 0], [0x44, 0x24]];
    private static readonly LabState s_state = LabState.Parse("rsp=5f1000 flags=202");

    private static readonly byte[][] s_starts =
    [
        [0x0F], [0x66, 0x0F], [0xF3, 0x0F], [0x48, 0x0F], [0x0F, 0x38], [0x66, 0x0F, 0x38], [0x0F, 0x3A], [0x66, 0x0F, 0x3A], [0xC5, 0xF8], [0xC5, 0xFD],
        [0xC4, 0xE1, 0x79], [0xC4, 0xE2, 0x79], [0xC4, 0xE2, 0xFD], [0xC4, 0xE3, 0x79], [0xC4, 0xE3, 0x7D], [0xC4, 0xE3, 0xFD], [0xC4, 0xE0, 0x78], [0xC4, 0xE4, 0x79],
    ];

    [Fact]
    public void EnginesAgreeWithTheHost()
    {
        Assert.SkipUnless(HostMachine.IsSupported && HostFeatures.HasAvx, "Needs a Linux x64 host with AVX.");
        using var host = new HostMachine();
        using var interpreter = new LabMachine(static () => null, likeHost: true);
        using var engine = new LabMachine(TestEngine.Create, likeHost: true);
        var failures = new List<string>();
        var ends = new int[32];
        foreach (var bytes in Cases())
        {
            var program = new LabProgram(LabMode.User64, End - bytes.Length, bytes);
            Assert.Null(host.Run(program, HostMachine.Adapt(s_state)));
            ends[host.Outcome.Vector]++;
            foreach (var machine in (LabMachine[])[interpreter, engine])
            {
                if (Difference(host.Outcome, machine, program) is { } difference && failures.Count < 20)
                {
                    failures.Add($"{Convert.ToHexString(bytes)}: {difference}");
                }
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures));
        Assert.True(ends[(int)ExceptionVector.PageFault] > 500 && ends[(int)ExceptionVector.InvalidOpcode] > 500);
    }

    /// <summary>The same without a host to ask.</summary>
    [Theory]
    [InlineData("C4E3790001", (int)ExceptionVector.PageFault)]
    [InlineData("C4E379000100", (int)ExceptionVector.InvalidOpcode)]
    [InlineData("C4E379008000000000", (int)ExceptionVector.PageFault)]
    [InlineData("C4E37900800000000000", (int)ExceptionVector.InvalidOpcode)]
    [InlineData("0FBAC1", (int)ExceptionVector.PageFault)]
    [InlineData("0FBAC101", (int)ExceptionVector.InvalidOpcode)]
    [InlineData("82C1", (int)ExceptionVector.PageFault)]
    [InlineData("0F3AFFC1", (int)ExceptionVector.PageFault)]
    [InlineData("0F38FFC1", (int)ExceptionVector.InvalidOpcode)]
    [InlineData("0F39C1", (int)ExceptionVector.PageFault)]
    [InlineData("0FA604", (int)ExceptionVector.PageFault)]
    [InlineData("C5F80F04", (int)ExceptionVector.InvalidOpcode)]
    [InlineData("C4E0780004", (int)ExceptionVector.InvalidOpcode)]
    public void ARestThatIsMissingFaultsFirst(string code, int vector)
    {
        var bytes = Convert.FromHexString(code);
        var program = new LabProgram(LabMode.User64, End - bytes.Length, bytes);
        foreach (var provider in (Func<ExecutionEngineProvider?>[])[static () => null, TestEngine.Create])
        {
            using var machine = new LabMachine(provider, likeHost: true);
            machine.Run(program, s_state);
            var outcome = new CaseOutcome();
            Assert.True(outcome.TryRead(machine));
            Assert.Equal((vector, program.Rip), (outcome.Vector, outcome.Rip));
            Assert.Equal(vector == (int)ExceptionVector.PageFault ? LabLayout.Code + End : 0, outcome.FaultAddress);
        }
    }

    /// <summary>Encodings that do not exist on any processor, whole and cut off.</summary>
    private static IEnumerable<byte[]> Cases() =>
        from start in s_starts
        from opcode in Enumerable.Range(0, 256)
        from tail in s_tails
        let bytes = (byte[])[.. start, (byte)opcode, .. tail]
        where Decoder.Create(64, (byte[])[.. bytes, .. new byte[15 - bytes.Length]]).Decode().IsInvalid && IsShared(start, opcode)
        select bytes;

    /// <summary>Whether processors agree on its length; the engines do as Intel's.</summary>
    private static bool IsShared(byte[] start, int opcode)
    {
        var isSecondMap = start[^1] == 0x0F;
        var isVexOfSecondMap = start[0] == 0xC5 || (start[0] == 0xC4 && start[1] == 0xE1);
        if ((isSecondMap && opcode is 0x01 or 0x04 or 0x0F or 0x78 or 0x79) || (isVexOfSecondMap && opcode is 0x78 or 0x79 or (>= 0x80 and <= 0x8F)))
        {
            // VMCALL with prefixes, 3DNow! and SSE4A may exist; jumps and SSE4A under a VEX prefix may be as long as without.
            return false;
        }

        // AMD has no ModRM byte behind UD0, UD1 and other reserved opcodes, and VPERMQ and VPERMPD without W. It looks further at what is reserved behind a VEX prefix.
        return HostFeatures.IsIntel
            || !((isSecondMap && opcode is 0x39 or (>= 0x3B and <= 0x3F) or 0x7A or 0x7B or 0xA6 or 0xA7 or 0xB9 or 0xFF)
                || (isVexOfSecondMap && opcode is 0x0F or 0x7A or 0x7B or 0xA6 or 0xA7 or 0xB9 or 0xFF)
                || start is [0xC4, 0xE0 or 0xE4, _] || (start is [0xC4, 0xE3, 0x7D] && opcode <= 1));
    }

    private static string? Difference(CaseOutcome host, LabMachine machine, LabProgram program)
    {
        machine.Run(program, HostMachine.Adapt(s_state));
        var outcome = new CaseOutcome();
        return !outcome.TryRead(machine) ? $"ended with {machine.Exit}" : host.Difference(outcome, 0);
    }
}
