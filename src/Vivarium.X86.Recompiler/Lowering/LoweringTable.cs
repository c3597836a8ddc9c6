using Iced.Intel;

namespace Vivarium.X86;

/// <summary>The allow-list: which mnemonics are lowered, and how. Whatever is not in it, the interpreter executes.</summary>
internal static class LoweringTable
{
    /// <summary>More than Iced has.</summary>
    private const int Mnemonics = 1 << 11;

    private static readonly LoweringKind[] s_kinds = Build();

    /// <summary>How <paramref name="instruction"/> is lowered where nothing about its operands speaks against it.</summary>
    public static LoweringKind Of(in Instruction instruction)
    {
        if (instruction.FlowControl == FlowControl.ConditionalBranch && instruction.ConditionCode != ConditionCode.None && instruction.IsJccShortOrNear)
        {
            return LoweringKind.ConditionalJump;
        }

        if (instruction.Encoding == EncodingKind.VEX && s_kinds[(int)instruction.Mnemonic] == LoweringKind.Interpret)
        {
            return VexLowering.Of(instruction);
        }

        // MOVSD and CMPSD also name string instructions.
        return instruction.Mnemonic is Mnemonic.Movsd or Mnemonic.Cmpsd
            ? instruction.IsStringInstruction ? LoweringKind.Interpret : LoweringKind.AlignedVector
            : s_kinds[(int)instruction.Mnemonic];
    }

    private static LoweringKind[] Build()
    {
        var kinds = new LoweringKind[Mnemonics];
        Set(kinds, LoweringKind.Reencode, Integer);
        Set(kinds, LoweringKind.BitTest, [Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc]);
        Set(kinds, LoweringKind.AlignedVector, Aligned);
        Set(kinds, LoweringKind.Vector, Unaligned);
        Set(kinds, LoweringKind.X87, X87);
        Set(kinds, LoweringKind.Mmx, [Mnemonic.Emms, Mnemonic.Movntq, Mnemonic.Pshufw]);
        Set(kinds, LoweringKind.Copy, [Mnemonic.Cbw, Mnemonic.Cwde, Mnemonic.Cdqe, Mnemonic.Cwd, Mnemonic.Cdq, Mnemonic.Cqo, Mnemonic.Lahf, Mnemonic.Sahf, Mnemonic.Clc, Mnemonic.Stc, Mnemonic.Cmc, Mnemonic.Mfence, Mnemonic.Lfence, Mnemonic.Sfence]);
        Set(kinds, LoweringKind.Nothing, [Mnemonic.Nop, Mnemonic.Reservednop, Mnemonic.Endbr64, Mnemonic.Endbr32, Mnemonic.Prefetcht0, Mnemonic.Prefetcht1, Mnemonic.Prefetcht2, Mnemonic.Prefetchnta]);
        Set(kinds, LoweringKind.Divide, [Mnemonic.Div, Mnemonic.Idiv]);
        Set(kinds, LoweringKind.DirectionFlag, [Mnemonic.Cld, Mnemonic.Std]);
        kinds[(int)Mnemonic.Ldmxcsr] = LoweringKind.LoadMxcsr;
        kinds[(int)Mnemonic.Swapgs] = LoweringKind.SwapGs;
        kinds[(int)Mnemonic.Cli] = LoweringKind.ClearInterrupts;
        kinds[(int)Mnemonic.Pushfq] = LoweringKind.PushFlags;
        kinds[(int)Mnemonic.Lea] = LoweringKind.LoadAddress;
        kinds[(int)Mnemonic.Push] = LoweringKind.Push;
        kinds[(int)Mnemonic.Pop] = LoweringKind.Pop;
        kinds[(int)Mnemonic.Leave] = LoweringKind.LeaveFrame;
        kinds[(int)Mnemonic.Jmp] = LoweringKind.Jump;
        kinds[(int)Mnemonic.Call] = LoweringKind.Call;
        kinds[(int)Mnemonic.Ret] = LoweringKind.Return;
        return kinds;
    }

    private static void Set(LoweringKind[] kinds, LoweringKind kind, ReadOnlySpan<Mnemonic> mnemonics)
    {
        foreach (var mnemonic in mnemonics)
        {
            kinds[(int)mnemonic] = kind;
        }
    }

