#!/bin/sh
# glia inject as people run it.
. "$srcdir/tests/points.sh"

before=$(milliseconds)
exits 0 "$glia" inject cpu --for 1 --json
status=$?
took=$(($(milliseconds) - before))
[ "$status" = 0 ] && [ "$(key kind)" = cpu ] && about "$(key seconds)" 1 3 && [ "$took" -lt 5000 ] && [ "$(key stopped)" = false ]
point "inject cpu ends by itself in time"
about "$(key cpu_s)" 0.1 "$(key threads)0" && [ "$(key threads)" = "$(nproc)" ]; point "it took cores, and as many as it may use"
exits 0 "$glia" inject membw --for 0.5 --threads 1 --size 16MiB --json && about "$(key bytes_per_s)" 1e7 1e13 &&
  [ "$(key size_bytes)" = 16777216 ] && [ "$(key threads)" = 1 ]
point "inject membw streams through as much memory as asked"
exits 0 "$glia" inject cpu --for 0.2 --threads 1 && grep -q '^cpu for 0\.[2-9] s on 1 core$' "$out"; point "people get a sentence"

# The fault is on when threads beside the first one run and signals are caught: libraries have threads from the start.
caught() { case $(sed -n 's/^SigCgt:.*\(.\)$/\1/p' "/proc/$child/status" 2>/dev/null) in [2367abef]) ;; *) return 1 ;; esac; }
busy() { caught && [ "$(ls "/proc/$child/task" 2>/dev/null | wc -l)" -gt 1 ]; }

for signal in INT TERM; do
  # A shell starts background jobs deaf to SIGINT: env gives it back where it can.
  env --default-signal=INT "$glia" inject cpu --for 50 --json >"$out" 2>"$err" & child=$!
  wait_for 10 busy
  kill -$signal "$child" 2>/dev/null
  before=$(milliseconds)
  wait "$child"; status=$?
  took=$(($(milliseconds) - before)); child=
  [ "$status" = 0 ] && [ "$(key stopped)" = true ] && [ "$took" -lt 3000 ] && about "$(key seconds)" 0 10
  point "SIG$signal stops it at once"
done

"$glia" inject cpu --for 50 >"$out" 2>"$err" & child=$!
wait_for 10 busy
started=$?
ps -o pid= --ppid "$child" >"$dir/children" 2>/dev/null
kill -9 "$child"; wait "$child" 2>/dev/null
[ "$started" = 0 ] && gone "$child" && [ ! -s "$dir/children" ]; point "killed, it leaves no process behind"
child=

# Killed, a fault leaves nothing: no file, no process. The kernel takes back what a process has.
files() { ls -A "$dir/tmp" | wc -l; }
mkdir "$dir/tmp"
for kind in leak cache io network; do
  TMPDIR=$dir/tmp "$glia" inject "$kind" --for 50 --size 64MiB >"$out" 2>"$err" & child=$!
  wait_for 10 busy; started=$?
  sleep 0.3
  shown=$(files)
  kill -9 "$child"; wait "$child" 2>/dev/null
  [ "$started" = 0 ] && gone "$child" && [ "$shown" = 0 ] && [ "$(files)" = 0 ]; point "$kind, killed, leaves nothing behind"
  child=
done
exits 0 env TMPDIR="$dir/tmp" "$glia" inject io --for 0.5 --size 8MiB --json && about "$(key bytes_per_s)" 1e4 1e12; point "io writes"
exits 0 "$glia" inject leak --for 1 --threads 1 --size 32MiB --json && about "$(key bytes_per_s)" 1.5e7 3.5e7; point "leak takes all of its size, once"

exits 74 env TMPDIR="$dir/nowhere" "$glia" inject io --for 30 && said 'cannot work: No such file' && said TMPDIR; point "io without a folder to write to is no fault, and said so at once"

