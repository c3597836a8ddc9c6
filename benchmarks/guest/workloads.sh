# The workloads: do_NAME does a fixed amount of work, times $scale percent, and returns 0 if it went well. Read by init.sh; the host reads the
# names off this file, in its order.

# amount COUNT: the count at this scale, at least 1.
amount() {
  local scaled=$(($1 * scale / 100))
  echo $((scaled > 0 ? scaled : 1))
}

# stress CLASS OPERATIONS OPTION...: one worker of stress-ng until it has done so many operations.
stress() {
  local class=$1 operations=$2
  shift 2
  stress-ng "--$class" 1 "--$class-ops" "$operations" --timeout 0 "$@"
}

# Integers.
do_queens() { stress cpu "$(amount 900)" --cpu-method queens; }
do_sieve() { stress cpu "$(amount 2000)" --cpu-method sieve; }

# Compression: branches, tables, unaligned copies.
do_zstd() {
  head -c "$(amount 4000000)" /bench/corpus > text
  zstd -q -12 --single-thread text -o packed && zstd -q -d packed -o unpacked && cmp text unpacked
}

# Cryptography, with whatever instructions the processor offers.
do_sha256() {
  local left
  left=$(amount 50)
  while [ "$left" -gt 0 ]; do
    cat /bench/corpus
    left=$((left - 1))
  done | openssl dgst -sha256
}
do_aes() {
  local left
  left=$(amount 40)
  while [ "$left" -gt 0 ]; do
    cat /bench/corpus
    left=$((left - 1))
  done | openssl enc -aes-256-ctr -K 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff -iv 000102030405060708090a0b0c0d0e0f > /dev/null
}

# Floating point: vectors, an interpreter's scalars, and the x87.
do_matrix() { stress matrix "$(amount 250)" --matrix-method prod --matrix-size 128; }
do_nbody() { lua5.4 /bench/nbody.lua "$(amount 150000)"; }
do_longdouble() { stress cpu "$(amount 350)" --cpu-method longdouble; }

# Memory.
do_memcpy() { stress memcpy "$(amount 200)"; }
do_fault() { stress fault "$(amount 9000)"; }

# The kernel: system calls, processes, switches between them.
do_syscall() { dd if=/dev/zero of=/dev/null bs=1 count="$(amount 1500000)"; }
do_forkexec() {
  local left
  left=$(amount 700)
  while [ "$left" -gt 0 ]; do
    /usr/bin/busybox true || return 1
    left=$((left - 1))
  done
}
do_pipe() { stress switch "$(amount 60000)" --switch-method pipe; }

# Languages: an interpreter, and one that makes machine code as it goes.
do_python() { python3 /bench/words.py "$(amount 60)"; }
do_luajit() { luajit /bench/nbody.lua "$(amount 1500000)"; }

# A database.
do_sqlite() { sed "s/@ROWS@/$(amount 120000)/" /bench/orders.sql | sqlite3 -bail :memory:; }
