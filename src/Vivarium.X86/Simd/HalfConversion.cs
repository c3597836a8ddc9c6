using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Conversions of F16C between singles and halves (Intel SDM Vol. 1 §14.4).</summary>
internal static class HalfConversion
{
    /// <summary>VCVTPH2PS: exact; denormal halves raise nothing and DAZ does not apply.</summary>
    internal readonly struct ToSingles : IPackedConversion
    {
        public static Vector128<byte> Convert(Vector128<byte> destination, Vector128<byte> source, uint mxcsr, ref FloatStatus status)
        {
            var result = Vector128<float>.Zero;
            for (var i = 0; i < 4; i++)
            {
                var parts = Binary16.Unpack(source.AsUInt16().GetElement(i));
                parts.Denormal = false;
                result = result.WithElement(i, FloatLane.Pack<float>(FloatConvert.Convert(parts, FloatFormat.Binary32, ref status)));
            }

            return result.AsByte();
        }
    }

    /// <summary>What governs VCVTPS2PH.</summary>
    public static FloatStatus Status(uint mxcsr, byte immediate)
    {
        var status = FloatStatus.FromMxcsr(mxcsr);
        status.FlushToZero = false;
        if ((immediate & 4) == 0)
        {
            status.Rounding = (RoundingMode)(immediate & 3);
        }

        return status;
    }

    /// <summary>VCVTPS2PH of four singles.</summary>
    public static ulong Narrow(Vector128<float> source, ref FloatStatus status)
    {
        var result = 0UL;
        for (var i = 0; i < 4; i++)
        {
            var parts = FloatLane.Unpack(source.GetElement(i), status.DenormalsAreZero);
            result |= (ulong)Binary16.Pack(FloatConvert.Convert(parts, FloatFormat.Binary16, ref status)) << (i * 16);
        }

        return result;
    }
}
