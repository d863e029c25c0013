# Sourced by script tests: TAP points and small tools. Sets dir, out, err; cleans up; `finish` ends the script.
glia=$builddir/glia
n=0
failures=0
dir=$(mktemp -d "${TMPDIR:-/tmp}/glia-test.XXXXXX") || exit 99
child= # process in the background, if any
trap '[ -z "$child" ] || kill -9 "$child" 2>/dev/null; rm -rf "$dir"' EXIT
out=$dir/out
err=$dir/err
: >"$out"; : >"$err"

# point NAME [STATUS]: one TAP point from the status of the last command, or the one given.
point() {
  status=${2-$?}
  n=$((n + 1))
  if [ "$status" = 0 ]; then
    echo "ok $n - $1"
  else
    echo "not ok $n - $1"
    failures=$((failures + 1))
    sed 's/^/# out: /' "$out"; sed 's/^/# err: /' "$err"
  fi
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

# fell_in_start: Open MPI 4.1 that srun started jumped to address 0 inside MPI_Init, before any rank wrote a line (docs/adr/0058). Its own
# handler tells: a single frame, in libc, none of a program.
fell_in_start() {
  said 'Signal: Segmentation fault' && said 'Failing at address: (nil)' && said 'srun: error: .*Segmentation fault' &&
    said '[[] 0[]] .*libc[.]so' && ! said '[[] *[1-9][0-9]*[]] ' && ! said '[[] 0[]] .*glia' &&
    ! said '^[-0-9]*T[0-9:.]*Z ' && [ ! -s "$out" ]
}
# launched NAME: the point of a run by srun on several ranks, from the status of the last command.
launched() {
  status=$?
  if [ "$status" != 0 ] && fell_in_start; then skip "$1" "Open MPI fell in MPI_Init, docs/adr/0058"; else point "$1" "$status"; fi
}

# exits CODE COMMAND...: run it, keep what it writes; true when it ends with CODE.
exits() {
  want=$1; shift
  timeout "${within_s:-60}" "$@" >"$out" 2>"$err" </dev/null
  got=$?
  [ "$got" = "$want" ] || { echo "# exit $got, expected $want: $*"; return 1; }
}
said() { grep -q -- "$1" "$err"; }
# key NAME: number, word or truth of a key of the JSON object printed.
key() { tr -d '\n' <"$out" | sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p"; }
# about X LO HI
about() { awk -v x="$1" -v lo="$2" -v hi="$3" 'BEGIN { exit !(x != "" && x + 0 >= lo && x + 0 <= hi) }'; }
milliseconds() { awk '{ printf "%d\n", 1000 * $1 }' /proc/uptime; }
# wait_for SECONDS COMMAND...: until it is true
wait_for() {
  left=$(($1 * 10)); shift
  until "$@"; do
    left=$((left - 1)); [ "$left" -gt 0 ] || return 1
    sleep 0.1
  done
}
gone() { ! kill -0 "$1" 2>/dev/null; }
finish() { echo "1..$n"; exit "$((failures > 0))"; }
