#!/bin/busybox sh
# The first program of the guest that eng/measure-server.sh measures: does what the kernel's command line names in server.run, one after the
# other, and marks begin and end on the console for the host's clock. Without server.run it gives a shell.
/bin/busybox mkdir -p /bin /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
export PATH=/sbin:/bin:/usr/sbin:/usr/bin HOME=/root PS1='guest# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /dev/shm
for module in /modules/*.ko; do
  insmod "$module" || echo "The module $module was not loaded"
done
ip link set lo up 2> /dev/null
stty cols 500

# disk_job NAME OPTIONS...: the reads or writes a second and the KiB a second of a job on the first disk there is.
disk_job() {
  local name=$1 disk line
  shift
  for disk in /dev/vda /dev/nvme0n1 /dev/sda; do [ -b "$disk" ] && break; done
  line=$(fio --name="$name" --filename="$disk" --direct=1 --ioengine=libaio --time_based --runtime=4 --ramp_time=1 --minimal "$@" | tail -n 1)
  # Terse version 3: fields 7 and 8 are bandwidth and operations of reads, 48 and 49 of writes.
  echo "$line" | awk -F';' -v name="$name" '{ print "#bench figure " name "-iops " int($8 + $49); print "#bench figure " name "-kib " int($7 + $48) }'
}

# So long that what both processors wait for at first, the programs' start and each method's translation, is a small part.
do_stress() { stress-ng --cpu 2 --cpu-method all --cpu-ops $((scale * 80)) --verify --quiet; }
do_verify() { stress-ng --cpu 4 --cpu-method all --cpu-ops $((scale * 40)) --vm 4 --vm-bytes 64M --vm-ops $((scale * 400)) --verify --metrics-brief; }
do_hackbench() { hackbench -g 2 -l $((scale * 4)) > /dev/null; }
do_random() { disk_job random --rw=randread --bs=4k --iodepth=16; }
do_random1() { disk_job random1 --rw=randread --bs=4k --iodepth=1; }
do_sequential() { disk_job sequential --rw=read --bs=128k --iodepth=8; }
do_write() { disk_job write --rw=write --bs=128k --iodepth=8; }

option() { sed -n "s/.*server\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
scale=$(option scale)
echo "#bench boot"
for name in $(option run | tr , ' '); do
  echo "#bench begin $name"
  "do_$name"
  echo "#bench end $name $?"
done
if [ -n "$(option run)" ]; then
  echo "#bench done"
  poweroff -f
fi
echo "Vivarium guest ready"
while true; do
  setsid cttyhack sh
done
