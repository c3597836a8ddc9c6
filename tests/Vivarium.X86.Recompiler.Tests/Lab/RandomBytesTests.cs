namespace Vivarium.X86.Tests;

/// <summary>Random bytes as guest code on both engines: rare encodings, prefixes in any order, instructions that do not exist.</summary>
public sealed class RandomBytesTests
{
    private const int Cases = 2000;
    private const int MostTries = 20 * Cases;

    [Fact]
    public void EnginesAgreeOnUserCodeOf64Bits() => Compare(LabMode.User64);

    [Fact]
    public void EnginesAgreeOnKernelCodeOf64Bits() => Compare(LabMode.Kernel64);

    [Fact]
    public void EnginesAgreeOnUserCodeOf32Bits() => Compare(LabMode.User32);

    [Fact]
    public void EnginesAgreeOnKernelCodeOf32Bits() => Compare(LabMode.Kernel32);

    private static void Compare(LabMode mode)
    {
        var firstSeed = Random.Shared.Next(int.MaxValue - MostTries);
        using var comparison = new LabComparison();
        for (var seed = firstSeed; comparison.Compared < Cases && seed < firstSeed + MostTries; seed++)
        {
            if (RandomBytes.TryCreate(mode, seed) is var (program, state))
            {
                var difference = comparison.Difference(program, state);
                Assert.True(
                    difference is null,
                    $"seed {seed}: {difference}\nLabRegression.Check(LabMode.{mode}, 0x{program.Offset:X}, \"{Convert.ToHexString(program.Code)}\", \"{state}\");\n{string.Join('\n', program.Instructions)}");
            }
        }

        Assert.Equal(Cases, comparison.Compared);
    }
}
