# Sourced by tests that serve and scrape: daemons with ports of their own, all gone when the script ends.
agent=$builddir/glia-agent
daemons=
trap 'for d in $daemons $child; do kill -9 "$d" 2>/dev/null; done; rm -rf "$dir"' EXIT
# free_port: one that nobody listens on
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# serve NAME COMMAND...: in the background, its log in $dir/NAME.log, its number in $pid
serve() {
  name=$1; shift
  "$@" >"$dir/$name.log" 2>&1 & pid=$!
  daemons="$daemons $pid"
}
# port_of NAME: waits until the log says it
port_of() {
  wait_for 20 grep -q 'listening port=' "$dir/$1.log" || return 1
  sed -n 's/.*listening port=\([0-9]*\).*/\1/p' "$dir/$1.log" | head -1
}
get() { curl -s -S -m 10 "$@" >"$out" 2>"$err"; }
# code URL...: the status alone
code() { curl -s -m 10 -o /dev/null -w '%{http_code}' "$@" 2>/dev/null; }
