#!/usr/bin/env bash
# Runs the guest of four processors that load one another (interrupts, LOCKed operations, shoot-downs of a page) for minutes on each engine and
# compares what it counted: interrupts sent and handled above all. CI runs the same for a moment, as a test. Then Linux on four processors runs
# stress-ng with four workers for arithmetic and four for memory, which verify what they compute.
#   eng/check-smp.sh [--minutes N] [--only guest|stress]
# Default: 10 minutes an engine. Exit code 1 if a count is wrong, a processor stands still, something stale was seen or stress-ng found an error.
# stress-ng needs apt-get and cpio; a first run fetches some 150 MB.
set -euo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
. "$root/eng/guest-tools.sh"

minutes=10
only=
while (($#)); do
  case $1 in
    --minutes) minutes=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    *) sed -n '2,7s/^# //p' "$0" >&2; exit 64 ;;
  esac
done

if [ "$only" != stress ]; then
  project=$root/tests/Vivarium.Tests
  dotnet build "$project" -c Release --nologo -v quiet
  VIVARIUM_SMP_MINUTES=$minutes dotnet "$project/bin/Release/net10.0/Vivarium.Tests.dll" -noColor -noLogo -showLiveOutput \
    -method "*.Four_processors_send_as_many_interrupts_as_they_handle"
fi

if [ "$only" != guest ]; then
  guest_need cpio dotnet
  guest_server
  dotnet build "$root/src/Vivarium.Cli" -c Release --nologo -v quiet
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  "$root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli" run --memory 1G --cpus 4 --kernel "$guest_root/kernel-generic/vmlinuz" --initrd "$guest_root/server.img" \
    --append "console=ttyS0 quiet panic=-1 server.run=verify server.scale=100" --timeout 1200 < /dev/null | tee "$log"
  grep -q '#bench end verify 0' "$log" || { echo "not ok: stress-ng failed or did not end" >&2; exit 1; }
  echo "ok: stress-ng verified its work on four processors"
fi
