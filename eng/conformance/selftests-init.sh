#!/bin/busybox sh
# The first program of the guest of check-selftests.sh: runs each program of /selftests and says how it ended. A line for each:
# "#selftest NAME passed|failed|skipped|hung". Their own output comes before it.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root LC_ALL=C
/bin/busybox mkdir -p /bin /sbin /usr/bin /usr/sbin /tmp /dev/shm
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp

only=
seconds=60
for word in $(cat /proc/cmdline); do
  case $word in
    selftests.only=*) only=$(echo "${word#*=}" | tr , ' ') ;;
    selftests.seconds=*) seconds=${word#*=} ;;
  esac
done

cd /tmp
for program in /selftests/*; do
  name=${program##*/}
  case " ${only:-$name} " in
    *" $name "*) ;;
    *) continue ;;
  esac
  echo "== $name"
  # Not the first process: some of them are killed by signals that this one would not get. Each has a session of its own.
  setsid timeout -s KILL "$seconds" "$program" < /dev/null 2>&1
  case $? in
    0) verdict=passed ;;
    4) verdict=skipped ;;
    137) verdict=hung ;;
    *) verdict=failed ;;
  esac
  echo "#selftest $name $verdict"
done
echo "#selftest done"
poweroff -f
