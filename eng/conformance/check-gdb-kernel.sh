#!/usr/bin/env bash
# gdb on a booting Linux kernel with its symbols: breaks in start_kernel, shows the frames, steps, watches a stack slot, breaks in rest_init and in a
# system call of user code, lets the guest go and expects it to end by itself. On each engine.
#   eng/conformance/check-gdb-kernel.sh [--engine interpreter|recompiler] [--kernel FILE]
# Needs gdb, binutils (as, ld) and cpio. Debian's symbols are a package of 800 MB; here the guest tells the addresses of its functions, /proc/kallsyms,
# and an ELF file without contents is made of them. Logs are in artifacts/conformance/. Exits with 1 if gdb does not see what it should.
set -euo pipefail

engines="recompiler interpreter" kernel=
while [ $# -gt 0 ]; do
  case "$1" in
    --engine) engines=$2 ;;
    --kernel) kernel=$2 ;;
    *) sed -n '2,6s/^# *//p' "$0"; exit 64 ;;
  esac
  shift 2
done

root=$(cd "$(dirname "$(realpath "$0")")/../.." && pwd)
for tool in gdb as ld cpio; do
  command -v "$tool" > /dev/null || { echo "$tool is missing; install gdb, binutils and cpio" >&2; exit 64; }
done
"$root/eng/get-guest.sh" cloud
kernel=${kernel:-$root/artifacts/guest/cloud/vmlinuz}
out=$root/artifacts/conformance
mkdir -p "$out"
work=$(mktemp -d)
guest=
trap '[ -z "$guest" ] || kill "$guest" 2> /dev/null || true; rm -rf "$work"' EXIT

# A second archive behind the first adds to it.
install -m 755 "$root/eng/conformance/kallsyms-init.sh" "$work/kallsyms"
zcat "$root/artifacts/guest/cloud/initrd.img" > "$work/initrd.cpio"
(cd "$work" && echo kallsyms | cpio -o -H newc -R 0:0 --quiet) >> "$work/initrd.cpio"

dotnet build -c Release -v q --nologo "$root/src/Vivarium.Cli" > /dev/null
boot() {
  dotnet "$root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli.dll" run --kernel "$kernel" --initrd "$work/initrd.cpio" --memory 512M "$@" < /dev/null 2>&1 | tr -d '\r'
}
readonly append="console=ttyS0 quiet panic=-1 nokaslr rdinit=/kallsyms"

echo "Asking the kernel for its functions"
boot --engine recompiler --append "$append kallsyms.print" > "$out/kallsyms.log"
awk '$1 == "#symbol" && $2 ~ /^ffffffff/ { print $2, $3 }' "$out/kallsyms.log" | sort -u -k1,1 > "$work/symbols"
[ "$(wc -l < "$work/symbols")" -gt 10000 ] || { echo "The guest gave no list; see $out/kallsyms.log" >&2; exit 1; }
read -r first _ < "$work/symbols"
awk -v first="$first" '
  # Addresses share their upper half, and awk counts in doubles.
  function low(hex,   value, i) { value = 0; for (i = 9; i <= 16; i++) value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1; return value }
  BEGIN { print ".section .kernel, \"ax\", @nobits" }
  $2 ~ /^[A-Za-z_][A-Za-z0-9_.]*$/ && !($2 in seen) {
    seen[$2] = 1
    printf ".org %d\n.globl %s\n.type %s, @function\n%s:\n", low($1) - low(first), $2, $2, $2
  }
  END { print ".skip 4096" }' "$work/symbols" > "$work/kernel.s"
as --64 -o "$work/kernel.o" "$work/kernel.s"
ld -o "$out/kernel-symbols.elf" --section-start=".kernel=0x$first" -e 0 "$work/kernel.o"
echo "$(wc -l < "$work/symbols") functions from $first on"

failed=0
expect() {
  if grep -Eq -- "$2" "$log"; then
    echo "ok: $1"
  else
    echo "not ok: $1: nothing like '$2' in $log"
    failed=1
  fi
}

for engine in $engines; do
  log=$out/gdb-kernel-$engine.log
  console=$out/gdb-kernel-$engine-console.log
  port=$((20000 + RANDOM % 20000))
  boot --engine "$engine" --cpus 2 --gdb "$port" --append "$append" > "$console" &
  guest=$!
  for ((i = 0; i < 600; i++)); do
    ! (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null || break
    sleep 0.1
  done
  echo "== gdb on the $engine; the log is $log"
  # The connection just made halts nobody's guest: it stands until a client lets it go on.
  timeout 900 gdb -batch -nx -iex "set pagination off" -iex "set confirm off" \
    -ex "set remotetimeout 120" -ex "file $out/kernel-symbols.elf" -ex "target remote 127.0.0.1:$port" \
    -ex "hbreak start_kernel" -ex "continue" \
    -ex "print \$rip == (long) &start_kernel" -ex "backtrace 2" -ex "x/2i \$rip" \
    -ex "stepi" -ex "print \$rip != (long) &start_kernel" -ex "info registers cr3 efer" \
    -ex "watch -l *(long *) (\$rsp - 8)" -ex "continue" -ex "delete" \
    -ex "hbreak rest_init" -ex "continue" -ex "print \$rip == (long) &rest_init" -ex "backtrace 2" -ex "info threads" -ex "delete" \
    -ex "hbreak __x64_sys_write" -ex "continue" -ex "print \$rip == (long) &__x64_sys_write" -ex "print \$cs & 3" -ex "delete" \
    -ex "detach" > "$log" 2>&1 || true
  expect "breaks in start_kernel" "hit Breakpoint 1, .*start_kernel \(\)"
  expect "stands at its first instruction" '^\$1 = 1$'
  # Compilers make jumps of last calls.
  expect "its caller" '^#1 .* in (x86_64_start_(reservations|kernel)|secondary_startup_64[a-z_]*) \(\)'
  expect "a step" '^\$2 = 1$'
  expect "long mode" '^efer .*LMA'
  expect "watches the stack" 'hit Hardware watchpoint 2'
  expect "breaks in rest_init" 'hit Breakpoint 3, .*rest_init \(\)'
  expect "which start_kernel calls" '^#1 .* in (arch_call_rest_init|start_kernel) \(\)'
  expect "both processors" 'Thread 2 \(vCPU 1'
  expect "a system call of user code" 'hit Breakpoint 4, .*__x64_sys_write \(\)'
  expect "in the kernel" '^\$5 = 0$'
  expect "lets go" 'detached'
  for ((i = 0; i < 1200; i++)); do
    kill -0 "$guest" 2> /dev/null || break
    sleep 0.5
  done
  log=$console
  expect "the guest went on to its end" '#kallsyms done'
  kill "$guest" 2> /dev/null || true
  guest=
done
exit "$failed"
