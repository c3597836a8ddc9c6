namespace Vivarium.X86.Tests;

/// <summary>Values that find errors: limits of every width, pointers near the ends of pages, floats, shift counts.</summary>
internal sealed class EdgeValues(Random random, int bits)
{
    private static readonly ulong[] s_corners =
    [
        0, 1, 2, 3, 7, 8, 0xF, 0x10, 0x1F, 0x20, 0x21, 0x3F, 0x40, 0x41, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
        0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, ulong.MaxValue, ulong.MaxValue - 1, 0xFFFFFFFF80000000, 0xFFFFFFFF7FFFFFFF, 0x0880, 0x8008, 0xAAAAAAAAAAAAAAAA,
    ];

    private readonly Operands _operands = new(random.Next());

    private bool Is64 => bits == 64;

    /// <summary>Pointers lead to where nothing faults, so that programs run on; page crossings stay.</summary>
    public bool IsCareful { get; init; }

    /// <summary>Safe pointers lead to what a process of the host can have too.</summary>
    public bool ForHost { get; init; }

    public ulong Integer() => Cut(random.Next(6) switch
    {
        0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
        1 => (ulong)random.Next(-300, 300),
        2 => 1UL << random.Next(64),
        3 => (1UL << random.Next(64)) - 1,
        _ => s_corners[random.Next(s_corners.Length)],
    });

    public ulong Memory() => random.Next(8) switch
    {
        0 => Pointer(),
        1 => _operands.Double(),
        2 => ((ulong)_operands.Single() << 32) | _operands.Single(),
        3 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
        _ => Integer(),
    };

    /// <summary>An address in or beside the mapped pages; code is not among them, so that no value in memory leads back into it.</summary>
    public ulong Pointer()
    {
        if (IsCareful && random.Next(50) != 0)
        {
            return Safe();
        }

        var page = random.Next(40) switch
        {
            < 10 => LabLayout.Data,
            < 15 => LabLayout.Data + 0x1000,
            < 18 => LabLayout.Data + 0x2000,
            < 20 => LabLayout.ReadOnly,
            < 23 => LabLayout.ReadOnly + 0x1000,
            23 => LabLayout.Supervisor,
            < 26 => LabLayout.Mmio,
            < 29 => LabLayout.Alias,
            29 => LabLayout.Alias + 0x1000,
            < 34 => random.Next(2) == 0 ? LabLayout.Stack : LabLayout.StackMiddle,
            34 => LabLayout.Stack - 0x1000,
            < 37 => Is64 ? LabLayout.High64 : LabLayout.High32,
            37 => Is64 ? LabLayout.Top64 : LabLayout.Top32,
            38 => Is64 ? LabLayout.Edge64 : LabLayout.High32,
            _ => Is64 ? 0x8000_0000_0000_0000 : 0,
        };
        return page + (ulong)Offset();
    }

    /// <summary>An address in the part of the code's page that the program does not use, or of its alias.</summary>
    public ulong CodeData() => (random.Next(2) == 0 ? LabLayout.Code : LabLayout.CodeAlias) + 0x900 + (ulong)random.Next(0x400);

    public void Vector(Span<byte> destination) => _operands.Vector(destination);

    public Float80 Extended() => _operands.Extended();

    private ulong Safe() => random.Next(12) switch
    {
        0 => LabLayout.Data + 0x1000 - (ulong)random.Next(1, 40),
        1 => LabLayout.Data + (ulong)random.Next(0x1000 - 64, 0x1000 + 64),
        < 6 => LabLayout.Data + (ulong)(random.Next(0x20, 0x1C0) * 16),
        6 => LabLayout.ReadOnly + 0x1000 + (ulong)(random.Next(0x20, 0xC0) * 16),
        7 => LabLayout.Alias + (ulong)(random.Next(0x20, 0xC0) * 16),
        8 => LabLayout.Stack + (ulong)(random.Next(0x20, 0xC0) * 16),
        9 => (ForHost ? LabLayout.Data : Is64 ? LabLayout.High64 : LabLayout.High32) + (ulong)(random.Next(0x20, 0xC0) * 16),
        _ => LabLayout.Data + (ulong)(random.Next(0x20, 0x30) * 16),
    };

    private int Offset() => random.Next(10) switch
    {
        < 3 => 0x1000 - random.Next(1, 20),
        3 => 0x1000 - (random.Next(1, 6) * 8),
        4 => random.Next(16),
        < 8 => random.Next(256) * 16,
        8 => random.Next(512) * 8,
        _ => random.Next(0x1000),
    };

    private ulong Cut(ulong value) => Is64 ? value : (uint)value;
}
