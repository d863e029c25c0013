#!/bin/sh
# The demo finds its fault and nothing else, says so when there is none, and leaves no process behind when it is stopped.
glia=$builddir/glia
n=0
failures=0
out=$(mktemp) || exit 99
made=
trap 'rm -f "$out"; for d in $made; do rm -rf "$d"; done' EXIT

point() {
  status=${2-$?}
  n=$((n + 1))
  if [ "$status" = 0 ]; then
    echo "ok $n - $1"
  else
    echo "not ok $n - $1"
    failures=$((failures + 1))
    sed 's/^/# /' "$out"
  fi
}
command -v mpirun >/dev/null 2>&1 || { echo "1..0 # SKIP no mpirun on this machine"; exit 0; }

# demo FAULT: run it; sets $code, $dir and $took.
demo() {
  start=$(date +%s)
  GLIA_DEMO_FAULT=$1 timeout --kill-after=10 400 "$srcdir/jobs/demo.sh" "$builddir" >"$out" 2>&1 </dev/null
  code=$?
  took=$(($(date +%s) - start))
  dir=$(sed -n 's|^Report: *\(.*\)/report.html$|\1|p' "$out")
  made="$made $dir"
}
left() { pgrep -f "$glia (train|inject|demo|detect)" >/dev/null 2>&1; }

demo membw
[ "$code" = 0 ] && grep -q "^Found: the fault 'membw' raised an alarm [0-9.]* s after it began, by node_" "$out"; point "the fault is found, and no more than 5 % of the rest alarms"
[ "$took" -le 180 ]; point "within three minutes ($took s)"
[ -s "$dir/report.html" ] && [ -s "$dir/today.svg" ] && [ -s "$dir/today.csv" ]; point "report, picture and numbers are there"
grep -q 'membw  *| *XX*' "$out" && grep -q '^  alarm ' "$out"; point "the timeline shows the fault"
! left; point "no process is left"

demo none
[ "$code" != 0 ] && grep -q '^Nothing was found: no fault was injected' "$out"; point "without a fault nothing is found, and the exit code says so"

setsid "$srcdir/jobs/demo.sh" "$builddir" >"$out" 2>&1 </dev/null &
pid=$!
sleep 12 # the first job runs
left; point "the demo is at work"
kill -TERM "-$pid" # dash takes no -- after a signal
wait "$pid"; code=$?
dir=$(sed -n 's/.* is in \(.*\)$/\1/p' "$out" | tail -1)
made="$made $dir"
i=0; while left && [ $i -lt 50 ]; do sleep 0.2; i=$((i + 1)); done
[ "$code" != 0 ] && ! left; point "stopped, it leaves no process"
[ -n "$dir" ] && [ ! -e "$dir/usual.h5" ]; point "and no half recording under a whole one's name"

GLIA_DEMO_FAULT=fire "$srcdir/jobs/demo.sh" "$builddir" >"$out" 2>&1; [ $? = 64 ]; point "an unknown fault is refused"

echo "1..$n"
[ "$failures" = 0 ]
