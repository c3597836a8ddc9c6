using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>
/// The page that the code runs at. Where a run has followed a jump into another page the state still names the page before, and the distance
/// is known here: addresses of code are made with it, and only what leaves the run, or hands an instruction to the interpreter, sets the state right.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    /// <summary>Bytes from the page in the state to that of the code being emitted.</summary>
    private int _pageDistance;

    private static HostOperand RipPage => HostOperand.State(RegisterOffset.RipPage);

    /// <summary>The address of an offset from the page of the code, to <see cref="Data"/>. Flags stay.</summary>
    private void LoadCodeAddress(int sizeBytes, int pageOffset)
    {
        _a.Load(8, Data, RipPage);
        _a.LoadAddress(sizeBytes, Data, new HostOperand(Data, pageOffset + _pageDistance));
    }

    /// <summary>The page of the code, to <see cref="Data"/>. Flags stay.</summary>
    private void LoadCodePage()
    {
        _a.Load(8, Data, RipPage);
        if (_pageDistance != 0)
        {
            _a.LoadAddress(WordSize, Data, new HostOperand(Data, _pageDistance));
        }
    }

    /// <summary>From here on the state names the page of the code. Flags and <see cref="Address"/> stay.</summary>
    private void SettleCodePage()
    {
        if (_pageDistance != 0)
        {
            LoadCodePage();
            _a.Store(8, RipPage, Data);
            _pageDistance = 0;
        }
    }

    /// <summary>On a way out of line: moves the page in the state. The host's flags are lost, both temporaries stay.</summary>
    private void MoveCodePage(int distance)
    {
        if (distance != 0)
        {
            _a.Alu(WordSize, 0, RipPage, distance);
        }
    }
}
