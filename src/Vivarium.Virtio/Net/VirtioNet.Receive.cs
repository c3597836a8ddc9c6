namespace Vivarium.Virtio;

/// <content>From the network to the guest.</content>
public sealed partial class VirtioNet
{
    private const long ReceivedBytesPerTurn = 256 << 10;

    private void Receive(NetQueue receive)
    {
        var bytes = ReceivedBytesPerTurn;
        while (true)
        {
            if (receive.NextFrame == receive.FrameCount)
            {
                receive.Frames.AsSpan(0, receive.FrameCount).Clear();
                receive.NextFrame = 0;
                receive.FrameCount = receive.Waiting!.Receive(receive.Frames);
                if (receive.FrameCount == 0)
                {
                    // Whoever brings the next frame calls.
                    break;
                }
            }

            var frame = receive.Frames[receive.NextFrame];
            if (!TryDeliver(receive, frame))
            {
                // The driver calls when it has given more buffers.
                if (receive.Queue.RequestKick())
                {
                    continue;
                }

                break;
            }

            receive.NextFrame++;
            bytes -= frame.Length;
            frame.Release();
            if (bytes <= 0)
            {
                PostTurn(receive);
                break;
            }
        }

        receive.Queue.SignalDriver();
    }

    /// <summary>Puts a frame into the guest's buffers, or sees that it cannot be for the guest; false if there are too few buffers so far.</summary>
    private bool TryDeliver(NetQueue receive, EthernetFrame frame)
    {
        var queue = receive.Queue;
        if ((frame.Offload.Required & ~_receiver.Capabilities) != 0)
        {
            // It was on its way when the driver changed its mind.
            return true;
        }

        var isMergeable = Has(NetBits.MergeableBuffers);
        var needed = NetHeader.Bytes + (long)frame.Length;
        while (receive.HeldBytes < needed)
        {
            if (receive.Held.Count > 0 && (!isMergeable || receive.Held.Count == queue.Size))
            {
                // All that the driver can give is too little. It keeps its buffers.
                return true;
            }

            if (queue.TryTake() is not { } chain)
            {
                return false;
            }

            if (receive.Held.Count == 0 && chain.WritableBytes < NetHeader.Bytes)
            {
                queue.Complete(chain, 0);
                queue.Break("a receive buffer without room for a header");
                return true;
            }

            receive.Held.Add(chain);
            receive.HeldBytes += chain.WritableBytes;
        }

        Write(receive, frame);
        return true;
    }

    private void Write(NetQueue receive, EthernetFrame frame)
    {
        Span<byte> header = stackalloc byte[NetHeader.Bytes];
        NetHeader.Write(header, frame.Offload, (_guestOffloads & NetBits.GuestChecksum) != 0);

        // Buffers that were held for a larger frame, which was dropped, may be more than this one needs.
        var count = 0;
        for (var covered = 0L; covered < NetHeader.Bytes + (long)frame.Length; count++)
        {
            covered += receive.Held[count].WritableBytes;
        }

        NetHeader.WriteBufferCount(header, count);
        var data = frame.Data;
        for (var i = 0; i < count; i++)
        {
            var chain = receive.Held[i];
            var front = i == 0 ? NetHeader.Bytes : 0;
            var length = (int)Math.Min(chain.WritableBytes - front, data.Length);
            if (i == 0)
            {
                chain.TryWrite(0, header);
            }

            chain.TryWrite(front, data[..length]);
            data = data[length..];
            receive.HeldBytes -= chain.WritableBytes;
            receive.Queue.Complete(chain, (uint)(front + length));
        }

        receive.Held.RemoveRange(0, count);
    }
}
