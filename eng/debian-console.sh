# For the scripts that drive Debian over its serial console: source it. It gives $work, a folder that is gone at the end, as is the machine that
# "begin" started; commands are typed and their success is waited for.

work=$(mktemp -d)
machine=
helpers=()
trap '[ -z "$machine" ] || kill "$machine" 2> /dev/null || true; kill "${helpers[@]}" 2> /dev/null || true; rm -rf "$work"' EXIT

# begin COMMAND...: runs a machine whose console is in $work/console and whose keys go to descriptor 9.
begin() {
  rm -f "$work/keys"
  mkfifo "$work/keys"
  : > "$work/console"
  seen=0
  "$@" < "$work/keys" > "$work/console" 2> "$work/errors" &
  machine=$!
  exec 9> "$work/keys"
  started=$(date +%s%N)
}

# wait_for TEXT SECONDS: waits until the console shows TEXT behind what was waited for before.
wait_for() {
  local end=$((SECONDS + $2)) at
  while true; do
    at=$(tail -c +$((seen + 1)) "$work/console" | grep -abo -m1 -- "$1" | head -1 | cut -d: -f1 || true)
    if [ -n "$at" ]; then
      seen=$((seen + at + ${#1}))
      return 0
    fi
    if [ $SECONDS -ge $end ] || ! kill -0 "$machine" 2> /dev/null; then
      echo "not ok: waited $2 s for '$1'; the console ends with:" >&2
      tail -n 15 "$work/console" >&2
      cat "$work/errors" >&2
      return 1
    fi
    sleep 0.1
  done
}

seconds() { echo "$((($(date +%s%N) - started) / 1000000))" | sed 's/\(.*\)\(...\)$/\1.\2/; s/^\./0./'; }

say() { printf '%s\r' "$1" >&9; }

# run COMMAND SECONDS: types a command and waits until it has succeeded.
run() {
  say "$1 && echo done-\$((20 + 22)) || echo failed-\$?"
  wait_for "done-42" "$2"
}

log_in() {
  wait_for "login: " 600
  say root
  wait_for "Password: " 120
  say vivarium
  wait_for "root@vivarium" 120
}