    private static ReadOnlySpan<Mnemonic> Integer =>
    [
        Mnemonic.Add, Mnemonic.Or, Mnemonic.Adc, Mnemonic.Sbb, Mnemonic.And, Mnemonic.Sub, Mnemonic.Xor, Mnemonic.Cmp, Mnemonic.Test,
        Mnemonic.Inc, Mnemonic.Dec, Mnemonic.Neg, Mnemonic.Not, Mnemonic.Mov, Mnemonic.Movzx, Mnemonic.Movsx, Mnemonic.Movsxd, Mnemonic.Xchg,
        Mnemonic.Xadd, Mnemonic.Cmpxchg, Mnemonic.Cmpxchg8b, Mnemonic.Cmpxchg16b, Mnemonic.Bswap, Mnemonic.Movbe, Mnemonic.Movnti,
        Mnemonic.Rol, Mnemonic.Ror, Mnemonic.Rcl, Mnemonic.Rcr, Mnemonic.Shl, Mnemonic.Sal, Mnemonic.Shr, Mnemonic.Sar, Mnemonic.Shld, Mnemonic.Shrd,
        Mnemonic.Mul, Mnemonic.Imul, Mnemonic.Bsf, Mnemonic.Bsr, Mnemonic.Popcnt, Mnemonic.Tzcnt, Mnemonic.Lzcnt, Mnemonic.Crc32,
        Mnemonic.Andn, Mnemonic.Bextr, Mnemonic.Blsi, Mnemonic.Blsmsk, Mnemonic.Blsr, Mnemonic.Adcx, Mnemonic.Adox,
        Mnemonic.Bzhi, Mnemonic.Mulx, Mnemonic.Pdep, Mnemonic.Pext, Mnemonic.Rorx, Mnemonic.Sarx, Mnemonic.Shlx, Mnemonic.Shrx,
        Mnemonic.Cmovo, Mnemonic.Cmovno, Mnemonic.Cmovb, Mnemonic.Cmovae, Mnemonic.Cmove, Mnemonic.Cmovne, Mnemonic.Cmovbe, Mnemonic.Cmova,
        Mnemonic.Cmovs, Mnemonic.Cmovns, Mnemonic.Cmovp, Mnemonic.Cmovnp, Mnemonic.Cmovl, Mnemonic.Cmovge, Mnemonic.Cmovle, Mnemonic.Cmovg,
        Mnemonic.Seto, Mnemonic.Setno, Mnemonic.Setb, Mnemonic.Setae, Mnemonic.Sete, Mnemonic.Setne, Mnemonic.Setbe, Mnemonic.Seta,
        Mnemonic.Sets, Mnemonic.Setns, Mnemonic.Setp, Mnemonic.Setnp, Mnemonic.Setl, Mnemonic.Setge, Mnemonic.Setle, Mnemonic.Setg,
    ];

