#!/usr/bin/env bash
# The figures of the network, in tables: the switch alone; a guest and its host with iperf3 and ping, QEMU's user network beside it by turns; two
# guests in two processes, and in one; HTTP of a process to a guest in it. Takes some minutes, ten at most.
#   eng/measure-network.sh [SECONDS [FILE]]     of each transfer, default 10; the tables are appended to FILE, default
#                                               benchmarks/results/<date>-network.md
# Builds what it runs, unless BUILD=no. Needs iperf3; without qemu-system-x86_64 its column stays empty. A part that fails leaves its cells empty.
# Exit code 1: a promise was not kept.
set -uo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
seconds=${1:-10}
file=$(realpath -m "${2:-$root/benchmarks/results/$(date +%F)-network.md}")
command -v iperf3 > /dev/null || { echo "eng/measure-network.sh needs iperf3 on this machine (package iperf3)." >&2; exit 1; }
if [ "${BUILD:-yes}" = yes ]; then
  for project in src/Vivarium.Cli benchmarks/Vivarium.Measurements; do
    dotnet build -c Release -v q --nologo "$root/$project" || exit 1
  done
fi

patience=$((110 + 3 * seconds))
. "$root/eng/network-guests.sh"

# rate LOG SECTION, median LOG SECTION: what a guest's log says. Pings are iputils', whose answers the kernel times; after 20 ms a processor may
# sleep so deep that its caches are cold: a host's own ping of itself takes ten times as long then.
rate() { sed -n "/^== $2/,/^==/s/.* \([0-9.]*\) Mbits.sec.*receiver.*/\1/p" "$1" 2> /dev/null | head -1; }
median() { sed -n "/== $2/,/^==/s/.*time=\([0-9.]*\) ms.*/\1/p" "$1" 2> /dev/null | sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'; }
# times A B: how many times B goes into A, if both are there.
times() { awk -v a="$1" -v b="$2" 'BEGIN { if (a && b) printf "%.1f", a / b }'; }
# pings ADDRESS: what a guest runs.
pings() { printf 'echo "== every ms"\n/bin/ping -c 300 -i 0.001 %s\necho "== each 20 ms"\n/bin/ping -c 100 -i 0.02 %s\n' "$1" "$1"; }

if [ ! -e "$file" ]; then
  mkdir -p "$(dirname "$file")"
  cat > "$file" << TEXT
# The network, $(date +%F)

Machine: $(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -1) (family $(sed -n 's/^cpu family[[:space:]]*: //p' /proc/cpuinfo | head -1),
model $(sed -n 's/^model[[:space:]]*: //p' /proc/cpuinfo | head -1)), $(nproc) processors; Linux $(uname -r); iperf3 $(iperf3 --version | sed -n '1s/iperf \([0-9.]*\).*/\1/p').
Command: \`eng/measure-network.sh\`.
TEXT
fi

echo "-- the switch alone"
bench=$($tool bench switch --seconds 5 --json)
figure() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" <<< "$bench"; }

port=$((20000 + RANDOM % 10000))
iperf3 -s -p "$port" -B 127.0.0.1 > /dev/null &
started+=($!)
initrd "$work/one.img" << TEXT
udhcpc -i eth0 -s /lease.sh -n -q > /dev/null 2>&1
$(pings 10.0.2.2)
echo "== up"
iperf3 -c 10.0.2.2 -p $port -t $seconds -f m
echo "== down"
iperf3 -c 10.0.2.2 -p $port -t $seconds -f m -R
echo "== end"
TEXT
echo "-- a guest and its host"
boot "$work/ours.log" "$work/one.img" --net "user,hostloopback=$port"
if command -v qemu-system-x86_64 > /dev/null; then
  echo "-- the same with QEMU"
  boot_qemu "$work/qemu.log" "$work/one.img" -netdev user,id=n -device virtio-net-pci,netdev=n,romfile=
fi

echo "-- two guests in two processes"
initrd "$work/server.img" << TEXT
ifconfig eth0 10.9.0.1 netmask 255.255.255.0
(iperf3 -s -1 > /tmp/log; touch /tmp/done) &
echo "serving now"
while [ ! -f /tmp/done ]; do sleep 0.1; done
TEXT
initrd "$work/client.img" << TEXT
ifconfig eth0 10.9.0.2 netmask 255.255.255.0
$(pings 10.9.0.1)
echo "== guests"
iperf3 -c 10.9.0.1 -t $seconds -f m
echo "== end"
TEXT
boot "$work/server.log" "$work/server.img" --net "switch=measure-$$,mac=02:00:00:00:09:01" &
started+=($!)
until_seen "serving now" "$work/server.log"
boot "$work/client.log" "$work/client.img" --net "switch=measure-$$,mac=02:00:00:00:09:02"

up=$(rate "$work/ours.log" up) down=$(rate "$work/ours.log" down)
qemu_up=$(rate "$work/qemu.log" up) qemu_down=$(rate "$work/qemu.log" down)
tee -a "$file" << TEXT

## $(date '+%F %H:%M'), load $(cut -d ' ' -f 1-3 /proc/loadavg)

### The switch alone, one core

| what | must | measured |
| --- | --- | --- |
| frames of 64 bytes a second, copied and checked | 10,000,000 | $(figure framesPerSecond) |
| the same among 1,000 ports | within 10 % | $(figure framesPerSecondAmong1000Ports) |
| bytes allocated a frame | 0 | $(figure allocatedBytesPerFrame) |

### A guest and its host

| what | Vivarium | QEMU TCG, \`-netdev user\` | times |
| --- | --- | --- | --- |
| guest to host, TCP, Mbit/s | $up | $qemu_up | $(times "$up" "$qemu_up") |
| host to guest, TCP, Mbit/s | $down | $qemu_down | $(times "$down" "$qemu_down") |
| ping of the gateway every ms, median ms; must be under 0.2 | $(median "$work/ours.log" "every ms") | $(median "$work/qemu.log" "every ms") | |
| ping of the gateway each 20 ms, median ms | $(median "$work/ours.log" "each 20 ms") | $(median "$work/qemu.log" "each 20 ms") | |
| guest to guest in two processes, TCP, Mbit/s | $(rate "$work/client.log" guests) | | |
| ping between those every ms, median ms | $(median "$work/client.log" "every ms") | | |
TEXT

echo "-- two guests in one process"
shell_initrd "$root/artifacts/guest/network-shell.img"
cd "$root" || exit 1
timeout "$patience" dotnet benchmarks/Vivarium.Measurements/bin/Release/net10.0/Vivarium.Measurements.dll network-speed --seconds "$seconds" --markdown "$file"
