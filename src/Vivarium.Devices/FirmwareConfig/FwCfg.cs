using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Devices;

/// <summary>
/// QEMU's firmware configuration device (docs/specs/fw_cfg.rst): items of bytes that firmware reads through ports 0x510 and 0x511, or by
/// DMA through 0x514. Items are set while building and are not part of the saved state. Ports are called with the device lock held.
/// </summary>
public sealed partial class FwCfg : IPortDevice, IStateUnit
{
    private const ushort SignatureItem = 0x00;
    private const ushort IdItem = 0x01;
    private const ushort FileDirectoryItem = 0x19;
    private const ushort FirstFile = 0x20;
    private const uint IdTraditionalAndDma = 3;
    private const int FileEntryBytes = 64;
    private const int MaximumNameBytes = 55;

    private readonly Dictionary<ushort, ReadOnlyMemory<byte>> _items = [];
    private readonly SortedDictionary<string, ushort> _files = new(StringComparer.Ordinal);
    private readonly IGuestMemory _memory;
    private readonly FwCfgDmaPorts _dmaPorts;
    private ReadOnlyMemory<byte> _current;
    private ushort _selected;

    /// <summary>How far the selected item was read. It stops at the highest offset, so that it cannot run over.</summary>
    private uint _position;

    /// <summary>Creates the device with its signature and an empty file directory.</summary>
    /// <param name="memory">Guest memory, for DMA.</param>
    public FwCfg(IGuestMemory memory)
    {
        _memory = memory;
        _dmaPorts = new FwCfgDmaPorts(RunDma);
        _items[SignatureItem] = "QEMU"u8.ToArray();
        SetItem(IdItem, IdTraditionalAndDma);
        WriteFileDirectory();
        Reset();
    }

    /// <summary>The DMA address register: the 8 ports from 0x514. This object itself is the 2 ports from 0x510.</summary>
    public IPortDevice DmaPorts => _dmaPorts;

    /// <summary>Sets an item. Reads beyond its end give zeros.</summary>
    /// <param name="selector">One of <see cref="FwCfgItem"/>, or another that firmware knows.</param>
    /// <param name="data">Its bytes; they are not copied.</param>
    public void SetItem(ushort selector, ReadOnlyMemory<byte> data)
    {
        _items[selector] = data;
        Select(_selected);
    }

    /// <summary>Sets an item of 16 bits.</summary>
    public void SetItem(ushort selector, ushort value)
    {
        var bytes = new byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        SetItem(selector, bytes);
    }

    /// <summary>Sets an item of 32 bits.</summary>
    public void SetItem(ushort selector, uint value)
    {
        var bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        SetItem(selector, bytes);
    }

    /// <summary>Sets an item of 64 bits.</summary>
    public void SetItem(ushort selector, ulong value)
    {
        var bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        SetItem(selector, bytes);
    }

    /// <summary>
    /// Adds or replaces a named file, such as <c>etc/acpi/tables</c>, and returns its selector. The directory is sorted by name.
    /// </summary>
    /// <param name="name">1 to 55 ASCII characters.</param>
    /// <param name="data">Its bytes; they are not copied.</param>
    /// <exception cref="ArgumentException">The name is empty, too long or not ASCII.</exception>
    public ushort AddFile(string name, ReadOnlyMemory<byte> data)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Length > MaximumNameBytes || !Ascii.IsValid(name))
        {
            throw new ArgumentException($"A fw_cfg file name has at most {MaximumNameBytes} ASCII characters, but '{name}' was given.", nameof(name));
        }

        if (!_files.TryGetValue(name, out var selector))
        {
            selector = (ushort)(FirstFile + _files.Count);
            _files.Add(name, selector);
        }

        _items[selector] = data;
        WriteFileDirectory();
        Select(_selected);
        return selector;
    }

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = 0;
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        if (offset == 1)
        {
            Span<byte> data = stackalloc byte[1];
            Read(data);
            value = data[0];
        }

        return offset <= 1 ? IoResult.Ok : IoResult.NoRegister;
    }

    /// <inheritdoc/>
    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (offset == 0 && sizeBytes == 2)
        {
            Select((ushort)value);
            return IoResult.Ok;
        }

        // The data port could once be written; that was given up for DMA.
        return offset == 1 && sizeBytes == 1 ? IoResult.ReadOnly : IoResult.BadSize;
    }

    private void Select(ushort selector)
    {
        _selected = selector;
        _position = 0;
        _current = _items.GetValueOrDefault(selector);
    }

    /// <summary>Copies from the selected item and moves on; beyond the end there are zeros.</summary>
    private void Read(Span<byte> destination)
    {
        destination.Clear();
        var left = Math.Max(0, _current.Length - (long)_position);
        var count = (int)Math.Min(left, destination.Length);
        if (count > 0)
        {
            _current.Span.Slice((int)_position, count).CopyTo(destination);
        }

        MoveOn((uint)destination.Length);
    }

    private void MoveOn(uint bytes) => _position = (uint)Math.Min(uint.MaxValue, (ulong)_position + bytes);

    private void WriteFileDirectory()
    {
        var directory = new byte[sizeof(uint) + FileEntryBytes * _files.Count];
        BinaryPrimitives.WriteInt32BigEndian(directory, _files.Count);
        var at = sizeof(uint);
        foreach (var (name, selector) in _files)
        {
            BinaryPrimitives.WriteInt32BigEndian(directory.AsSpan(at), _items[selector].Length);
            BinaryPrimitives.WriteUInt16BigEndian(directory.AsSpan(at + 4), selector);
            Encoding.ASCII.GetBytes(name, directory.AsSpan(at + 8));
            at += FileEntryBytes;
        }

        _items[FileDirectoryItem] = directory;
    }
}
