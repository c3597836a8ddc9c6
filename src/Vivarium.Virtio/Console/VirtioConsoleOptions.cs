using System.Text;

namespace Vivarium.Virtio;

/// <summary>How a <see cref="VirtioConsole"/> shows itself.</summary>
public sealed class VirtioConsoleOptions
{
    internal const int MaximumPorts = 32;
    internal const int MaximumNameBytes = 255;

    /// <summary>Its ports, 1 to 32. The first is the one that drivers without multi-port know. Default: one console.</summary>
    public IReadOnlyList<VirtioConsolePortOptions> Ports { get; init; } = [new VirtioConsolePortOptions()];

    /// <summary>The console's width in characters, 1 to 65,535. Default 80.</summary>
    public int Columns { get; init; } = 80;

    /// <summary>The console's height in lines, 1 to 65,535. Default 25.</summary>
    public int Rows { get; init; } = 25;

    internal void Validate()
    {
        if (Ports is null || Ports.Count is < 1 or > MaximumPorts)
        {
            throw new ArgumentException($"A virtio console has 1 to {MaximumPorts} ports; got {Ports?.Count ?? 0}.");
        }

        CheckSize(Columns, Rows);
        if (Ports.FirstOrDefault(port => Encoding.UTF8.GetByteCount(port.Name) > MaximumNameBytes) is { } port)
        {
            throw new ArgumentException($"The name of a port has at most {MaximumNameBytes} bytes; got '{port.Name}'.");
        }
    }

    internal static void CheckSize(int columns, int rows)
    {
        if (columns is < 1 or > ushort.MaxValue || rows is < 1 or > ushort.MaxValue)
        {
            throw new ArgumentException($"A console has 1 to 65,535 columns and rows; got {columns} and {rows}.");
        }
    }
}

/// <summary>One port of a <see cref="VirtioConsole"/>.</summary>
public sealed class VirtioConsolePortOptions
{
    /// <summary>What the guest finds it by: Linux links <c>/dev/virtio-ports/NAME</c> to it. Default none.</summary>
    public string Name { get; init; } = "";

    /// <summary>
    /// Whether it is a console, <c>hvc</c> in Linux: what nobody reads is dropped then, the oldest first, as a guest must not wait for its console. At
    /// any other port the guest's writer waits for the host's reader. Default true.
    /// </summary>
    public bool IsConsole { get; init; } = true;
}
