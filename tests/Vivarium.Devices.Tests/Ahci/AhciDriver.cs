using System.Buffers.Binary;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Ahci;

/// <summary>A driver of one AHCI port: rings in guest RAM as AHCI 1.3.1 §4 and §5 have them, written from the specification.</summary>
internal sealed class AhciDriver
{
    public const ulong List = 0x1000;
    public const ulong Received = 0x2000;
    public const ulong Tables = 0x4000;
    public const ulong Data = 0x40000;
    private const int TableBytes = 0x400;
    private readonly int _port;

    public AhciDriver(AhciDrive drive, int port = 0, FakeMemory? memory = null, FakeEvents? events = null)
        : this(memory ?? new FakeMemory(), new FakePciHost(), events ?? new FakeEvents(), [.. Enumerable.Repeat(drive, port + 1)], port)
    {
    }

    private AhciDriver(FakeMemory memory, FakePciHost host, FakeEvents events, AhciDrive[] drives, int port)
    {
        _port = port;
        Memory = memory;
        Host = host;
        Events = events;
        Controller = new AhciController(host, "ahci0", memory, events, drives);
        Controller.Reset();
        Controller.Start();
    }

    public AhciController Controller { get; }

    public FakeMemory Memory { get; }

    public FakePciHost Host { get; }

    public FakeEvents Events { get; }

    public uint Issued => ReadPort(0x38);

    public uint Active => ReadPort(0x34);

    public uint InterruptStatus => ReadPort(0x10);

    public byte Status => (byte)ReadPort(0x20);

    public byte Error => (byte)(ReadPort(0x20) >> 8);

    public void Initialize()
    {
        Write(0x04, 0x8000_0002);
        WritePort(0x00, (uint)List);
        WritePort(0x08, (uint)Received);
        WritePort(0x14, 0xFFFF_FFFF);
        WritePort(0x18, 1 << 4);
        WritePort(0x18, (1 << 4) | 1);
        Acknowledge();
    }

    public uint Read(ulong offset)
    {
        Assert.Equal(IoResult.Ok, Controller.ReadBar(5, offset, 4, out var value));
        return (uint)value;
    }

    public void Write(ulong offset, uint value) => Assert.Equal(IoResult.Ok, Controller.WriteBar(5, offset, 4, value));

    public uint ReadPort(ulong register) => Read(0x100 + ((ulong)_port * 0x80) + register);

    public void WritePort(ulong register, uint value) => Write(0x100 + ((ulong)_port * 0x80) + register, value);

    /// <summary>Prepares a slot: FIS of opcode, features, address and count, and buffers.</summary>
    public void Prepare(int slot, byte opcode, long lba, int count, (ulong Gpa, int SizeBytes)[] buffers, int features = 0, byte device = 0x40, byte[]? packet = null)
    {
        var table = Tables + ((ulong)slot * TableBytes);
        Span<byte> fis = [0x27, 0x80, opcode, (byte)features, 0, 0, 0, device, 0, 0, 0, (byte)(features >> 8), (byte)count, (byte)(count >> 8), 0, 0, 0, 0, 0, 0];
        for (var i = 0; i < 3; i++)
        {
            fis[4 + i] = (byte)(lba >> (8 * i));
            fis[8 + i] = (byte)(lba >> (24 + (8 * i)));
        }

        Memory.TryWrite(table, fis);
        if (packet is not null)
        {
            Memory.TryWrite(table + 0x40, packet);
        }

        Span<byte> prd = stackalloc byte[16];
        for (var i = 0; i < buffers.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(prd, buffers[i].Gpa);
            BinaryPrimitives.WriteInt32LittleEndian(prd[12..], buffers[i].SizeBytes - 1);
            Memory.TryWrite(table + 0x80 + ((ulong)i * 16), prd);
        }

        Span<byte> header = stackalloc byte[32];
        BinaryPrimitives.WriteUInt16LittleEndian(header, (ushort)(5 | (packet is null ? 0 : 1 << 5)));
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], (ushort)buffers.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], table);
        Memory.TryWrite(List + ((ulong)slot * 32), header);
    }

    /// <summary>Issues slot 0 and returns the status.</summary>
    public byte Run(byte opcode, long lba, int count, (ulong Gpa, int SizeBytes)[] buffers, int features = 0, byte device = 0x40, byte[]? packet = null)
    {
        Prepare(0, opcode, lba, count, buffers, features, device, packet);
        WritePort(0x38, 1);
        return Status;
    }

    public byte RunPacket(byte[] packet, int replyBytes = 4096)
    {
        var padded = new byte[16];
        packet.CopyTo(padded, 0);
        return Run(0xA0, 0, 0, [(Data, replyBytes)], features: 1, packet: padded);
    }

    public void IssueQueued(int slot, bool isWrite, long lba, int sectors, (ulong Gpa, int SizeBytes)[] buffers)
    {
        Prepare(slot, isWrite ? (byte)0x61 : (byte)0x60, lba, slot << 3, buffers, features: sectors);
        WritePort(0x34, 1u << slot);
        WritePort(0x38, 1u << slot);
    }

    public void Restart()
    {
        WritePort(0x18, 1 << 4);
        Acknowledge();
        WritePort(0x18, (1 << 4) | 1);
    }

    public void Acknowledge()
    {
        WritePort(0x10, 0xFFFF_FFFF);
        Write(0x08, 0xFFFF_FFFF);
    }

    public uint TransferredBytes(int slot) => BinaryPrimitives.ReadUInt32LittleEndian(Memory.Bytes.AsSpan((int)List + (slot * 32) + 4));
}
