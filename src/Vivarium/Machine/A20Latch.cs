namespace Vivarium;

/// <summary>
/// Remembers what the guest set the A20 gate to and lets the line pass always: processors have had no A20M# pin since Haswell, and firmware
/// and systems of today only check that the setting reads back.
/// </summary>
internal sealed class A20Latch : IA20Gate, IStateUnit
{
    private const ushort OpenTag = 1;

    public bool IsOpen { get; set; } = true;

    public string StateName => "a20";

    public void Reset() => IsOpen = true;

    public void Save(StateWriter writer) => writer.Write(OpenTag, IsOpen);

    public void Restore(StateReader reader) => IsOpen = reader.ReadBoolean(OpenTag);
}
