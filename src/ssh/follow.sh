# Follows the file $1, which had the inode $2 when its first $3 bytes were read, the last of them
# being $4 in hexadecimal. Says `pocpit-log INODE OFFSET`, then gives what is in the file from that
# offset on, as it grows. Ends when the file was read to its end and is not that file any more.
file=$1 inode=$2 offset=$3 before=$4

# Without a terminal nothing would end this when the link is lost. Our input is closed then.
exec 5<&0
{ cat <&5 >/dev/null; kill $$; } >/dev/null 2>&1 &
guard=$!

# The last bytes before the offset: they tell a file from another one that got its inode or name.
before_offset() {
  count=$((${#before} / 2))
  tail -c "+$((offset - count + 1))" /dev/fd/3 | head -c "$count" | od -An -v -tx1 | tr -d ' \n'
}

# Opens the file that was read until now, wherever it was moved to. One that was moved aside and has
# no more to give is done with.
open_known() {
  [ "$offset" -gt 0 ] || return 1
  known=$(find "${file%/*}/" -maxdepth 1 -inum "$inode" -type f 2>/dev/null | head -n 1)
  [ -n "$known" ] && exec 3<"$known" || return 1
  size=$(stat -L -c %s /dev/fd/3)
  [ "$size" -ge "$offset" ] && [ "$(before_offset)" = "$before" ] || return 1
  [ "$known" = "$file" ] || [ "$size" -gt "$offset" ] || ! [ -f "$file" ]
}

if ! open_known; then
  offset=0
  until [ -f "$file" ]; do sleep 0.5; done
  exec 3<"$file"
fi
echo "pocpit-log $(stat -L -c %i /dev/fd/3) $offset"
# `dd` only moves to the offset, and `cat` reads much more at a time than `tail` does.
[ "$offset" -eq 0 ] || dd bs=1 skip="$offset" count=0 <&3 2>/dev/null
cat <&3

# Every reader takes up where the last one ended: they share one open file.
while :; do
  # Our inode and size, then the inode of what has the name now.
  set -- $(stat -L -c '%i %s' /dev/fd/3; stat -L -c %i "$file" 2>/dev/null)
  read -r _ position </proc/self/fdinfo/3
  [ "$2" -ge "$position" ] || break
  if [ "$2" -gt "$position" ]; then
    cat <&3
  elif [ "${3:-$1}" != "$1" ]; then
    break
  fi
  sleep 0.2
done
kill "$guard"
