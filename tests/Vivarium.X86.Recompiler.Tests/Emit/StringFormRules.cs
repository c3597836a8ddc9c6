using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>The host's string instructions, and bits that a register numbers: the tests that must come before them.</summary>
internal static class StringFormRules
{
    private const int PageBytes = 4096;

    public static bool IsString(LoweringKind? kind) => kind is LoweringKind.String or LoweringKind.RepeatedString;

    /// <summary>Null if a string goes upwards, and a repeated one ends within each page that was looked up.</summary>
    public static string? BrokenString(EmittedPart part)
    {
        var at = part.Host.FindIndex(each => each.Mnemonic == part.Guest.Mnemonic);
        if (at < 0 || part.Host[at].HasRepPrefix != (part.Kind == LoweringKind.RepeatedString) || part.Host[at].MemorySize != part.Guest.MemorySize)
        {
            return "not the guest's";
        }

        var before = part.Host.Take(at).ToList();
        var isUpwards = Enumerable.Range(0, before.Count - 1).Any(i =>
            before[i] is { Mnemonic: Mnemonic.Test, MemoryBase: Register.R15 } test && test.GetImmediate(1) == Rflags.Df && IsJump(before[i + 1], ConditionCode.ne));
        var lookups = before.Count(each => each is { Mnemonic: Mnemonic.Xor, Op0Register: Register.RSI, MemoryBase: Register.R15 });
        var fits = Enumerable.Range(0, before.Count - 1).Count(i => IsCompared(before[i], Register.EDI, PageBytes) && IsJump(before[i + 1], ConditionCode.a));
        var elements = PageBytes / part.Guest.MemorySize.GetSize();
        var isShort = Enumerable.Range(0, before.Count - 1).Any(i => IsCompared(before[i], Register.RCX, elements) && IsJump(before[i + 1], ConditionCode.a));
        return !isUpwards ? "it may go down"
            : part.Kind == LoweringKind.RepeatedString && (!isShort || fits != lookups) ? "it may be longer than a page"
            : null;
    }

    /// <summary>Null if the number of a bit in memory is cut to the word's bits; a register's word needs no more.</summary>
    public static string? BrokenBits(EmittedPart part)
    {
        var at = part.Host.FindIndex(each => each.Mnemonic == part.Guest.Mnemonic);
        if (at < 0 || part.Host[at].HasLockPrefix != part.Guest.HasLockPrefix)
        {
            return "not the guest's";
        }

        var mask = (ulong)(part.Guest.MemorySize.GetSize() * 8) - 1;
        return part.Host[at].Op0Kind == OpKind.Register
            || part.Host.Take(at).Any(each => each is { Mnemonic: Mnemonic.And, Op0Register: Register.EDI } && each.GetImmediate(1) == mask) ? null : "a bit beyond the word";
    }

    private static bool IsCompared(in Instruction host, Register register, int value) =>
        host.Mnemonic == Mnemonic.Cmp && host.Op0Kind == OpKind.Register && host.Op0Register.GetFullRegister() == register.GetFullRegister()
        && host.Op1Kind is not (OpKind.Register or OpKind.Memory) && (int)host.GetImmediate(1) == value;

    private static bool IsJump(in Instruction host, ConditionCode condition) => host.IsJccShortOrNear && host.ConditionCode == condition;
}
