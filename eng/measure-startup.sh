#!/usr/bin/env bash
# Measures what a run of the vivarium tool costs under different settings of the .NET runtime, as built and precompiled (ReadyToRun).
#   eng/measure-startup.sh [--rounds N] [--engine auto|interpreter|recompiler] [--markdown FILE]
set -euo pipefail

root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
"$root/eng/get-guest.sh" cloud
"$root/benchmarks/guest/make-guest.sh"
dotnet build -c Release -v q --nologo "$root/src/Vivarium.Cli"
dotnet publish -c Release -v q --nologo "$root/src/Vivarium.Cli" -r linux-x64 -p:PackAsTool=false -o "$root/artifacts/tool"
dotnet build -c Release -v q --nologo "$root/benchmarks/Vivarium.Measurements"
exec dotnet "$root/benchmarks/Vivarium.Measurements/bin/Release/net10.0/Vivarium.Measurements.dll" startup "$@"
