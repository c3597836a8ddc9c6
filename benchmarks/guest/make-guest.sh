#!/usr/bin/env bash
# Makes the benchmark guest: an initramfs with real programs from Debian packages and the workloads beside this script.
#   benchmarks/guest/make-guest.sh
# Result: artifacts/guest/bench/initrd.cpio; kept, and made anew only when a file here is newer. Nothing is installed: the packages are
# downloaded into a package state of its own. Lines "step N/M text" on standard output tell how far it is.
set -euo pipefail

here=$(cd "$(dirname "$(realpath "$0")")" && pwd)
root=$(cd "$here/../.." && pwd)
target=$root/artifacts/guest/bench
programs=(stress-ng openssl zstd lua5.4 luajit sqlite3 python3.11)
packages=(busybox-static stress-ng openssl zstd lua5.4 luajit sqlite3 python3.11-minimal)
triplet=x86_64-linux-gnu

newest=$(find "$here" -type f -newer "$target/initrd.cpio" 2> /dev/null || echo none)
if [ -s "$target/initrd.cpio" ] && [ -z "$newest" ]; then
  echo "step 4/4 The benchmark guest is in $target"
  exit 0
fi

for tool in apt-get dpkg-deb cpio; do
  command -v "$tool" > /dev/null || { echo "The benchmark guest is made with $tool, which is missing. On Debian: apt-get install apt dpkg cpio" >&2; exit 1; }
done
[ "$(uname -m)" = x86_64 ] || { echo "The benchmark guest is made on an x86-64 machine: its loader lists the libraries." >&2; exit 1; }

work=$target/work
rm -rf "$work"
mkdir -p "$work/state/lists/partial" "$target/packages/archives/partial" "$work/stage" "$work/root"
trap 'rm -rf "$work"' EXIT

# As if into an empty system: all that the programs depend on comes along.
echo "step 1/4 Downloading packages"
touch "$work/state/status"
apt=(apt-get -qq -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Debug::NoLocking=true
  -o "Dir::State=$work/state" -o "Dir::State::lists=$work/state/lists" -o "Dir::State::status=$work/state/status" -o "Dir::Cache=$target/packages")
# One list of several may be out of step on its mirror; what counts is whether the packages are found.
"${apt[@]}" update > /dev/null 2>&1 || true
"${apt[@]}" --yes --download-only install "${packages[@]}" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
# An older download of a package is not unpacked beside its successor.
"${apt[@]}" autoclean > /dev/null

echo "step 2/4 Unpacking"
mkdir -p "$work"/stage/usr/{bin,sbin,lib,lib64}
for folder in bin sbin lib lib64; do
  ln -s "usr/$folder" "$work/stage/$folder"
done
while read -r package; do
  dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$work/stage"
done < <(find "$target/packages/archives" -name '*.deb' | sort)

echo "step 3/4 Choosing the programs and their libraries"
guest=$work/root
mkdir -p "$guest"/usr/{bin,sbin,lib,lib64} "$guest"/{bench,dev,etc,proc,root,sys,tmp}
for folder in bin sbin lib lib64; do
  ln -s "usr/$folder" "$guest/$folder"
done
loader=$work/stage/lib64/ld-linux-x86-64.so.2
cp -L "$loader" "$guest/lib64/"
mkdir -p "$guest/usr/lib/$triplet"
cp "$work/stage/usr/bin/busybox" "$guest/usr/bin/"
for program in "${programs[@]}"; do
  cp -L "$work/stage/usr/bin/$program" "$guest/usr/bin/"
  # "name => path (address)"
  "$loader" --library-path "$work/stage/usr/lib/$triplet:$work/stage/usr/lib/$triplet/blas:$work/stage/usr/lib/$triplet/lapack" \
    --list "$work/stage/usr/bin/$program" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | while read -r library; do
      cp -Ln "$library" "$guest/usr/lib/$triplet/"
    done
done
cp -a "$work/stage/usr/lib/python3.11" "$guest/usr/lib/"
mkdir -p "$guest/usr/lib/ssl" "$guest/usr/share"
cp "$work/stage/etc/ssl/openssl.cnf" "$guest/usr/lib/ssl/"
cp -a "$work"/stage/usr/share/luajit-2.1* "$guest/usr/share/"
ln -s python3.11 "$guest/usr/bin/python3"
for name in sh cat cmp dd head mount poweroff rm sed tail tr; do
  ln -s busybox "$guest/usr/bin/$name"
done

cp "$here/init.sh" "$guest/init"
cp "$here"/{workloads.sh,nbody.lua,words.py,orders.sql} "$guest/bench/"
chmod 755 "$guest/init"
# The text that workloads read: Python's own library, as often as it takes to 4 MiB.
while [ "$(stat -c %s "$guest/bench/corpus" 2> /dev/null || echo 0)" -lt 4194304 ]; do
  find "$guest/usr/lib/python3.11" -name '*.py' ! -name '_sysconfigdata*' | LC_ALL=C sort | xargs cat >> "$guest/bench/corpus"
done
truncate -s 4194304 "$guest/bench/corpus"

echo "step 4/4 Making the initramfs"
(cd "$guest" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) > "$work/initrd.cpio"
mv "$work/initrd.cpio" "$target/initrd.cpio"
echo "step 4/4 The benchmark guest is in $target"
