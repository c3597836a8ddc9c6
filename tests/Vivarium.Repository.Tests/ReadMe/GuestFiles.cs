using Vivarium.Tests;

namespace Vivarium.Repository.Tests.ReadMe;

/// <summary>Stands for <see cref="System.IO.File"/> in examples: the smallest kernel, which leaves by the debug-exit port, and no RAM disk.</summary>
internal sealed class GuestFiles
{
    private const int KernelEntry = (2 * 512) + 0x200;

    public byte[] ReadAllBytes(string name)
    {
        if (name != "vmlinuz")
        {
            return [];
        }

        var kernel = TestImages.BzImage(is64Bit: true);
        byte[] code = [0xB0, 0x15, 0xE6, 0xF4, 0xF4]; // mov al, 15h; out 0F4h, al; hlt
        code.CopyTo(kernel, KernelEntry);
        return kernel;
    }
}
