namespace Vivarium;

/// <summary>Answers VMCALL and VMMCALL of one vCPU, KVM convention: number in RAX, arguments in RBX, RCX, RDX, RSI, result in RAX.</summary>
public interface IHypercallHandler
{
    /// <summary>Executes a hypercall made at CPL 0 and returns the new RAX (−1000 for an unknown number).</summary>
    long Hypercall(ulong number, ulong argument0, ulong argument1, ulong argument2, ulong argument3);
}
