#!/usr/bin/env bash
# Measures a guest's network with iperf3 and ping, QEMU's user network beside it on the same machine, and two guests on one switch.
#   eng/measure-network.sh [SECONDS]     of each transfer, default 10
# Needs iperf3; without qemu-system-x86_64 its column stays empty.
set -uo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
seconds=${1:-10}
"$root/eng/get-network-guest.sh" || exit 1
command -v iperf3 > /dev/null || { echo "eng/measure-network.sh needs iperf3 on this machine (package iperf3)." >&2; exit 1; }
guest=$root/artifacts/guest/network-cloud
work=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2> /dev/null; rm -rf "$work"' EXIT
tool=${VIVARIUM:-dotnet $root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli.dll}

initrd() {
  rm -rf "$work/check"
  mkdir "$work/check"
  cat > "$work/check/check.sh"
  (cd "$work/check" && echo check.sh | cpio -o -H newc --quiet -R 0:0) | gzip -1 | cat "$guest/initrd.img" - > "$1"
}

boot() {
  local log=$1 image=$2
  shift 2
  $tool run --kernel "$guest/vmlinuz" --initrd "$image" --append "console=ttyS0 quiet panic=-1" --timeout 300 "$@" < /dev/null > "$log" 2>&1
}

# rate LOG SECTION, median LOG: what a guest's log says.
rate() { sed -n "/^== $2/,/^==/s/.* \([0-9.]*\) Mbits.sec.*receiver.*/\1/p" "$1" | head -1; }
median() { sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p' "$1" | sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'; }

port=$((20000 + RANDOM % 10000))
iperf3 -s -p "$port" -B 127.0.0.1 > /dev/null &
started+=($!)
initrd "$work/one.img" << TEXT
udhcpc -i eth0 -s /lease.sh -n -q > /dev/null 2>&1
ping -c 200 -i 0.02 10.0.2.2
echo "== up"
iperf3 -c 10.0.2.2 -p $port -t $seconds -f m
echo "== down"
iperf3 -c 10.0.2.2 -p $port -t $seconds -f m -R
echo "== end"
TEXT
boot "$work/ours.log" "$work/one.img" --net "user,hostloopback=$port"
: > "$work/qemu.log"
if command -v qemu-system-x86_64 > /dev/null; then
  timeout 300 qemu-system-x86_64 -accel tcg -cpu max -m 256 -nographic -no-reboot -kernel "$guest/vmlinuz" -initrd "$work/one.img" \
    -append "console=ttyS0 quiet panic=-1" -netdev user,id=n -device virtio-net-pci,netdev=n,romfile= < /dev/null 2> /dev/null | tr -d '\r' > "$work/qemu.log"
fi

initrd "$work/server.img" << TEXT
ifconfig eth0 10.9.0.1 netmask 255.255.255.0
(iperf3 -s -1 > /tmp/log; touch /tmp/done) &
echo "serving now"
while [ ! -f /tmp/done ]; do sleep 0.1; done
TEXT
initrd "$work/client.img" << TEXT
ifconfig eth0 10.9.0.2 netmask 255.255.255.0
ping -c 200 -i 0.02 10.9.0.1
echo "== guests"
iperf3 -c 10.9.0.1 -t $seconds -f m
echo "== end"
TEXT
boot "$work/server.log" "$work/server.img" --net "switch=measure-$$,mac=02:00:00:00:09:01" &
started+=($!)
for _ in $(seq 600); do grep -q "serving now" "$work/server.log" && break; sleep 0.1; done
boot "$work/client.log" "$work/client.img" --net "switch=measure-$$,mac=02:00:00:00:09:02"

echo "| | Vivarium | QEMU TCG, -netdev user |"
echo "|---|---|---|"
echo "| guest to host, TCP, Mbit/s | $(rate "$work/ours.log" up) | $(rate "$work/qemu.log" up) |"
echo "| host to guest, TCP, Mbit/s | $(rate "$work/ours.log" down) | $(rate "$work/qemu.log" down) |"
echo "| ping, guest to gateway, median ms | $(median "$work/ours.log") | $(median "$work/qemu.log") |"
echo "| guest to guest in two processes, TCP, Mbit/s | $(rate "$work/client.log" guests) | |"
echo "| ping, guest to guest, median ms | $(median "$work/client.log") | |"
uptime
