#!/usr/bin/env bash
# Two Linux guests on one switch, one of them a game server: broadcast and multicast between them, thousands of TCP connections through the NAT of
# which none may be left, and mixed traffic for a while in which memory may not grow.
#   eng/check-network-long.sh [--connections N] [--minutes M]     default 10000 and 30; "--connections 200 --minutes 0.5" is the short form
# Exit code 1 if anything is not as it must be. A large file under loss is eng/check-network.sh 1024.
set -euo pipefail
root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
"$root/eng/get-game-guest.sh"
. "$root/eng/network-guests.sh"
shell_initrd "$root/artifacts/guest/network-shell.img"
dotnet run -c Release --project "$root/benchmarks/Vivarium.Measurements" -- network "$@"
