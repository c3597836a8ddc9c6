// A processor, a flat memory and two callbacks, with no machine around them.
using Vivarium;
using Vivarium.Memory;
using Vivarium.X86;

using var memory = new GuestMemory();
memory.AddRam(0, 64 << 10);
memory.TryWrite(0x1000, [0xB8, 0x01, 0x00, 0x83, 0xC0, 0x29, 0xE7, 0x80, 0xE4, 0x81, 0xF4]); // mov ax,1; add ax,41; out 80h,ax; in al,81h; hlt
using var cpu = new X86Cpu(new X86CpuOptions { Memory = memory, PortIo = new PrintingPorts() });
cpu.SetSegment(X86Segment.Cs, selector: 0, baseAddress: 0, limit: 0xFFFF, accessRights: 0x9B);
cpu[X86Register.Rip] = 0x1000;
cpu.AddStopAddress(0x100A);
var exit = cpu.Run(1_000_000);
Console.WriteLine($"{exit.Reason} after {exit.Instructions} instructions, AX = {cpu[X86Register.Rax]}, RIP = 0x{cpu[X86Register.Rip]:X}");
return cpu[X86Register.Rax] == 7 ? 0 : 1;

internal sealed class PrintingPorts : IPortIo
{
    public uint ReadPort(ushort port, int sizeBytes) => 7;

    public void WritePort(ushort port, int sizeBytes, uint value) => Console.WriteLine($"OUT 0x{port:X}, {value}");
}
