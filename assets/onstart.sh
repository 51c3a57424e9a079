#!/bin/sh
# Runs at every start of the rental's container, so each part can be repeated.
R=${POCPIT_ROOT:-}
LIB=$R/var/lib/pocpit LOG=$R/var/log/pocpit
mkdir -p "$LIB"
mkdir -p "$LOG"
chmod 700 "$LIB"

# Some shells do not get the container's environment, nor what the image set: take what is
# missing from these files. R is this script's own; INFERENCE_PORT would move the ports of vLLM.
kept() {
  tr '\n\0' ' \n' <"$R/proc/1/environ"
  sed 's/^export //; s/="\(.*\)"$/=\1/' "$R/etc/environment"
}
while IFS= read -r pair; do
  name=${pair%%=*}
  case $name in '' | [0-9]* | *[!A-Za-z0-9_]* | R | INFERENCE_PORT) continue ;; esac
  if [ "$name" = PATH ] && [ "$pair" != "PATH=$PATH" ]; then
    PATH=${pair#*=}:$PATH
  fi
  eval "value=\${$name:-}"
  [ -n "$value" ] || { eval "$name=\${pair#*=}"; export "${name?}"; }
done <<EOF
$(kept 2>/dev/null)
EOF
umask 077

# 1. The watchdog, before anything that can fail: a rental nobody renews ends itself.
# If the disk is not writable, small files are kept in memory.
MEM=$R/dev/shm/pocpit
save() {
  saved=$LIB/$1
  if write "$2"; then rm -f "$MEM/$1"; return 0; fi
  saved=$MEM/$1
  mkdir -p "$MEM" && chmod 700 "$MEM" && write "$2"
} 2>/dev/null
write() { printf '%s\n' "$1" >"$saved.new" && mv -f "$saved.new" "$saved"; }
load() { cat "$MEM/$1" 2>/dev/null || cat "$LIB/$1" 2>/dev/null; }
number() { case $1 in '' | *[!0-9]* | ????????????*) return 1 ;; esac; }

# The key is passed on standard input or in a file: argument lists are public. The next
# program is tried when one is missing or broken, not when the market refuses.
destroy() {
  url=${POCPIT_VAST_URL:-https://console.vast.ai}/api/v0/instances/$CONTAINER_ID/
  auth="Authorization: Bearer $CONTAINER_API_KEY" type='Content-Type: application/json'
  printf 'header = "%s"\n' "$auth" | curl -fsS -m 60 -K - -X DELETE -H "$type" -d '{}' "$url"
  s=$?
  case $s in 0 | 22) return $s ;; esac
  save wgetrc "header = $auth" && wget --config="$saved" --method=DELETE --header="$type" \
    --body-data='{}' -nv -T 60 -t 1 -O - "$url"
  s=$?
  case $s in 0 | 8) return $s ;; esac
  python3 - "$url" <<'PY'
import os, sys, urllib.request as u
u.urlopen(u.Request(sys.argv[1], b"{}", {"Content-Type": "application/json", "Authorization":
  "Bearer " + os.environ["CONTAINER_API_KEY"]}, method="DELETE"), timeout=60)
