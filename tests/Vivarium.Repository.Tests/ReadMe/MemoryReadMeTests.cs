using Vivarium.Memory;

namespace Vivarium.Repository.Tests.ReadMe;

public sealed class MemoryReadMeTests
{
    [Fact]
    public void The_fork_has_its_own_pages()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, 4UL << 30);                 // reserves address space only
        memory.Write(0x1000, 0xCAFEu);

        using MemoryTemplate template = memory.Seal();  // freezes the content; `memory` goes on over it
        using var fork = GuestMemory.Fork(template);    // shares every page until it writes it
        fork.Write(0x1000, 1u);
        Console.WriteLine(memory.Read<uint>(0x1000));   // 51966

        Assert.Equal(51966u, memory.Read<uint>(0x1000));
        Assert.Equal(1u, fork.Read<uint>(0x1000));
    }

    [Fact]
    public void The_example_is_the_readmes() => Snippet.AssertInTest("src/Vivarium.Memory/README.md", nameof(MemoryReadMeTests));
}
