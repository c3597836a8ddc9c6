namespace Vivarium.X86;

/// <content>The guest's vector registers are in the host's from their first use until the next way to C#.</content>
internal sealed unsafe partial class BlockTranslator
{
    /// <summary>At the entry of a block that uses them: they are loaded unless a block before did.</summary>
    private void BeginVectors()
    {
        if (!_usesVectors)
        {
            return;
        }

        _a.Alu(4, 7, HostOperand.State(EngineFields.VectorsLiveOffset), 0);
        var live = _a.JumpIf(5);
        _a.Call(_cache.Thunks.LoadVectors);
        _a.Bind(live);
    }
}
