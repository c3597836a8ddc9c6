using System.Globalization;
using Vivarium.Virtio;

namespace Vivarium.Cli;

/// <summary>One <c>--device</c>.</summary>
internal static class DeviceOption
{
    public const string Forms =
        "virtio-rng, virtio-balloon[,target=SIZE], virtio-console[,port=NAME:SOCKET]..., virtio-vsock[,cid=N],socket=PATH, pc-testdev";

    private const string Rng = "virtio-rng";
    private const string Balloon = "virtio-balloon";
    private const string Console = "virtio-console";
    private const string Vsock = "virtio-vsock";
    private const string TestDevice = "pc-testdev";

    /// <summary>Adds the device to a machine; host ends that the device needs go to <paramref name="ends"/>.</summary>
    /// <exception cref="UsageException">There is no such device, or a setting of it is impossible.</exception>
    public static void Add(VirtualMachineBuilder builder, string text, ICollection<IHostEnd> ends)
    {
        var parts = text.Split(',');
        switch (parts[0])
        {
            case Rng:
                Settings(text, parts);
                builder.AddVirtioRng();
                break;
            case Balloon:
                var target = Settings(text, parts, "target").FirstOrDefault().Value;
                builder.AddVirtioBalloon(new VirtioBalloonOptions { TargetBytes = target is null ? 0 : (long)MemorySize.Parse(target) });
                break;
            case Console:
                AddConsole(builder, Settings(text, parts, "port"), ends);
                break;
            case Vsock:
                AddVsock(builder, text, Settings(text, parts, "cid", "socket"), ends);
                break;
            case TestDevice:
                Settings(text, parts);
                builder.AddPcTestDevice();
                break;
            default:
                throw new UsageException($"There is no device '{parts[0]}'; --device takes {Forms}.");
        }
    }

    private static void AddConsole(VirtualMachineBuilder builder, List<KeyValuePair<string, string>> settings, ICollection<IHostEnd> ends)
    {
        var ports = new List<VirtioConsolePortOptions>();
        var sockets = new List<string>();
        foreach (var (_, value) in settings)
        {
            if (value.Split(':', 2) is not [{ Length: > 0 } name, { Length: > 0 } socket])
            {
                throw new UsageException($"A port of {Console} is NAME:SOCKET, not '{value}'.");
            }

            ports.Add(new VirtioConsolePortOptions { Name = name, IsConsole = false });
            sockets.Add(socket);
        }

        if (ports.Count == 0)
        {
            throw new UsageException($"{Console} needs a port: {Console},port=NAME:SOCKET.");
        }

        builder.AddVirtioConsole(new VirtioConsoleOptions { Ports = ports }, device =>
        {
            for (var i = 0; i < sockets.Count; i++)
            {
                ends.Add(new PortSocket(device.Ports[i], sockets[i]));
            }
        });
    }

    private static void AddVsock(VirtualMachineBuilder builder, string text, List<KeyValuePair<string, string>> settings, ICollection<IHostEnd> ends)
    {
        var cid = 3u;
        string? socket = null;
        foreach (var (key, value) in settings)
        {
            if (key == "socket")
            {
                socket = value;
            }
            else if (!uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out cid) || cid is < 3 or uint.MaxValue)
            {
                throw new UsageException($"The address of {Vsock} is a number from 3 to 4294967294, not '{value}'.");
            }
        }

        if (string.IsNullOrEmpty(socket))
        {
            throw new UsageException($"{Vsock} needs the host's socket: '{text},socket=PATH'. A program connects there and says \"CONNECT PORT\".");
        }

        builder.AddVirtioVsock(new VirtioVsockOptions { GuestCid = cid }, device => ends.Add(new VsockSocket(device, socket)));
    }

    private static List<KeyValuePair<string, string>> Settings(string text, string[] parts, params string[] known)
    {
        var settings = new List<KeyValuePair<string, string>>();
        foreach (var part in parts[1..])
        {
            if (part.Split('=', 2) is not [var key, { Length: > 0 } value] || !known.Contains(key))
            {
                throw new UsageException($"--device '{text}': '{part}' is no setting of {parts[0]}; --device takes {Forms}.");
            }

            settings.Add(KeyValuePair.Create(key, value));
        }

        return settings;
    }
}
