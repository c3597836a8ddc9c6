using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vivarium.Memory;

/// <content>Access by guest-physical address: bulk, typed and atomic.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>From here on one call to the host for all pages is cheaper than a page fault each.</summary>
    private const int BulkBytes = 1 << 16;

    /// <inheritdoc/>
    public bool TryRead(ulong gpa, Span<byte> destination)
    {
        if (!Covers(gpa, (ulong)destination.Length, writable: false))
        {
            return false;
        }

        while (!destination.IsEmpty)
        {
            var page = GetReadPage(gpa);
            var length = Math.Min(destination.Length, PageSize - (int)(gpa & PageMask));

            // SAFETY: the range was found to be mapped, and regions never go while others use the memory; length ends with the page.
            new ReadOnlySpan<byte>(page + (gpa & PageMask), length).CopyTo(destination);
            destination = destination[length..];
            gpa += (ulong)length;
        }

        return true;
    }

    /// <inheritdoc/>
    public bool TryWrite(ulong gpa, ReadOnlySpan<byte> source)
    {
        if (!Covers(gpa, (ulong)source.Length, writable: true))
        {
            return false;
        }

        if (source.Length >= BulkBytes)
        {
            Populate(gpa, (ulong)source.Length);
        }

        while (!source.IsEmpty)
        {
            var length = Math.Min(source.Length, PageSize - (int)(gpa & PageMask));
            var region = FindRegion(gpa)!;
            var page = region.PageOf(gpa);

            // SAFETY: as in TryRead; WritePage returned a page that is ours alone.
            source[..length].CopyTo(new Span<byte>(WritePage(region, page) + (gpa & PageMask), length));
            CompleteWrite(region, page);
            source = source[length..];
            gpa += (ulong)length;
        }

        return true;
    }

    /// <summary>Reads a value of up to one page; one access of the host if it is aligned and of 1, 2, 4 or 8 bytes.</summary>
    /// <returns>False if any byte of it is not RAM or ROM.</returns>
    public bool TryRead<T>(ulong gpa, out T value)
        where T : unmanaged
    {
        if ((gpa & PageMask) <= (ulong)(PageSize - sizeof(T)))
        {
            var page = GetReadPage(gpa);

            // SAFETY: the value lies within the page.
            value = page == null ? default : Unsafe.ReadUnaligned<T>(page + (gpa & PageMask));
            return page != null;
        }

        value = default;
        return TryRead(gpa, MemoryMarshal.AsBytes(new Span<T>(ref value)));
    }

    /// <summary>Writes a value of up to one page; one access of the host if it is aligned and of 1, 2, 4 or 8 bytes.</summary>
    /// <returns>False if any byte of it is not writable RAM; then nothing was written.</returns>
    public bool TryWrite<T>(ulong gpa, T value)
        where T : unmanaged
    {
        if ((gpa & PageMask) > (ulong)(PageSize - sizeof(T)))
        {
            return TryWrite(gpa, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));
        }

        var region = FindRegion(gpa);
        if (region is null || region.IsRom)
        {
            return false;
        }

        // SAFETY: the value lies within the page, which is ours alone.
        var page = region.PageOf(gpa);
        Unsafe.WriteUnaligned(WritePage(region, page) + (gpa & PageMask), value);
        CompleteWrite(region, page);
        return true;
    }

    /// <summary>Reads a value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Any byte of it is not RAM or ROM.</exception>
    public T Read<T>(ulong gpa)
        where T : unmanaged =>
        TryRead(gpa, out T value) ? value : throw OutOfRam(gpa, sizeof(T));

    /// <summary>Writes a value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Any byte of it is not writable RAM.</exception>
    public void Write<T>(ulong gpa, T value)
        where T : unmanaged
    {
        if (!TryWrite(gpa, value))
        {
            throw OutOfRam(gpa, sizeof(T));
        }
    }

    /// <summary>
    /// Writes <paramref name="value"/> if <paramref name="comparand"/> is there, as one atomic operation against vCPUs and other callers.
    /// </summary>
    /// <typeparam name="T">An unmanaged type of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="gpa">A multiple of the size of <typeparamref name="T"/>.</param>
    /// <param name="value">What to write.</param>
    /// <param name="comparand">What must be there.</param>
    /// <param name="original">What was there.</param>
    /// <returns>False if it is not writable RAM.</returns>
    /// <exception cref="ArgumentException">The address is not aligned, or the type has another size.</exception>
    public bool TryCompareExchange<T>(ulong gpa, T value, T comparand, out T original)
        where T : unmanaged
    {
        if (sizeof(T) is not (1 or 2 or 4 or 8) || gpa % (ulong)sizeof(T) != 0)
        {
            throw new ArgumentException("An atomic access must be of 1, 2, 4 or 8 bytes at an aligned address.");
        }

        original = default;
        var region = FindRegion(gpa);
        if (region is null || region.IsRom)
        {
            return false;
        }

        // SAFETY: the value is aligned, so it lies within the page, which is ours alone; T has the size of the integer used for it.
        var page = region.PageOf(gpa);
        var target = WritePage(region, page) + (gpa & PageMask);
        switch (sizeof(T))
        {
            case 1:
                Unsafe.As<T, byte>(ref original) = Interlocked.CompareExchange(ref *target, Unsafe.BitCast<T, byte>(value), Unsafe.BitCast<T, byte>(comparand));
                break;
            case 2:
                Unsafe.As<T, ushort>(ref original) = Interlocked.CompareExchange(ref *(ushort*)target, Unsafe.BitCast<T, ushort>(value), Unsafe.BitCast<T, ushort>(comparand));
                break;
            case 4:
                Unsafe.As<T, uint>(ref original) = Interlocked.CompareExchange(ref *(uint*)target, Unsafe.BitCast<T, uint>(value), Unsafe.BitCast<T, uint>(comparand));
                break;
            default:
                Unsafe.As<T, ulong>(ref original) = Interlocked.CompareExchange(ref *(ulong*)target, Unsafe.BitCast<T, ulong>(value), Unsafe.BitCast<T, ulong>(comparand));
                break;
        }

        CompleteWrite(region, page);
        return true;
    }

    private static ArgumentOutOfRangeException OutOfRam(ulong gpa, int sizeBytes) =>
        new(nameof(gpa), $"{sizeBytes} bytes at guest-physical 0x{gpa:X} are not all in guest memory that allows this access.");

    /// <summary>Prepares the whole pages of a range that is RAM; those at its beginning that were written before have their memory.</summary>
    private void Populate(ulong gpa, ulong sizeBytes)
    {
        var end = gpa + sizeBytes;
        foreach (var region in _regions)
        {
            var first = (Math.Max(gpa, region.Gpa) + PageMask) & ~PageMask;
            var last = Math.Min(end, region.Gpa + region.SizeBytes) & ~PageMask;
            while (first < last && (region.Top.States[region.PageOf(first)] & PageState.Writable) != 0)
            {
                first += PageSize;
            }

            if (first < last)
            {
                region.Top.Populate(region.PageOf(first), (nuint)((last - first) / PageSize));
            }
        }
    }

    private bool Covers(ulong gpa, ulong sizeBytes, bool writable)
    {
        while (sizeBytes > 0)
        {
            var region = FindRegion(gpa);
            if (region is null || (writable && region.IsRom))
            {
                return false;
            }

            var length = Math.Min(sizeBytes, region.SizeBytes - (gpa - region.Gpa));
            gpa += length;
            sizeBytes -= length;
        }

        return true;
    }
}
