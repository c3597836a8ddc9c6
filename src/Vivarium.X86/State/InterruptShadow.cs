namespace Vivarium.X86;

/// <summary>What waits until the next instruction ended (Intel SDM Vol. 3A §6.8.1 and §6.8.3).</summary>
internal enum InterruptShadow : byte
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Interrupts, after STI.</summary>
    Sti,

    /// <summary>Interrupts and debug traps, after a load of SS by MOV or POP.</summary>
    LoadStack,
}
