using System.Globalization;
using System.Text;

namespace Vivarium.Debugging;

/// <summary>Types of the target description (GDB manual, "Target Description Format").</summary>
internal static class RegisterTypes
{
    /// <summary>A vector register under all views.</summary>
    public const string Vector = """
        <vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/>
        <vector id="v16i8" type="int8" count="16"/><vector id="v8i16" type="int16" count="8"/>
        <vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>
        <union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/><field name="v16_int8" type="v16i8"/>
        <field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/>
        <field name="uint128" type="uint128"/></union>
        """;

    public static string Flags { get; } = Define("x86_eflags", 4, "CF:0 PF:2 AF:4 ZF:6 SF:7 TF:8 IF:9 DF:10 OF:11 IOPL:12-13 NT:14 RF:16 VM:17 AC:18 VIF:19 VIP:20 ID:21");

    public static string VectorControl { get; } = Define("x86_mxcsr", 4, "IE:0 DE:1 ZE:2 OE:3 UE:4 PE:5 DAZ:6 IM:7 DM:8 ZM:9 OM:10 UM:11 PM:12 RC:13-14 FZ:15");

    public static string System { get; } =
        Define("x86_cr0", 8, "PE:0 MP:1 EM:2 TS:3 ET:4 NE:5 WP:16 AM:18 NW:29 CD:30 PG:31")
        + Define("x86_cr4", 8, "VME:0 PVI:1 TSD:2 DE:3 PSE:4 PAE:5 MCE:6 PGE:7 PCE:8 OSFXSR:9 OSXMMEXCPT:10 UMIP:11 FSGSBASE:16 PCIDE:17 OSXSAVE:18 SMEP:20 SMAP:21 PKE:22")
        + Define("x86_efer", 8, "SCE:0 LME:8 LMA:10 NXE:11");

    /// <summary>A type of flags, from "NAME:BIT" and "NAME:FIRST-LAST".</summary>
    private static string Define(string id, int sizeBytes, string fields)
    {
        var xml = new StringBuilder();
        xml.Append(CultureInfo.InvariantCulture, $"<flags id=\"{id}\" size=\"{sizeBytes}\">");
        foreach (var field in fields.Split(' '))
        {
            var (name, bits) = field.Split(':') is [var first, var second] ? (first, second) : throw new ArgumentException(field, nameof(fields));
            var range = bits.Split('-');
            xml.Append(CultureInfo.InvariantCulture, $"<field name=\"{name}\" start=\"{range[0]}\" end=\"{range[^1]}\"/>");
        }

        return xml.Append("</flags>").ToString();
    }
}
