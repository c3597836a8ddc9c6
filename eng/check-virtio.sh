#!/usr/bin/env bash
# Drives every virtio device with a Debian kernel: disk, entropy, balloon, share, console, vsock, hot-plug. QEMU's tools compare the disk.
#   eng/check-virtio.sh [options of Vivarium.Measurements, such as --engine interpreter]
# Exit code 1 if anything is not as it must be. Needs apt-get, cpio and qemu-utils; a first run fetches some 70 MB.
set -euo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
. "$root/eng/guest-tools.sh"

guest_need qemu-img qemu-io dotnet
guest_kernel generic
guest_package busybox-static perl-base libc6 libcrypt1
lib=lib/x86_64-linux-gnu

# packed PACKAGE FILE: where a package has a file.
packed() {
  find "$guest_root/package-$1" ! -type d -name "$2" | head -1
}

modules="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk virtio-rng virtio_balloon virtio_console
  netfs fscache 9pnet 9pnet_virtio 9p vsock vmw_vsock_virtio_transport_common vmw_vsock_virtio_transport"
guest_initrd generic "$guest_root/devices.img" "$root/eng/guest-modules-init.sh" "$modules" \
  "usr/bin/perl=$(packed perl-base perl)" "lib64/ld-linux-x86-64.so.2=$(packed libc6 ld-linux-x86-64.so.2)" \
  "$lib/libc.so.6=$(packed libc6 libc.so.6)" "$lib/libm.so.6=$(packed libc6 libm.so.6)" "$lib/libcrypt.so.1=$(packed libcrypt1 libcrypt.so.1)"

exec dotnet run -c Release --project "$root/benchmarks/Vivarium.Measurements" -- virtio "$@"
