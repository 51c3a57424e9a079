#!/bin/sh
# Runs at every start of the rental's container, so each part can be repeated.
R=${POCPIT_ROOT:-}
LIB=$R/var/lib/pocpit LOG=$R/var/log/pocpit
mkdir -p "$LIB" "$LOG"
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
  WATCHDOG=$(cat "$LIB/watchdog.pid")
  SESSION=$(sed 's/.*) //' /proc/$$/stat 2>/dev/null | cut -d' ' -f4)
  umask 022
  (trap '' HUP; run_workload) >>"$LOG/mlnode.log" 2>&1 </dev/null &
  started mlnode $!
fi
exit 0
