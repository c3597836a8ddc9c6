# For the scripts that boot Linux guests to look at their network: source it with $root set. It makes the guest, gives $work, a folder that is gone
# at the end, and ends what is noted in "started".

"$root/eng/get-network-guest.sh" || exit 1
guest=$root/artifacts/guest/network-cloud
tool=${VIVARIUM:-dotnet $root/src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli.dll}
patience=${patience:-300}
work=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2> /dev/null || true; rm -rf "$work"' EXIT

# archive < SCRIPT: an initramfs of that script alone, which goes behind the guest's.
archive() {
  rm -rf "$work/archive"
  mkdir "$work/archive"
  cat > "$work/archive/check.sh"
  (cd "$work/archive" && echo check.sh | cpio -o -H newc --quiet -R 0:0) | gzip -1n
}

# initrd FILE < SCRIPT: an initramfs whose guest runs the script.
initrd() {
  archive | cat "$guest/initrd.img" - > "$1"
}

# shell_initrd FILE: one whose guest gets an address and gives a shell on its console.
shell_initrd() {
  initrd "$1" << 'TEXT'
udhcpc -i eth0 -s /lease.sh -n -q
stty cols 500
export PS1='guest# '
echo "Vivarium guest ready"
setsid cttyhack sh
TEXT
}

# boot LOG INITRD OPTIONS...: runs a guest to its end; what the tool says besides goes to LOG.errors.
boot() {
  local log=$1 image=$2
  shift 2
  $tool run --kernel "$guest/vmlinuz" --initrd "$image" --append "console=ttyS0 quiet panic=-1" --timeout "$patience" "$@" < /dev/null > "$log" 2> "$log.errors"
}

# boot_qemu LOG INITRD OPTIONS...: the same guest under QEMU's translator.
boot_qemu() {
  local log=$1 image=$2
  shift 2
  timeout "$patience" qemu-system-x86_64 -accel tcg -cpu max -m 256 -nographic -no-reboot -kernel "$guest/vmlinuz" -initrd "$image" \
    -append "console=ttyS0 quiet panic=-1" "$@" < /dev/null 2> "$log.errors" | tr -d '\r' > "$log"
}

# until_seen TEXT FILE: waits for a line.
until_seen() {
  for _ in $(seq $((patience * 10))); do
    grep -q -- "$1" "$2" 2> /dev/null && return 0
    sleep 0.1
  done
  return 1
}
