#!/usr/bin/env bash
# Checks a Linux guest's network from its first packet on: address by DHCP, names, a large file over HTTP whole in spite of lost frames, what it
# may not reach, a forwarded port, two guests on one switch, a QEMU guest on the same wire, and a capture without a malformed packet.
#   eng/check-network.sh [MEGABYTES [e1000]]     size of the file, default 16; with e1000, Linux's driver of that adapter too
# Closes with one line, "N passed, N failed". Needs Debian packages busybox and, for the capture, tshark, for the QEMU guest qemu-system-x86; where
# one of the latter is missing its part is left out.
set -uo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
megabytes=${1:-16}
command -v busybox > /dev/null || { echo "eng/check-network.sh needs busybox on this machine (package busybox)." >&2; exit 1; }
patience=$((120 + megabytes))
. "$root/eng/network-guests.sh"
passed=0
failed=0

# expect NAME COMMAND...: one check.
expect() {
  local name=$1
  shift
  if "$@" > /dev/null 2>&1; then
    passed=$((passed + 1))
    echo "$name: yes"
  else
    failed=$((failed + 1))
    echo "$name: NO"
  fi
}

echo "-- one guest and its gateway"
mkdir "$work/files"
head -c "${megabytes}M" /dev/urandom > "$work/files/big"
sum=$(sha256sum < "$work/files/big" | cut -d ' ' -f 1)
port=$((20000 + RANDOM % 10000))
busybox httpd -f -p "127.0.0.1:$port" -h "$work/files" &
started+=($!)
initrd "$work/one.img" << TEXT
udhcpc -i eth0 -s /lease.sh -n -q
nslookup files 10.0.2.3
ping -c 3 -W 2 10.0.2.2
wget -q -O - http://files:$port/big | sha256sum
timeout 5 wget -q -O /dev/null http://files:$((port + 1))/ 2>&1 | grep -q refused && echo "no other port of the host"
timeout 5 wget -q -O /dev/null http://192.0.2.1/ 2>&1 | grep -q refused && echo "nothing outside"
mkdir -p /www/cgi-bin
echo "hello from the guest" > /www/hello
printf '#!/bin/sh\\necho\\necho bye\\ntouch /tmp/done\\n' > /www/cgi-bin/done
chmod 755 /www/cgi-bin/done
httpd -p 80 -h /www
echo "serving now"
for i in \$(seq 300); do [ ! -f /tmp/done ] || break; sleep 0.1; done
TEXT
boot "$work/one.log" "$work/one.img" --pcap "$work/one.pcapng" \
  --net "user,hostloopback=$port,dns=files:10.0.2.2,loss=1,hostfwd=tcp:127.0.0.1:0-:80" &
machine=$!
started+=("$machine")
until_seen "serving now" "$work/one.log"
forwarded=$(sed -n 's/^vivarium: TCP \(127.0.0.1:[0-9]*\) leads to port 80 .*/\1/p' "$work/one.log.errors")
timeout 20 busybox wget -q -O "$work/hello" "http://$forwarded/hello"
timeout 20 busybox wget -q -O "$work/bye" "http://$forwarded/cgi-bin/done"
wait "$machine"
expect "an address by DHCP" grep -q "lease 10.0.2.15" "$work/one.log"
expect "a name of the network" grep -q "Address: 10.0.2.2" "$work/one.log"
expect "the gateway answers pings" grep -Eq "[1-3] packets received" "$work/one.log"
expect "$megabytes MiB over HTTP with every hundredth frame lost each way" grep -q "$sum" "$work/one.log"
expect "a port of the host that was not named is out of reach" grep -q "no other port of the host" "$work/one.log"
expect "so is the world" grep -q "nothing outside" "$work/one.log"
expect "a forwarded port leads into the guest" grep -q "hello from the guest" "$work/hello"

