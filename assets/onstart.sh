#!/bin/sh
# Runs at every start of the rental's container, so each part can be repeated.
R=${POCPIT_ROOT:-}
LIB=$R/var/lib/pocpit LOG=$R/var/log/pocpit
mkdir -p "$LIB" "$LOG"
chmod 700 "$LIB"

# Some shells do not get the container's environment: look where it is kept.
kept() {
  if [ -r "$R/proc/1/environ" ]; then
    tr '\n\0' ' \n' <"$R/proc/1/environ" | sed -n "s/^$1=//p" | head -n 1
  fi
  if [ -r "$R/etc/environment" ]; then
    sed -n "s/^\(export \)\{0,1\}$1=//p" "$R/etc/environment" | sed 's/^"\(.*\)"$/\1/' | head -n 1
  fi
}
for name in POCPIT_LEASE_UNTIL POCPIT_COMMAND POCPIT_SSH_KEY POCPIT_VAST_URL \
  CONTAINER_ID CONTAINER_API_KEY; do
  eval "value=\${$name:-}"
  [ -n "$value" ] || value=$(kept "$name" | sed -n '/./{p;q;}')
  [ -z "$value" ] || { eval "$name=\$value"; export "${name?}"; }
done
umask 077

# 1. The watchdog, before anything that can fail: a rental nobody renews ends itself.
# The key goes to curl on standard input, so that no argument list shows it.
destroy() {
  url=${POCPIT_VAST_URL:-https://console.vast.ai}/api/v0/instances/$CONTAINER_ID/
  if command -v curl >/dev/null 2>&1; then
    printf 'header = "Authorization: Bearer %s"\n' "$CONTAINER_API_KEY" |
      curl -fsS -m 60 -K - -X DELETE -H 'Content-Type: application/json' -d '{}' "$url"
  else
    python3 - "$url" <<'PY'
import os, sys, urllib.request as u
u.urlopen(u.Request(sys.argv[1], b"{}", {"Content-Type": "application/json", "Authorization":
  "Bearer " + os.environ["CONTAINER_API_KEY"]}, method="DELETE"), timeout=60)
PY
  fi
}
# The later of the order's lease and the renewed one. What is not a number is no lease;
# without any there is an hour, in which the cockpit can write one.
FIRST=$(($(date +%s) + 3600))
lease() {
  until=0
  for n in "${POCPIT_LEASE_UNTIL:-}" "$(cat "$LIB/lease" 2>/dev/null)"; do
    case $n in '' | *[!0-9]* | ????????????*) continue ;; esac
    [ "$n" -le "$until" ] || until=$n
  done
  [ "$until" -gt 0 ] || until=$FIRST
  echo "$until"
}
watchdog() {
  while :; do
    if [ "$(date +%s)" -ge "$(lease)" ]; then
      echo "$(date -u) the lease is over: destroying this instance"
      # The reply is no proof. While this runs the instance exists: ask again.
      destroy
      echo
    fi
    sleep "${POCPIT_PAUSE:-15}"
  done
}
running() {
  p=$(cat "$LIB/$1.pid" 2>/dev/null) && [ -n "$p" ] && kill -0 "$p" 2>/dev/null &&
    [ "$(cat "$LIB/$1.boot" 2>/dev/null)" = "$BOOT" ]
}
started() {
  echo "$2" >"$LIB/$1.pid"
  echo "$BOOT" >"$LIB/$1.boot"
}
# When process 1 started: a process id from before a restart means nothing.
BOOT=$(sed 's/.*) //' /proc/1/stat 2>/dev/null | cut -d' ' -f20)
if ! running watchdog; then
  (trap '' HUP; watchdog) >>"$LOG/watchdog.log" 2>&1 </dev/null &
  started watchdog $!
fi

# 2. Let the cockpit in, without tmux around its commands.
H=$R/root
mkdir -p "$H/.ssh"
chmod 700 "$H/.ssh"
: >"$H/.no_auto_tmux"
K=$H/.ssh/authorized_keys
touch "$K"
if [ -n "${POCPIT_SSH_KEY:-}" ] && ! grep -qxF -e "$POCPIT_SSH_KEY" "$K"; then
  printf '\n%s\n' "$POCPIT_SSH_KEY" >>"$K"
fi
chmod 600 "$K"

# 3. The callback's host name leads into the tunnel.
grep -qE '^127\.0\.0\.1[[:space:]]+api$' "$R/etc/hosts" 2>/dev/null ||
  printf '\n127.0.0.1 api\n' >>"$R/etc/hosts"

# 4. The workload, without the key that can destroy the instance.
if [ -n "${POCPIT_COMMAND:-}" ] && ! running mlnode; then
  umask 022
  (trap '' HUP; unset CONTAINER_API_KEY; exec sh -c "$POCPIT_COMMAND") \
    >>"$LOG/mlnode.log" 2>&1 </dev/null &
  started mlnode $!
fi
exit 0
