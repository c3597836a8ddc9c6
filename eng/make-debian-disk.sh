#!/usr/bin/env bash
# Makes a disk image with Debian 12 from packages: systemd, a getty on the serial port, GRUB for a BIOS, gcc. Needs no root.
#   eng/make-debian-disk.sh [--kernel cloud|generic] [--size 3G] [--without-gcc] [--include PACKAGE,PACKAGE…] [--output FILE]
# Result: artifacts/guest/debian/debian-<kernel>.qcow2. Log in as root with the password "vivarium". The root file system is kept as a tar archive
# beside it, so that the next call is quick. Boot it with
#   vivarium run --boot bios --drive artifacts/guest/debian/debian-cloud.qcow2,overlay=on --memory 1G --cpus 2
# Needs the packages mmdebstrap fakeroot fdisk e2fsprogs grub-pc-bin grub-common, and qemu-utils or the vivarium tool.
set -euo pipefail

root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
kernel=cloud
size=3G
with_gcc=1
extra=
output=
while [ $# -gt 0 ]; do
  case "$1" in
    --kernel) kernel=$2; shift 2 ;;
    --size) size=$2; shift 2 ;;
    --without-gcc) with_gcc=0; shift ;;
    --include) extra=$2; shift 2 ;;
    --output) output=$2; shift 2 ;;
    *) sed -n '2,7s/^# //p' "$0" >&2; exit 64 ;;
  esac
done

case "$kernel" in
  cloud) meta=linux-image-cloud-amd64 ;;
  generic) meta=linux-image-amd64 ;;
  *) echo "--kernel takes cloud or generic, not '$kernel'." >&2; exit 64 ;;
esac

missing=()
for pair in mmdebstrap:mmdebstrap fakeroot:fakeroot sfdisk:fdisk mke2fs:e2fsprogs grub-mkimage:grub-common; do
  PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" > /dev/null || missing+=("${pair##*:}")
done
modules=/usr/lib/grub/i386-pc
[ -e "$modules/boot.img" ] || missing+=(grub-pc-bin)
if [ ${#missing[@]} -gt 0 ]; then
  echo "Packages are missing: apt-get install ${missing[*]}" >&2
  exit 1
fi
PATH=$PATH:/usr/sbin:/sbin

target=$root/artifacts/guest/debian
output=${output:-$target/debian-$kernel.qcow2}
mkdir -p "$target" "$(dirname "$output")"
archive=$target/root-$kernel-gcc$with_gcc${extra:+-${extra//,/-}}.tar
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packages=systemd-sysv,udev,dbus,$meta,initramfs-tools,zstd,kmod,util-linux,login,passwd,procps,iproute2
[ "$with_gcc" = 0 ] || packages=$packages,gcc,libc6-dev
packages=$packages${extra:+,$extra}

if [ ! -s "$archive" ]; then
  echo "step 1/4 Installing packages"
  # A package that is not installed, for a guest without a network to install.
  (cd "$work" && apt-get -o APT::Sandbox::User=root -qq download hello) || echo "The package hello could not be fetched; the image lacks it." >&2
  touch "$work/hello_none.deb"
  cat > "$work/configure.sh" << 'TEXT'
set -eu
echo root:vivarium | chroot "$1" chpasswd
echo vivarium > "$1/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 vivarium\n' > "$1/etc/hosts"
echo 'LABEL=root / ext4 errors=remount-ro 0 1' > "$1/etc/fstab"
rm -f "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*_*
TEXT
  mmdebstrap --variant=minbase --include="$packages" \
    --customize-hook="sh '$work/configure.sh' \"\$1\"" \
    --customize-hook="for f in '$work'/hello_*.deb; do [ ! -s \"\$f\" ] || cp \"\$f\" \"\$1/root/hello.deb\"; done" \
    bookworm "$archive.part.tar" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  mv "$archive.part.tar" "$archive"
else
  echo "step 1/4 The root file system is there: $archive"
fi

echo "step 2/4 Making the file system"
bytes=$(numfmt --from=iec "$size")
first_sector=2048
truncate -s "$bytes" "$work/disk.raw"
truncate -s $((bytes - first_sector * 512)) "$work/root.ext4"
mkdir "$work/root"
cat > "$work/grub.cfg" << 'TEXT'
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=1
menuentry "Debian 12" {
  search --no-floppy --label root --set root
  linux /vmlinuz root=LABEL=root console=ttyS0
  initrd /initrd.img
}
TEXT
# GRUB 2.06 does not read file systems with the newest features. In fakeroot, owners and devices are those of the archive.
fakeroot sh -euc '
  tar -xf "$1" -C "$2/root"
  mkdir -p "$2/root/boot/grub"
  cp "$2/grub.cfg" "$2/root/boot/grub/grub.cfg"
  mke2fs -q -t ext4 -L root -O ^metadata_csum_seed,^orphan_file -d "$2/root" "$2/root.ext4"
' sh "$archive" "$work"

echo "step 3/4 Installing GRUB"
printf 'label: dos\nstart=%s, type=83, bootable\n' "$first_sector" | sfdisk -q "$work/disk.raw"
grub-mkimage -O i386-pc -o "$work/core.img" -p '(hd0,msdos1)/boot/grub' \
  biosdisk part_msdos ext2 serial terminal linux normal configfile search search_label echo minicmd test reboot halt
if [ "$(stat -c %s "$work/core.img")" -gt $(((first_sector - 1) * 512)) ]; then
  echo "GRUB's core image does not fit before the first partition." >&2
  exit 1
fi
# The boot sector without the partition table; its core image follows, as both expect without further set-up.
dd if="$modules/boot.img" of="$work/disk.raw" bs=440 count=1 conv=notrunc status=none
dd if="$work/core.img" of="$work/disk.raw" bs=512 seek=1 conv=notrunc status=none
dd if="$work/root.ext4" of="$work/disk.raw" bs=1M seek=$((first_sector * 512)) oflag=seek_bytes conv=notrunc,sparse status=none
rm -rf "$work/root" "$work/root.ext4"

echo "step 4/4 Converting to qcow2"
rm -f "$output"
vivarium=${VIVARIUM:-$root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli}
if [ -x "$vivarium" ]; then
  "$vivarium" disk convert "$work/disk.raw" "$output" > /dev/null
else
  qemu-img convert -f raw -O qcow2 "$work/disk.raw" "$output"
fi
echo "step 4/4 The disk is $output; log in as root with the password vivarium"
