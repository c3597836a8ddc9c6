namespace Vivarium.Measurements;

/// <summary>A Debian kernel with busybox, as eng/get-guest.sh makes it.</summary>
internal sealed class LinuxGuest
{
    public const string Prompt = "guest# ";
    private const string CommandLine = "console=ttyS0 panic=-1";

    private readonly byte[] _kernel;
    private readonly byte[] _initrd;

    /// <exception cref="MeasurementException">It was not fetched.</exception>
    public LinuxGuest(string flavour)
    {
        var folder = Repository.GuestFolder(flavour);
        if (!File.Exists(Path.Combine(folder, "initrd.img")))
        {
            throw new MeasurementException($"The guest is not there; run eng/get-guest.sh {flavour} first.");
        }

        _kernel = File.ReadAllBytes(Path.Combine(folder, "vmlinuz"));
        _initrd = File.ReadAllBytes(Path.Combine(folder, "initrd.img"));
    }

    public IBootLoader CreateLoader() => new LinuxBootLoader(_kernel, _initrd, CommandLine);

    /// <summary>Xen, which takes the kernel and the initramfs as modules.</summary>
    public IBootLoader CreateXenLoader(ReadOnlyMemory<byte> xen) => new MultibootLoader(
        xen,
        "xen com1=115200,8n1 console=com1 dom0_mem=384M loglvl=all",
        [new MultibootModule(_kernel, "vmlinuz console=hvc0 panic=-1"), new MultibootModule(_initrd, "initrd.img")]);

    public VirtualMachineBuilder CreateBuilder(ulong memoryBytes, ExecutionEngine engine) =>
        new VirtualMachineBuilder().WithEngine(engine).WithMemory(memoryBytes).WithBootLoader(CreateLoader());
}
