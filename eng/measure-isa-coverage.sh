#!/usr/bin/env bash
# Writes docs/isa-coverage.md: which instructions there are on each engine and which are compared with another processor, as measured here.
#   eng/measure-isa-coverage.sh
# Needs Linux on an x64 processor that has every instruction of the CPU model max. Exit code 1: it was not measured.
set -euo pipefail
cd "$(dirname "$0")/.."

project=tests/Vivarium.X86.Recompiler.Tests
page=$(mktemp)
trap 'rm -f "$page"' EXIT
dotnet build "$project" -c Release --nologo -v quiet
VIVARIUM_ISA_COVERAGE=$page dotnet "$project/bin/Release/net10.0/Vivarium.X86.Recompiler.Tests.dll" -noColor -noLogo -class Vivarium.X86.Tests.IsaCoverageTests
[[ -s $page ]] || { echo "Nothing was measured: the test above says why." >&2; exit 1; }
cat "$page" > docs/isa-coverage.md
echo "wrote docs/isa-coverage.md"
