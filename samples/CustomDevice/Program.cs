// A device of one's own: an adder behind two I/O ports. The guest feeds it numbers and hands the sum back as its exit code.
using Vivarium;

// The adder has ports 0x1F0 and 0x1F1, which nobody else on this board claims.
byte[] guest =
[
    0xBA, 0xF0, 0x01,   // mov dx, 1F0h
    0xB0, 0x14, 0xEE,   // mov al, 20; out dx, al
    0xB0, 0x01, 0xEE,   // mov al, 1; out dx, al
    0x42, 0xEC,         // inc dx; in al, dx
    0xE6, 0xF4,         // out F4h, al
    0xF4,               // hlt
];

await using var vm = new VirtualMachineBuilder()
    .WithMemory(4 << 20)
    .WithBootLoader(new FlatBinaryLoader(guest))
    .WithDevice(context =>
    {
        var adder = new Adder();
        context.MapPorts(0x1F0, 2, adder, "adder");
        context.AddStateUnit(adder);
    })
    .Build();
await vm.StartAsync();
var reason = await vm.WaitForShutdownAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
Console.WriteLine($"The guest got 20 + 1 = {reason.ExitCode >> 1} from the adder.");
return reason.ExitCode == 43 ? 0 : 1;

/// <summary>Port 0 takes a number, port 1 gives the sum so far. It can be saved and restored like the built-in devices.</summary>
internal sealed class Adder : IPortDevice, IStateUnit
{
    private byte _sum;

    public string StateName => "adder";

    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = _sum;
        return offset == 1 ? IoResult.Ok : IoResult.NoRegister;
    }

    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        _sum += (byte)value;
        return offset == 0 ? IoResult.Ok : IoResult.ReadOnly;
    }

    public void Reset() => _sum = 0;

    public void Save(StateWriter writer) => writer.Write(1, (ulong)_sum);

    public void Restore(StateReader reader) => _sum = reader.ReadByte(1);
}
