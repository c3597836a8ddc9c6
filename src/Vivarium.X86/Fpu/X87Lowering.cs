using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>x87 instructions. Reg1 and Reg2 are stack indices, Size how often to pop, and the immediate is FOP.</summary>
internal static unsafe class X87Lowering
{
    public static bool TryLower(in Instruction instruction, DecodedOp* op)
    {
        var code = instruction.Code;
        op->Size = 0;
        var target = X87ArithmeticLowering.Find(instruction, op);
        if (target == 0)
        {
            target = FindStore(code, op);
        }

        if (target == 0)
        {
            target = FindCompare(code, op);
        }

        if (target == 0)
        {
            target = FindOther(code, op);
        }

        if (target == 0)
        {
            return false;
        }

        op->Code = OpCode.Call;
        op->Target = target;
        op->Immediate = X87Opcode.Of(instruction);
        if (!X87ArithmeticLowering.IsArithmetic(instruction.Mnemonic))
        {
            op->Reg1 = op->Reg2 = (ushort)X87Opcode.StackIndex(instruction);
        }

        return true;
    }

    private static nint FindStore(Code code, DecodedOp* op)
    {
        op->Size = code is Code.Fstp_m32fp or Code.Fstp_m64fp or Code.Fstp_m80fp or Code.Fstp_sti or Code.Fstp_sti_DFD0 or Code.Fstp_sti_DFD8
            or Code.Fistp_m16int or Code.Fistp_m32int or Code.Fistp_m64int
            or Code.Fisttp_m16int or Code.Fisttp_m32int or Code.Fisttp_m64int or Code.Fbstp_m80bcd ? (byte)1 : (byte)0;
        return code switch
        {
            Code.Fld_m32fp => Handler(&X87LoadStoreHandlers.Load<float>),
            Code.Fld_m64fp => Handler(&X87LoadStoreHandlers.Load<double>),
            Code.Fld_m80fp => Handler(&X87LoadStoreHandlers.LoadExtended),
            Code.Fild_m16int => Handler(&X87LoadStoreHandlers.Load<short>),
            Code.Fild_m32int => Handler(&X87LoadStoreHandlers.Load<int>),
            Code.Fild_m64int => Handler(&X87LoadStoreHandlers.Load<long>),
            Code.Fbld_m80bcd => Handler(&X87LoadStoreHandlers.LoadDecimal),
            Code.Fld_sti => Handler(&X87LoadStoreHandlers.LoadRegister),
            Code.Fst_m32fp or Code.Fstp_m32fp => Handler(&X87LoadStoreHandlers.Store<float>),
            Code.Fst_m64fp or Code.Fstp_m64fp => Handler(&X87LoadStoreHandlers.Store<double>),
            Code.Fstp_m80fp => Handler(&X87LoadStoreHandlers.StoreExtended),
            Code.Fist_m16int or Code.Fistp_m16int => Handler(&X87LoadStoreHandlers.StoreInteger<short>),
            Code.Fist_m32int or Code.Fistp_m32int => Handler(&X87LoadStoreHandlers.StoreInteger<int>),
            Code.Fistp_m64int => Handler(&X87LoadStoreHandlers.StoreInteger<long>),
            Code.Fisttp_m16int => Handler(&X87LoadStoreHandlers.StoreTruncated<short>),
            Code.Fisttp_m32int => Handler(&X87LoadStoreHandlers.StoreTruncated<int>),
            Code.Fisttp_m64int => Handler(&X87LoadStoreHandlers.StoreTruncated<long>),
            Code.Fbstp_m80bcd => Handler(&X87LoadStoreHandlers.StoreDecimal),
            Code.Fst_sti or Code.Fstp_sti or Code.Fstp_sti_DFD0 or Code.Fstp_sti_DFD8 => Handler(&X87LoadStoreHandlers.StoreRegister),
            Code.Fstpnce_sti => Handler(&X87LoadStoreHandlers.StoreRegisterQuietly),
            Code.Fxch_st0_sti or Code.Fxch_st0_sti_DDC8 or Code.Fxch_st0_sti_DFC8 => Handler(&X87LoadStoreHandlers.Exchange),
            Code.Fld1 => Handler(&X87ConstantHandlers.One),
            Code.Fldz => Handler(&X87ConstantHandlers.Zero),
            Code.Fldl2t => Handler(&X87ConstantHandlers.Log2Ten),
            Code.Fldl2e => Handler(&X87ConstantHandlers.Log2E),
            Code.Fldpi => Handler(&X87ConstantHandlers.Pi),
            Code.Fldlg2 => Handler(&X87ConstantHandlers.Log10Two),
            Code.Fldln2 => Handler(&X87ConstantHandlers.LnTwo),
            _ => 0,
        };
    }

