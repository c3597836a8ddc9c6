#!/usr/bin/env bash
# Runs memtest86+ (Debian's package) over a small machine's memory until its first pass is through: every pattern, read back as it was written.
#   eng/conformance/check-memtest.sh [--engine interpreter|recompiler] [--memory SIZE] [--seconds N]
# Default: recompiler, 16M, 1800 seconds. The log is artifacts/conformance/memtest-ENGINE.log. Exits with 1 if an error was found or no pass ended in time.
set -euo pipefail

engine=recompiler memory=16M seconds=1800
while [ $# -gt 0 ]; do
  case "$1" in
    --engine) engine=$2 ;;
    --memory) memory=$2 ;;
    --seconds) seconds=$2 ;;
    *) sed -n '2,4s/^# *//p' "$0"; exit 64 ;;
  esac
  shift 2
done

root=$(cd "$(dirname "$(realpath "$0")")/../.." && pwd)
# shellcheck source=eng/guest-tools.sh
. "$root/eng/guest-tools.sh"
guest_package memtest86+
out=$root/artifacts/conformance
log=$out/memtest-$engine.log
mkdir -p "$out"
dotnet build -c Release -v q --nologo "$root/src/Vivarium.Cli" > /dev/null

start=$SECONDS
timeout "$seconds" dotnet "$root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli.dll" run \
  --kernel "$guest_root/package-memtest86+/boot/memtest86+x64.bin" --memory "$memory" --engine "$engine" --append "console=ttyS0,115200" \
  < /dev/null > "$log" 2>&1 &
guest=$!
trap 'kill "$guest" 2> /dev/null || true' EXIT
# What is on the screen as it is drawn: "Pass:  1        Errors: 0", with the cursor's moves between.
seen() { tr -d '\r' < "$log" | sed 's/\x1b\[[0-9;]*[A-Za-z]/ /g' | grep -Eo "$1" | tail -1; }
while kill -0 "$guest" 2> /dev/null; do
  if seen 'Pass: +[1-9][0-9]*' > /dev/null; then
    break
  fi
  sleep 2
done
passes=$(seen 'Pass: +[0-9]+' || echo "no screen")
errors=$(seen 'Errors: +[0-9]+' || echo "no screen")
echo "$engine, $memory: ${passes//  / }, ${errors//  / } after $((SECONDS - start)) s"
[[ $passes =~ [1-9] && $errors =~ ^Errors:\ +0$ ]]
