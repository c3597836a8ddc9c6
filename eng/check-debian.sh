#!/usr/bin/env bash
# Drives Debian from its own disk over the serial console: boots through SeaBIOS and GRUB, logs in, installs a package file, compiles a C file,
# reboots, and shuts down by the power button. Ends with 0 if all of it worked. With --versus boots the same image once more with each of vivarium and
# "qemu-system-x86_64 -accel tcg", one after the other, to the login prompt, and prints the times.
#   eng/check-debian.sh [--disk FILE] [--if virtio|ahci|nvme] [--cpus N] [--versus] [--rounds N]
# The disk is not changed: writes go to an overlay (vivarium) or a snapshot (QEMU). Make it with eng/make-debian-disk.sh.
set -euo pipefail

root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
disk=$root/artifacts/guest/debian/debian-cloud.qcow2
interface=virtio
cpus=2
versus=0
rounds=1
while [ $# -gt 0 ]; do
  case "$1" in
    --disk) disk=$2; shift 2 ;;
    --if) interface=$2; shift 2 ;;
    --cpus) cpus=$2; shift 2 ;;
    --rounds) rounds=$2; shift 2 ;;
    --versus) versus=1; shift ;;
    *) sed -n '2,7s/^# //p' "$0" >&2; exit 64 ;;
  esac
done

vivarium=${VIVARIUM:-$root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli}
[ -x "$vivarium" ] || { echo "Build first: dotnet build -c Release src/Vivarium.Cli" >&2; exit 1; }
[ -s "$disk" ] || { echo "There is no $disk; make it with eng/make-debian-disk.sh" >&2; exit 1; }
. "$root/eng/debian-console.sh"

vivarium_command=("$vivarium" run --boot bios --memory 1G --cpus "$cpus" --drive "$disk,overlay=on,if=$interface" --timeout 900)

if [ "$versus" = 1 ]; then
  qemu=(qemu-system-x86_64 -accel tcg -cpu max -m 1G -smp "$cpus" -nographic -no-reboot -snapshot
    -drive "file=$disk,format=qcow2,if=virtio")
  [ "$cpus" = 1 ] || qemu[2]=tcg,thread=multi
  for round in $(seq "$rounds"); do
    for which in vivarium qemu; do
      if [ "$which" = vivarium ]; then begin "${vivarium_command[@]}"; else begin "${qemu[@]}"; fi
      wait_for "login: " 300
      printf '%s round %s: %s s to the login prompt, %s CPUs\n' "$which" "$round" "$(seconds)" "$cpus"
      exec 9>&-
      kill "$machine"
      wait "$machine" 2> /dev/null || true
      machine=
    done
  done
  exit 0
fi

begin "${vivarium_command[@]}"
log_in
echo "ok: booted and logged in after $(seconds) s"
run "nproc | grep -qx $cpus" 30
echo "ok: the guest has $cpus CPUs"
run "dpkg -i /root/hello.deb" 120
run "hello" 20
echo "ok: installed a package file and ran what it brought"
run "printf '#include <stdio.h>\nint main(void) { printf(\"%%d\\\\n\", 6 * 7); return 0; }\n' > a.c" 20
run "gcc -O2 -o a a.c" 120
run "./a | grep -qx 42" 20
echo "ok: compiled a C file and ran it"
run "sync" 60
say "reboot"
wait_for "SeaBIOS" 180
log_in
run "hello" 30
echo "ok: rebooted, and the package is still there"
# Ctrl-A P: the power button, which systemd's logind hears.
printf '\001p' >&9
code=0
wait "$machine" || code=$?
machine=
exec 9>&-
if [ "$code" -ne 0 ]; then
  cat "$work/errors" >&2
  echo "not ok: ended with $code" >&2
  exit 1
fi
echo "ok: shut down by its power button after $(seconds) s: $(tail -n 1 "$work/errors")"