    private static nint FindCompare(Code code, DecodedOp* op)
    {
        op->Size = code switch
        {
            Code.Fcompp or Code.Fucompp => 2,
            Code.Fcomp_m32fp or Code.Fcomp_m64fp or Code.Ficomp_m16int or Code.Ficomp_m32int or Code.Fcomp_st0_sti or Code.Fcomp_st0_sti_DCD8
                or Code.Fcomp_st0_sti_DED0 or Code.Fucomp_st0_sti or Code.Fcomip_st0_sti or Code.Fucomip_st0_sti => 1,
            Code.Fcmovb_st0_sti => 2,
            Code.Fcmovnb_st0_sti => 3,
            Code.Fcmove_st0_sti => 4,
            Code.Fcmovne_st0_sti => 5,
            Code.Fcmovbe_st0_sti => 6,
            Code.Fcmovnbe_st0_sti => 7,
            Code.Fcmovu_st0_sti => 10,
            Code.Fcmovnu_st0_sti => 11,
            _ => 0,
        };
        return code switch
        {
            Code.Fcom_m32fp or Code.Fcomp_m32fp => Handler(&X87CompareHandlers.Memory<float>),
            Code.Fcom_m64fp or Code.Fcomp_m64fp => Handler(&X87CompareHandlers.Memory<double>),
            Code.Ficom_m16int or Code.Ficomp_m16int => Handler(&X87CompareHandlers.Memory<short>),
            Code.Ficom_m32int or Code.Ficomp_m32int => Handler(&X87CompareHandlers.Memory<int>),
            Code.Fcom_st0_sti or Code.Fcom_st0_sti_DCD0 or Code.Fcomp_st0_sti or Code.Fcomp_st0_sti_DCD8 or Code.Fcomp_st0_sti_DED0
                => Handler(&X87CompareHandlers.Ordered),
            Code.Fcompp => Handler(&X87CompareHandlers.OrderedTwice),
            Code.Fucom_st0_sti or Code.Fucomp_st0_sti => Handler(&X87CompareHandlers.Unordered),
            Code.Fucompp => Handler(&X87CompareHandlers.UnorderedTwice),
            Code.Fcomi_st0_sti or Code.Fcomip_st0_sti => Handler(&X87CompareHandlers.OrderedFlags),
            Code.Fucomi_st0_sti or Code.Fucomip_st0_sti => Handler(&X87CompareHandlers.UnorderedFlags),
            Code.Ftst => Handler(&X87CompareHandlers.Test),
            Code.Fxam => Handler(&X87CompareHandlers.Examine),
            Code.Fcmovb_st0_sti or Code.Fcmovnb_st0_sti or Code.Fcmove_st0_sti or Code.Fcmovne_st0_sti or Code.Fcmovbe_st0_sti
                or Code.Fcmovnbe_st0_sti or Code.Fcmovu_st0_sti or Code.Fcmovnu_st0_sti => Handler(&X87CompareHandlers.ConditionalMove),
            _ => 0,
        };
    }

