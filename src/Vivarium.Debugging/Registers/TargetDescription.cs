using System.Globalization;
using System.Text;

namespace Vivarium.Debugging;

/// <summary>
/// The registers that a client is told of: gdb's standard features, then one of ours with system registers, which gdb shows after its own.
/// Registers are numbered from 0 through all features, and a g packet has them all in this order.
/// </summary>
internal sealed class TargetDescription
{
    private static readonly string[] s_general64 = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
    private static readonly string[] s_general32 = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

    /// <summary>Hardware numbers of <see cref="s_general64"/>.</summary>
    private static readonly int[] s_numbers64 = [0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15];

    /// <summary>In gdb's order, with their hardware numbers.</summary>
    private static readonly (string Name, int Number)[] s_selectors = [("cs", 1), ("ss", 2), ("ds", 3), ("es", 0), ("fs", 4), ("gs", 5)];

    private readonly bool _is64;

    public TargetDescription(GdbRegisterSet set, bool hasAvx)
    {
        _is64 = set == GdbRegisterSet.X64;
        var features = new List<RegisterFeature> { Core(), Sse() };
        if (_is64)
        {
            features.Add(new RegisterFeature("org.gnu.gdb.i386.segments", "", [SegmentBase("fs", 4, 8), SegmentBase("gs", 5, 8)]));
        }

        if (hasAvx)
        {
            features.Add(new RegisterFeature(
                "org.gnu.gdb.i386.avx", "", [.. Vectors.Select(i => new DescribedRegister($"ymm{i}h", 16, "uint128", RegisterKind.UpperVector, i))]));
        }

        features.Add(SystemRegisters());
        Registers = [.. features.SelectMany(feature => feature.Registers)];
        Xml = Write(set, features);
    }

    /// <summary>The document that gdb asks for as target.xml.</summary>
    public string Xml { get; }

    public IReadOnlyList<DescribedRegister> Registers { get; }

    private IEnumerable<int> Vectors => Enumerable.Range(0, _is64 ? 16 : 8);

    private static DescribedRegister SegmentBase(string name, int number, int sizeBytes) =>
        new($"{name}_base", sizeBytes, sizeBytes == 8 ? "int64" : "int32", RegisterKind.SegmentBase, number);

    private RegisterFeature Core()
    {
        var registers = new List<DescribedRegister>();
        var names = _is64 ? s_general64 : s_general32;
        for (var i = 0; i < names.Length; i++)
        {
            var number = _is64 ? s_numbers64[i] : i;
            registers.Add(new DescribedRegister(names[i], _is64 ? 8 : 4, number is 4 or 5 ? "data_ptr" : _is64 ? "int64" : "int32", RegisterKind.General, number));
        }

        registers.Add(new DescribedRegister(_is64 ? "rip" : "eip", _is64 ? 8 : 4, "code_ptr", RegisterKind.InstructionPointer));
        registers.Add(new DescribedRegister("eflags", 4, "x86_eflags", RegisterKind.Flags));
        registers.AddRange(s_selectors.Select(each => new DescribedRegister(each.Name, 4, "int32", RegisterKind.Selector, each.Number)));
        registers.AddRange(Enumerable.Range(0, 8).Select(i => new DescribedRegister($"st{i}", 10, "i387_ext", RegisterKind.Fpu, i)));
        (string Name, RegisterKind Kind)[] control =
        [
            ("fctrl", RegisterKind.FpuControl), ("fstat", RegisterKind.FpuStatus), ("ftag", RegisterKind.FpuTags), ("fiseg", RegisterKind.FpuCodeSegment),
            ("fioff", RegisterKind.FpuCodeOffset), ("foseg", RegisterKind.FpuDataSegment), ("fooff", RegisterKind.FpuDataOffset), ("fop", RegisterKind.FpuOpcode),
        ];
        registers.AddRange(control.Select(each => new DescribedRegister(each.Name, 4, "int", each.Kind)));
        return new RegisterFeature("org.gnu.gdb.i386.core", RegisterTypes.Flags, registers);
    }

    private RegisterFeature Sse() => new(
        "org.gnu.gdb.i386.sse",
        RegisterTypes.Vector + RegisterTypes.VectorControl,
        [
            .. Vectors.Select(i => new DescribedRegister($"xmm{i}", 16, "vec128", RegisterKind.Vector, i)),
            new DescribedRegister("mxcsr", 4, "x86_mxcsr", RegisterKind.VectorControl),
        ]);

    private RegisterFeature SystemRegisters()
    {
        var registers = new List<DescribedRegister>();
        foreach (var (name, number) in s_selectors.Where(each => !_is64 || each.Name is not ("fs" or "gs")))
        {
            registers.Add(SegmentBase(name, number, _is64 ? 8 : 4));
        }

        if (_is64)
        {
            registers.Add(new DescribedRegister("k_gs_base", 8, "int64", RegisterKind.KernelGsBase));
        }

        registers.AddRange(
        [
            new("cr0", 8, "x86_cr0", RegisterKind.Control),
            new("cr2", 8, "int64", RegisterKind.Control, 2),
            new("cr3", 8, "int64", RegisterKind.Control, 3),
            new("cr4", 8, "x86_cr4", RegisterKind.Control, 4),
            new("cr8", 8, "int64", RegisterKind.Control, 8),
            new("efer", 8, "x86_efer", RegisterKind.ExtendedFeatures),
            new("xcr0", 8, "int64", RegisterKind.ExtendedControl),
            new("gdt_base", 8, "int64", RegisterKind.GdtBase),
            new("gdt_limit", 4, "int32", RegisterKind.GdtLimit),
            new("idt_base", 8, "int64", RegisterKind.IdtBase),
            new("idt_limit", 4, "int32", RegisterKind.IdtLimit),
        ]);
        registers.AddRange(((int[])[0, 1, 2, 3, 6, 7]).Select(i => new DescribedRegister($"dr{i}", 8, "int64", RegisterKind.Debug, i)));
        return new RegisterFeature("org.vivarium.x86.system", RegisterTypes.System, registers);
    }

    private static string Write(GdbRegisterSet set, List<RegisterFeature> features)
    {
        var architecture = set switch
        {
            GdbRegisterSet.X64 => "i386:x86-64",
            GdbRegisterSet.X86 => "i386",
            _ => "i8086",
        };
        var xml = new StringBuilder("<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target version=\"1.0\">");
        xml.Append(CultureInfo.InvariantCulture, $"<architecture>{architecture}</architecture>");
        var number = 0;
        foreach (var feature in features)
        {
            xml.Append(CultureInfo.InvariantCulture, $"\n<feature name=\"{feature.Name}\">{feature.Types}");
            foreach (var register in feature.Registers)
            {
                xml.Append(CultureInfo.InvariantCulture, $"\n<reg name=\"{register.Name}\" bitsize=\"{register.SizeBytes * 8}\" type=\"{register.Type}\" regnum=\"{number++}\"/>");
            }

            xml.Append("</feature>");
        }

        return xml.Append("</target>\n").ToString();
    }
}
