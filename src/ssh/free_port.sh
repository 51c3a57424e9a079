# Ends the SSH session that listens on the port $1 of this machine: one whose link died in silence,
# so that its sshd waits for it, for hours if nobody tells it. Any other program is left alone.
hex=$(printf '%04X' "$1")

# Says the sockets that listen on the port.
listening() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ local _ state _ _ _ _ _ inode _; do
    case "$local $state" in *:"$hex 0A") echo "$inode" ;; esac
  done
}

for inode in $(listening); do
  for place in $(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2>/dev/null); do
    pid=${place#/proc/} && pid=${pid%%/*}
    case $(cat "/proc/$pid/comm" 2>/dev/null) in
      sshd*) kill "$pid" && echo "$pid" ;;
    esac
  done
done

for _ in 1 2 3 4 5 6 7 8 9 10; do
  [ -n "$(listening)" ] || exit 0
  sleep 0.2
done
exit 1
