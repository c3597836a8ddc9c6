using System.Globalization;
using System.Runtime.CompilerServices;

namespace Vivarium.X86.Tests;

public sealed unsafe class CodeMemoryTests
{
    private const int SizeBytes = 1 << 20;

    // mov eax, 42; ret
    private static ReadOnlySpan<byte> Return42 => [0xB8, 42, 0, 0, 0, 0xC3];

    [Fact]
    public void CodeWrittenThroughOneViewRunsInTheOther()
    {
        Assert.SkipUnless(Recompiler.IsSupported, "Needs an x64 host.");
        using var memory = new CodeMemory(SizeBytes);
        foreach (var offset in new[] { 0, 4096, SizeBytes - Return42.Length })
        {
            Return42.CopyTo(new Span<byte>(memory.Writable + offset, Return42.Length));
            Assert.Equal(42, ((delegate* unmanaged<int>)(memory.Executable + offset))());
            memory.Writable[offset + 1] = 43;
            Assert.Equal(43, ((delegate* unmanaged<int>)(memory.Executable + offset))());
        }
    }

    [Fact]
    public void BothViewsAreZeroedAndShowTheSameBytes()
    {
        using var memory = new CodeMemory(SizeBytes);
        Assert.Equal(SizeBytes, memory.SizeBytes);
        Assert.Equal(-1, new Span<byte>(memory.Executable, SizeBytes).IndexOfAnyExcept((byte)0));
        memory.Writable[12345] = 7;
        Assert.Equal(7, memory.Executable[12345]);
    }

    [Fact]
    public void NoViewIsWritableAndExecutable()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Reads /proc.");
        using var memory = new CodeMemory(SizeBytes);
        Assert.Equal("rw-s", Protection(memory.Writable));
        Assert.Equal("r-xs", Protection(memory.Executable));
    }

    [Fact]
    public void DisposalUnmapsBoth()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Reads /proc.");
        var memory = new CodeMemory(SizeBytes);
        var (writable, executable) = ((nint)memory.Writable, (nint)memory.Executable);
        memory.Dispose();
        memory.Dispose();
        Assert.Null(Protection((byte*)writable));
        Assert.Null(Protection((byte*)executable));
    }

    [Fact]
    public void AForgottenOneIsUnmapped()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Reads /proc.");
        var (writable, executable) = Forget();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Null(Protection((byte*)writable));
        Assert.Null(Protection((byte*)executable));
    }

    [Fact]
    public void PagesCostNothingUntilTouched()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Reads /proc.");
        using var memory = new CodeMemory(1 << 30);
        memory.Writable[0] = memory.Writable[(1 << 30) - 1] = 1;
        Assert.InRange(ResidentKilobytes(memory.Writable), 1, 64);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void SizesAreChecked(int sizeBytes) => Assert.Throws<ArgumentOutOfRangeException>(() => new CodeMemory(sizeBytes));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (nint Writable, nint Executable) Forget()
    {
        var memory = new CodeMemory(SizeBytes);
        return ((nint)memory.Writable, (nint)memory.Executable);
    }

    /// <summary>The protection of our mapping that starts at an address, or null.</summary>
    private static string? Protection(byte* address) => File.ReadLines("/proc/self/maps").FirstOrDefault(line => IsOurs(line, address))?.Split(' ')[1];

    private static int ResidentKilobytes(byte* address)
    {
        var resident = File.ReadLines("/proc/self/smaps").SkipWhile(line => !IsOurs(line, address)).First(line => line.StartsWith("Rss:", StringComparison.Ordinal));
        return int.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    private static bool IsOurs(string line, byte* address) =>
        line.StartsWith(string.Create(CultureInfo.InvariantCulture, $"{(nint)address:x}-"), StringComparison.Ordinal) && line.Contains("vivarium-code", StringComparison.Ordinal);
}