    private static nint FindOther(Code code, DecodedOp* op)
    {
        op->Size = code switch
        {
            Code.Ffreep_sti => 1,
            Code.Fnstenv_m14byte or Code.Fldenv_m14byte or Code.Fnsave_m94byte or Code.Frstor_m94byte => X87Environment.ShortBytes,
            Code.Fnstenv_m28byte or Code.Fldenv_m28byte or Code.Fnsave_m108byte or Code.Frstor_m108byte => X87Environment.LongBytes,
            _ => 0,
        };
        return code switch
        {
            Code.Fsqrt => Handler(&X87UnaryHandlers.Apply<X87UnaryHandlers.SquareRoot>),
            Code.Frndint => Handler(&X87UnaryHandlers.Apply<X87UnaryHandlers.RoundToIntegral>),
            Code.F2xm1 => Handler(&X87UnaryHandlers.Apply<X87UnaryHandlers.ExponentialMinusOne>),
            Code.Fxtract => Handler(&X87UnaryHandlers.Extract),
            Code.Fyl2x => Handler(&X87PairHandlers.ReplaceSecond<X87PairHandlers.Logarithm>),
            Code.Fyl2xp1 => Handler(&X87PairHandlers.ReplaceSecond<X87PairHandlers.LogarithmPlusOne>),
            Code.Fpatan => Handler(&X87PairHandlers.ReplaceSecond<X87PairHandlers.ArcTangent>),
            Code.Fscale => Handler(&X87PairHandlers.ReplaceFirst<X87PairHandlers.Scale>),
            Code.Fprem => Handler(&X87PairHandlers.Remainder),
            Code.Fprem1 => Handler(&X87PairHandlers.RemainderNearest),
            Code.Fsin => Handler(&X87TrigonometryHandlers.Sine),
            Code.Fcos => Handler(&X87TrigonometryHandlers.Cosine),
            Code.Fsincos => Handler(&X87TrigonometryHandlers.SineCosine),
            Code.Fptan => Handler(&X87TrigonometryHandlers.Tangent),
            Code.Fchs => Handler(&X87ControlHandlers.ChangeSign),
            Code.Fabs => Handler(&X87ControlHandlers.Absolute),
            Code.Ffree_sti or Code.Ffreep_sti => Handler(&X87ControlHandlers.Free),
            Code.Fincstp => Handler(&X87ControlHandlers.IncrementTop),
            Code.Fdecstp => Handler(&X87ControlHandlers.DecrementTop),
            Code.Fnop => Handler(&X87ControlHandlers.Nothing),
            Code.Wait => Handler(&X87ControlHandlers.Wait),
            Code.Fninit => Handler(&X87ControlHandlers.Initialize),
            Code.Fnclex => Handler(&X87ControlHandlers.ClearExceptions),
            Code.Fneni or Code.Fndisi or Code.Fnsetpm => Handler(&X87ControlHandlers.Obsolete),
            Code.Fldcw_m2byte => Handler(&X87ControlHandlers.LoadControlWord),
            Code.Fnstcw_m2byte => Handler(&X87ControlHandlers.StoreControlWord),
            Code.Fnstsw_m2byte => Handler(&X87ControlHandlers.StoreStatusWord),
            Code.Fnstsw_AX => Handler(&X87ControlHandlers.StoreStatusWordToAx),
            Code.Fnstenv_m14byte or Code.Fnstenv_m28byte => Handler(&X87EnvironmentHandlers.StoreEnvironment),
            Code.Fldenv_m14byte or Code.Fldenv_m28byte => Handler(&X87EnvironmentHandlers.LoadEnvironment),
            Code.Fnsave_m94byte or Code.Fnsave_m108byte => Handler(&X87EnvironmentHandlers.Save),
            Code.Frstor_m94byte or Code.Frstor_m108byte => Handler(&X87EnvironmentHandlers.Restore),
            _ => 0,
        };
    }
}
