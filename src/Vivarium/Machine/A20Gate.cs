using Vivarium.Memory;

namespace Vivarium;

/// <summary>The A20 gate of all processors. Members are called with the device lock held, by a vCPU in a device access or with all parked.</summary>
internal sealed class A20Gate(GuestMemory memory) : IA20Gate, IStateUnit
{
    private const ushort OpenTag = 1;

    private bool _isOpen = true;

    /// <summary>The machine's processors, set once they are built.</summary>
    public IReadOnlyList<IMachineCpu> Cpus { get; set; } = [];

    public bool IsOpen
    {
        get => _isOpen;
        set
        {
            if (value != _isOpen)
            {
                _isOpen = value;
                Apply();
            }
        }
    }

    public string StateName => "a20";

    public void Reset() => IsOpen = true;

    public void Save(StateWriter writer) => writer.Write(OpenTag, IsOpen);

    public void Restore(StateReader reader) => IsOpen = reader.ReadBoolean(OpenTag);

    private void Apply()
    {
        // Other processors may be running; they are held at a boundary while their address lines change.
        memory.Revocation.BeginExclusive(null);
        foreach (var cpu in Cpus)
        {
            cpu.IsA20Open = _isOpen;
        }

        memory.Revocation.EndExclusive(null);
    }
}
