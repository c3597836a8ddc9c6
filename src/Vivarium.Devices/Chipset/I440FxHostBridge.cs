namespace Vivarium.Devices;

/// <summary>
/// The host bridge of Intel's 440FX (data sheet 290549, §3), as firmware for QEMU's PC expects it in slot 0: the PAM registers, which choose between RAM and
/// ROM from 0xC0000 to 0xFFFFF, and the SMRAM register, which does nothing, as the processors have no system management mode. All members are
/// called with the device lock held.
/// </summary>
public sealed class I440FxHostBridge : IPciFunction, IPciRegisterAccess
{
    /// <summary>How many stretches the PAM registers tell apart: 12 of 16 KiB from 0xC0000, then one of 64 KiB.</summary>
    public const int SegmentCount = 13;

    private const int PamOffset = 0x59;
    private const int PamCount = 7;
    private const int SmramOffset = 0x72;
    private const byte ReadEnable = 1;
    private const byte WriteEnable = 2;
    private const byte PamWritable = 0x33;
    private const ushort PamField = 1;

    private readonly IReadOnlyList<IShadowRam> _segments;
    private readonly byte[] _pam = new byte[PamCount];

    /// <summary>Creates the bridge after a reset: the guest sees ROM.</summary>
    /// <param name="segments">The 13 stretches by rising address.</param>
    /// <exception cref="ArgumentException">There are not 13.</exception>
    public I440FxHostBridge(IReadOnlyList<IShadowRam> segments)
    {
        ArgumentNullException.ThrowIfNull(segments);
        if (segments.Count != SegmentCount)
        {
            throw new ArgumentException($"The PAM registers are for {SegmentCount} segments, not {segments.Count}.", nameof(segments));
        }

        _segments = segments;
        Description = new PciFunctionDescription
        {
            VendorId = 0x8086,
            DeviceId = 0x1237,
            ClassCode = 0x060000,
            RevisionId = 2,
            SubsystemVendorId = 0x1AF4,
            SubsystemId = 0x1100,
            Registers =
            [
                new PciRegisters(PamOffset, new byte[PamCount], Enumerable.Repeat(PamWritable, PamCount).ToArray(), this),
                new PciRegisters(SmramOffset, [2], [0x78]),
            ],
        };
    }

    /// <inheritdoc/>
    public PciFunctionDescription Description { get; }

    /// <inheritdoc/>
    public string StateName => "i440fx";

    /// <summary>The stretch of a segment.</summary>
    /// <param name="segment">0 to <see cref="SegmentCount"/> − 1.</param>
    public static (ulong Gpa, int SizeBytes) FindSegment(int segment)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(segment);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(segment, SegmentCount);
        return (0xC0000UL + ((ulong)segment << 14), segment == SegmentCount - 1 ? 0x10000 : 0x4000);
    }

    /// <inheritdoc/>
    public void Reading(Span<byte> registers, int offset, int sizeBytes)
    {
    }

    /// <inheritdoc/>
    public void Written(Span<byte> registers, int offset, int sizeBytes)
    {
        registers.CopyTo(_pam);
        Apply();
    }

    /// <inheritdoc/>
    public void Reset()
    {
        _pam.AsSpan().Clear();
        Apply();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(PamField, _pam);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        reader.ReadBytes(PamField, _pam);
        Apply();
    }

    /// <summary>PAM0's high half is for the last segment; each other register is for two, the lower one in its low half.</summary>
    private void Apply()
    {
        for (var segment = 0; segment < SegmentCount; segment++)
        {
            var attributes = segment == SegmentCount - 1 ? _pam[0] >> 4 : _pam[1 + (segment / 2)] >> (4 * (segment & 1));
            _segments[segment].SetAccess((attributes & ReadEnable) != 0, (attributes & WriteEnable) != 0);
        }
    }
}
