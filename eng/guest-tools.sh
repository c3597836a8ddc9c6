# Shell functions for scripts that drive devices with a real Linux guest; source it. Kernels, modules and programs are unpacked from Debian
# packages into artifacts/guest, nothing is installed, and what is there is not fetched again.
#   guest_kernel cloud|generic        makes $guest_root/kernel-FLAVOUR: vmlinuz and lib/modules/VERSION
#   guest_package NAME...             makes $guest_root/package-NAME, unpacked
#   guest_initrd FLAVOUR OUT INIT MODULES [FILE=PATH...]   an initramfs of busybox, /init, /modules in the order given, and more files
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
  (cd "$work" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0) | gzip -1n > "$out.part" && mv "$out.part" "$out"
  rm -rf "$work"
}
