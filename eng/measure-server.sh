#!/usr/bin/env bash
# Measures a server's work beside "qemu-system-x86_64 -accel tcg" in one run, with a Debian kernel: stress-ng and hackbench on one and two vCPUs,
# fio on a disk; and how long a thin disk of 1 TiB takes. Exit code 1 if a requirement is not met.
#   eng/measure-server.sh [options of Vivarium.Measurements server, such as --rounds 3 or --markdown FILE]
# Needs apt-get, cpio and qemu-system-x86; a first run fetches some 150 MB.
set -euo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
. "$root/eng/guest-tools.sh"

guest_need qemu-system-x86_64 cpio dotnet
guest_server

# The tool as its package has it: precompiled.
dotnet publish -c Release -v q --nologo "$root/src/Vivarium.Cli" -r linux-x64 -p:PackAsTool=false -o "$root/artifacts/tool"
dotnet build -c Release -v q --nologo "$root/benchmarks/Vivarium.Measurements"
exec dotnet "$root/benchmarks/Vivarium.Measurements/bin/Release/net10.0/Vivarium.Measurements.dll" server "$@"
