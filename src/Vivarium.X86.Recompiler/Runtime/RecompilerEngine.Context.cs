namespace Vivarium.X86;

/// <content>What blocks are found by besides their address. Emitted code changes it too, where it changes privilege or RFLAGS.AC.</content>
internal sealed unsafe partial class RecompilerEngine
{
    private void SetContext()
    {
        _finder.Follow(_finder.Mode);
        _fields->Context = (_finder.Context & ~0xFFFFUL) | (ushort)_mode;
        NoteContexts();
    }

    /// <summary>For emitted code that changes privilege: the numbers may be new ones.</summary>
    private void NoteContexts()
    {
        NoteContext(ref _fields->UserContext, isUser: true);
        NoteContext(ref _fields->SupervisorContext, isUser: false);
    }

    private void NoteContext(ref ulong known, bool isUser)
    {
        var context = _core.FetchContexts.Of(isUser) << 16;
        if (known != context)
        {
            known = context;
            EmptyCells(isUser);
        }
    }

    /// <summary>Takes over what emitted code has changed.</summary>
    private void FollowMode()
    {
        var mode = (TranslationMode)(ushort)_fields->Context;
        if (mode != _mode)
        {
            _mode = mode;
            _core.UpdateMode();
            _finder.Follow((DecodeMode)(mode & TranslationMode.DecodeMask));
        }
    }
}
