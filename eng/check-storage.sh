#!/usr/bin/env bash
# Disk images under a Linux guest, judged by QEMU's tools: thousands of random operations on qcow2 and raw disks by turns with qemu-io, a tool killed
# while its guest writes, a host whose disk fills up.
#   eng/check-storage.sh [options of Vivarium.Measurements storage, such as --operations 3000 --rounds 5 --kills 50 --seed 2]
# Exit code 1 if anything is not as it must be. Needs apt-get, cpio, qemu-utils and unshare; a first run fetches some 70 MB.
set -euo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
. "$root/eng/guest-tools.sh"

guest_need qemu-img qemu-io dotnet unshare
guest_devices
dotnet build -c Release -v q --nologo "$root/src/Vivarium.Cli"
dotnet build -c Release -v q --nologo "$root/benchmarks/Vivarium.Measurements"
exec dotnet "$root/benchmarks/Vivarium.Measurements/bin/Release/net10.0/Vivarium.Measurements.dll" storage \
  --vivarium "$root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli" "$@"
