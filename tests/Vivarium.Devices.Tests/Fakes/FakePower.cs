namespace Vivarium.Devices.Tests.Fakes;

internal sealed class FakePower : IPowerControl, IA20Gate
{
    public int PowerOffs { get; private set; }

    public int Resets { get; private set; }

    public List<uint> DebugExits { get; } = [];

    public bool IsOpen { get; set; }

    public void RequestPowerOff() => PowerOffs++;

    public void RequestReset() => Resets++;

    public void RequestDebugExit(uint value) => DebugExits.Add(value);
}
