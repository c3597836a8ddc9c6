#!/bin/busybox sh
# The first program of the benchmark guest: does the workloads named on the kernel command line, bench.run=NAME,NAME… with bench.scale=PERCENT,
# and says on the console where it is. The host's clock times what lies between these lines.
echo "#bench boot"
export PATH=/usr/bin:/usr/sbin HOME=/root LC_ALL=C PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t tmpfs tmpfs /tmp

names=""
scale=100
for word in $(/bin/busybox cat /proc/cmdline); do
  case $word in
    bench.run=*) names=$(echo "${word#*=}" | /bin/busybox tr , ' ') ;;
    bench.scale=*) scale=${word#*=} ;;
  esac
done

. /bench/workloads.sh
cd /tmp
for name in $names; do
  echo "#bench begin $name"
  "do_$name" > /tmp/said 2>&1
  status=$?
  echo "#bench end $name $status"
  [ $status = 0 ] || /bin/busybox tail -n 5 /tmp/said
  /bin/busybox rm -rf /tmp/*
done
echo "#bench done"
/bin/busybox poweroff -f
