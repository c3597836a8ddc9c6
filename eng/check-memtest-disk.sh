#!/usr/bin/env bash
# Boots memtest86+ from a disk image through SeaBIOS and GRUB and waits until it has tested the memory once without an error.
#   eng/check-memtest-disk.sh [--if virtio|ahci|nvme] [--memory 32M] [--cpus N] [--seconds N]
# Exit code 1 if it does not come to its end of a pass, or finds an error. Needs the packages grub-common grub-pc-bin seabios fdisk, and apt-get.
set -euo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
. "$root/eng/guest-tools.sh"

interface=virtio
memory=32M
cpus=1
seconds=600
while (($#)); do
  case $1 in
    --if) interface=$2; shift 2 ;;
    --memory) memory=$2; shift 2 ;;
    --cpus) cpus=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    *) sed -n '2,5s/^# //p' "$0" >&2; exit 64 ;;
  esac
done

PATH=$PATH:/usr/sbin:/sbin
guest_need grub-mkimage sfdisk mke2fs
guest_package memtest86+
vivarium=${VIVARIUM:-$root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli}
[ -x "$vivarium" ] || { echo "Build first: dotnet build -c Release src/Vivarium.Cli" >&2; exit 1; }
work=$(mktemp -d)
machine=
trap '[ -z "$machine" ] || kill "$machine" 2> /dev/null || true; rm -rf "$work"' EXIT

# A disk with a boot sector, GRUB behind it, and a file system with memtest86+ and GRUB's configuration.
sectors=2048
mkdir -p "$work/root/boot/grub"
cp "$guest_root/package-memtest86+/boot/memtest86+x64.bin" "$work/root/memtest.bin"
cat > "$work/root/boot/grub/grub.cfg" << 'TEXT'
linux /memtest.bin console=ttyS0,115200
boot
TEXT
truncate -s 17M "$work/disk.raw"
truncate -s 16M "$work/root.ext2"
mke2fs -q -t ext2 -d "$work/root" "$work/root.ext2"
printf 'label: dos\nstart=%s, type=83, bootable\n' "$sectors" | sfdisk -q "$work/disk.raw"
modules=/usr/lib/grub/i386-pc
grub-mkimage -O i386-pc -o "$work/core.img" -p '(hd0,msdos1)/boot/grub' biosdisk part_msdos ext2 linux normal configfile boot
dd if="$modules/boot.img" of="$work/disk.raw" bs=440 count=1 conv=notrunc status=none
dd if="$work/core.img" of="$work/disk.raw" bs=512 seek=1 conv=notrunc status=none
dd if="$work/root.ext2" of="$work/disk.raw" bs=512 seek="$sectors" conv=notrunc,sparse status=none

echo "Booting memtest86+ from a disk on $interface, $memory, $cpus CPUs"
"$vivarium" run --boot bios --memory "$memory" --cpus "$cpus" --drive "$work/disk.raw,format=raw,readonly=on,if=$interface" --timeout "$seconds" \
  < /dev/null > "$work/console" 2> "$work/errors" &
machine=$!
begun=0
# It draws with cursor addresses: the end of the first pass shows as a count, with the errors beside it.
passed='Pass: *[1-9][0-9]* *Errors: *0 '
wrong='Errors: *[1-9]'
while kill -0 "$machine" 2> /dev/null && ! grep -qaE "$passed|$wrong" "$work/console"; do
  if [ "$begun" = 0 ] && grep -qa 'Memtest86+' "$work/console"; then
    begun=1
    echo "ok: memtest86+ runs after $SECONDS s"
  fi
  sleep 1
done
if grep -qaE "$wrong" "$work/console" || ! grep -qaE "$passed" "$work/console"; then
  echo "not ok: no pass without an error within $seconds s; the console ends with:" >&2
  tail -c 600 "$work/console" >&2
  cat "$work/errors" >&2
  exit 1
fi
echo "ok: the memory passed after $SECONDS s"
