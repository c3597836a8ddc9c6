namespace Vivarium.Measurements;

/// <summary>A measurement could not be made; the message says why.</summary>
internal sealed class MeasurementException(string message) : Exception(message);
