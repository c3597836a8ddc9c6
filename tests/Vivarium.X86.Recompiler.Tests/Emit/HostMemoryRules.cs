using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>
/// Which memory emitted code may access. Fed with a block's parts in order, it follows what the temporaries hold: guest memory is accessed
/// only where a lookup found it, and within what that lookup tested.
/// </summary>
internal sealed class HostMemoryRules
{
    private const int PageBytes = 4096;
    private readonly Span?[] _held = new Span?[AccessGroups.SlotCount];
    private Span? _tested;
    private Span? _address;
    private Span? _page;
    private Span? _kept;
    private int _site = SiteTable.None;

    /// <summary>What RDI points at.</summary>
    private Span? _destination;

    /// <summary>A part begins. What the interpreter ran before it may have changed translations: no host address holds behind it.</summary>
    public void Begin(EmittedPart part, bool isResumed)
    {
        if (isResumed || part.Kind is null or LoweringKind.Interpret)
        {
            Forget();
        }

        _tested = null;
        _page = null;
        _destination = null;
    }

    /// <summary>Null if an instruction accesses what it may.</summary>
    public string? Broken(EmittedPart part, int i)
    {
        var host = part.Host[i];
        for (var k = 0; k < host.OpCount; k++)
        {
            if (host.GetOpKind(k) is OpKind.MemorySegSI or OpKind.MemorySegESI or OpKind.MemorySegRSI or OpKind.MemorySegDI or OpKind.MemorySegEDI or OpKind.MemorySegRDI
                or OpKind.MemoryESDI or OpKind.MemoryESEDI or OpKind.MemoryESRDI)
            {
                if (BrokenString(part, host, k) is { } implied)
                {
                    return implied;
                }
            }
        }

        var operand = host.Mnemonic == Mnemonic.Lea ? -1 : EmittedPart.MemoryOperand(host);
        var broken = operand < 0 ? null : host.MemoryBase switch
        {
            Register.R15 => StateFieldRules.Broken(part, host),
            Register.RSI => BrokenAccess(part, i, operand),
            Register.RSP => part.Kind == LoweringKind.Return && host is { Mnemonic: Mnemonic.Cmp, Op0Register: Register.RDI, MemoryIndex: Register.None, MemoryDisplacement64: 8 } ? null : "the host's stack",
            _ => "memory through a guest register",
        };
        return broken ?? Follow(part, host);
    }

    private string? BrokenAccess(EmittedPart part, int i, int operand)
    {
        var host = part.Host[i];
        var offset = (long)host.MemoryDisplacement64;
        if (!part.HasAccess)
        {
            return "guest memory without a guest's operand";
        }

        var span = host.MemoryIndex switch
        {
            Register.None => _address,
            Register.RDI when host.MemoryIndexScale == 1 && offset == 0 && part.IsGuests(i) => _page,
            _ => null,
        };
        return span is not { } tested ? "nothing was looked up for it"
            : offset < 0 || offset + host.MemorySize.GetSize() > tested.Bytes ? $"{tested.Bytes} bytes were looked up"
            : RegisterUse.IsWritten(host, operand) && !tested.IsWritable ? "it was looked up to be read"
            : IsAlignedAccess(host) && !IsTested(part, i) ? $"{host.MemorySize.GetSize()} bytes that may be misaligned"
            : null;
    }

    /// <summary>RSI is the source and RDI the destination of the guest's own string instruction, and both were looked up.</summary>
    private string? BrokenString(EmittedPart part, in Instruction host, int operand)
    {
        var span = host.GetOpKind(operand) == OpKind.MemorySegRSI ? _address : host.GetOpKind(operand) == OpKind.MemoryESRDI ? _destination : null;
        return !StringFormRules.IsString(part.Kind) || host.Mnemonic != part.Guest.Mnemonic ? "an implied memory operand"
            : span is not { } tested || tested.Bytes < host.MemorySize.GetSize() ? "nothing was looked up for it"
            : RegisterUse.IsWritten(host, operand) && !tested.IsWritable ? "it was looked up to be read"
            : null;
    }

    private static bool IsAlignedAccess(in Instruction host) => host.MemorySize.GetSize() switch
    {
        16 when host.Encoding == EncodingKind.Legacy => host.Mnemonic is not (Mnemonic.Movups or Mnemonic.Movupd or Mnemonic.Movdqu or Mnemonic.Lddqu
            or Mnemonic.Pcmpestri or Mnemonic.Pcmpestrm or Mnemonic.Pcmpistri or Mnemonic.Pcmpistrm),
        16 or 32 => host.Mnemonic is Mnemonic.Vmovaps or Mnemonic.Vmovapd or Mnemonic.Vmovdqa or Mnemonic.Vmovntps or Mnemonic.Vmovntpd or Mnemonic.Vmovntdq or Mnemonic.Vmovntdqa,
        _ => false,
    };

