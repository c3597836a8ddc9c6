#!/usr/bin/env bash
# Makes a guest for checks of the network from Debian packages: a kernel, an initramfs with busybox, iperf3, ping of iputils and the drivers of
# network cards.
#   eng/get-network-guest.sh [cloud|generic]     default: cloud; generic has the e1000 driver too
# Result: artifacts/guest/network-<flavour>/vmlinuz and initrd.img; kept, so that the next call returns at once. The guest runs /check.sh, which
# a check adds in a second archive behind the first, and powers off.
set -euo pipefail

flavour=${1:-cloud}
case "$flavour" in
  cloud)   meta=linux-image-cloud-amd64 ;;
  generic) meta=linux-image-amd64 ;;
  *) echo "usage: eng/get-network-guest.sh [cloud|generic]" >&2; exit 64 ;;
esac

root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
target=$root/artifacts/guest/network-$flavour
if [ -s "$target/vmlinuz" ] && [ -s "$target/initrd.img" ]; then
  exit 0
fi

for tool in apt-get apt-cache dpkg cpio; do
  command -v "$tool" > /dev/null || { echo "eng/get-network-guest.sh needs $tool, which this machine does not have." >&2; exit 1; }
done

work=$target/work
rm -rf "$work"
mkdir -p "$work/packages" "$work/root" "$work/initramfs"
trap 'rm -rf "$work"' EXIT

kernel=$(apt-cache depends "$meta" 2> /dev/null | sed -n 's/^ *Depends: \(linux-image-[^ :]*\).*/\1/p' | head -1)
[ -n "$kernel" ] || { echo "The package lists name no kernel for $meta; run apt-get update, or check the network and /etc/apt." >&2; exit 1; }
# iperf3, ping and whatever libraries they stand on in this release.
mapfile -t libraries < <(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances iperf3 iputils-ping \
  | sed -n 's/^\(lib[a-z0-9.+-]*\)$/\1/p' | grep -E '^lib(c6|iperf0|sctp1|ssl3(t64)?|gcc-s1|zstd1|cap2|idn2-0|unistring[0-9]+)$' | sort -u)
(cd "$work/packages" && apt-get -o APT::Sandbox::User=root -qq download "$kernel" busybox-static iperf3 iputils-ping "${libraries[@]}")
for package in "$work"/packages/*.deb; do
  dpkg -x "$package" "$work/root"
done

guest=$work/initramfs
mkdir -p "$guest"/{bin,dev,etc,proc,sys,tmp,modules,lib,lib64}
cp "$(find "$work/root" -type f -path '*bin/busybox' | head -1)" "$guest/bin/busybox"
cp "$work/root/usr/bin/iperf3" "$(find "$work/root" -type f -path '*bin/ping')" "$guest/bin/"
find "$work/root" -path '*x86_64-linux-gnu/lib*.so*' -not -name '*.py' -exec cp -a {} "$guest/lib/" \;
cp -L "$(find "$work/root" -name 'ld-linux-x86-64.so.2' | head -1)" "$guest/lib64/"
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net e1000; do
  find "$work/root" -name "$module.ko" -exec cp {} "$guest/modules/" \;
done

cat > "$guest/init" << 'TEXT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net e1000; do
  [ ! -f /modules/$module.ko ] || insmod /modules/$module.ko
done
ifconfig lo 127.0.0.1 up
tries=0
while [ ! -d /sys/class/net/eth0 ] && [ $tries -lt 50 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
ifconfig eth0 up
. /check.sh
poweroff -f
TEXT
cat > "$guest/lease.sh" << 'TEXT'
#!/bin/busybox sh
case $1 in
  bound | renew)
    ifconfig $interface $ip netmask $subnet mtu ${mtu:-1500}
    [ -z "$router" ] || route add default gw $router
    echo "nameserver $dns" > /etc/resolv.conf
    echo "lease $ip"
    ;;
esac
TEXT
chmod 755 "$guest/init" "$guest/lease.sh"
(cd "$guest" && find . | sort | cpio -o -H newc --quiet -R 0:0) | gzip -9n > "$work/initrd.img"
mv "$(find "$work/root/boot" -name 'vmlinuz-*' | head -1)" "$target/vmlinuz"
mv "$work/initrd.img" "$target/initrd.img"
