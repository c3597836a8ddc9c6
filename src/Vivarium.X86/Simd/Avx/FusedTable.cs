using System.Numerics;
using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>The instructions of FMA.</summary>
internal static unsafe class FusedTable
{
    public static nint Find<TLength>(Mnemonic mnemonic)
        where TLength : struct, IVectorLength => mnemonic switch
        {
            Mnemonic.Vfmadd132ps => Packed<FusedAdd, Order132, float, TLength>(),
            Mnemonic.Vfmadd132pd => Packed<FusedAdd, Order132, double, TLength>(),
            Mnemonic.Vfmadd132ss => Scalar<FusedAdd, Order132, float>(),
            Mnemonic.Vfmadd132sd => Scalar<FusedAdd, Order132, double>(),
            Mnemonic.Vfmadd213ps => Packed<FusedAdd, Order213, float, TLength>(),
            Mnemonic.Vfmadd213pd => Packed<FusedAdd, Order213, double, TLength>(),
            Mnemonic.Vfmadd213ss => Scalar<FusedAdd, Order213, float>(),
            Mnemonic.Vfmadd213sd => Scalar<FusedAdd, Order213, double>(),
            Mnemonic.Vfmadd231ps => Packed<FusedAdd, Order231, float, TLength>(),
            Mnemonic.Vfmadd231pd => Packed<FusedAdd, Order231, double, TLength>(),
            Mnemonic.Vfmadd231ss => Scalar<FusedAdd, Order231, float>(),
            Mnemonic.Vfmadd231sd => Scalar<FusedAdd, Order231, double>(),
            Mnemonic.Vfmsub132ps => Packed<FusedSubtract, Order132, float, TLength>(),
            Mnemonic.Vfmsub132pd => Packed<FusedSubtract, Order132, double, TLength>(),
            Mnemonic.Vfmsub132ss => Scalar<FusedSubtract, Order132, float>(),
            Mnemonic.Vfmsub132sd => Scalar<FusedSubtract, Order132, double>(),
            Mnemonic.Vfmsub213ps => Packed<FusedSubtract, Order213, float, TLength>(),
            Mnemonic.Vfmsub213pd => Packed<FusedSubtract, Order213, double, TLength>(),
            Mnemonic.Vfmsub213ss => Scalar<FusedSubtract, Order213, float>(),
            Mnemonic.Vfmsub213sd => Scalar<FusedSubtract, Order213, double>(),
            Mnemonic.Vfmsub231ps => Packed<FusedSubtract, Order231, float, TLength>(),
            Mnemonic.Vfmsub231pd => Packed<FusedSubtract, Order231, double, TLength>(),
            Mnemonic.Vfmsub231ss => Scalar<FusedSubtract, Order231, float>(),
            Mnemonic.Vfmsub231sd => Scalar<FusedSubtract, Order231, double>(),
            Mnemonic.Vfnmadd132ps => Packed<FusedNegateAdd, Order132, float, TLength>(),
            Mnemonic.Vfnmadd132pd => Packed<FusedNegateAdd, Order132, double, TLength>(),
            Mnemonic.Vfnmadd132ss => Scalar<FusedNegateAdd, Order132, float>(),
            Mnemonic.Vfnmadd132sd => Scalar<FusedNegateAdd, Order132, double>(),
            Mnemonic.Vfnmadd213ps => Packed<FusedNegateAdd, Order213, float, TLength>(),
            Mnemonic.Vfnmadd213pd => Packed<FusedNegateAdd, Order213, double, TLength>(),
            Mnemonic.Vfnmadd213ss => Scalar<FusedNegateAdd, Order213, float>(),
            Mnemonic.Vfnmadd213sd => Scalar<FusedNegateAdd, Order213, double>(),
            Mnemonic.Vfnmadd231ps => Packed<FusedNegateAdd, Order231, float, TLength>(),
            Mnemonic.Vfnmadd231pd => Packed<FusedNegateAdd, Order231, double, TLength>(),
            Mnemonic.Vfnmadd231ss => Scalar<FusedNegateAdd, Order231, float>(),
            Mnemonic.Vfnmadd231sd => Scalar<FusedNegateAdd, Order231, double>(),
            Mnemonic.Vfnmsub132ps => Packed<FusedNegateSubtract, Order132, float, TLength>(),
            Mnemonic.Vfnmsub132pd => Packed<FusedNegateSubtract, Order132, double, TLength>(),
            Mnemonic.Vfnmsub132ss => Scalar<FusedNegateSubtract, Order132, float>(),
            Mnemonic.Vfnmsub132sd => Scalar<FusedNegateSubtract, Order132, double>(),
            Mnemonic.Vfnmsub213ps => Packed<FusedNegateSubtract, Order213, float, TLength>(),
            Mnemonic.Vfnmsub213pd => Packed<FusedNegateSubtract, Order213, double, TLength>(),
            Mnemonic.Vfnmsub213ss => Scalar<FusedNegateSubtract, Order213, float>(),
            Mnemonic.Vfnmsub213sd => Scalar<FusedNegateSubtract, Order213, double>(),
            Mnemonic.Vfnmsub231ps => Packed<FusedNegateSubtract, Order231, float, TLength>(),
            Mnemonic.Vfnmsub231pd => Packed<FusedNegateSubtract, Order231, double, TLength>(),
            Mnemonic.Vfnmsub231ss => Scalar<FusedNegateSubtract, Order231, float>(),
            Mnemonic.Vfnmsub231sd => Scalar<FusedNegateSubtract, Order231, double>(),
            Mnemonic.Vfmaddsub132ps => Packed<FusedAddSubtract, Order132, float, TLength>(),
            Mnemonic.Vfmaddsub132pd => Packed<FusedAddSubtract, Order132, double, TLength>(),
            Mnemonic.Vfmaddsub213ps => Packed<FusedAddSubtract, Order213, float, TLength>(),
            Mnemonic.Vfmaddsub213pd => Packed<FusedAddSubtract, Order213, double, TLength>(),
            Mnemonic.Vfmaddsub231ps => Packed<FusedAddSubtract, Order231, float, TLength>(),
            Mnemonic.Vfmaddsub231pd => Packed<FusedAddSubtract, Order231, double, TLength>(),
            Mnemonic.Vfmsubadd132ps => Packed<FusedSubtractAdd, Order132, float, TLength>(),
            Mnemonic.Vfmsubadd132pd => Packed<FusedSubtractAdd, Order132, double, TLength>(),
            Mnemonic.Vfmsubadd213ps => Packed<FusedSubtractAdd, Order213, float, TLength>(),
            Mnemonic.Vfmsubadd213pd => Packed<FusedSubtractAdd, Order213, double, TLength>(),
            Mnemonic.Vfmsubadd231ps => Packed<FusedSubtractAdd, Order231, float, TLength>(),
            Mnemonic.Vfmsubadd231pd => Packed<FusedSubtractAdd, Order231, double, TLength>(),
            _ => 0,
        };

    private static nint Packed<TSigns, TOrder, T, TLength>()
        where TSigns : struct, IFusedSigns
        where TOrder : struct, IFusedOrder
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TLength : struct, IVectorLength => Handler(&FusedHandlers.Packed<TSigns, TOrder, T, TLength>);

    private static nint Scalar<TSigns, TOrder, T>()
        where TSigns : struct, IFusedSigns
        where TOrder : struct, IFusedOrder
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Handler(&FusedHandlers.Scalar<TSigns, TOrder, T>);
}