# governor, on a tree of files as the kernel shows it: two policies of ours, one with a core that we may not use, one that has no other governor.
busy=73
first=$(awk '/^Cpus_allowed_list/ { split($2, a, /[-,]/); print a[1] }' /proc/self/status)
policies=$dir/root/sys/devices/system/cpu/cpufreq
policy() { # NUMBER GOVERNOR CPUS AVAILABLE
  mkdir -p "$policies/policy$1"
  echo "$2" >"$policies/policy$1/scaling_governor"; echo "$3" >"$policies/policy$1/affected_cpus"
  echo "$4" >"$policies/policy$1/scaling_available_governors"
}
fresh() {
  policy 0 ondemand "$first" 'conservative ondemand userspace powersave performance'
  policy 1 powersave "$first" 'performance powersave'
  policy 2 ondemand "$first 1023" 'ondemand powersave'
  policy 3 schedutil "$first" schedutil
}
governors() { cat "$policies"/policy*/scaling_governor | tr '\n' ' '; }
changed() { [ "$(governors)" = "powersave performance ondemand schedutil " ]; }
as_before() { [ "$(governors)" = "ondemand powersave ondemand schedutil " ]; }
helper_of() { ps -o pid= --ppid "$child" | tr -d ' '; }
fresh
"$glia" inject governor --for 1 --root "$dir/root" --json >"$out" 2>"$err" & child=$!
wait_for 10 changed; seen=$?
wait "$child"; status=$?; child=
[ "$seen" = 0 ] && [ "$status" = 0 ] && as_before && [ "$(key policies)" = 2 ] && [ "$(key kind)" = governor ] && about "$(key seconds)" 1 5
point "governor changes the policies of its own cores, and puts them back"
for signal in INT TERM KILL; do
  fresh
  env --default-signal=INT "$glia" inject governor --for 50 --root "$dir/root" --json >"$out" 2>"$err" & child=$!
  wait_for 10 changed; seen=$?
  helper=$(helper_of)
  kill -$signal "$child"; wait "$child" 2>/dev/null
  [ "$seen" = 0 ] && [ -n "$helper" ] && wait_for 5 as_before && wait_for 5 gone "$helper"; point "SIG$signal puts governors back"
  child=
done
fresh
"$glia" inject governor --for 50 --root "$dir/root" >"$out" 2>"$err" & child=$!
wait_for 10 changed; seen=$?
echo performance >"$policies/policy0/scaling_governor" # by somebody else
kill -9 "$(helper_of)"; wait "$child"; status=$?; child=
[ "$seen" = 0 ] && [ "$status" = 74 ] && grep -q 'was killed: they are back' "$err" && [ "$(governors)" = "performance powersave ondemand schedutil " ]
point "the helper killed, it puts back itself what is still its own"
# What a second one finds is the fault of the first, which is no setting to go back to.
fresh
"$glia" inject governor --for 50 --root "$dir/root" >"$dir/first" 2>&1 & child=$!
wait_for 10 changed; seen=$?
exits "$busy" "$glia" inject governor --for 1 --root "$dir/root" && said 'another injection'; refused=$?
still=$(governors); helper=$(helper_of)
kill -STOP "$helper"; kill -9 "$child"; wait "$child" 2>/dev/null; child=
exits "$busy" "$glia" inject governor --for 1 --root "$dir/root" && said 'another injection'; after=$?
kill -CONT "$helper"
[ "$seen" = 0 ] && [ "$refused" = 0 ] && [ "$still" = "powersave performance ondemand schedutil " ] && [ "$after" = 0 ] && wait_for 5 as_before && wait_for 5 gone "$helper"
point "a second one is refused while the first is on, and after it is killed until all is back"
exits 0 "$glia" inject governor --for 0.2 --root "$dir/root" && as_before; point "then there may be another"
rm -r "$dir/root"; mkdir "$dir/root"
exits 69 "$glia" inject governor --for 1 --root "$dir/root" && said 'has no policy'; point "a system without governors is refused"
policy 0 ondemand "$first 1023" 'ondemand powersave'
exits 69 "$glia" inject governor --for 1 --root "$dir/root" && said 'may not use'; point "policies of others are left alone"
exits 64 "$glia" inject cpu --for 1 --root "$dir/root" && said 'changes no setting'; point "a root is for governor alone"

exits 64 "$glia" inject membww --for 1 && said 'did you mean membw'; point "an unknown fault names the nearest"
exits 64 "$glia" inject cpu && said '--for'; point "a fault without an end is refused"
exits 64 "$glia" inject cpu --for 2d && said 'at most a day'; point "a fault of more than a day is refused"
exits 64 "$glia" inject cpu --for 1 --threads 60000 && said 'this process may use'; point "more threads than cores are refused"
exits 64 "$glia" inject membw --for 1 --size 100000GiB && said '1/8'; point "more memory than 1/8 of what is free is refused"

finish