PY
}
# Sets left to the seconds left of the renewed lease; without one to those of the order's, or to an
# hour if there is none either. The wall clock may be wrong or be set: time is measured by the
# host's uptime, or else by our sleeps. A renewal says how long it holds, which may be shorter than
# the order did. Any other lease, the later one, is taken from the wall clock once, and the order's
# is no longer than its seconds.
look() {
  up='' now=$(date +%s)
  read -r up _ <"$UPTIME"
  up=${up%%.*}
  number "$up" || up=$tick
  # shellcheck disable=SC2046
  left_of $(load lease.left) && return
  until=0
  for n in "${POCPIT_LEASE_UNTIL:-}" "$(load lease)"; do
    number "$n" && [ "$n" -gt "$until" ] && until=$n
  done
  # shellcheck disable=SC2086
  [ "${own%% *}" = "$until" ] && left_of $own && return
  left=3600 most=2678400
  number "$now" && [ "$until" -gt 0 ] && left=$((until - now))
  if [ "$until" = "${POCPIT_LEASE_UNTIL:-0}" ] && number "${POCPIT_LEASE_SECONDS:-}"; then
    most=$POCPIT_LEASE_SECONDS
    number "$now" || left=$most
  fi
  [ "$left" -le "$most" ] || left=$most
  [ "$left" -gt 0 ] || left=0
  own="$until $up $left"
  save lease.own "$own"
} 2>/dev/null
# left_of UNTIL UP SECONDS: sets until and left for a lease with SECONDS to go at uptime UP. Fails
# if that was before a reboot.
left_of() {
  number "$1" && number "$2" && number "$3" && [ "$2" -le "$up" ] && until=$1 left=$(($2 + $3 - up))
}
watchdog() {
  tools='' error=''
  for tool in curl wget python3; do
    "$tool" --version >/dev/null 2>&1 && tools=$tools,$tool
  done
  while :; do
    look
    save watchdog.status "up=$up until=$until left=$left tools=${tools#,} error=$error"
    if [ "$left" -le 0 ]; then
      echo "$(date -u) the lease is over: destroying this instance"
      # The reply is no proof. While this runs the instance exists: ask again.
      out=$(destroy 2>&1) && error='' || error=$(echo "$out" | tr '\n' ' ' | cut -c1-200)
      echo "$out"
    fi
    sleep "${POCPIT_PAUSE:-15}"
    tick=$((tick + 15))
  done
}
running() {
  p=$(load "$1.pid") && [ -n "$p" ] && kill -0 "$p" 2>/dev/null &&
    [ "$(load "$1.boot")" = "$BOOT" ]
}
# The process id may have been reused, so its status, written every 15 s, must be recent too.
watched() {
  running watchdog && s=$(load watchdog.status) && s=${s#up=} && s=${s%% *} &&
    number "$s" && [ $((up - s)) -lt 300 ]
}
started() {
  save "$1.pid" "$2"
  save "$1.boot" "$BOOT"
}
# Nothing stops because its log cannot be written.
log() { if (: >>"$LOG/$1.log") 2>/dev/null; then echo "$LOG/$1.log"; else echo /dev/null; fi; }
# When process 1 started: a process id from before a restart means nothing.
BOOT=$(sed 's/.*) //' /proc/1/stat 2>/dev/null | cut -d' ' -f20)
UPTIME=$R/proc/uptime tick=0 own=$(load lease.own)
[ -e "$UPTIME" ] || UPTIME=/proc/uptime
look
if ! watched; then
  save watchdog.status "up=$up"
  (trap '' HUP; watchdog) >>"$(log watchdog)" 2>&1 </dev/null &
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

# 4. The workload, without the key that can destroy the instance. It is started again whenever
# it ends. vLLM has sessions of its own and outlives it: GPUs and ports must be free first.
say() { echo "pocpit: $*"; }
# Sets ids to vLLM's processes and to all in the sessions that one of them leads or led.
find_vllm() {
  ids='' sessions=' '
  for of in vllm sessions; do
    for dir in "$R"/proc/[0-9]*; do
      p=${dir##*/}
      read -r stat 2>/dev/null <"$dir/stat" || continue
      read -r state _ _ session _ <<EOF
${stat##*) }
EOF
      case $state in Z | X) continue ;; esac
      case " 1 $WATCHDOG $ids " in *" $p "*) continue ;; esac
      if [ "$of" = sessions ]; then
        case $sessions in *" $session "*) ids="$ids $p" ;; esac
        continue
      fi
      case $(tr '\0' ' ' 2>/dev/null <"$dir/cmdline") in
        *' -m vllm.entrypoints.'* | *' -m gonka_poc.'* | VLLM::*) ;;
        *) continue ;;
      esac
      ids="$ids $p"
      [ "$session" != "$SESSION" ] || continue
      if [ "$p" = "$session" ] || [ ! -d "$R/proc/$session" ]; then
        sessions="$sessions$session "
      fi
    done
  done
  [ -n "$ids" ]
}
gone_within() {
  left=$1
  while find_vllm; do
    [ "$left" -gt 0 ] || return 1
    left=$((left - 1))
    sleep 1
  done
}
end_vllm() {
  find_vllm || return 0
  say "ending what is left of vLLM:$ids"
  # shellcheck disable=SC2086
  kill -TERM $ids 2>/dev/null
  gone_within 10 && return
  # shellcheck disable=SC2086
  kill -KILL $ids 2>/dev/null
  gone_within 30 || say "still there:$ids"
}
gpus_free() {
  held=$(timeout 10 nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits 2>/dev/null) ||
    return 0
  for mb in $held; do
    case $mb in *[!0-9]*) continue ;; esac
    [ "$mb" -lt 2000 ] || return 1
  done
}
free_gpus() {
  left=30
  until gpus_free; do
    [ "$left" -gt 0 ] || { say 'the memory of the GPUs is still held'; return; }
    left=$((left - 1))
    sleep 2
  done
}
record() {
  echo "state=$1 restarts=$restarts${status:+ status=$status} at=$(date +%s)" >"$LIB/mlnode.new" &&
    mv "$LIB/mlnode.new" "$LIB/mlnode.status"
}
run_workload() {
  unset CONTAINER_API_KEY INFERENCE_PORT
  restarts=0 status='' pause=${POCPIT_FIRST_PAUSE:-5}
  while :; do
    end_vllm
    free_gpus
    record running
    began=$(date +%s)
    (exec sh -c "$POCPIT_COMMAND")
    status=$?
    [ $(($(date +%s) - began)) -lt 600 ] || pause=${POCPIT_FIRST_PAUSE:-5}
    record ended
    restarts=$((restarts + 1))
    say "the workload ended with status $status; restart $restarts in $pause s"
    sleep "$pause"
    pause=$((pause * 2))
    [ "$pause" -le 60 ] || pause=60
  done
}
if [ -n "${POCPIT_COMMAND:-}" ] && ! running mlnode; then
  # end_vllm spares the watchdog and the session that this script runs in.
  WATCHDOG=$(load watchdog.pid)
  SESSION=$(sed 's/.*) //' /proc/$$/stat 2>/dev/null | cut -d' ' -f4)
  umask 022
  (trap '' HUP; run_workload) >>"$(log mlnode)" 2>&1 </dev/null &
  started mlnode $!
fi
exit 0