    /// <summary>Legacy SSE instructions whose 16-byte memory operand must be aligned; shorter operands need not be.</summary>
    private static ReadOnlySpan<Mnemonic> Aligned =>
    [
        Mnemonic.Movaps, Mnemonic.Movapd, Mnemonic.Movdqa, Mnemonic.Movntps, Mnemonic.Movntpd, Mnemonic.Movntdq, Mnemonic.Movntdqa,
        Mnemonic.Addps, Mnemonic.Addpd, Mnemonic.Addss, Mnemonic.Addsd, Mnemonic.Subps, Mnemonic.Subpd, Mnemonic.Subss, Mnemonic.Subsd,
        Mnemonic.Mulps, Mnemonic.Mulpd, Mnemonic.Mulss, Mnemonic.Mulsd, Mnemonic.Divps, Mnemonic.Divpd, Mnemonic.Divss, Mnemonic.Divsd,
        Mnemonic.Sqrtps, Mnemonic.Sqrtpd, Mnemonic.Sqrtss, Mnemonic.Sqrtsd, Mnemonic.Minps, Mnemonic.Minpd, Mnemonic.Minss, Mnemonic.Minsd,
        Mnemonic.Maxps, Mnemonic.Maxpd, Mnemonic.Maxss, Mnemonic.Maxsd, Mnemonic.Andps, Mnemonic.Andpd, Mnemonic.Andnps, Mnemonic.Andnpd,
        Mnemonic.Orps, Mnemonic.Orpd, Mnemonic.Xorps, Mnemonic.Xorpd, Mnemonic.Ucomiss, Mnemonic.Ucomisd, Mnemonic.Comiss, Mnemonic.Comisd,
        Mnemonic.Cmpps, Mnemonic.Cmppd, Mnemonic.Cmpss, Mnemonic.Shufps, Mnemonic.Shufpd, Mnemonic.Unpcklps, Mnemonic.Unpcklpd,
        Mnemonic.Unpckhps, Mnemonic.Unpckhpd, Mnemonic.Cvtdq2pd, Mnemonic.Cvtdq2ps, Mnemonic.Cvtpd2dq, Mnemonic.Cvtpd2ps, Mnemonic.Cvtps2dq,
        Mnemonic.Cvtps2pd, Mnemonic.Cvttpd2dq, Mnemonic.Cvttps2dq, Mnemonic.Cvtsd2ss, Mnemonic.Cvtss2sd, Mnemonic.Cvtsi2sd, Mnemonic.Cvtsi2ss,
        Mnemonic.Cvtsd2si, Mnemonic.Cvtss2si, Mnemonic.Cvttsd2si, Mnemonic.Cvttss2si, Mnemonic.Haddps, Mnemonic.Haddpd, Mnemonic.Hsubps,
        Mnemonic.Hsubpd, Mnemonic.Addsubps, Mnemonic.Addsubpd, Mnemonic.Movddup, Mnemonic.Movsldup, Mnemonic.Movshdup,
        Mnemonic.Dpps, Mnemonic.Dppd, Mnemonic.Roundps, Mnemonic.Roundpd, Mnemonic.Roundss, Mnemonic.Roundsd, Mnemonic.Blendps, Mnemonic.Blendpd,
        Mnemonic.Blendvps, Mnemonic.Blendvpd, Mnemonic.Pblendvb, Mnemonic.Pblendw, Mnemonic.Insertps, Mnemonic.Extractps,
        Mnemonic.Paddb, Mnemonic.Paddw, Mnemonic.Paddd, Mnemonic.Paddq, Mnemonic.Paddsb, Mnemonic.Paddsw, Mnemonic.Paddusb, Mnemonic.Paddusw,
        Mnemonic.Psubb, Mnemonic.Psubw, Mnemonic.Psubd, Mnemonic.Psubq, Mnemonic.Psubsb, Mnemonic.Psubsw, Mnemonic.Psubusb, Mnemonic.Psubusw,
        Mnemonic.Pmulhw, Mnemonic.Pmulhuw, Mnemonic.Pmulhrsw, Mnemonic.Pmullw, Mnemonic.Pmulld, Mnemonic.Pmuludq, Mnemonic.Pmuldq,
        Mnemonic.Pmaddwd, Mnemonic.Pmaddubsw, Mnemonic.Psadbw, Mnemonic.Mpsadbw, Mnemonic.Pavgb, Mnemonic.Pavgw,
        Mnemonic.Pand, Mnemonic.Pandn, Mnemonic.Por, Mnemonic.Pxor, Mnemonic.Pcmpeqb, Mnemonic.Pcmpeqw, Mnemonic.Pcmpeqd, Mnemonic.Pcmpeqq,
        Mnemonic.Pcmpgtb, Mnemonic.Pcmpgtw, Mnemonic.Pcmpgtd, Mnemonic.Pcmpgtq, Mnemonic.Pminub, Mnemonic.Pminuw, Mnemonic.Pminud,
        Mnemonic.Pminsb, Mnemonic.Pminsw, Mnemonic.Pminsd, Mnemonic.Pmaxub, Mnemonic.Pmaxuw, Mnemonic.Pmaxud, Mnemonic.Pmaxsb, Mnemonic.Pmaxsw,
        Mnemonic.Pmaxsd, Mnemonic.Psllw, Mnemonic.Pslld, Mnemonic.Psllq, Mnemonic.Psrlw, Mnemonic.Psrld, Mnemonic.Psrlq, Mnemonic.Psraw,
        Mnemonic.Psrad, Mnemonic.Pslldq, Mnemonic.Psrldq, Mnemonic.Pshufb, Mnemonic.Pshufd, Mnemonic.Pshuflw, Mnemonic.Pshufhw, Mnemonic.Palignr,
        Mnemonic.Punpcklbw, Mnemonic.Punpcklwd, Mnemonic.Punpckldq, Mnemonic.Punpcklqdq, Mnemonic.Punpckhbw, Mnemonic.Punpckhwd,
        Mnemonic.Punpckhdq, Mnemonic.Punpckhqdq, Mnemonic.Packsswb, Mnemonic.Packssdw, Mnemonic.Packuswb, Mnemonic.Packusdw,
        Mnemonic.Pabsb, Mnemonic.Pabsw, Mnemonic.Pabsd, Mnemonic.Psignb, Mnemonic.Psignw, Mnemonic.Psignd, Mnemonic.Phaddw, Mnemonic.Phaddd,
        Mnemonic.Phaddsw, Mnemonic.Phsubw, Mnemonic.Phsubd, Mnemonic.Phsubsw, Mnemonic.Phminposuw, Mnemonic.Ptest, Mnemonic.Pmovmskb,
        Mnemonic.Movmskps, Mnemonic.Movmskpd, Mnemonic.Pinsrb, Mnemonic.Pinsrw, Mnemonic.Pinsrd, Mnemonic.Pinsrq, Mnemonic.Pextrb,
        Mnemonic.Pextrw, Mnemonic.Pextrd, Mnemonic.Pextrq, Mnemonic.Pmovsxbw, Mnemonic.Pmovsxbd, Mnemonic.Pmovsxbq, Mnemonic.Pmovsxwd,
        Mnemonic.Pmovsxwq, Mnemonic.Pmovsxdq, Mnemonic.Pmovzxbw, Mnemonic.Pmovzxbd, Mnemonic.Pmovzxbq, Mnemonic.Pmovzxwd, Mnemonic.Pmovzxwq,
        Mnemonic.Pmovzxdq, Mnemonic.Aesenc, Mnemonic.Aesenclast, Mnemonic.Aesdec, Mnemonic.Aesdeclast, Mnemonic.Aesimc, Mnemonic.Aeskeygenassist,
        Mnemonic.Pclmulqdq, Mnemonic.Sha1rnds4, Mnemonic.Sha1nexte, Mnemonic.Sha1msg1, Mnemonic.Sha1msg2, Mnemonic.Sha256rnds2,
        Mnemonic.Sha256msg1, Mnemonic.Sha256msg2, Mnemonic.Rsqrtps, Mnemonic.Rsqrtss, Mnemonic.Rcpps, Mnemonic.Rcpss,
        Mnemonic.Movd, Mnemonic.Movq, Mnemonic.Movss,
        Mnemonic.Movhps, Mnemonic.Movhpd, Mnemonic.Movlps, Mnemonic.Movlpd, Mnemonic.Movhlps, Mnemonic.Movlhps,
    ];

