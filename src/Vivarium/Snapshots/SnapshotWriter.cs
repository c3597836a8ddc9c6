using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using ZstdSharp;

namespace Vivarium;

/// <summary>Writes the sections of a snapshot. Not thread-safe.</summary>
internal sealed class SnapshotWriter(Stream stream) : IDisposable
{
    private const int CompressionLevel = 1;

    private readonly XxHash128 _hash = new();
    private readonly Compressor _compressor = new(CompressionLevel);

    public async Task WriteHeaderAsync(MachineConfiguration configuration, CancellationToken cancellationToken)
    {
        var header = new byte[SnapshotFormat.HeaderBytes];
        SnapshotFormat.Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(SnapshotFormat.Magic.Length), SnapshotFormat.Version);
        await WriteAsync(header, cancellationToken).ConfigureAwait(false);
        var fields = new StateWriter();
        ConfigurationFields.Save(configuration, fields);
        await WriteSectionAsync(SnapshotFormat.ConfigurationSection, fields.WrittenMemory, cancellationToken).ConfigureAwait(false);
    }

    public Task WriteUnitAsync(string name, int version, ReadOnlyMemory<byte> fields, CancellationToken cancellationToken)
    {
        var nameBytes = Encoding.UTF8.GetBytes(name);
        var content = new byte[2 + nameBytes.Length + 4 + fields.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(content, (ushort)nameBytes.Length);
        nameBytes.CopyTo(content, 2);
        BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(2 + nameBytes.Length), version);
        fields.Span.CopyTo(content.AsSpan(6 + nameBytes.Length));
        return WriteSectionAsync(SnapshotFormat.UnitSection, content, cancellationToken);
    }

    public Task WriteDiskAsync(string name, long sizeBytes, string stamp, CancellationToken cancellationToken)
    {
        var fields = new StateWriter();
        fields.Write(1, Encoding.UTF8.GetBytes(name));
        fields.Write(2, sizeBytes);
        fields.Write(3, Encoding.UTF8.GetBytes(stamp));
        return WriteSectionAsync(SnapshotFormat.DiskSection, fields.WrittenMemory, cancellationToken);
    }

    public Task WriteDiskZeroesAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken)
    {
        var content = new byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(content, offsetBytes);
        BinaryPrimitives.WriteInt64LittleEndian(content.AsSpan(8), lengthBytes);
        return WriteSectionAsync(SnapshotFormat.DiskZeroSection, content, cancellationToken);
    }

    public Task WriteDiskContentAsync(long offsetBytes, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        WriteCompressedAsync(SnapshotFormat.DiskContentSection, (ulong)offsetBytes, bytes, cancellationToken);

    public Task WriteMemoryAsync(ulong gpa, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        WriteCompressedAsync(SnapshotFormat.MemorySection, gpa, bytes, cancellationToken);

    public async Task FinishAsync(CancellationToken cancellationToken)
    {
        await stream.WriteAsync(_hash.GetCurrentHash(), cancellationToken).ConfigureAwait(false);
        await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    public void Dispose() => _compressor.Dispose();

    private Task WriteCompressedAsync(uint kind, ulong address, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        const int prefixBytes = 12;
        var content = new byte[prefixBytes + Compressor.GetCompressBound(bytes.Length)];
        BinaryPrimitives.WriteUInt64LittleEndian(content, address);
        BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(8), bytes.Length);
        var compressed = _compressor.Wrap(bytes.Span, content.AsSpan(prefixBytes));
        return WriteSectionAsync(kind, content.AsMemory(0, prefixBytes + compressed), cancellationToken);
    }

    private async Task WriteSectionAsync(uint kind, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var header = new byte[SnapshotFormat.SectionHeaderBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(header, kind);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(4), content.Length);
        await WriteAsync(header, cancellationToken).ConfigureAwait(false);
        await WriteAsync(content, cancellationToken).ConfigureAwait(false);
    }

    private ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        _hash.Append(bytes.Span);
        return stream.WriteAsync(bytes, cancellationToken);
    }
}
