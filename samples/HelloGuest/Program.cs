// A machine with a guest of a few instructions, assembled right here: the first thing to run, on any host.
using System.Text;
using Vivarium;

const ushort serialPort = 0x3F8;
const ushort powerControlPort = 0x604;
const ushort softOff = (5 << 10) | (1 << 13);

var guest = new List<byte>();
foreach (var character in Encoding.ASCII.GetBytes("Hello from a guest inside this process!\r\n"))
{
    guest.AddRange([0xB0, character]);                                              // mov al, character
    guest.AddRange([0xBA, serialPort & 0xFF, serialPort >> 8, 0xEE]);               // mov dx, serialPort; out dx, al
}

guest.AddRange([0xB8, softOff & 0xFF, softOff >> 8]);                               // mov ax, softOff
guest.AddRange([0xBA, powerControlPort & 0xFF, powerControlPort >> 8, 0xEF]);       // mov dx, powerControlPort; out dx, ax
guest.AddRange([0xF4, 0xEB, 0xFD]);                                                 // hlt; jmp to it

await using var vm = new VirtualMachineBuilder()
    .WithMemory(4 << 20)
    .WithBootLoader(new FlatBinaryLoader(guest.ToArray()))
    .Build();
var console = vm.Console.Output.CopyToAsync(Console.OpenStandardOutput());
await vm.StartAsync();
var reason = await vm.WaitForShutdownAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
await console;
Console.WriteLine($"The machine ended: {reason.Kind}.");
return reason.Kind == ShutdownKind.GuestPowerOff ? 0 : 1;
