#!/usr/bin/env bash
# Fuzzes one target, or each in turn, until time is over or an input fails.
#   eng/fuzz.sh TARGET|all [--seconds N] [--seed S] [--coverage] [--planted]
#   eng/fuzz.sh TARGET --input FILE
# Targets: page-tables devices virtio nvme ahci 9p frames loaders snapshots qcow2 vhdx gdb. The processor has a fuzzer of its own, eng/fuzz-cpu.sh.
# --coverage instruments the assemblies with SharpFuzz, so that inputs that reach new code are kept. --planted puts a bug in, which must be found.
# --input runs one input again. Inputs that reached something new are kept in artifacts/fuzz/corpus/, and the next run starts from them; failing
# ones are kept in artifacts/fuzz/. Exit code 1: an input failed; 2: the process died of one.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=(page-tables devices virtio nvme ahci 9p frames loaders snapshots qcow2 vhdx gdb)
usage() { sed -n '2,8s/^# *//p' "$0" >&2; exit 64; }
[ $# -gt 0 ] || usage
target=$1
shift
seconds=600 seed=$((RANDOM * 32768 + RANDOM)) coverage= planted= input=
while (($#)); do
    case $1 in
        --seconds) seconds=$2; shift ;;
        --seed) seed=$2; shift ;;
        --input) input=$2; shift ;;
        --coverage) coverage=1 ;;
        --planted) planted=1 ;;
        *) usage ;;
    esac
    shift
done

if [ "$target" != all ]; then
    case " ${targets[*]} " in
        *" $target "*) targets=("$target") ;;
        *) usage ;;
    esac
fi
project=tests/Vivarium.Fuzzing.Tests
# From the root, as the tests run in their own folder.
keep=$PWD/artifacts/fuzz
mkdir -p "$keep"
dotnet build "$project" -c Release --nologo -v quiet
bin=$project/bin/Release/net10.0
if [ -n "$coverage" ]; then
    # A copy, as instrumented assemblies are of no other use.
    command -v "$keep/tools/sharpfuzz" > /dev/null || dotnet tool install SharpFuzz.CommandLine --version 2.3.0 --tool-path "$keep/tools" > /dev/null
    rm -rf "$keep/instrumented"
    cp -r "$bin" "$keep/instrumented"
    bin=$keep/instrumented
    for assembly in "$bin"/Vivarium*.dll; do
        case $assembly in
            *.Tests.dll) ;;
            *) "$keep/tools/sharpfuzz" "$assembly" ;;
        esac
    done
fi

worst=0
for name in "${targets[@]}"; do
    echo "$name: seed $seed, $seconds seconds"
    status=0
    # A planted bug has no part in what is kept.
    corpus=$keep/corpus/$name
    [ -z "$planted" ] || corpus=
    VIVARIUM_FUZZ_TARGET=$name VIVARIUM_FUZZ_SECONDS=$seconds VIVARIUM_FUZZ_SEED=$seed VIVARIUM_FUZZ_PLANTED=$planted \
        VIVARIUM_FUZZ_INPUT=${input:+$(realpath "$input")} VIVARIUM_FUZZ_RECORD=$keep/$name.last VIVARIUM_FUZZ_CORPUS=$corpus \
        dotnet "$bin/Vivarium.Fuzzing.Tests.dll" -noColor -noLogo -showLiveOutput -class Vivarium.Fuzzing.Tests.FuzzRun || status=$?
    if ((status > 1)); then
        cp "$keep/$name.last" "$keep/$name-$seed.died"
        echo "$name: the process died (status $status); its input is $keep/$name-$seed.died" >&2
        status=2
    fi
    ((status <= worst)) || worst=$status
done
exit "$worst"
