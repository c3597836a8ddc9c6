namespace Vivarium.Devices;

public sealed partial class Pic8259
{
    private const int FieldCount = 16;

    /// <summary>
    /// Returns to power-on: everything masked by the lack of an initialization. Pin levels stay, they belong to the devices.
    /// </summary>
    internal void ResetRegisters()
    {
        _requests = 0;
        _mask = 0;
        _inService = 0;
        _edgeLevelControl = 0;
        _vectorBase = 0;
        _lowestPriority = 7;
        _step = InitializationStep.Ready;
        _needsIcw4 = false;
        _single = false;
        _levelTriggered = false;
        _autoEoi = false;
        _rotateOnAutoEoi = false;
        _specialMask = false;
        _specialFullyNested = false;
        _readInService = false;
        _poll = false;
        FollowLevels();
    }

    internal void Save(StateWriter writer, ushort tag)
    {
        writer.Write(tag, [
            _requests, _levels, _mask, _inService, _edgeLevelControl, _vectorBase, (byte)_lowestPriority, (byte)_step,
            Flag(_needsIcw4), Flag(_single), Flag(_levelTriggered), Flag(_autoEoi), Flag(_rotateOnAutoEoi), Flag(_specialMask),
            Flag(_specialFullyNested), (byte)(Flag(_readInService) | (Flag(_poll) << 1)),
        ]);

        static byte Flag(bool value) => value ? (byte)1 : (byte)0;
    }

    internal void Restore(StateReader reader, ushort tag)
    {
        Span<byte> fields = stackalloc byte[FieldCount];
        reader.ReadBytes(tag, fields);
        if (fields[6] > 7 || fields[7] > (byte)InitializationStep.Icw4 || fields[8..].ContainsAnyExceptInRange((byte)0, (byte)3))
        {
            throw reader.Invalid(tag);
        }

        _requests = fields[0];
        _levels = fields[1];
        _mask = fields[2];
        _inService = fields[3];
        _edgeLevelControl = (byte)(fields[4] & _levelSelectable);
        _vectorBase = (byte)(fields[5] & 0xF8);
        _lowestPriority = fields[6];
        _step = (InitializationStep)fields[7];
        _needsIcw4 = fields[8] != 0;
        _single = fields[9] != 0;
        _levelTriggered = fields[10] != 0;
        _autoEoi = fields[11] != 0;
        _rotateOnAutoEoi = fields[12] != 0;
        _specialMask = fields[13] != 0;
        _specialFullyNested = fields[14] != 0;
        _readInService = (fields[15] & 1) != 0;
        _poll = (fields[15] & 2) != 0;
    }
}
