#!/usr/bin/env bash
# Runs random guest programs on the interpreter and the recompiler and compares what they leave, until time is over or they differ.
#   eng/fuzz-cpu.sh [--seconds N] [--seed S] [--cases N] [--threads N]
# Prints its seed; a failing case is printed as assembly and as a regression test. Exit code 1: the engines differ; 2: the process died.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=600 seed=$((RANDOM * 32768 + RANDOM)) cases= threads=
while (($#)); do
    case $1 in
        --seconds) seconds=$2 ;;
        --seed) seed=$2 ;;
        --cases) cases=$2 ;;
        --threads) threads=$2 ;;
        *) sed -n '2,4s/^# //p' "$0" >&2; exit 64 ;;
    esac
    shift 2
done

project=tests/Vivarium.X86.Recompiler.Tests
tests=$project/bin/Release/net10.0/Vivarium.X86.Recompiler.Tests.dll
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
dotnet build "$project" -c Release --nologo -v quiet
echo "seed $seed, $seconds seconds"
status=0
VIVARIUM_FUZZ_SECONDS=$seconds VIVARIUM_FUZZ_SEED=$seed VIVARIUM_FUZZ_CASES=$cases VIVARIUM_FUZZ_THREADS=$threads VIVARIUM_FUZZ_STATE=$state/seed \
    dotnet "$tests" -noColor -noLogo -class Vivarium.X86.Tests.FuzzRun || status=$?
if ((status > 1)); then
    for file in "$state"/seed.*; do
        [[ -e $file ]] || continue
        died=$(od -An -td4 "$file" | tr -d ' ')
        echo "The process died (status $status) in or near seed $died. Making it small:" >&2
        VIVARIUM_FUZZ_CRASH=$died dotnet "$tests" -noColor -noLogo -class Vivarium.X86.Tests.CrashRun || true
    done
    exit 2
fi
exit "$status"
