namespace Vivarium.X86;

/// <summary>What a processor is doing (Intel SDM Vol. 3C §25.4.2).</summary>
internal enum ActivityState : byte
{
    /// <summary>Executing instructions.</summary>
    Active,

    /// <summary>Halted by HLT.</summary>
    Halted,

    /// <summary>After a triple fault.</summary>
    Shutdown,

    /// <summary>An application processor after reset or INIT.</summary>
    WaitForStartup,
}
