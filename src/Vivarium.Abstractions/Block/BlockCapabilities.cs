namespace Vivarium;

/// <summary>What a back end does well, for a device to tell its guest.</summary>
/// <param name="CanDiscard">Whether a discard gives storage back; otherwise it does nothing.</param>
/// <param name="CanWriteZeroes">Whether zeros are written without as many bytes going to the host; otherwise they are written out.</param>
/// <param name="CanResize">Whether the size may change while the disk is in use.</param>
/// <param name="DiscardGranularityBytes">The size of blocks that a discard gives back, and their alignment; 0 where it does nothing.</param>
public readonly record struct BlockCapabilities(bool CanDiscard, bool CanWriteZeroes, bool CanResize, int DiscardGranularityBytes);