echo "-- two guests on one switch"
name=check-$$
initrd "$work/server.img" << 'TEXT'
ifconfig eth0 10.9.0.1 netmask 255.255.255.0
(iperf3 -s -1 > /tmp/log; touch /tmp/done) &
echo "serving now"
for i in $(seq 900); do [ ! -f /tmp/done ] || break; sleep 0.1; done
TEXT
initrd "$work/client.img" << 'TEXT'
ifconfig eth0 10.9.0.2 netmask 255.255.255.0
ping -c 5 10.9.0.1
iperf3 -c 10.9.0.1 -t 3 -f m
TEXT
boot "$work/server.log" "$work/server.img" --net "switch=$name,mac=02:00:00:00:09:01" --pcap "$work/two.pcapng" &
server=$!
started+=("$server")
until_seen "serving now" "$work/server.log"
boot "$work/client.log" "$work/client.img" --net "switch=$name,mac=02:00:00:00:09:02"
wait "$server"
expect "they reach each other" grep -Eq "[45] packets received" "$work/client.log"
expect "TCP between them: $(sed -n 's/.* \([0-9.]* Mbits.sec\).*receiver.*/\1/p' "$work/client.log")" grep -q receiver "$work/client.log"

captures=(one two)
echo "-- a QEMU guest on the wire of one of ours"
if command -v qemu-system-x86_64 > /dev/null; then
  boot "$work/peer.log" "$work/server.img" --net "socket=$work/wire,server=on,mac=02:00:00:00:09:01" --pcap "$work/peer.pcapng" &
  server=$!
  started+=("$server")
  until_seen "serving now" "$work/peer.log"
  boot_qemu "$work/qemu.log" "$work/client.img" -netdev "stream,id=n,server=off,addr.type=unix,addr.path=$work/wire" \
    -device virtio-net-pci,netdev=n,mac=02:00:00:00:09:02,romfile=
  wait "$server"
  expect "it pings ours" grep -Eq "[45] packets received" "$work/qemu.log"
  expect "TCP from it to ours: $(sed -n 's/.* \([0-9.]* Mbits.sec\).*receiver.*/\1/p' "$work/qemu.log")" grep -q receiver "$work/qemu.log"
  captures+=(peer)
else
  echo "qemu-system-x86_64 is not there (package qemu-system-x86): left out"
fi

if [ "${2:-}" = e1000 ]; then
  echo "-- Intel's 82540EM"
  "$root/eng/get-network-guest.sh" generic || exit 1
  guest=$root/artifacts/guest/network-generic
  initrd "$work/e1000.img" << TEXT
udhcpc -i eth0 -s /lease.sh -n -q
wget -q -O - http://10.0.2.2:$port/big | sha256sum
dmesg | grep "e1000.*Link is Up"
TEXT
  boot "$work/e1000.log" "$work/e1000.img" --net "user,model=e1000,hostloopback=$port" --pcap "$work/e1000.pcapng"
  expect "Linux's driver sees a link" grep -q "Link is Up" "$work/e1000.log"
  expect "$megabytes MiB over HTTP" grep -q "$sum" "$work/e1000.log"
  captures+=(e1000)
fi

echo "-- captures"
if command -v tshark > /dev/null; then
  for capture in "${captures[@]}"; do
    # Random bytes to a port that happens to be some protocol's are not malformed.
    read_capture=(tshark -r "$work/$capture.pcapng" -c 20000 -d "tcp.port==1024-65535,data")
    "${read_capture[@]}" > "$work/$capture.text" 2> /dev/null
    "${read_capture[@]}" -Y _ws.malformed > "$work/$capture.bad" 2> /dev/null
    expect "tshark reads $(wc -l < "$work/$capture.text") packets, none malformed" test -s "$work/$capture.text" -a ! -s "$work/$capture.bad"
    head -n 5 "$work/$capture.bad"
  done
else
  echo "tshark is not there: captures are not read"
fi

if [ "$failed" -gt 0 ]; then
  tail -n 40 "$work"/*.log "$work"/*.errors
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
