#!/usr/bin/env bash
# Makes a guest that runs a game server, teeworlds-server, from Debian packages: the guest of eng/get-network-guest.sh and the server behind it.
#   eng/get-game-guest.sh
# Result: artifacts/guest/game/vmlinuz and initrd.img; kept, so that the next call returns at once. The guest asks for an address by DHCP, prints
# "game server starts" and serves UDP port 8303 under the name that the kernel's command line gives as game=NAME.
set -euo pipefail

root=$(cd "$(dirname "$(realpath "$0")")/.." && pwd)
target=$root/artifacts/guest/game
if [ -s "$target/vmlinuz" ] && [ -s "$target/initrd.img" ]; then
  exit 0
fi

"$root/eng/get-network-guest.sh" cloud
work=$target/work
rm -rf "$work"
mkdir -p "$work/packages" "$work/root" "$work/initramfs"/{lib,bin,game/data/maps,game/data/mapres}
trap 'rm -rf "$work"' EXIT

(cd "$work/packages" && apt-get -o APT::Sandbox::User=root -qq download teeworlds-server teeworlds-data libstdc++6 libgcc-s1 zlib1g libc6) \
  || { echo "The packages of the game server could not be fetched: check the network and /etc/apt, and run apt-get update." >&2; exit 1; }
for package in "$work"/packages/*.deb; do
  dpkg -x "$package" "$work/root"
done

guest=$work/initramfs
cp "$work/root/usr/games/teeworlds-server" "$guest/bin/"
cp "$work/root/usr/share/games/teeworlds/data/maps/dm1.map" "$guest/game/data/maps/"
for library in libstdc++.so.6 libgcc_s.so.1 libz.so.1 libm.so.6; do
  cp -L "$(find "$work/root" -name "$library" | head -1)" "$guest/lib/"
done

# The server takes a folder for its data only if mapres is in it, which players need and it does not.
cat > "$guest/check.sh" << 'TEXT'
udhcpc -i eth0 -s /lease.sh -n -q
name=$(sed -n 's/.*game=\([^ ]*\).*/\1/p' /proc/cmdline)
cd /game
echo "game server starts"
exec teeworlds-server "sv_name ${name:-game}" "sv_register 0" "sv_port 8303"
TEXT
(cd "$guest" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0) | gzip -9n | cat "$root/artifacts/guest/network-cloud/initrd.img" - > "$work/initrd.img"
cp "$root/artifacts/guest/network-cloud/vmlinuz" "$target/vmlinuz"
mv "$work/initrd.img" "$target/initrd.img"
