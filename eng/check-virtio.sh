#!/usr/bin/env bash
# Drives every virtio device with a Debian kernel: disk, entropy, balloon, share, console, vsock, hot-plug; changes a CD and presses the power button.
# QEMU's tools compare the disk.
#   eng/check-virtio.sh [options of Vivarium.Measurements, such as --engine interpreter]
# Exit code 1 if anything is not as it must be. Needs apt-get, cpio and qemu-utils; a first run fetches some 70 MB.
set -euo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
. "$root/eng/guest-tools.sh"

guest_need qemu-img qemu-io dotnet
guest_devices
exec dotnet run -c Release --project "$root/benchmarks/Vivarium.Measurements" -- virtio "$@"
