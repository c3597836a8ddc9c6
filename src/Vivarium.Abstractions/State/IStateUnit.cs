namespace Vivarium;

/// <summary>A stateful part of a machine that can be started, stopped, reset, saved and restored. Calls come with every vCPU parked and the device lock held.</summary>
public interface IStateUnit
{
    /// <summary>A name that is unique in its machine and never changes between versions, such as <c>uart0</c>.</summary>
    string StateName { get; }

    /// <summary>The version written by <see cref="Save"/>; older ones must restore.</summary>
    int StateVersion => 1;

    /// <summary>Returns to the state after power-on.</summary>
    void Reset();

    /// <summary>The machine begins to run or resumes.</summary>
    void Start()
    {
    }

    /// <summary>The machine pauses: nothing may change until <see cref="Start"/>.</summary>
    void Stop()
    {
    }

    /// <summary>Writes the whole state as tagged fields.</summary>
    void Save(StateWriter writer);

    /// <summary>Replaces the whole state. Throws <see cref="StateFormatException"/> if a field is missing or impossible.</summary>
    void Restore(StateReader reader);
}
