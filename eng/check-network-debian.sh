#!/usr/bin/env bash
# Debian on the network: systemd-networkd gets an address by DHCP, systemd-resolved a name that the host serves, curl fetches a large file from a
# loopback server with every hundredth frame lost each way and its hash is right, and the host reaches the guest's dropbear over a forwarded port.
#   eng/check-network-debian.sh [--megabytes N] [--disk FILE]     default 1024
# Makes the disk with eng/make-debian-disk.sh if it is not there; needs busybox and an ssh client besides.
set -euo pipefail

root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
disk=$root/artifacts/guest/debian/debian-network.qcow2
megabytes=1024
while [ $# -gt 0 ]; do
  case "$1" in
    --megabytes) megabytes=$2; shift 2 ;;
    --disk) disk=$2; shift 2 ;;
    *) sed -n '2,5s/^# //p' "$0" >&2; exit 64 ;;
  esac
done

missing=()
for pair in busybox:busybox ssh:openssh-client; do
  command -v "${pair%%:*}" > /dev/null || missing+=("${pair##*:}")
done
[ ${#missing[@]} -eq 0 ] || { echo "Packages are missing: apt-get install ${missing[*]}" >&2; exit 1; }
vivarium=${VIVARIUM:-$root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli}
[ -x "$vivarium" ] || { echo "Build first: dotnet build -c Release src/Vivarium.Cli" >&2; exit 1; }
[ -s "$disk" ] || "$root/eng/make-debian-disk.sh" --without-gcc --include systemd-resolved,dropbear,curl --output "$disk"
. "$root/eng/debian-console.sh"

mkdir "$work/files"
head -c "${megabytes}M" /dev/urandom > "$work/files/big"
sum=$(sha256sum < "$work/files/big" | cut -d ' ' -f 1)
port=$((20000 + RANDOM % 10000))
busybox httpd -f -p "127.0.0.1:$port" -h "$work/files" &
helpers+=($!)
ssh-keygen -q -t ed25519 -N '' -f "$work/key"

begin "$vivarium" run --boot bios --memory 1G --drive "$disk,overlay=on" --timeout $((600 + 2 * megabytes)) \
  --net "user,hostloopback=$port,dns=files:10.0.2.2,loss=1,hostfwd=tcp:127.0.0.1:0-:22"
log_in
echo "ok: booted and logged in after $(seconds) s"
run "printf '[Match]\nName=e*\n[Network]\nDHCP=yes\n[DHCPv4]\nUseDomains=yes\n' > /etc/systemd/network/lan.network" 300
run "systemctl enable --now systemd-networkd systemd-resolved" 300
run "for i in \$(seq 100); do networkctl --no-pager | grep -q routable && break; sleep 1; done; ip -4 addr | grep -q 10.0.2.15" 300
echo "ok: systemd-networkd has 10.0.2.15 by DHCP"
run "resolvectl query files | grep -q 10.0.2.2" 300
echo "ok: systemd-resolved knows the host's name 'files'"
run "mkdir -p /root/.ssh && echo $(cut -d ' ' -f 1,2 "$work/key.pub") > /root/.ssh/authorized_keys && chmod -R go= /root/.ssh && systemctl start dropbear" 300
forwarded=$(sed -n 's/^vivarium: TCP 127.0.0.1:\([0-9]*\) leads to port 22 .*/\1/p' "$work/errors")
name=$(timeout 300 ssh -i "$work/key" -p "$forwarded" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes root@127.0.0.1 hostname 2> "$work/ssh.errors") \
  || { cat "$work/ssh.errors" >&2; exit 1; }
[ "$name" = vivarium ] || { echo "not ok: over ssh the guest calls itself '$name'" >&2; exit 1; }
echo "ok: ssh over a forwarded port reaches dropbear"
before=$SECONDS
run "curl -s http://files:$port/big | sha256sum | grep -q $sum" $((300 + 2 * megabytes))
echo "ok: $megabytes MiB over HTTP, every hundredth frame lost each way, hash right, after $((SECONDS - before)) s"
say "poweroff"
exec 9>&-
wait "$machine" || { cat "$work/errors" >&2; exit 1; }
machine=
echo "ok: shut down after $(seconds) s"
