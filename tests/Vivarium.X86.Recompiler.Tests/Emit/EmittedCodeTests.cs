using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Every block that is emitted keeps the rules, and has no address of the machine in it.</summary>
public sealed class EmittedCodeTests
{
    private const int Repetitions = 12;

    [Theory]
    [InlineData(64, true)]
    [InlineData(64, false)]
    [InlineData(32, true)]
    [InlineData(32, false)]
    public void EveryInstructionIsEmittedByTheRules(int bits, bool isHot)
    {
        using var block = new EmittedBlock(isHot);
        var failures = new List<string>();
        var native = new HashSet<Mnemonic>();
        foreach (var code in (bits == 64 ? InstructionCatalogue.For64 : InstructionCatalogue.For32).Codes)
        {
            for (var n = 0; n < Repetitions; n++)
            {
                if (Encode(code, bits, (1000 * (int)code) + n) is { } bytes && block.Translate(bytes, bits))
                {
                    Check(block, bytes, failures);
                    Note(block, native);
                }
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures.Take(20)));
        Assert.True(native.Count > 250, $"Only {native.Count} mnemonics are native.");
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(64, false)]
    [InlineData(32, true)]
    [InlineData(32, false)]
    public void GeneratedProgramsAreEmittedByTheRules(int bits, bool isHot)
    {
        using var block = new EmittedBlock(isHot);
        var failures = new List<string>();
        for (var seed = 0; seed < 1500; seed++)
        {
            var made = CaseGenerator.Create(seed);
            if (made.Mode.Bits() == bits && made.Program is { } program && block.Translate(program.Code, bits))
            {
                Check(block, program.Code, failures);
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures.Take(20)));
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(64, false)]
    [InlineData(32, true)]
    [InlineData(32, false)]
    public void RandomBytesAreEmittedByTheRules(int bits, bool isHot)
    {
        using var block = new EmittedBlock(isHot);
        var failures = new List<string>();
        var random = new Random();
        var bytes = new byte[48];
        for (var n = 0; n < 30_000; n++)
        {
            random.NextBytes(bytes);
            if ((n & 1) != 0)
            {
                // Prefixes before the opcode maps, where the rare encodings are.
                ReadOnlySpan<byte> prefixes = [0x66, 0xF2, 0xF3, 0xF0, 0x67, 0x2E, 0x48, 0x4F];
                bytes[0] = prefixes[random.Next(prefixes.Length)];
                bytes[1] = random.Next(2) == 0 ? prefixes[random.Next(prefixes.Length)] : (byte)0x0F;
                bytes[2] = 0x0F;
            }

            if (block.Translate(bytes, bits, n % 4 == 0 ? random.Next(4096) : n % 8 == 1 ? random.Next(4000, 4096) : 0))
            {
                Check(block, bytes, failures);
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures.Take(20)));
    }

    /// <summary>A REX prefix counts only before the opcode, and the last one counts.</summary>
    [Theory]
    [InlineData("48660F4F18", "cmovg bx,[rax]")]
    [InlineData("48670F1122", "movups [edx],xmm4")]
    [InlineData("48480F546741", "andps xmm4,[rdi+41h]")]
    [InlineData("4F4F0F53513C", "rcpps xmm10,[r9+3Ch]")]
    [InlineData("4F2E0F51E1", "sqrtps xmm4,xmm1")]
    [InlineData("456640035A77", "add bx,[rdx+77h]")]
    [InlineData("4F480FA57151", "shld [rcx+51h],rsi,cl")]
    [InlineData("4D9648F5", "xchg r14,rax")]
    [InlineData("644898", "cdqe")]
    [InlineData("484898", "cdqe")]
    [InlineData("486698", "cbw")]
    [InlineData("2E4105D2040000", "add eax,4D2h")]
    [InlineData("4D31D1", "xor r9,r10")]
    public void PrefixesThatCountForNothingAreLeftOut(string code, string text)
    {
        using var block = new EmittedBlock(isHot: false);
        Assert.True(block.Translate(Convert.FromHexString(code + "F4"), 64));
        Assert.Equal(text, block.Guest(0).ToString());
        Assert.NotEqual(LoweringKind.Interpret, block.Map.Places.First(place => place.Part == CodePart.Instruction).Kind);
        Assert.Null(EmittedCodeRules.Broken(block));
    }

