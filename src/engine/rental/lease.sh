# Renews this rental's lease: until $1 by the wall clock, which is $2 seconds from now. Without
# arguments it changes nothing. Then it says what the watchdog of the start script makes of the lease.
root=${POCPIT_ROOT:-}
lib=$root/var/lib/pocpit mem=$root/dev/shm/pocpit
read -r up _ </proc/uptime
up=${up%%.*}
write() { printf '%s\n' "$1" >"$saved.new" && mv -f "$saved.new" "$saved"; }
save() {
  saved=$lib/$1
  if write "$2"; then rm -f "$mem/$1"; return 0; fi
  saved=$mem/$1
  mkdir -p "$mem" && chmod 700 "$mem" && write "$2"
}
load() { cat "$mem/$1" 2>/dev/null || cat "$lib/$1" 2>/dev/null; }

if [ -n "${1:-}" ]; then
  [ -z "$up" ] || save lease.left "$1 $up $2"
  save lease "$1" || exit 1
fi
pid=$(load watchdog.pid)
alive=no
[ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && alive=yes
echo "alive=$alive now=$(date +%s) uptime=$up lease=$(load lease)"
load watchdog.status
exit 0