    /// <summary>The lookup tested the page offset in SIL; or, in a group, LEA edi took the operand's address, whose low byte was tested. JNE follows.</summary>
    private static bool IsTested(EmittedPart part, int i)
    {
        var host = part.Host[i];
        var mask = (ulong)host.MemorySize.GetSize() - 1;
        for (var k = 1; k < i; k++)
        {
            if (part.Host[k] is { Code: Code.Test_rm8_imm8 } test && test.GetImmediate(1) == mask && part.Host[k + 1].ConditionCode == ConditionCode.ne && part.Host[k + 1].IsJccShortOrNear)
            {
                var before = part.Host[k - 1];
                if (test.Op0Register == Register.SIL ? host.MemoryDisplacement64 == 0
                    : test.Op0Register == Register.DIL && before is { Code: Code.Lea_r32_m, Op0Register: Register.EDI, MemoryBase: Register.RSI, MemoryIndex: Register.None }
                        && before.MemoryDisplacement64 == host.MemoryDisplacement64)
                {
                    return true;
                }
            }
        }

        return false;
    }

    private string? Follow(EmittedPart part, in Instruction host)
    {
        var offset = host.MemoryBase == Register.R15 ? (int)host.MemoryDisplacement64 : 0;
        var entry = host is { MemoryBase: Register.R15, MemoryIndex: Register.RDI } ? offset - part.TlbTable : -1;
        var slot = host is { MemoryBase: Register.R15, MemoryIndex: Register.None } && offset is >= EngineFields.HeldAddressesOffset and < EngineFields.StackLimitOffset
            ? (offset - EngineFields.HeldAddressesOffset) / sizeof(ulong) : -1;
        if (SiteRules.SiteOf(host) is { } site)
        {
            return FollowSite(part, host, site);
        }

        var isKept = host is { MemoryBase: Register.R15, MemoryIndex: Register.None } && offset == EngineFields.HostAddressOffset;
        if ((slot >= 0 || isKept) && StateFieldRules.IsStore(host, Register.RSI))
        {
            (slot >= 0 ? ref _held[slot] : ref _kept) = _address;
            return _address is null ? "what is kept was not looked up" : null;
        }

        if (isKept && StateFieldRules.IsLoad(host, Register.RDI))
        {
            _destination = _kept;
            return _kept is null ? "what was kept holds no more" : null;
        }

        if (host is { Code: Code.Mov_r64_rm64, Op0Register: Register.RDI, Op1Register: Register.RSI })
        {
            _destination = _address;
            return null;
        }

        if (slot >= 0 || isKept)
        {
            _address = slot >= 0 ? _held[slot] : _kept;
            return _address is null ? "what was kept holds no more" : null;
        }

        switch (entry)
        {
            case 0 or 8: _tested = new Span(0, entry == 8); _address = null; return null;
            case 16 when host.Mnemonic == Mnemonic.Add: _address = _tested; _tested = null; return _address is { Bytes: > 0 } ? null : "nothing was tested";
            case 16: _page = _tested; return _page is { Bytes: > 0 } ? null : "nothing was tested";
        }

        if (_tested is { Bytes: 0 } tested && host is { Mnemonic: Mnemonic.Cmp, Op0Register: Register.RSI })
        {
            _tested = tested with { Bytes = PageBytes - (int)host.GetImmediate(1) };
        }

        if (host.Code == Code.Call_rel32_64 && part.Kind == LoweringKind.Interpret)
        {
            Forget();
        }

        foreach (var written in RegisterUse.Written(host))
        {
            _address = written == Register.RSI ? null : _address;
            _tested = written == Register.RSI ? null : _tested;
            _page = written is Register.RSI or Register.RDI ? null : _page;
            _destination = written == Register.RDI ? null : _destination;
        }

        return null;
    }

    /// <summary>What a site is for says whether it may be written; its address holds once the end of the access was compared.</summary>
    private string? FollowSite(EmittedPart part, in Instruction host, (int Number, int Offset) site)
    {
        switch (site.Offset)
        {
            case SiteEntry.TagOffset:
                (_tested, _address, _site) = (new Span(0, part.Block.Cache.Sites.KeyOf(site.Number).IsWrite), null, site.Number);
                return null;
            case SiteEntry.PageOffset when _site == site.Number && _tested is { Bytes: > 0 } tested && tested.Bytes == part.Block.Cache.Sites.KeyOf(site.Number).SizeBytes:
                (host.Mnemonic == Mnemonic.Add ? ref _address : ref _page) = _tested;
                _tested = null;
                return null;
            default: return "another site's entry";
        }
    }

    private void Forget()
    {
        _address = _kept = null;
        Array.Clear(_held);
    }

    /// <summary>What a lookup found: bytes from the address on, and whether they may be written.</summary>
    private readonly record struct Span(int Bytes, bool IsWritable);
}
