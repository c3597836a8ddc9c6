using Vivarium.Virtio;

namespace Vivarium.Cli;

/// <summary>One <c>--share</c>: a folder of the host for the guest to mount.</summary>
internal sealed record ShareOption(string Folder, string Tag, bool IsReadOnly)
{
    public const string Form = "HOST:TAG[,readonly]";

    /// <exception cref="UsageException">It is not of that form, or there is no such folder.</exception>
    public static ShareOption Parse(string text)
    {
        var isReadOnly = text.EndsWith(",readonly", StringComparison.Ordinal);
        var rest = isReadOnly ? text[..^",readonly".Length] : text;

        // A folder's name may hold a colon, a tag does not.
        var colon = rest.LastIndexOf(':');
        if (colon <= 0 || colon == rest.Length - 1 || rest[(colon + 1)..].Contains(','))
        {
            throw new UsageException($"--share takes {Form}, not '{text}'.");
        }

        return Directory.Exists(rest[..colon])
            ? new ShareOption(rest[..colon], rest[(colon + 1)..], isReadOnly)
            : throw new UsageException($"--share: there is no folder '{rest[..colon]}'.");
    }

    public void Add(VirtualMachineBuilder builder) => builder.AddVirtioShare(Folder, new VirtioShareOptions { Tag = Tag, IsReadOnly = IsReadOnly });
}
