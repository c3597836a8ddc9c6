namespace Vivarium;

/// <summary>Tells a scheduler that a parked vCPU has work again. Any thread; must be cheap and must not call back into the vCPU.</summary>
public interface IVcpuWaker
{
    /// <summary>Makes the vCPU runnable. Waking one that runs already has no effect.</summary>
    void Wake();
}
