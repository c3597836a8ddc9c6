namespace Vivarium.Storage;

/// <summary>Clusters of the file in a row.</summary>
/// <param name="First">The index of the first.</param>
/// <param name="Count">Their number.</param>
/// <param name="FreshFrom">From this index on clusters have never been written: the file reads as zeros there.</param>
internal readonly record struct ClusterRun(long First, int Count, long FreshFrom);
