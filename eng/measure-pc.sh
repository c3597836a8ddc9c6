#!/usr/bin/env bash
# One command for the figures of a PC server: Debian's boot, two vCPUs, hackbench and fio beside "qemu-system-x86_64 -accel tcg" in one run, a thin
# disk, a virtio request's round trip, the balloon and free-page reporting. Writes them as tables into a page and says what does not hold.
#   eng/measure-pc.sh [--rounds 2] [--minutes 9] [--output FILE]
# Default: benchmarks/results/<date>-pc-server.md. No round of the comparison with QEMU begins that would end after --minutes; the rest takes some
# three minutes. Exit code 1 if a requirement is not met. Needs apt-get, cpio, qemu-system-x86, qemu-utils, seabios, and for a first run what
# eng/make-debian-disk.sh names.
set -euo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
. "$root/eng/guest-tools.sh"

rounds=2
minutes=9
output=$root/benchmarks/results/$(date +%F)-pc-server.md
while (($#)); do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --minutes) minutes=$2; shift 2 ;;
    --output) output=$2; shift 2 ;;
    *) sed -n '2,8s/^# //p' "$0" >&2; exit 64 ;;
  esac
done

guest_need qemu-system-x86_64 qemu-img qemu-io cpio dotnet
step() { echo "step $1/5 $2 ($(date +%T), load $(cut -d' ' -f1 /proc/loadavg))"; }
field() { sed -n "s/^$1[[:space:]]*: //p" /proc/cpuinfo | head -1; }
failed=0

step 1 "Preparing guests and programs"
guest_devices
guest_server
dotnet publish -c Release -v q --nologo "$root/src/Vivarium.Cli" -r linux-x64 -p:PackAsTool=false -o "$root/artifacts/tool"
dotnet build -c Release -v q --nologo "$root/benchmarks/Vivarium.Measurements"
dotnet build -c Release -v q --nologo "$root/benchmarks/Vivarium.Benchmarks"
[ -s "$guest_root/debian/debian-cloud.qcow2" ] || VIVARIUM=$root/artifacts/tool/Vivarium.Cli "$root/eng/make-debian-disk.sh" \
  || echo "There is no Debian disk; its boot is left out." >&2
measurements=("$root/benchmarks/Vivarium.Measurements/bin/Release/net10.0/Vivarium.Measurements.dll")

part=$(mktemp)
trap 'rm -f "$part"' EXIT
cat > "$part" << TEXT
# A PC server, $(date +%F)

Machine: $(field 'model name') (family $(field 'cpu family'), model $(field model)), $(nproc) processors; Linux $(uname -r);
.NET $(dotnet --list-runtimes | sed -n 's/^Microsoft.NETCore.App \(10[^ ]*\).*/\1/p' | tail -1); $(qemu-system-x86_64 --version | head -1).

Command: \`eng/measure-pc.sh --rounds $rounds\`. Figures beside QEMU's are medians of rounds in which both take turns, with the host's load: on a host of
two processors that does other work, two vCPUs cannot be twice as fast as one. A row that asks for nothing has "–".
TEXT

step 2 "Beside QEMU, up to $rounds rounds"
dotnet "${measurements[@]}" server --figures-only --rounds "$rounds" --minutes "$minutes" --markdown "$part" || failed=1
step 3 "Devices in a Linux guest"
dotnet "${measurements[@]}" virtio --markdown "$part" || failed=1
step 4 "A virtio request from the kick to the interrupt"
bench=$(mktemp -d)
(cd "$bench" && dotnet "$root/benchmarks/Vivarium.Benchmarks/bin/Release/net10.0/Vivarium.Benchmarks.dll" --filter '*VirtioBenchmarks*' --artifacts "$bench" > "$bench/log") \
  || { tail -n 20 "$bench/log" >&2; failed=1; }
{
  printf '\n### A virtio disk request of 4 KiB, from the kick to the interrupt; must be under 20 µs with RAM behind it\n\n'
  sed -n '/^|/p' "$bench"/results/*VirtioBenchmarks*.md
} >> "$part" || failed=1
sed -n '/^|/p' "$bench"/results/*VirtioBenchmarks*.md || true
rm -rf "$bench"

step 5 "The page is $output"
cp "$part" "$output"
chmod 644 "$output"
[ "$failed" = 0 ] || echo "Not all requirements are met; the rows with NO say which." >&2
exit "$failed"
