namespace Vivarium.Network.UserMode;

/// <summary>Order of sequence numbers, which wrap (RFC 9293 §3.4).</summary>
internal static class Sequence
{
    public static bool IsBefore(uint a, uint b) => (int)(a - b) < 0;

    public static bool IsAtOrBefore(uint a, uint b) => (int)(a - b) <= 0;

    public static uint Later(uint a, uint b) => IsBefore(a, b) ? b : a;
}
