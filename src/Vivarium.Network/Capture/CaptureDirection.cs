namespace Vivarium.Network;

/// <summary>Which way a captured frame went, seen from the switch (pcapng <c>epb_flags</c>, bits 0 and 1).</summary>
public enum CaptureDirection
{
    /// <summary>Nobody said.</summary>
    Unknown = 0,

    /// <summary>From the port's device into the switch.</summary>
    FromDevice = 1,

    /// <summary>To the port's device.</summary>
    ToDevice = 2,
}
