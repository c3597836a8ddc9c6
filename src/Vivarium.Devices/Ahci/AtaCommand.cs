using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>One command of a slot of an AHCI port: the register FIS, the packet, and the guest's buffers. Reused.</summary>
internal sealed class AtaCommand(int slot)
{
    /// <summary>Bytes of a register FIS from host to device.</summary>
    public const int FisBytes = 20;

    /// <summary>Bytes of a packet.</summary>
    public const int PacketBytes = 16;

    private const byte QueuedRead = 0x60;
    private const byte QueuedWrite = 0x61;
    private readonly byte[] _fis = new byte[FisBytes];

    public int Slot { get; } = slot;

    /// <summary>The register FIS (Serial ATA 3.x §10.5.5).</summary>
    public Span<byte> Fis => _fis;

    public byte[] Packet { get; } = new byte[PacketBytes];

    /// <summary>The guest's buffers from the PRD table.</summary>
    public List<(ulong Gpa, uint SizeBytes)> Segments { get; } = [];

    public byte Opcode => _fis[2];

    public ushort Features => (ushort)(_fis[3] | (_fis[11] << 8));

    public byte DeviceRegister => _fis[7];

    /// <summary>The sector count, of which 0 is the greatest.</summary>
    public ushort Count => BinaryPrimitives.ReadUInt16LittleEndian(_fis.AsSpan(12));

    public long Lba48 => _fis[4] | ((long)_fis[5] << 8) | ((long)_fis[6] << 16) | ((long)_fis[8] << 24) | ((long)_fis[9] << 32) | ((long)_fis[10] << 40);

    public long Lba28 => _fis[4] | ((long)_fis[5] << 8) | ((long)_fis[6] << 16) | ((long)(_fis[7] & 0x0F) << 24);

    /// <summary>Whether it is one of native command queueing.</summary>
    public bool IsQueued => Opcode is QueuedRead or QueuedWrite;

    /// <summary>The tag of a queued command.</summary>
    public int Tag => Count >> 3;

    /// <summary>What was moved, for the command header.</summary>
    public uint TransferredBytes { get; set; }
}

/// <summary>How a command's end shows itself.</summary>
internal enum AtaCompletion
{
    /// <summary>By a register FIS.</summary>
    Register,

    /// <summary>By a PIO set-up FIS: data by PIO went to the guest.</summary>
    PioSetup,

    /// <summary>By a set-device-bits FIS.</summary>
    DeviceBits,
}

/// <summary>What is behind a port. Device lock held.</summary>
internal interface IAtaDevice
{
    /// <summary>The signature that the device shows after a reset: what it is.</summary>
    uint Signature { get; }

    /// <summary>The status register after a reset.</summary>
    byte ResetStatus { get; }

    /// <summary>Carries out a command and reports its end to the port, at once or later.</summary>
    void Execute(AtaCommand command);

    /// <summary>Power-on.</summary>
    void Reset();

    /// <summary>Writes its state.</summary>
    void Save(StateWriter writer, ushort firstTag);

    /// <summary>Replaces its state.</summary>
    void Restore(StateReader reader, ushort firstTag);
}

/// <summary>What a device sees of its port. Device lock held.</summary>
internal interface IAtaPort
{
    /// <summary>The end of a command.</summary>
    void Complete(AtaCommand command, byte status, byte error, AtaCompletion completion);

    /// <summary>The guest's buffers of a command are not memory.</summary>
    void FailBuffer(AtaCommand command);

    /// <summary>Copies bytes into the command's buffers, as many as there is room for.</summary>
    void Send(AtaCommand command, ReadOnlySpan<byte> data);

    /// <summary>Copies bytes out of the command's buffers; false if they are fewer.</summary>
    bool Receive(AtaCommand command, Span<byte> data);

    /// <summary>Sets registers of the register FIS that follows.</summary>
    void SetResult(AtaCommand command, long lba, ushort count);

    /// <summary>Begins work on a back end for a command.</summary>
    void Begin(AtaCommand command, BlockJob job);

    /// <summary>A job to fill in.</summary>
    BlockJob RentJob();
}