    /// <summary>Forms that the rules have words of their own for, so that none of them is right only because it does not occur.</summary>
    [Theory]
    [InlineData("8B4310034B188953FCF4", "mov eax,[rsi+14h]", "add ecx,[rsi+1Ch]", "mov [rsi],edx")]
    [InlineData("8B4310480301034B188953FCF4", "mov [r15-78h],rsi", "mov eax,[rsi+14h]", "add rax,[rsi+rdi]", "mov rsi,[r15-78h]", "add ecx,[rsi+1Ch]", "mov [rsi],edx")]
    [InlineData("8B4310660F6F4B20F4", "lea edi,[rsi+10h]", "test dil,0Fh", "movdqa xmm1,[rsi+10h]")]
    [InlineData("660F6F4B20F4", "test sil,0Fh", "movdqa xmm1,[rsi+rdi]")]
    [InlineData("48034310F4", "add rax,[rsi+rdi]")]
    [InlineData("DBF1F4", "cmp esi,esi", "fincstp", "fdecstp", "fcomi st,st(1)")]
    [InlineData("D92BF4", "not edi", "test dil,3Fh", "fldcw [r15-48h]")]
    [InlineData("0FAE5310F4", "xor edi,1F80h", "test edi,0FFFF1F80h", "ldmxcsr [r15-48h]")]
    [InlineData("C5F8AE5310F4", "xor edi,1F80h", "test edi,0FFFF1F80h", "ldmxcsr [r15-48h]")]
    [InlineData("0FAE5B10F4", "stmxcsr [rsi")]
    [InlineData("C5F8AE5B10F4", "vstmxcsr")]
    [InlineData("D9F1D9FED9F8F4", "fyl2x", "fsin", "fprem")]
    [InlineData("DD4310F4", "fld qword ptr [rsi]")]
    [InlineData("0F6F4310F4", "movq mm0,[rsi+rdi]")]
    [InlineData("0F77F4", "emms")]
    [InlineData("0F01F8F4", "mov rdi,[r15+")]
    [InlineData("FAF4", "and dword ptr [r15+")]
    [InlineData("9CF4", "shl esi,0Bh")]
    [InlineData("0F01CB8B030F01CAF4", "or dword ptr [r15+", "mov word ptr [r15-28h],", "and dword ptr [r15+")]
    [InlineData("0F01CBF4", "mov rsp,[r15-18h]")]
    [InlineData("F348A5F4", "cmp rcx,200h", "cmp edi,1000h", "mov rdi,[r15-50h]", "rep movsq")]
    [InlineData("F3AAF4", "mov rdi,rsi", "rep stosb")]
    [InlineData("AEF4", "scasb")]
    [InlineData("F0480FAB0BF4", "and edi,3Fh", "lock bts [rsi],rdi")]
    [InlineData("0FA303F4", "movsxd rdi,eax", "sar rdi,5", "bt edi,eax")]
    [InlineData("FBF4", "mov byte ptr [r15+")]
    [InlineData("0F05F4", "mov rsp,[r15-18h]")]
    [InlineData("480F07F4", "sar rdi,10h")]
    public void FormsThatTheRulesNameOccur(string code, params string[] expected)
    {
        AssertOccur(code, isHot: false, expected);
    }

    /// <summary>Likewise, of hot code: rounds of a loop, lookups at sites, registers that change places.</summary>
    [Theory]
    [InlineData("FFC875FCF4", "je near ptr", "jne near ptr")]
    [InlineData("48034310F4", "xor rsi,[r15+", "cmp rsi,0FF8h", "ja near ptr", "mov rdi,[r15+", "add rax,[rsi+rdi]", "add byte ptr [r15+", "cmp byte ptr [r15+", "mov byte ptr [r15+", "push qword ptr [r15+")]
    [InlineData("4D03024D03024D03024D03024D0302F4", "mov [r15+70h],r14", "mov r14,[r15+50h]", "mov rsi,r14", "mov r14,[r15+70h]")]
    public void FormsOfHotCodeThatTheRulesNameOccur(string code, params string[] expected) => AssertOccur(code, isHot: true, expected);

