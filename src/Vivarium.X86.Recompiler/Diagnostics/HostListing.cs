using System.Globalization;
using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Disassembles a block's host code, with names for the vCPU's fields, the thunks and where the code jumps to.</summary>
internal sealed unsafe class HostListing : ISymbolResolver
{
    private const int TlbEntryBytes = 32;

    private readonly Dictionary<ulong, string> _names = [];
    private readonly IntelFormatter _formatter;

    public HostListing(CodeCache cache, CodeMap map)
    {
        _formatter = new IntelFormatter(
            new FormatterOptions { HexPrefix = "0x", HexSuffix = null, SpaceAfterOperandSeparator = true, UppercaseHex = true, RipRelativeAddresses = false, SmallHexNumbersInDecimal = true },
            this);
        _names[(ulong)cache.Thunks.Interpret] = "interpret";
        _names[(ulong)cache.Thunks.Exit] = "exit";
        _names[(ulong)cache.Thunks.LoadVectors] = "load_vectors";
        var (slow, edges) = (0, 0);
        foreach (var place in map.Places)
        {
            if (place.Part is CodePart.SlowPath or CodePart.Edge)
            {
                _names[(ulong)place.Start] = place.Part == CodePart.SlowPath ? Name("slow", ++slow) : Name("way", ++edges);
            }
        }
    }

    /// <summary>The instructions from one address up to another.</summary>
    public IReadOnlyList<TranslationDumpLine> Read(byte* start, byte* end)
    {
        var bytes = new ReadOnlySpan<byte>(start, (int)(end - start)).ToArray();
        var instructions = new List<Instruction>();
        var decoder = Decoder.Create(64, bytes, (ulong)start);
        while (decoder.IP < (ulong)end)
        {
            instructions.Add(decoder.Decode());
        }

        NameTargets(instructions, (ulong)start, (ulong)end);
        var lines = new List<TranslationDumpLine>();
        var output = new StringOutput();
        foreach (var instruction in instructions)
        {
            _formatter.Format(instruction, output);
            var offset = (int)(instruction.IP - (ulong)start);
            lines.Add(new TranslationDumpLine(offset, _names.GetValueOrDefault(instruction.IP, ""), bytes.AsMemory(offset, instruction.Length), output.ToStringAndReset()));
        }

        return lines;
    }

    bool ISymbolResolver.TryGetSymbol(in Instruction instruction, int operand, int instructionOperand, ulong address, int addressSize, out SymbolResult symbol)
    {
        if (_names.TryGetValue(address, out var name))
        {
            symbol = new SymbolResult(address, name);
            return true;
        }

        if (instructionOperand >= 0 && instruction.GetOpKind(instructionOperand) == OpKind.Memory && instruction.MemoryBase == Register.R15)
        {
            var displacement = (int)(long)address;
            symbol = new SymbolResult(address, FieldAt(displacement, instruction.MemoryIndex != Register.None));
            return true;
        }

        symbol = default;
        return false;
    }

    private static string Name(string what, int number) => string.Create(CultureInfo.InvariantCulture, $"{what}_{number}");

    private void NameTargets(List<Instruction> instructions, ulong start, ulong end)
    {
        var targets = new SortedSet<ulong>();
        foreach (var instruction in instructions)
        {
            if (instruction.Op0Kind == OpKind.NearBranch64 && instruction.NearBranchTarget >= start && instruction.NearBranchTarget < end && !_names.ContainsKey(instruction.NearBranchTarget))
            {
                targets.Add(instruction.NearBranchTarget);
            }
        }

        var number = 0;
        foreach (var target in targets)
        {
            _names[target] = Name("at", ++number);
        }
    }

    /// <summary>What is at a distance from the vCPU's state.</summary>
    private static string FieldAt(int displacement, bool isTable)
    {
        if (isTable && displacement >= JumpCacheEntry.TableOffset)
        {
            return (displacement - JumpCacheEntry.TableOffset) switch
            {
                JumpCacheEntry.RipOffset => "jumps.rip",
                JumpCacheEntry.ContextOffset => "jumps.context",
                JumpCacheEntry.CodeOffset => "jumps.code",
                _ => "jumps.page",
            };
        }

        if (isTable && displacement >= VcpuMemory.TlbOffset)
        {
            return ((displacement - VcpuMemory.TlbOffset) % TlbEntryBytes) switch { 0 => "tlb.read", 8 => "tlb.write", _ => "tlb.page" };
        }

        return displacement switch
        {
            EngineFields.CounterOffset => "vcpu.budget",
            EngineFields.HostFlagsOffset => "vcpu.flags",
            EngineFields.HostStackOffset => "vcpu.host_stack",
            EngineFields.StackLimitOffset => "vcpu.host_stack_limit",
            EngineFields.ContextOffset => "vcpu.context",
            EngineFields.VectorsLiveOffset => "vcpu.vectors_live",
            EngineFields.ValueOffset => "vcpu.value",
            EngineFields.HostAddressOffset => "vcpu.host_address",
            >= 0 and < 16 * sizeof(ulong) => "guest." + ((Register)((int)Register.RAX + (displacement / sizeof(ulong)))).ToString().ToLowerInvariant(),
            _ when displacement == RegisterOffset.Rip => "guest.rip",
            _ when displacement == RegisterOffset.RipPage => "guest.rip_page",
            _ => string.Create(CultureInfo.InvariantCulture, $"vcpu{displacement:+0;-0}"),
        };
    }
}
