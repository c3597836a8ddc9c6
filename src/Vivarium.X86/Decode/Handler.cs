// A handler executes one decoded operation: true when it completed, false when the core's Pending says why not.
global using unsafe Handler = delegate*<Vivarium.X86.CpuCore, Vivarium.X86.DecodedOp*, bool>;
