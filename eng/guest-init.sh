#!/bin/busybox sh
# The first program of the sample guest: mounts what a shell needs and gives one on the console.
/bin/busybox mkdir -p /bin /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
export PATH=/sbin:/bin:/usr/sbin:/usr/bin HOME=/root PS1='guest# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
read -r uptime _ < /proc/uptime
echo "Vivarium guest ready after $uptime s"
while true; do
  setsid cttyhack sh
done
