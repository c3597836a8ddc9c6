#!/usr/bin/env bash
# Publishes samples/BootLinux with NativeAOT and boots it.
#   eng/check-aot.sh
# Needs a C linker and zlib's headers: clang or gcc, and zlib1g-dev.
set -euo pipefail

root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
if command -v clang > /dev/null; then
  linker=clang
elif command -v gcc > /dev/null; then
  linker=gcc
else
  echo "NativeAOT needs a C linker. On Debian: apt-get install clang zlib1g-dev" >&2
  exit 1
fi

output=$root/artifacts/aot
dotnet publish -c Release "$root/samples/BootLinux" -p:PublishAot=true -p:CppCompilerAndLinker="$linker" -o "$output"
echo "size: $(stat -c %s "$output/BootLinux") bytes"
exec "$output/BootLinux"