    /// <summary>
    /// x87 instructions that load and store no more than a register. The last line's approximate, or choose how far a remainder goes, each processor
    /// in its own way: see <see cref="RecompilerOptions.InterpretsApproximations"/>.
    /// </summary>
    private static ReadOnlySpan<Mnemonic> X87 =>
    [
        Mnemonic.Fld, Mnemonic.Fst, Mnemonic.Fstp, Mnemonic.Fild, Mnemonic.Fist, Mnemonic.Fistp, Mnemonic.Fisttp, Mnemonic.Fxch, Mnemonic.Ffree,
        Mnemonic.Fld1, Mnemonic.Fldz, Mnemonic.Fldl2t, Mnemonic.Fldl2e, Mnemonic.Fldpi, Mnemonic.Fldlg2, Mnemonic.Fldln2,
        Mnemonic.Fadd, Mnemonic.Fsub, Mnemonic.Fsubr, Mnemonic.Fmul, Mnemonic.Fdiv, Mnemonic.Fdivr,
        Mnemonic.Faddp, Mnemonic.Fsubp, Mnemonic.Fsubrp, Mnemonic.Fmulp, Mnemonic.Fdivp, Mnemonic.Fdivrp,
        Mnemonic.Fiadd, Mnemonic.Fisub, Mnemonic.Fisubr, Mnemonic.Fimul, Mnemonic.Fidiv, Mnemonic.Fidivr,
        Mnemonic.Fcom, Mnemonic.Fcomp, Mnemonic.Fcompp, Mnemonic.Fucom, Mnemonic.Fucomp, Mnemonic.Fucompp, Mnemonic.Ficom, Mnemonic.Ficomp,
        Mnemonic.Fcomi, Mnemonic.Fcomip, Mnemonic.Fucomi, Mnemonic.Fucomip, Mnemonic.Ftst, Mnemonic.Fxam,
        Mnemonic.Fcmovb, Mnemonic.Fcmovnb, Mnemonic.Fcmove, Mnemonic.Fcmovne, Mnemonic.Fcmovbe, Mnemonic.Fcmovnbe, Mnemonic.Fcmovu, Mnemonic.Fcmovnu,
        Mnemonic.Fchs, Mnemonic.Fabs, Mnemonic.Fsqrt, Mnemonic.Frndint, Mnemonic.Fscale, Mnemonic.Fxtract,
        Mnemonic.Fincstp, Mnemonic.Fdecstp, Mnemonic.Fnop, Mnemonic.Wait, Mnemonic.Fldcw, Mnemonic.Fnstcw, Mnemonic.Fnstsw,
        Mnemonic.F2xm1, Mnemonic.Fyl2x, Mnemonic.Fyl2xp1, Mnemonic.Fpatan, Mnemonic.Fptan, Mnemonic.Fsin, Mnemonic.Fcos, Mnemonic.Fsincos, Mnemonic.Fprem, Mnemonic.Fprem1,
    ];

    private static ReadOnlySpan<Mnemonic> Unaligned =>
    [
        Mnemonic.Movups, Mnemonic.Movupd, Mnemonic.Movdqu, Mnemonic.Lddqu,
        Mnemonic.Pcmpestri, Mnemonic.Pcmpestrm, Mnemonic.Pcmpistri, Mnemonic.Pcmpistrm, Mnemonic.Stmxcsr,
    ];
}
