# Shell functions for scripts that drive devices with a real Linux guest; source it. Kernels, modules and programs are unpacked from Debian
# packages into artifacts/guest, nothing is installed, and what is there is not fetched again.
#   guest_kernel cloud|generic        makes $guest_root/kernel-FLAVOUR: vmlinuz and lib/modules/VERSION
#   guest_package NAME...             makes $guest_root/package-NAME, unpacked
#   guest_initrd FLAVOUR OUT INIT MODULES [FILE=PATH...]   an initramfs of busybox, /init, /modules in the order given, and more files;
#                                     with GUEST_UNPACKED=1 not compressed, so that a large one takes the guest no time
#   guest_devices                     makes $guest_root/devices.img for kernel-generic: modules of all devices, busybox and perl
#   guest_server                      makes $guest_root/server.img for kernel-generic: disks' modules, stress-ng, hackbench and fio
#   guest_programs NAME PACKAGES PROGRAM...   makes $guest_root/programs-NAME: programs of /usr/bin and their libraries
guest_root=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.." && pwd)/artifacts/guest

guest_need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" > /dev/null || { echo "$tool is missing here; the guest is made from Debian packages with it" >&2; return 1; }
  done
}

guest_unpack() {
  local package=$1 target=$2 work
  guest_need apt-get dpkg || return 1
  work=$(mktemp -d "$guest_root/fetch.XXXXXX") || return 1
  if (cd "$work" && apt-get -o APT::Sandbox::User=root -qq download "$package") && dpkg -x "$work"/*.deb "$work/root"; then
    mv "$work/root" "$target"
  fi
  rm -rf "$work"
  [ -d "$target" ] || { echo "the package $package could not be fetched; check the network and run apt-get update" >&2; return 1; }
}

guest_package() {
  local name
  mkdir -p "$guest_root"
  for name in "$@"; do
    [ -d "$guest_root/package-$name" ] || guest_unpack "$name" "$guest_root/package-$name" || return 1
  done
}

guest_kernel() {
  local flavour=$1 meta kernel target=$guest_root/kernel-$1
  [ -s "$target/vmlinuz" ] && return 0
  mkdir -p "$guest_root"
  guest_need apt-cache || return 1
  case "$flavour" in
    cloud) meta=linux-image-cloud-amd64 ;;
    generic) meta=linux-image-amd64 ;;
    *) echo "guest_kernel takes cloud or generic, not $flavour" >&2; return 64 ;;
  esac
  kernel=$(apt-cache depends "$meta" 2> /dev/null | sed -n 's/^ *Depends: \(linux-image-[^ :]*\).*/\1/p' | head -1)
  [ -n "$kernel" ] || { echo "the package lists name no kernel for $meta; run apt-get update" >&2; return 1; }
  rm -rf "$target"
  guest_unpack "$kernel" "$target" && mv "$target"/boot/vmlinuz-* "$target/vmlinuz"
}

guest_initrd() {
  local flavour=$1 out=$2 init=$3 modules=$4 work module file busybox number=10
  shift 4
  guest_need cpio gzip || return 1
  guest_package busybox-static || return 1
  work=$(mktemp -d "$guest_root/initrd.XXXXXX") || return 1
  mkdir -p "$work"/{bin,dev,etc,mnt,modules,proc,root,sys,tmp}
  busybox=$(find "$guest_root/package-busybox-static" -type f -path '*bin/busybox' | head -1)
  cp "$busybox" "$work/bin/busybox"
  cp "$init" "$work/init"
  chmod 755 "$work/init" "$work/bin/busybox"
  for module in $modules; do
    file=$(find "$guest_root/kernel-$flavour/lib/modules" -name "$module.ko" | head -1)
    # What is not there is built in, or the test that wants it says that it is missing.
    [ -z "$file" ] || cp "$file" "$work/modules/$number-$module.ko"
    number=$((number + 1))
  done
  for file in "$@"; do
    mkdir -p "$work/$(dirname "${file%%=*}")"
    cp -L "${file#*=}" "$work/${file%%=*}"
  done
  (cd "$work" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0) | if [ -n "${GUEST_UNPACKED:-}" ]; then cat; else gzip -1n; fi > "$out.part" && mv "$out.part" "$out"
  rm -rf "$work"
}

