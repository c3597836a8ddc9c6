#!/usr/bin/env bash
# Boots the sample guests (cloud, generic and i386 kernels), a multiboot image of our own, and real images of Debian packages:
# memtest86+, Xen and grub-invaders. Prints a table: kernel | engine | vCPUs | seconds to shell | MIPS | ok; each on both engines unless told otherwise.
#   eng/check-boots.sh [--engine interpreter|recompiler] [--only NAME] [--markdown FILE]
set -euo pipefail

root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
for flavour in cloud generic 686; do
  "$root/eng/get-guest.sh" "$flavour"
done

# fetch PACKAGE PATH-IN-IT: the table says "not fetched" where it fails.
fetch() {
  local target=$root/artifacts/guest/images work
  if [ ! -s "$target/$(basename "$2")" ]; then
    work=$(mktemp -d)
    if (cd "$work" && apt-get -o APT::Sandbox::User=root -qq download "$1" && dpkg -x ./*.deb .); then
      mkdir -p "$target"
      cp "$work/$2" "$target/"
    fi
    rm -rf "$work"
  fi
}
fetch memtest86+ boot/memtest86+x64.bin
fetch grub-invaders boot/invaders.exec
fetch xen-hypervisor-4.17-amd64 boot/xen-4.17-amd64.gz

dotnet run -c Release --project "$root/benchmarks/Vivarium.Measurements" -- boots "$@"
