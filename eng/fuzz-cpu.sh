#!/usr/bin/env bash
# Runs random guest programs on the interpreter and the recompiler and compares what they leave, until time is over or they differ.
#   eng/fuzz-cpu.sh [--oracle interpreter|host] [--seconds N] [--seed S] [--cases N] [--threads N] [--failures N]
# With --oracle host, user code runs on the host's processor too, in a child process, and both engines are compared with that (Linux x64 only).
# Goes on to N different failures of a thread (1). Prints its seed; a failing case is printed as assembly and as a regression test. Exit code 1: there is a difference; 2: the process died.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=600 seed=$((RANDOM * 32768 + RANDOM)) cases= threads= oracle=interpreter failures=1
while (($#)); do
    case $1 in
        --seconds) seconds=$2 ;;
        --seed) seed=$2 ;;
        --cases) cases=$2 ;;
        --threads) threads=$2 ;;
        --oracle) oracle=$2 ;;
        --failures) failures=$2 ;;
        *) sed -n '2,5s/^# //p' "$0" >&2; exit 64 ;;
    esac
    shift 2
done

case $oracle in
    interpreter) ;;
    host) [[ $(uname -sm) == "Linux x86_64" ]] || { echo "The host is an oracle on Linux x64 only; this is $(uname -sm)." >&2; exit 64; } ;;
    *) echo "There is no oracle named $oracle." >&2; exit 64 ;;
esac

project=tests/Vivarium.X86.Recompiler.Tests
tests=$project/bin/Release/net10.0/Vivarium.X86.Recompiler.Tests.dll
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
dotnet build "$project" -c Release --nologo -v quiet
echo "seed $seed, $seconds seconds"
status=0
VIVARIUM_FUZZ_SECONDS=$seconds VIVARIUM_FUZZ_SEED=$seed VIVARIUM_FUZZ_CASES=$cases VIVARIUM_FUZZ_THREADS=$threads \
    VIVARIUM_FUZZ_ORACLE=$oracle VIVARIUM_FUZZ_FAILURES=$failures VIVARIUM_FUZZ_STATE=$state/seed \
    dotnet "$tests" -noColor -noLogo -class Vivarium.X86.Tests.FuzzRun || status=$?
if ((status > 1)); then
    for file in "$state"/seed.*; do
        [[ -e $file ]] || continue
        died=$(od -An -td4 "$file" | tr -d ' ')
        echo "The process died (status $status) in or near seed $died. Making it small:" >&2
        VIVARIUM_FUZZ_CRASH=$died VIVARIUM_FUZZ_ORACLE=$oracle dotnet "$tests" -noColor -noLogo -class Vivarium.X86.Tests.CrashRun || true
    done
    exit 2
fi
exit "$status"