    private static void AssertOccur(string code, bool isHot, string[] expected)
    {
        using var block = new EmittedBlock(isHot);
        Assert.True(block.Translate(Convert.FromHexString(code), 64));
        Assert.Null(EmittedCodeRules.Broken(block));
        var lines = block.Host.Select(host => host.ToString()).ToList();
        Assert.All(expected, text => Assert.Contains(lines, line => line.StartsWith(text, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("C5FC77F4", "vzeroall")]
    [InlineData("C5FC284320F4", "vmovaps ymm0,[rsi+rdi]")]
    [InlineData("C5EC5803F4", "vaddps ymm0,ymm2,[rsi+rdi]")]
    public void WideFormsOccur(string code, string expected)
    {
        Assert.SkipUnless(CodeHost.HasAvx, "Needs a host with AVX2.");
        FormsThatTheRulesNameOccur(code, expected);
    }

    /// <summary>Accesses of a group whose lowest address no displacement from the first one's registers reaches.</summary>
    [Theory]
    [InlineData("4805FFFFFF7F8B88000000804883E8088B9000000080F4")]
    [InlineData("482D000000808B88000000804883E8088B9000000080F4")]
    [InlineData("8B88000000804883E8088B9000000080F4")]
    public void DisplacementsDoNotOverflow(string code)
    {
        using var block = new EmittedBlock(isHot: false);
        Assert.True(block.Translate(Convert.FromHexString(code), 64));
        Assert.Null(EmittedCodeRules.Broken(block));
    }

    /// <summary>An instruction that runs on into the next page stands alone; what it leads to lies beyond the page.</summary>
    [Theory]
    [InlineData("48034310", 4094)]
    [InlineData("488B05FFFFFF7F", 4090)]
    [InlineData("0F8500000010", 4092)]
    [InlineData("E800000010", 4093)]
    [InlineData("68FFFFFF7F", 4095)]
    public void InstructionsAcrossPagesAreEmittedByTheRules(string code, int pageOffset)
    {
        using var block = new EmittedBlock(isHot: false);
        Assert.True(block.Translate(Convert.FromHexString(code + "F4"), 64, pageOffset));
        Assert.Equal(1, block.Count);
        Assert.NotEqual(LoweringKind.Interpret, block.Map.Places.First(place => place.Part == CodePart.Instruction).Kind);
        Assert.Null(EmittedCodeRules.Broken(block));
    }

    [Fact]
    public void MachinesShareNothingThatIsInTheCode()
    {
        using var first = new EmittedBlock(isHot: false);
        using var second = new EmittedBlock(isHot: false);
        for (var seed = 0; seed < 400; seed++)
        {
            var made = CaseGenerator.Create(seed);
            if (made.Program is not { } program || !first.Translate(program.Code, made.Mode.Bits()))
            {
                continue;
            }

            // Something else in between, so that the second has other places and other numbers.
            second.Translate([0x90, 0x0F, 0xA2, 0x0F, 0xA2, 0x74, 0xF0], 64);
            second.Translate(program.Code, made.Mode.Bits());
            Assert.Equal(Convert.ToHexString(Relocated(first)), Convert.ToHexString(Relocated(second)));
        }
    }

    private static void Check(EmittedBlock block, ReadOnlySpan<byte> bytes, List<string> failures)
    {
        if (EmittedCodeRules.Broken(block) is { } rule)
        {
            failures.Add($"{Convert.ToHexString(bytes)}: {rule}");
        }
    }

    private static void Note(EmittedBlock block, HashSet<Mnemonic> native)
    {
        if (block.Map.Places.First(place => place.Part == CodePart.Instruction) is { Kind: not LoweringKind.Interpret })
        {
            native.Add(block.Guest(0).Mnemonic);
        }
    }

    private static byte[]? Encode(Code code, int bits, int seed)
    {
        var random = new Random(seed);
        var values = new EdgeValues(random, bits);
        var memory = new MemoryOperandBuilder(random, bits, values, bits == 64 ? 15 : 3, _ => { });
        var info = code.ToOpCode();
        if (Enumerable.Range(0, info.OpCount).Any(k => !OperandBuilder.CanBuild(info.GetOpKind(k))))
        {
            return null;
        }

        var instruction = new OperandBuilder(random, bits, values, memory.WithMemory).Build(code);
        return LabAssembler.TryAssemble(bits, EmittedBlock.Gpa, [new LabStep(instruction)]);
    }

    /// <summary>The code without what differs by place: distances to thunks, numbers of records and edges.</summary>
    private static unsafe byte[] Relocated(EmittedBlock block)
    {
        var code = (byte[])block.Code.Clone();
        for (var i = 0; i < block.Host.Count; i++)
        {
            var host = block.Host[i];
            var end = (int)(host.NextIP - block.Start);
            var isOutside = host.Op0Kind == OpKind.NearBranch64 && (host.NearBranchTarget < block.Start || host.NearBranchTarget >= block.Start + (ulong)code.Length);
            var isNumber = host.Code == Code.Mov_r32_imm32 && host.Op0Register is Register.EDI or Register.ESI
                && i + 1 < block.Host.Count && block.Host[i + 1].Mnemonic is Mnemonic.Call or Mnemonic.Jmp;
            if (isOutside || isNumber)
            {
                code.AsSpan(end - 4, 4).Clear();
            }
        }

        return code;
    }
}
