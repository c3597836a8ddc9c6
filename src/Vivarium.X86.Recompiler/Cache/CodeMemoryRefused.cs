namespace Vivarium.X86;

/// <summary>The exception for a host that gives no executable memory, with what its user can do.</summary>
internal static class CodeMemoryRefused
{
    public static OutOfMemoryException Create(nuint sizeBytes, string call, int error) => new(
        $"The host refused {sizeBytes:N0} bytes of executable memory for recompiled code ({call}: error {error}). A seccomp filter, SELinux, a " +
        "process mitigation policy or a memory limit may forbid it: allow executable mappings, make the code cache smaller, or use the interpreter engine.");
}