guest_devices() {
  local lib=lib/x86_64-linux-gnu modules
  guest_kernel generic || return 1
  guest_package busybox-static perl-base libc6 libcrypt1 || return 1
  modules="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk virtio-rng virtio_balloon virtio_console
    netfs fscache 9pnet 9pnet_virtio 9p vsock vmw_vsock_virtio_transport_common vmw_vsock_virtio_transport
    button evdev scsi_common scsi_mod libata libahci ahci cdrom sr_mod"
  guest_initrd generic "$guest_root/devices.img" "$guest_root/../../eng/guest-modules-init.sh" "$modules" \
    "usr/bin/perl=$(guest_packed perl-base perl)" "lib64/ld-linux-x86-64.so.2=$(guest_packed libc6 ld-linux-x86-64.so.2)" \
    "$lib/libc.so.6=$(guest_packed libc6 libc.so.6)" "$lib/libm.so.6=$(guest_packed libc6 libm.so.6)" "$lib/libcrypt.so.1=$(guest_packed libcrypt1 libcrypt.so.1)"
}

guest_server() {
  local modules file init=$guest_root/../../eng/guest-server-init.sh files=()
  guest_kernel generic || return 1
  guest_programs server "fio stress-ng rt-tests" fio stress-ng hackbench || return 1
  modules="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk crct10dif_common crct10dif_generic crc-t10dif crc64
    crc64-rocksoft crc64_rocksoft_generic t10-pi nvme-common nvme-core nvme scsi_common scsi_mod libata libahci ahci sd_mod"
  [ ! -s "$guest_root/server.img" ] || [ "$init" -nt "$guest_root/server.img" ] || return 0
  while read -r file; do
    files+=("$file=$guest_root/programs-server/$file")
  done < <(cd "$guest_root/programs-server" && find . -type f | sed 's/^\.\///' | sort)
  GUEST_UNPACKED=1 guest_initrd generic "$guest_root/server.img" "$init" "$modules" "${files[@]}"
}

# guest_packed PACKAGE FILE: where an unpacked package has a file.
guest_packed() {
  find "$guest_root/package-$1" ! -type d -name "$2" | head -1
}

# Makes $guest_root/programs-NAME from packages and all that they depend on, as if into an empty system: the programs and their libraries alone.
guest_programs() {
  local name=$1 packages=$2 target=$guest_root/programs-$1 work apt loader program library triplet=x86_64-linux-gnu
  shift 2
  [ -d "$target" ] && return 0
  guest_need apt-get dpkg-deb tar || return 1
  mkdir -p "$guest_root"
  work=$(mktemp -d "$guest_root/programs.XXXXXX") || return 1
  mkdir -p "$work"/state/lists/partial "$work"/cache/archives/partial "$work"/stage/usr/{bin,sbin,lib,lib64} "$work"/root/{usr/bin,lib/$triplet,lib64}
  touch "$work/state/status"
  apt=(apt-get -qq -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Debug::NoLocking=true
    -o "Dir::State=$work/state" -o "Dir::State::lists=$work/state/lists" -o "Dir::State::status=$work/state/status" -o "Dir::Cache=$work/cache")
  # One list of several may be out of step on its mirror; what counts is whether the packages are found.
  "${apt[@]}" update > /dev/null 2>&1 || true
  # shellcheck disable=SC2086
  if ! "${apt[@]}" --yes --download-only install $packages > "$work/log" 2>&1; then
    cat "$work/log" >&2
    rm -rf "$work"
    return 1
  fi
  for library in bin sbin lib lib64; do
    ln -s "usr/$library" "$work/stage/$library"
  done
  find "$work/cache/archives" -name '*.deb' | sort | while read -r library; do
    dpkg-deb --fsys-tarfile "$library" | tar -x --keep-directory-symlink -C "$work/stage"
  done
  loader=$work/stage/lib64/ld-linux-x86-64.so.2
  cp -L "$loader" "$work/root/lib64/"
  for program in "$@"; do
    cp -L "$work/stage/usr/bin/$program" "$work/root/usr/bin/" || { rm -rf "$work"; return 1; }
    # "name => path (address)"
    "$loader" --library-path "$work/stage/usr/lib/$triplet:$work/stage/usr/lib/$triplet/ceph" --list "$work/stage/usr/bin/$program" \
      | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | while read -r library; do
        cp -Ln "$library" "$work/root/lib/$triplet/"
      done
  done
  mv "$work/root" "$target"
  rm -rf "$work"
}
