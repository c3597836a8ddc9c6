namespace Vivarium.X86;

/// <content>
/// Writes that have been translated. A page with code has other bytes too: those are written like data, while whoever translates more of the page
/// waits (<see cref="Memory.RevocationParticipant.BeginWrite"/>); those of code only while no other processor runs.
/// </content>
internal sealed unsafe partial class CpuCore
{
    /// <summary>
    /// Writes to one page, or to two with <paramref name="first"/> bytes on the first. False, with nothing written, if the instruction must run
    /// alone.
    /// </summary>
    private bool TryWrite(in WriteTarget target, ReadOnlySpan<byte> source, int first)
    {
        var isSplit = first != source.Length;
        var holdsCode = target.IsOnCodePage || (isSplit && target.IsOnCodePage2);
        var isBeside = holdsCode && !RunsAlone;
        if (isBeside)
        {
            if (target.Host == null || (isSplit && target.Host2 == null))
            {
                // A device is waited for, which whoever begins a write must not.
                Pending = PendingKind.RunAlone;
                return false;
            }

            Revocation?.BeginWrite();
        }

        var code = target.IsOnCodePage && Memory.HoldsCode(target.Gpa, first);
        var code2 = isSplit && target.IsOnCodePage2 && Memory.HoldsCode(target.Gpa2, source.Length - first);
        if (isBeside && (code || code2))
        {
            Revocation?.EndWrite();
            Pending = PendingKind.RunAlone;
            return false;
        }

        WritePhysical(target.Gpa, target.Host, code, source[..first]);
        if (isSplit)
        {
            var host2 = target.Host2;
            if (target.Host == null)
            {
                // Looked up again, as the device was waited for outside of all boundaries.
                host2 = WriteHost(target.Gpa2, out code2);
                code2 = code2 && Memory.HoldsCode(target.Gpa2, source.Length - first);
            }

            WritePhysical(target.Gpa2, host2, code2, source[first..]);
        }

        if (isBeside)
        {
            Revocation?.EndWrite();
        }

        return true;
    }

    /// <summary>Where a write goes: its part on the first page, and that on the second if there is one. No host address means a device or ROM.</summary>
    private readonly ref struct WriteTarget(ulong gpa, byte* host, bool isOnCodePage, ulong gpa2, byte* host2, bool isOnCodePage2)
    {
        public readonly ulong Gpa = gpa;
        public readonly byte* Host = host;
        public readonly bool IsOnCodePage = isOnCodePage;
        public readonly ulong Gpa2 = gpa2;
        public readonly byte* Host2 = host2;
        public readonly bool IsOnCodePage2 = isOnCodePage2;
    }
}
