using System.IO.Hashing;
using Vivarium.Tests;

namespace Vivarium.Fuzzing.Tests;

/// <summary>Snapshots of a small machine with a real processor, with their checksum put right; what is taken runs for a moment.</summary>

internal sealed class SnapshotTarget : FuzzTarget
{
    private const int ChecksumBytes = 16;
    private const int InputsOfAMachine = 200;
    private readonly bool _isBroken;
    private VirtualMachine _machine;
    private int _inputs;

    public SnapshotTarget(bool isBroken)
    {
        _isBroken = isBroken;
        _machine = Create();
        using var fresh = new MemoryStream();
        _machine.SaveAsync(fresh).GetAwaiter().GetResult();
        Seeds = [fresh.ToArray()[..^ChecksumBytes]];
    }

    public override IReadOnlyList<byte[]> Seeds { get; }

    public override int MaxInputBytes => 64 << 10;

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        if (++_inputs % InputsOfAMachine == 0 || _machine.State == MachineState.Stopped)
        {
            _machine.DisposeAsync().AsTask().GetAwaiter().GetResult();
            _machine = Create();
        }

        try
        {
            _machine.RestoreAsync(new MemoryStream([.. input, .. XxHash128.Hash(input)])).GetAwaiter().GetResult();
            reached.Note(0, 1);
            RunForAMoment();
            reached.Note(1, _machine.Memory.Read<byte>(0x7C01));
        }
        catch (StateFormatException refusal)
        {
            Assert.EndsWith(".", refusal.Message, StringComparison.Ordinal);
            reached.Note(refusal.Message);
            return;
        }
        catch (InvalidOperationException) when (_machine.State is not (MachineState.Created or MachineState.Running or MachineState.Paused))
        {
            // The guest ended itself: at any moment, as what was restored may have asked for it long ago.
            reached.Note(2, (long)_machine.State);
        }

        var ended = _machine.WaitForShutdownAsync();
        if (ended.IsFaulted)
        {
            ended.GetAwaiter().GetResult();
        }
    }

    private void RunForAMoment()
    {
        if (_machine.State == MachineState.Created)
        {
            _machine.StartAsync().GetAwaiter().GetResult();
        }
        else
        {
            _machine.ResumeAsync().GetAwaiter().GetResult();
        }

        Thread.Yield();
        _machine.PauseAsync().GetAwaiter().GetResult();
    }

    public override void Dispose() => _machine.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private VirtualMachine Create() => new VirtualMachineBuilder()
        .WithMemory(2 << 20).WithEngine(ExecutionEngine.Interpreter).WithPreset(MachinePreset.Pc).WithWallClock(DateTimeOffset.UnixEpoch)
        .WithBootLoader(new FlatBinaryLoader(new byte[] { 0xFB, 0xF4, 0xEB, 0xFD }))
        .WithDevice(context =>
        {
            if (_isBroken)
            {
                context.AddStateUnit(new BrokenUnit());
            }
        })
        .Build();

    private sealed class BrokenUnit : IStateUnit
    {
        private readonly int[] _table = new int[16];
        private byte[] _places = new byte[1024];

        public string StateName => "broken";

        public void Reset() => Array.Clear(_places);

        public void Save(StateWriter writer) => writer.Write(1, _places);

        public void Restore(StateReader reader)
        {
            _places = reader.ReadBytes(1).ToArray();
            foreach (var place in _places)
            {
                _table[place]++;
            }
        }
    }
}
