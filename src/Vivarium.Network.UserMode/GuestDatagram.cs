using System.Net;

namespace Vivarium.Network.UserMode;

/// <summary>A UDP datagram from a guest.</summary>
/// <param name="Source">The guest's address and port.</param>
/// <param name="Payload">What it sent, 0 to 65,527 bytes; the receiver's own.</param>
public readonly record struct GuestDatagram(IPEndPoint Source, ReadOnlyMemory<byte> Payload);
