#!/bin/busybox sh
# The first program of the guest that devices are tested with: loads the modules of /modules in order and gives a shell on the console.
/bin/busybox mkdir -p /bin /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
export PATH=/sbin:/bin:/usr/sbin:/usr/bin HOME=/root PS1='guest# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
for module in /modules/*.ko; do
  insmod "$module" || echo "The module $module was not loaded"
done
stty cols 500
echo "Vivarium guest ready"
while true; do
  setsid cttyhack sh
done
