using System.Text;

namespace Vivarium.Debugging;

/// <content>Registers of the chosen processor.</content>
internal sealed partial class CommandHandler
{
    private CommandReply ReadRegisters()
    {
        var digits = new StringBuilder();
        Span<byte> value = stackalloc byte[DescribedRegister.MaxBytes];
        foreach (var register in _description.Registers)
        {
            RegisterAccess.Read(Processor, register, value[..register.SizeBytes]);
            digits.Append(HexText.Encode(value[..register.SizeBytes]));
        }

        return new CommandReply(digits.ToString());
    }

    private CommandReply WriteRegisters(PacketText text)
    {
        Span<byte> value = stackalloc byte[DescribedRegister.MaxBytes];
        var rest = text.Rest;
        var all = true;
        foreach (var register in _description.Registers)
        {
            // A client may know only the first of them.
            if (rest.IsEmpty)
            {
                break;
            }

            var digits = register.SizeBytes * 2;
            if (rest.Length < digits || !HexText.TryDecode(rest[..digits], value[..register.SizeBytes]))
            {
                return CommandReply.Invalid;
            }

            all &= RegisterAccess.TryWrite(Processor, register, value[..register.SizeBytes]);
            rest = rest[digits..];
        }

        return all ? CommandReply.Ok : CommandReply.Invalid;
    }

    private CommandReply ReadRegister(PacketText text)
    {
        if (!text.TryTakeNumber(out var number) || number >= (ulong)_description.Registers.Count)
        {
            return CommandReply.Invalid;
        }

        var register = _description.Registers[(int)number];
        Span<byte> value = stackalloc byte[register.SizeBytes];
        RegisterAccess.Read(Processor, register, value);
        return new CommandReply(HexText.Encode(value));
    }

    private CommandReply WriteRegister(PacketText text)
    {
        if (!text.TryTakeNumber(out var number) || number >= (ulong)_description.Registers.Count || !text.TryTake('='))
        {
            return CommandReply.Invalid;
        }

        var register = _description.Registers[(int)number];
        Span<byte> value = stackalloc byte[register.SizeBytes];
        return HexText.TryDecode(text.Rest, value) && RegisterAccess.TryWrite(Processor, register, value) ? CommandReply.Ok : CommandReply.Invalid;
    }
}
