#!/bin/busybox sh
# The first program of the verifying guest: has stress-ng check its own results, method by method, for the classes named on the kernel command
# line, verify.classes=NAME,NAME…, with verify.ops=N rounds each. A line for each: "#verify CLASS METHOD right|wrong|none".
export PATH=/usr/bin:/usr/sbin HOME=/root LC_ALL=C
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t tmpfs tmpfs /tmp

classes=cpu
ops=2
for word in $(/bin/busybox cat /proc/cmdline); do
  case $word in
    verify.classes=*) classes=$(echo "${word#*=}" | /bin/busybox tr , ' ') ;;
    verify.ops=*) ops=${word#*=} ;;
  esac
done

# It names its methods when asked for one that it does not have.
methods_of() {
  stress-ng --timeout 1 "--$1" 1 "--$1-method" none-such 2>&1 | /bin/busybox sed -n 's/.*must be one of://p' | /bin/busybox tr ' ' '\n' | /bin/busybox grep -v '^all$' | /bin/busybox grep .
}

cd /tmp
for class in $classes; do
  methods=$(methods_of "$class")
  for method in ${methods:--}; do
    choice=""
    [ "$method" = - ] || choice="--$class-method $method"
    [ "$class" != vm ] || choice="$choice --vm-bytes 8M"
    # shellcheck disable=SC2086 # several words
    stress-ng --no-rand-seed --verify --timeout 600 "--$class" 1 $choice "--$class-ops" "$ops" > /tmp/said 2>&1
    case $? in
      0) verdict=right ;;
      # Built without it, or not on this processor.
      3 | 4) verdict=none ;;
      *) verdict=wrong ;;
    esac
    /bin/busybox grep -q 'unrecognized option' /tmp/said && verdict=none
    echo "#verify $class $method $verdict"
    [ $verdict != wrong ] || /bin/busybox tail -n 5 /tmp/said
  done
done
echo "#verify done"
/bin/busybox poweroff -f
