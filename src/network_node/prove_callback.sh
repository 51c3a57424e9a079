# Makes the callback's host lead to this machine where needed, then calls the callback.
# Arguments: name|plain, host, URL. Says "http STATUS" and the beginning of the body, or "failed"
# and why. What the shell prints before that, from a .bashrc, is not ours.
kind=$1 host=$2 url=$3
say() { echo "pocpit-callback $*"; }
take_name() {
  found=$(getent ahosts "$host" | while read -r ip _; do echo "$ip"; done | sort -u)
  [ "$found" = 127.0.0.1 ] && return 0
  # The name must have no other address. The file is a mount: it cannot be replaced, only rewritten.
  kept=$(awk -v host="$host" '
    /^[ \t]*#/ { print; next }
    { line = $1; names = 0
      for (i = 2; i <= NF; i++) if ($i != host) { line = line " " $i; names++ }
      if (names) print line }' /etc/hosts) &&
    printf '127.0.0.1 %s\n%s\n' "$host" "$kept" >/etc/hosts
}
if [ "$kind" = name ]; then
  why=$(take_name 2>&1) || { say "unmapped $why"; exit 0; }
fi
body=$(mktemp) && trap 'rm -f "$body" "$body.why"' EXIT
if command -v curl >/dev/null; then
  if status=$(curl -sS -m 10 -o "$body" -w '%{http_code}' "$url" 2>"$body.why"); then
    say "http $status"
    head -c 300 "$body"
  else
    say "failed $(head -c 300 "$body.why")"
  fi
elif command -v python3 >/dev/null; then
  python3 - "$url" <<'ASK'
import sys, urllib.error, urllib.request
try:
    try:
        reply = urllib.request.urlopen(sys.argv[1], timeout=10)
    except urllib.error.HTTPError as error:
        reply = error
    print("pocpit-callback http", reply.status)
    print(reply.read(300).decode("utf-8", "replace"))
except OSError as error:
    print("pocpit-callback failed", error)
ASK
elif command -v wget >/dev/null; then
  if wget -q -T 10 -t 1 -O "$body" "$url" 2>"$body.why"; then
    say "http 200"
    head -c 300 "$body"
  else
    say "failed wget: $(head -c 300 "$body.why")"
  fi
else
  say "failed there is no curl, python3 or wget on the rental"
fi
