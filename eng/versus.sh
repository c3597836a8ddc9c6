#!/usr/bin/env bash
# Compares Vivarium with QEMU's translator (TCG) on this machine: real programs in a Linux guest, turn by turn, medians, ratios, memory.
#   eng/versus.sh [--workloads NAME,NAME…] [--scale PERCENT] [--rounds N] [--engine auto|interpreter|recompiler] [--markdown FILE]
# Prints a table and appends it to benchmarks/results/<date>-versus-qemu.md unless --markdown names another file. Works on any x86-64 Debian
# machine; installs nothing, but says what is missing. Exit code 1: a promise was not kept, or something is missing.
set -euo pipefail

root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
missing=()
declare -A package=([qemu-system-x86_64]=qemu-system-x86 [cpio]=cpio [apt-get]=apt [dpkg-deb]=dpkg)
for tool in "${!package[@]}"; do
  command -v "$tool" > /dev/null || missing+=("${package[$tool]}")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "This comparison needs programs that are not here. On Debian: apt-get install ${missing[*]}" >&2
  exit 1
fi
command -v dotnet > /dev/null || { echo "This comparison needs the .NET SDK of global.json: dotnet is not on the path." >&2; exit 1; }

markdown=
for ((i = 1; i <= $#; i++)); do
  if [ "${!i}" = --markdown ]; then
    markdown=given
  fi
done

"$root/eng/get-guest.sh" cloud
"$root/benchmarks/guest/make-guest.sh"
# The tool as its package has it: precompiled.
dotnet publish -c Release -v q --nologo "$root/src/Vivarium.Cli" -r linux-x64 -p:PackAsTool=false -o "$root/artifacts/tool"
dotnet build -c Release -v q --nologo "$root/benchmarks/Vivarium.Measurements"

arguments=("$@")
if [ -z "$markdown" ]; then
  file=$root/benchmarks/results/$(date +%F)-versus-qemu.md
  if [ ! -e "$file" ]; then
    cat > "$file" << TEXT
# Against QEMU's TCG, $(date +%F)

Machine: $(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -1) (family $(sed -n 's/^cpu family[[:space:]]*: //p' /proc/cpuinfo | head -1),
model $(sed -n 's/^model[[:space:]]*: //p' /proc/cpuinfo | head -1)), $(nproc) processors; Linux $(uname -r); .NET $(dotnet --list-runtimes | sed -n 's/^Microsoft.NETCore.App \(10[^ ]*\).*/\1/p' | tail -1);
$(qemu-system-x86_64 --version | head -1), \`-accel tcg -cpu max -m 1024\`; both boot the same kernel and initramfs.

Command: \`eng/versus.sh\`. Seconds are of the host's clock, medians of the rounds; \`~\` marks runs that differ by more than 15 %. The ratio is
Vivarium / QEMU, below 1 is faster. A workload that fails counts 10 in the mean.
TEXT
  fi
  arguments+=(--markdown "$file")
fi

exec dotnet "$root/benchmarks/Vivarium.Measurements/bin/Release/net10.0/Vivarium.Measurements.dll" versus "${arguments[@]}"
