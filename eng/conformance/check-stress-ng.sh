#!/usr/bin/env bash
# Boots a guest in which stress-ng (of Debian's package) checks its own results, method by method, and prints how many were right.
#   eng/conformance/check-stress-ng.sh [--engine interpreter|recompiler] [--classes NAME,NAME] [--ops N] [--cpus N]
# The classes are cpu, matrix, matrix-3d, vm, memcpy, str, wcs, hash, vecmath, vecwide and funccall unless told otherwise. The log is artifacts/conformance/stress-ng-ENGINE.log.
# Exits with 1 if a result was wrong or the guest did not finish.
set -euo pipefail

engine=recompiler classes=cpu,matrix,matrix-3d,vm,memcpy,str,wcs,hash,vecmath,vecwide,funccall ops=2 cpus=1
while [ $# -gt 0 ]; do
  case "$1" in
    --engine) engine=$2 ;;
    --classes) classes=$2 ;;
    --ops) ops=$2 ;;
    --cpus) cpus=$2 ;;
    *) sed -n '2,4s/^# *//p' "$0"; exit 64 ;;
  esac
  shift 2
done

root=$(cd "$(dirname "$(realpath "$0")")/../.." && pwd)
"$root/eng/get-guest.sh" cloud
"$root/benchmarks/guest/make-guest.sh"
out=$root/artifacts/conformance
log=$out/stress-ng-$engine.log
mkdir -p "$out"

# A second archive behind the first adds to it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
install -m 755 "$root/eng/conformance/verify-init.sh" "$work/verify"
cp "$root/artifacts/guest/bench/initrd.cpio" "$out/verify.cpio"
(cd "$work" && echo verify | cpio -o -H newc -R 0:0 --quiet) >> "$out/verify.cpio"

dotnet build -c Release -v q --nologo "$root/src/Vivarium.Cli" > /dev/null
echo "Verifying on the $engine; the log is $log"
dotnet "$root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli.dll" run --kernel "$root/artifacts/guest/cloud/vmlinuz" --initrd "$out/verify.cpio" \
  --memory 512M --cpus "$cpus" --engine "$engine" --append "console=ttyS0 quiet panic=-1 rdinit=/verify verify.classes=$classes verify.ops=$ops" < /dev/null 2>&1 |
  tee "$log" | tr -d '\r' | awk '
    $1 == "#verify" && $2 == "done" { done = 1; next }
    $1 == "#verify" { if (!($2 in total)) order[++n] = $2; total[$2]++; verdicts[$2, $4]++; if ($4 == "wrong") { wrong++; print "wrong: " $2 " " $3 } }
    END {
      printf "%-12s %8s %8s %8s\n", "class", "right", "wrong", "absent"
      for (i = 1; i <= n; i++) { c = order[i]; printf "%-12s %8d %8d %8d\n", c, verdicts[c, "right"], verdicts[c, "wrong"], verdicts[c, "none"]; right += verdicts[c, "right"] }
      if (!done) print "The guest did not finish."
      printf "%d right, %d wrong\n", right, wrong
      exit wrong > 0 || !done
    }'
