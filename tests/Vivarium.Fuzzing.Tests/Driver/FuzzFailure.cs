namespace Vivarium.Fuzzing.Tests;

/// <summary>An input that a target does not stand.</summary>
internal sealed record FuzzFailure(byte[] Input, string What, string Details, long Inputs)
{
    public override string ToString() => $"{What} after {Inputs:N0} inputs\n{Details}\ninput ({Input.Length} bytes): {Convert.ToHexStringLower(Input)}";
}
