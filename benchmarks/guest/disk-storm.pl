#!/usr/bin/perl
# Random operations on a block device by several processes at once, past the guest's page cache: writes, reads, discards, zeros, flushes.
#   disk-storm.pl DEVICE MODEL SEED WORKERS OPERATIONS
# MODEL is a file of the device's size with what is on it now; at the end it has what is on the device then. Each worker has pieces of its own,
# which share clusters with those of others. Prints "storm N operations" if every read was right. No modules: the guest has perl alone.
my ($device, $model, $seed, $workers, $operations) = @ARGV;
my ($sector, $piece) = (512, 200 << 10);
my $pieces = int((-s $model) / $piece);
my ($pread, $pwrite, $fdatasync, $discard, $zero_out, $read_write, $direct) = (17, 18, 75, 0x1277, 0x127f, 2, 0x4000);

for my $worker (0 .. $workers - 1) {
  defined(my $child = fork) or die "fork: $!";
  next if $child;
  srand($seed * 64 + $worker);
  sysopen(my $disk, $device, $read_write | $direct) or die "$device: $!";
  sysopen(my $kept, $model, $read_write) or die "$model: $!";
  open(my $random, '<', '/dev/urandom') or die;
  sysread($random, my $bytes, 1 << 20) == 1 << 20 or die 'no random bytes';

  # Direct requests want memory on a sector's border, and system calls take addresses.
  my $buffer = "\0" x ($piece + $sector);
  my $address = unpack('Q', pack('p', $buffer));
  my $start = ($sector - $address % $sector) % $sector;
  $address += $start;

  for my $number (1 .. $operations) {
    my $size = $sector * int(2 ** rand(log($piece / $sector) / log(2)));
    my $offset = $piece * ($worker + $workers * int(rand(int(($pieces - 1 - $worker) / $workers) + 1)));
    $offset += $sector * int(rand(($piece - $size) / $sector + 1));
    my $what = "worker $worker, operation $number, $size bytes at $offset of $device";
    my $kind = rand;
    my $old = '';
    sysseek($kept, $offset, 0);
    sysread($kept, $old, $size) == $size or die "model: $what";
    my $new = $old;
    if ($kind < 0.45) {
      $new = substr($bytes, int(rand(length($bytes) - $size)), $size);
      substr($buffer, $start, $size) = $new;
      syscall($pwrite, fileno($disk), $address, $size, $offset) == $size or die "write: $!: $what";
    } elsif ($kind < 0.65) {
      $new = read_disk($disk, $address, $size, $offset, \$buffer, $start, $what);
      $new eq $old or die "read something else: $what";
    } elsif ($kind < 0.77) {
      ioctl($disk, $discard, pack('QQ', $offset, $size)) or die "discard: $!: $what";
      $new = read_disk($disk, $address, $size, $offset, \$buffer, $start, $what);
      for (my $at = 0; $at < $size; $at += $sector) {
        my $now = substr($new, $at, $sector);
        $now eq substr($old, $at, $sector) or $now !~ /[^\0]/ or die "neither kept nor zero after discard: $what";
      }
    } elsif ($kind < 0.92) {
      ioctl($disk, $zero_out, pack('QQ', $offset, $size)) or die "zeros: $!: $what";
      $new = "\0" x $size;
    } else {
      syscall($fdatasync, fileno($disk)) == 0 or die "flush: $!: $what";
    }
    next if $new eq $old;
    sysseek($kept, $offset, 0);
    syswrite($kept, $new) == $size or die "model: $!";
  }
  exit 0;
}

my $failed = 0;
for (1 .. $workers) {
  wait;
  $failed = 1 if $?;
}
sysopen(my $disk, $device, $read_write) or die;
syscall($fdatasync, fileno($disk)) == 0 or die "flush: $!";
print $failed ? "storm failed\n" : 'storm ' . $workers * $operations . " operations\n";
exit $failed;

sub read_disk {
  my ($disk, $address, $size, $offset, $buffer, $start, $what) = @_;
  syscall($pread, fileno($disk), $address, $size, $offset) == $size or die "read: $!: $what";
  return substr($$buffer, $start, $size);
}
