#!/bin/busybox sh
# The first program of a guest that gdb debugs: prints the kernel's own list of functions if "kallsyms.print" is on the command line, says that
# it came so far, and ends the machine.
/bin/busybox mount -t proc proc /proc
if /bin/busybox grep -qw kallsyms.print /proc/cmdline; then
  # Functions of the kernel itself: modules have a fourth column.
  /bin/busybox awk 'NF == 3 && $2 ~ /^[tTwW]$/ { print "#symbol", $1, $3 }' /proc/kallsyms
fi
echo "#kallsyms done"
/bin/busybox poweroff -f
