namespace Vivarium.Memory;

/// <content>RAM that a chipset can hide behind ROM, or lock.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// Adds RAM with ROM behind it, as a PC has it below 1 MiB. At first the guest sees RAM. What it sees is not part of the content: sealing,
    /// clearing and replacing content leave it, and are about the RAM. A fork begins with RAM only, without the ROM.
    /// </summary>
    /// <param name="gpa">Where it begins; a multiple of <see cref="PageSize"/>.</param>
    /// <param name="rom">The ROM, a positive multiple of <see cref="PageSize"/> bytes: as much as there is RAM.</param>
    /// <returns>Chooses what the guest sees.</returns>
    /// <exception cref="ArgumentException">Misaligned, empty, beyond <see cref="AddressLimit"/>, or overlapping another region.</exception>
    public IShadowRam AddShadowRam(ulong gpa, ReadOnlySpan<byte> rom)
    {
        AddRam(gpa, (ulong)rom.Length);
        var covered = new MemoryRegion(gpa, (ulong)rom.Length, isRom: true, CreateRom(rom, (ulong)rom.Length));
        _covered = [.. _covered, covered];
        return new ShadowRam(this, FindRegion(gpa)!, covered);
    }

    /// <summary>Reads RAM, whatever a chipset lets the guest see, as it is saved.</summary>
    /// <returns>False if any byte of it is not RAM.</returns>
    public bool TryReadRam(ulong gpa, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            if (FindRam(gpa) is not { } region)
            {
                return false;
            }

            var length = Math.Min(destination.Length, PageSize - (int)(gpa & PageMask));

            // SAFETY: a page of the region; length ends with the page.
            new ReadOnlySpan<byte>(ReadPage(region, region.PageOf(gpa)) + (gpa & PageMask), length).CopyTo(destination);
            destination = destination[length..];
            gpa += (ulong)length;
        }

        return true;
    }

    /// <summary>Writes RAM, whatever a chipset lets the guest see, as it is restored.</summary>
    /// <returns>False if any byte of it is not RAM; what is before that byte may be written.</returns>
    public bool TryWriteRam(ulong gpa, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            if (FindRam(gpa) is not { } region)
            {
                return false;
            }

            var length = (int)Math.Min((ulong)source.Length, region.SizeBytes - (gpa - region.Gpa));
            if (region.Cover is null)
            {
                TryWrite(gpa, source[..length]);
            }
            else
            {
                WriteBehind(region, gpa, source[..length]);
            }

            source = source[length..];
            gpa += (ulong)length;
        }

        return true;
    }

    /// <summary>Puts a region before another, or takes it away. All vCPUs stand at a boundary meanwhile.</summary>
    internal void SetCover(MemoryRegion region, MemoryRegion? cover)
    {
        if (ReferenceEquals(region.Cover, cover))
        {
            return;
        }

        // Nobody may be between looking up what is seen and marking it as code.
        Revocation.BeginExclusive(null);
        try
        {
            var seen = region.Cover ?? region;
            foreach (var page in PagesWith(seen, PageState.Code))
            {
                InvalidateCode(seen, page);
            }

            region.Cover = cover;
        }
        finally
        {
            Revocation.EndExclusive(null);
        }

        Revocation.Revoke(null);
    }

    private MemoryRegion? FindRam(ulong gpa) => Array.Find(_regions, each => !each.IsRom && gpa - each.Gpa < each.SizeBytes);

    private void WriteBehind(MemoryRegion region, ulong gpa, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            var length = Math.Min(source.Length, PageSize - (int)(gpa & PageMask));
            var page = region.PageOf(gpa);

            // SAFETY: WritePage returned a page that is ours alone; length ends with the page.
            source[..length].CopyTo(new Span<byte>(WritePage(region, page) + (gpa & PageMask), length));
            CompleteWrite(region, page);
            source = source[length..];
            gpa += (ulong)length;
        }
    }
}
