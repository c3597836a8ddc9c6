using System.Runtime.CompilerServices;

namespace Vivarium.Network;

/// <summary>Places for frames on the stack.</summary>
[InlineArray(Capacity)]
internal struct FrameBatch
{
    public const int Capacity = 64;

    private EthernetFrame _first;
}
