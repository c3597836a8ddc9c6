#!/usr/bin/env bash
# Builds the Linux kernel's own x86 selftests (Debian's linux-source-6.1, 32 and 64 bits, static) and runs them in a guest on each engine, and on QEMU's TCG
# where qemu-system-x86_64 is installed. Prints a table.
#   eng/conformance/check-selftests.sh [--engines recompiler,interpreter,qemu] [--only NAME,NAME] [--cpus N] [--seconds N]
# Needs gcc, binutils, xz and apt-get, which downloads but installs nothing. Logs and programs are in artifacts/conformance/.
# Exits with 1 if an engine did not finish, failed one that QEMU passes, or lets one hang.
set -euo pipefail

engines=recompiler,interpreter,qemu only= cpus=1 seconds=120
while [ $# -gt 0 ]; do
  case "$1" in
    --engines) engines=$2 ;;
    --only) only=$2 ;;
    --cpus) cpus=$2 ;;
    --seconds) seconds=$2 ;;
    *) sed -n '2,6s/^# *//p' "$0"; exit 64 ;;
  esac
  shift 2
done

root=$(cd "$(dirname "$(realpath "$0")")/../.." && pwd)
out=$root/artifacts/conformance
programs=$out/selftests
work=$out/selftests-work
mkdir -p "$out"

# 32-bit programs are linked with libraries that are unpacked here, as the packages of a cross compiler would have to be installed.
build_programs() {
  rm -rf "$work" "$programs"
  mkdir -p "$work/packages" "$work/source" "$programs"
  (cd "$work/packages" && apt-get -qq -o APT::Sandbox::User=root download linux-source-6.1 libc6-dev-i386 libc6-i386 "lib32gcc-$(gcc -dumpversion | cut -d. -f1)-dev")
  for package in "$work"/packages/*.deb; do
    dpkg -x "$package" "$work/root"
  done
  tar -C "$work/source" --strip-components=1 -xf "$work/root/usr/src/linux-source-6.1.tar.xz" linux-source-6.1/tools/testing/selftests linux-source-6.1/arch/x86/include/asm/desc_defs.h

  local source=$work/source/tools/testing/selftests/x86 lib32=$work/root/usr/lib32 gcc32 names bits name extra=()
  gcc32=$(dirname "$(find "$work/root/usr/lib/gcc" -name libgcc.a | head -1)")
  # The names are those of the suite's Makefile.
  for bits in 32 64; do
    names=$(make -s -C "$source" -f - print 2> /dev/null << MAKE
include Makefile
print: ; @echo \$(TARGETS_C_${bits}BIT_ALL) \$(TARGETS_C_32BIT_NEEDED)
MAKE
    )
    for name in $(echo "$names" | tr ' ' '\n' | sort -u); do
      extra=()
      case $name-$bits in
        sysret_ss_attrs-64) extra=(thunks.S) ;;
        ptrace_syscall-32) extra=(raw_syscall_helper_32.S) ;;
        test_syscall_vdso-32) extra=(thunks_32.S) ;;
        check_initial_reg_state-*) extra=(-Wl,-ereal_start) ;;
      esac
      [ "$bits" = 64 ] || extra+=(-isystem "$work/root/usr/include/x86_64-linux-gnu" -idirafter /usr/include/x86_64-linux-gnu
        "-B$lib32/" "-B$gcc32/" "-L$lib32" "-L$gcc32")
      (cd "$source" && gcc "-m$bits" -O2 -g -std=gnu99 -pthread -no-pie -static -w -DCAN_BUILD_32 -DCAN_BUILD_64 -o "$programs/${name}_$bits" "$name.c" "${extra[@]}" -lrt -ldl -lm) ||
        echo "${name}_$bits was not built" >&2
    done
  done
  rm -rf "$work"
}

if [ -z "$(ls "$programs" 2> /dev/null)" ]; then
  build_programs
fi

"$root/eng/get-guest.sh" cloud
initrd=$out/selftests.cpio
image=$(mktemp -d)
trap 'rm -rf "$image"' EXIT
mkdir -p "$image/selftests"
install -m 755 "$root/eng/conformance/selftests-init.sh" "$image/selftests-init"
cp "$programs"/* "$image/selftests/"
strip "$image"/selftests/*
# A second archive behind the first adds to it.
cp "$root/artifacts/guest/cloud/initrd.img" "$initrd"
(cd "$image" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1n) >> "$initrd"
append="console=ttyS0 quiet panic=-1 rdinit=/selftests-init selftests.only=$only selftests.seconds=$seconds"

dotnet build -c Release -v q --nologo "$root/src/Vivarium.Cli" > /dev/null
ran=() logs=()
for engine in ${engines//,/ }; do
  log=$out/selftests-$engine.log
  if [ "$engine" = qemu ]; then
    command -v qemu-system-x86_64 > /dev/null || { echo "qemu-system-x86_64 is not installed: there is nothing to compare with"; continue; }
    command=(timeout 1800 qemu-system-x86_64 -accel tcg -cpu max -smp "$cpus" -m 512M -nographic -no-reboot -kernel "$root/artifacts/guest/cloud/vmlinuz" -initrd "$initrd" -append "$append")
  else
    command=(timeout 1800 dotnet "$root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli.dll" run --kernel "$root/artifacts/guest/cloud/vmlinuz" --initrd "$initrd"
      --memory 512M --cpus "$cpus" --engine "$engine" --append "$append")
  fi
  echo "Running on $engine; the log is $log"
  "${command[@]}" < /dev/null 2>&1 | sed -u "s|\r$||" > "$log" || true
  ran+=("$engine") logs+=("$log")
done

awk -v engines="${ran[*]}" '
  FNR == 1 { engine = ++files }
  { sub(/^.*#selftest /, "#selftest ") }
  $1 == "#selftest" && $2 == "done" { done[engine] = 1; next }
  $1 == "#selftest" { if (!($2 in seen)) { seen[$2] = 1; order[++n] = $2 } result[$2, engine] = $3; count[engine, $3]++ }
  END {
    k = split(engines, name, " ")
    printf "%-28s", "selftest"; for (e = 1; e <= k; e++) printf " %-12s", name[e]; print ""
    for (e = 1; e <= k; e++) if (name[e] == "qemu") qemu = e
    for (i = 1; i <= n; i++) {
      printf "%-28s", order[i]
      for (e = 1; e <= k; e++) {
        r = result[order[i], e]; printf " %-12s", r == "" ? "missing" : r
        if (e != qemu && (r == "hung" || r == "" || (r == "failed" && (!qemu || result[order[i], qemu] == "passed")))) bad = 1
      }
      print ""
    }
    printf "%-28s", "passed of " n; for (e = 1; e <= k; e++) printf " %-12d", count[e, "passed"]; print ""
    for (e = 1; e <= k; e++) if (!done[e]) { print name[e] " did not finish."; bad = 1 }
    exit bad
  }' "${logs[@]}"
