using System.Text;

namespace Vivarium;

/// <summary>A configuration as tagged fields.</summary>
internal static class ConfigurationFields
{
    private const ushort NameTag = 1;
    private const ushort PresetTag = 2;
    private const ushort MemoryTag = 3;
    private const ushort CpuCountTag = 4;
    private const ushort CpuModelTag = 5;

    public static void Save(MachineConfiguration configuration, StateWriter writer)
    {
        writer.Write(NameTag, Encoding.UTF8.GetBytes(configuration.Name).AsSpan());
        writer.Write(PresetTag, (long)configuration.Preset);
        writer.Write(MemoryTag, configuration.MemoryBytes);
        writer.Write(CpuCountTag, (long)configuration.CpuCount);
        writer.Write(CpuModelTag, Encoding.UTF8.GetBytes(configuration.CpuModel).AsSpan());
    }

    public static MachineConfiguration Restore(StateReader reader) => new(
        Encoding.UTF8.GetString(reader.ReadBytes(NameTag)),
        (MachinePreset)reader.ReadInt32(PresetTag, 0, (int)MachinePreset.I440Fx),
        reader.ReadUInt64(MemoryTag),
        reader.ReadInt32(CpuCountTag, 1),
        Encoding.UTF8.GetString(reader.ReadBytes(CpuModelTag)));
}
