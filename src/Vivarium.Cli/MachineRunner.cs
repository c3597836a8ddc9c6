namespace Vivarium.Cli;

/// <summary>Runs a machine from its start to its end and turns that into an exit code.</summary>
internal sealed class MachineRunner(RunOptions options, TextWriter errors)
{
    private readonly TaskCompletionSource _quit = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        using var debugConsole = options.DebugConsole is { } debugFile ? FileCharacterSink.Create("--debugcon", debugFile) : null;
        using var postPort = options.PostPort is { } port ? new PostPort(port, errors) : null;
        using var serialFile = options.SerialFile is { } file ? FileCharacterSink.Create("--serial", file) : null;
        using var loggers = new WarningLog(errors);
        var drives = await Drives.OpenAsync(options.Drives).ConfigureAwait(false);
        await using var drivesScope = drives.ConfigureAwait(false);
        using var ends = new HostEnds();
        var networks = await Networks.OpenAsync(options.Networking, errors, cancellationToken).ConfigureAwait(false);
        await using var networksScope = networks.ConfigureAwait(false);
        var vm = await MachineFactory.CreateAsync(options, drives.Disks, ends, networks, debugConsole, postPort, loggers, cancellationToken).ConfigureAwait(false);
        await using (vm.ConfigureAwait(false))
        {
            using var terminal = options.IsSerialStdio ? RawTerminal.Enter() : null;
            var output = Task.CompletedTask;
            if (serialFile is not null)
            {
                vm.Console.RedirectTo(serialFile);
            }
            else if (options.IsSerialStdio)
            {
                var bridge = new ConsoleBridge(vm.Console, command => OnCommand(vm, command));
                output = bridge.CopyOutputAsync();
                bridge.StartInput();
            }

            if (options.Gdb is { } gdb)
            {
                var where = vm.ServeGdb(gdb).EndPoint;
                await errors.WriteLineAsync(
                    $"vivarium: {(gdb.StartsHalted ? "the guest waits for gdb" : "gdb is served")} at {where}; connect with: gdb -ex 'target remote {where}'").ConfigureAwait(false);
            }

            ends.Start();
            var summary = new RunSummary(vm);
            await vm.StartAsync(cancellationToken).ConfigureAwait(false);
            var (code, end) = await WaitAsync(vm, cancellationToken).ConfigureAwait(false);
            await vm.StopAsync(CancellationToken.None).ConfigureAwait(false);
            await output.ConfigureAwait(false);
            terminal?.Dispose();
            postPort?.Dispose();
            await errors.WriteLineAsync(summary.Describe(end)).ConfigureAwait(false);
            if (options.EngineReport && vm.GetRecompilerReport() is { } report)
            {
                await errors.WriteAsync(report.ToString()).ConfigureAwait(false);
            }
            return code;
        }
    }

    private async Task<(int Code, string End)> WaitAsync(VirtualMachine vm, CancellationToken cancellationToken)
    {
        var shutdown = vm.WaitForShutdownAsync(CancellationToken.None);
        var timeout = options.TimeoutSeconds is { } seconds ? Task.Delay(TimeSpan.FromSeconds(seconds), CancellationToken.None) : Task.Delay(-1, CancellationToken.None);
        var interrupted = Task.Delay(Timeout.Infinite, cancellationToken);
        var first = await Task.WhenAny(shutdown, timeout, _quit.Task, interrupted).ConfigureAwait(false);
        if (first == shutdown)
        {
            var reason = await shutdown.ConfigureAwait(false);
            return reason.Kind switch
            {
                ShutdownKind.DebugExit => (reason.ExitCode, $"debug exit {reason.ExitCode}"),
                ShutdownKind.TripleFault => (ExitCodes.TripleFault, "triple fault"),
                _ => (ExitCodes.Success, "power-off"),
            };
        }

        if (first != interrupted && options.SnapshotSave is { } file)
        {
            await SaveAsync(vm, file).ConfigureAwait(false);
        }

        return first == timeout ? (ExitCodes.Timeout, "timeout")
            : first == _quit.Task ? (ExitCodes.Success, "quit")
            : (ExitCodes.Interrupted, "interrupted");
    }

    private void OnCommand(VirtualMachine vm, ConsoleCommand command)
    {
        if (command == ConsoleCommand.Quit)
        {
            _quit.TrySetResult();
        }
        else if (command == ConsoleCommand.PressPowerButton)
        {
            vm.PressPowerButton();
        }
        else if (options.SnapshotSave is { } file)
        {
            _ = SaveAsync(vm, file);
        }
    }

    private async Task SaveAsync(VirtualMachine vm, string file)
    {
        // Beside the target first: a snapshot that is there is replaced by a whole one or not at all.
        var temporary = file + ".part";
        try
        {
            var stream = File.Create(temporary);
            await using (stream.ConfigureAwait(false))
            {
                await vm.SaveAsync(stream).ConfigureAwait(false);
            }

            File.Move(temporary, file, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            await errors.WriteLineAsync($"vivarium: the snapshot was not saved: {exception.Message}").ConfigureAwait(false);
        }
    }
}
