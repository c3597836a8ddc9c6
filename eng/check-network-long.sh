#!/usr/bin/env bash
# Two Linux guests on one switch, one of them a game server: broadcast and multicast between them, thousands of TCP connections through the NAT of
# which none may be left, and mixed traffic for a while in which memory may not grow.
#   eng/check-network-long.sh [--connections N] [--minutes M]     default 10000 and 30; "--connections 200 --minutes 0.5" is the short form
# Exit code 1 if anything is not as it must be. A large file under loss is eng/check-network.sh 1024.
set -euo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
"$root/eng/get-game-guest.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/check.sh" << 'TEXT'
udhcpc -i eth0 -s /lease.sh -n -q
stty cols 500
export PS1='guest# '
echo "Vivarium guest ready"
setsid cttyhack sh
TEXT
(cd "$work" && echo check.sh | cpio -o -H newc --quiet -R 0:0) | gzip -1n | cat "$root/artifacts/guest/network-cloud/initrd.img" - > "$root/artifacts/guest/network-shell.img"
dotnet run -c Release --project "$root/benchmarks/Vivarium.Measurements" -- network "$@"
