#!/usr/bin/env bash
# Runs the guest of four processors that load one another (interrupts, LOCKed operations, shoot-downs of a page) for minutes on each engine and
# compares what it counted: interrupts sent and handled above all. CI runs the same for a moment, as a test.
#   eng/check-smp.sh [--minutes N]
# Default: 10 minutes an engine. Exit code 1 if a count is wrong, a processor stands still or something stale was seen.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=10
while (($#)); do
  case $1 in
    --minutes) minutes=$2; shift 2 ;;
    *) sed -n '2,5s/^# //p' "$0" >&2; exit 64 ;;
  esac
done

project=tests/Vivarium.Tests
dotnet build "$project" -c Release --nologo -v quiet
VIVARIUM_SMP_MINUTES=$minutes exec dotnet "$project/bin/Release/net10.0/Vivarium.Tests.dll" -noColor -noLogo -showLiveOutput \
  -method "*.Four_processors_send_as_many_interrupts_as_they_handle"
