namespace Vivarium.X86;

/// <summary>Which operands of a fused multiply-add are factors and which is the addend: a × b + c.</summary>
internal interface IFusedOrder
{
    static abstract (T A, T B, T C) Arrange<T>(T first, T second, T third);
}

/// <summary>First × third + second.</summary>
internal readonly struct Order132 : IFusedOrder
{
    public static (T A, T B, T C) Arrange<T>(T first, T second, T third) => (first, third, second);
}

/// <summary>Second × first + third.</summary>
internal readonly struct Order213 : IFusedOrder
{
    public static (T A, T B, T C) Arrange<T>(T first, T second, T third) => (second, first, third);
}

/// <summary>Second × third + first.</summary>
internal readonly struct Order231 : IFusedOrder
{
    public static (T A, T B, T C) Arrange<T>(T first, T second, T third) => (second, third, first);
}
