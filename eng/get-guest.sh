#!/usr/bin/env bash
# Makes a sample guest from Debian packages: a kernel and an initramfs with busybox.
#   eng/get-guest.sh [cloud|generic|686]     default: cloud
# Result: artifacts/guest/<flavour>/vmlinuz and initrd.img; kept, so that the next call returns at once.
# Lines "step N/M text" on standard output tell how far it is.
set -euo pipefail

flavour=${1:-cloud}
case "$flavour" in
  cloud)   arch=amd64; meta=linux-image-cloud-amd64 ;;
  generic) arch=amd64; meta=linux-image-amd64 ;;
  686)     arch=i386;  meta=linux-image-686 ;;
  *) echo "usage: eng/get-guest.sh [cloud|generic|686]" >&2; exit 64 ;;
esac

root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
target=$root/artifacts/guest/$flavour
if [ -s "$target/vmlinuz" ] && [ -s "$target/initrd.img" ]; then
  echo "step 5/5 The guest is in $target"
  exit 0
fi

for tool in apt-get apt-cache dpkg; do
  if ! command -v "$tool" > /dev/null; then
    cat >&2 << TEXT
This machine has no $tool, so the sample guest cannot be made from Debian packages here.
Put a Linux kernel (bzImage) at      $target/vmlinuz
and an initramfs (newc, gzip) at     $target/initrd.img
for example from a Debian machine on which this script ran, or boot your own kernel with
  vivarium run --kernel vmlinuz --initrd initrd.img --append console=ttyS0
TEXT
    exit 1
  fi
done

work=$target/work
rm -rf "$work"
mkdir -p "$work/packages" "$work/root"
trap 'rm -rf "$work"' EXIT

# The system's package lists serve if they know the architecture; otherwise lists of our own, which need no privilege.
apt_options=(-o APT::Sandbox::User=root -o "APT::Architecture=$arch" -o "APT::Architectures=$arch")
echo "step 1/5 Reading package lists"
if [ "$arch" != "$(dpkg --print-architecture)" ] || ! apt-cache "${apt_options[@]}" show "$meta" > /dev/null 2>&1; then
  state=$root/artifacts/guest/apt-$arch
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  touch "$state/status"
  apt_options+=(-o "Dir::State=$state" -o "Dir::State::lists=$state/lists" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state/cache")
  # One list of several may be out of step on its mirror; what counts is whether the kernel is found.
  apt-get "${apt_options[@]}" -qq update > /dev/null 2>&1 || true
fi

kernel=$(apt-cache "${apt_options[@]}" depends "$meta" 2> /dev/null | sed -n 's/^ *Depends: \(linux-image-[^ :]*\).*/\1/p' | head -1)
[ -n "$kernel" ] || { echo "The package lists name no kernel for $meta; check the network and /etc/apt." >&2; exit 1; }

echo "step 2/5 Downloading $kernel"
(cd "$work/packages" && apt-get "${apt_options[@]}" -qq download "$kernel")
echo "step 3/5 Downloading busybox-static"
(cd "$work/packages" && apt-get "${apt_options[@]}" -qq download busybox-static)

echo "step 4/5 Unpacking"
for package in "$work"/packages/*.deb; do
  dpkg -x "$package" "$work/root"
done

initramfs=$work/initramfs
mkdir -p "$initramfs"/{bin,dev,etc,proc,root,sys,tmp}
busybox=$(find "$work/root" -type f -path '*bin/busybox' | head -1)
cp "$busybox" "$initramfs/bin/busybox"
cp "$root/eng/guest-init.sh" "$initramfs/init"
chmod 755 "$initramfs/init" "$initramfs/bin/busybox"

echo "step 5/5 Making the initramfs"
if command -v cpio > /dev/null; then
  archive=(cpio)
else
  archive=("$busybox" cpio)
fi
(cd "$initramfs" && find . | sort | "${archive[@]}" -o -H newc 2> /dev/null) | gzip -9n > "$work/initrd.img"
mv "$work/initrd.img" "$target/initrd.img"
mv "$(find "$work/root/boot" -name 'vmlinuz-*' | head -1)" "$target/vmlinuz"
echo "step 5/5 The guest is in $target"
