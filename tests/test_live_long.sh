#!/bin/sh
# The whole way on this machine, live, with nothing but defaults: ten minutes of normal work are recorded, a model is trained on them, and then a
# collector watches: faults are injected one after the other, normal jobs come and go, and then nothing happens. Where it may, the test has a
# network of its own, so that the traffic of others is not this node's. What the machine's other users do is part of what is normal: a
# fault that looks like their work (all cores busy, where all cores are always busy) cannot be told from it. What keeps cores busy is therefore a fault
# beside a job, where the job alone is none; on an idle node it does what a job does, and is tried and told.
# NORMAL_S, QUIET_S, FAULT_S: how long is recorded (600), nothing is done (300), a fault lasts (15: as long as it may take until it is told). KEEP=DIR: the recordings stay there.
if [ -z "$GLIA_LIVE_NETWORK" ] && unshare -n ip link set lo up 2>/dev/null; then
  GLIA_LIVE_NETWORK=own exec unshare -n sh -c 'ip link set lo up; exec sh "$0"' "$0"
fi
. "$srcdir/tests/points.sh"
. "$srcdir/tests/http.sh"
for tool in curl python3; do
  command -v $tool >/dev/null 2>&1 || { echo "1..0 # SKIP no $tool"; exit 0; }
done
[ -n "$GLIA_TEST_LONG" ] || { echo "1..0 # SKIP half an hour and more; GLIA_TEST_LONG=1 runs it"; exit 0; }
normal_s=${NORMAL_S:-600} quiet_s=${QUIET_S:-300} fault_s=${FAULT_S:-15}
cd "$dir" || exit 99

# A job: a training run of as many seconds, all cores of it.
exits 0 "$glia" data synth moons --n 20000 --test-n 90 --seed 7 -o moons.h5 || exit 99
cat >run.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 512, micro_batch: 64}
model: [linear: 256, tanh, linear: 256, tanh, linear: 2]
loss: cross_entropy
optimizer: {adam: {lr: 1e-3}}
max_steps: 1000000
END
job() { timeout -s TERM "$1" "$glia" train run.yaml >job.out 2>&1; [ $? = 124 ]; }
# between N A B: the N-th of a row of numbers within A and B
between() { awk -v n="$1" -v a="$2" -v b="$3" 'BEGIN { srand(n); rand(); print int(a + (b - a) * rand()) }'; }
seconds() { date +%s; }

# What was done before this test is not normal work: what it wrote goes to the disk first (seconds of flushes at the beginning of a recording of ten minutes
# doubled the threshold).
sync
sleep 45
serve agent "$agent" --listen 127.0.0.1:0
own=$(port_of agent)
serve record "$glia" collect --store "$dir/normal" "127.0.0.1:$own"
record=$pid
end=$(($(seconds) + normal_s)) k=0 ran=0
while [ "$(seconds)" -lt $end ]; do
  k=$((k + 1))
  sleep "$(between $k 5 30)"
  job "$(between $((k + 1000)) 10 25)" && ran=$((ran + 1))
done
sleep 10
kill -TERM "$record"; wait "$record"; status=$?
cp job.out "$out"
[ $status = 0 ] && [ $ran = $k ]; point "normal work is recorded: $k training runs in $normal_s s"
exits 0 "$glia" detect train "$dir/normal" -o "$dir/m.h5" --json; point "a model is trained on it ($(key rows_train) samples, threshold $(key threshold))"

serve collect "$glia" collect --store "$dir/watched" "127.0.0.1:$own" --models "$dir/m.h5" --on-alarm "cat >>'$dir/told'; cut -d ' ' -f 1 /proc/uptime >>'$dir/told.when'" --listen 127.0.0.1:0
collect=$pid
api=http://127.0.0.1:$(port_of collect)
: >told
: >told.when
# Waiting must not be news to an idle node: ten looks a second at what was told, by grep, are 30 forks a second where there are 0.1 else. They keep an
# alarm on, and help to find a fault. So the test looks each five seconds, and counts without a process of its own.
# count ACTIVE: how many alarms of a model were told to begin (true) or to end (false)
count() {
  counted=0
  while IFS= read -r line; do
    case $line in *'"kind":"model"'*'"active":'"$1",*) counted=$((counted + 1)) ;; esac
  done <told
}
# calm: each alarm of a model has ended; settled SECONDS: it is so within them, and the collector lives
calm() { count true; was=$counted; count false; [ "$was" = "$counted" ]; }
settled() {
  looks=$(($1 / 5))
  until calm; do
    looks=$((looks - 1)); [ "$looks" -gt 0 ] || return 1
    sleep 5
  done
  kill -0 "$collect"
}
score() { curl -s -m 5 "$api/api/v1/nodes" | sed -n 's/.*"score":\([^,]*\),"threshold":\([^,]*\),.*/score \1 of \2/p'; }
wait_for 30 sh -c "curl -s -m 5 $api/api/v1/nodes | grep -q '\"watched\":true'"; point "the node is watched"
sleep 40

# nothing: no alarm began since `before`, and none is on
nothing() { cp told "$out"; count true; [ "$counted" = "$before" ] && calm; }
# inject KIND: on for fault_s seconds; is it told within 15 s of its beginning? What is told goes to $out.
inject() {
  count true; before=$counted
  lines=$(wc -l <told.when) started=$(milliseconds)
  TMPDIR=${TMPDIR:-/var/tmp} "$glia" inject "$1" --for "$fault_s" >inject.out 2>&1 & child=$!
  sleep 15
  count true; [ "$counted" -gt "$before" ]; flagged=$?
  told_at=$(sed -n "$((lines + 1))p" told.when)
  took=$(awk -v t="${told_at:-0}" -v s="$started" 'BEGIN { printf "%d", (t > 0 ? 1000 * t - s : 15000) }')
  now=$(score)
  wait "$child"; child=
  tail -1 told >"$out"
  why=$(sed -n 's/.*"text":"\([^;]*\).*/\1/p' "$out")
  return $flagged
}
# fault KIND CAUSES: it must be, with a metric that fits, and the alarm must end.
fault() {
  inject "$1"; point "$1 is flagged within 15 s (after $took ms; $now)" $flagged
  [ $flagged = 0 ] && printf '%s\n' "$why" | grep -Eq "$2"; point "$1: and by what it does ($why)"
  settled 120; point "$1: the alarm ends when the fault has ended"
  sleep 30
}
# beside_job KIND CAUSES: the same beside a job, whose cores it takes, where a job of as many seconds raises nothing without it.
beside_job() {
  count true; before=$counted
  job $((fault_s + 10)); ran=$?
  sleep 15
  [ $ran = 0 ] && nothing; point "before $1: a job of as many seconds alone raises nothing ($(score))"
  settled 120
  job $((fault_s + 10)) & running=$!
  sleep 5
  fault "$1" "$2"
  wait "$running"; point "$1: the job ran beside it"
}
# tried KIND: alone, it keeps cores and caches busy, as a job does: whether it is found is told, not asked.
tried() {
  if inject "$1"; then echo "# $1 alone: flagged after $took ms, $why"; else echo "# $1 alone: not flagged, $now"; fi
  settled 120
  sleep 30
}
fault leak 'memory|pgfault|pgfree|numa|thp|pgalloc'
fault io 'disk|io_|iowait|pgpg|Dirty|Writeback|blocked'
fault network 'netstat|network|NET_|softirq|Udp'
# Where the system lets governors be set (virtual machines rarely do), a wrong one is a fault like the others.
if "$glia" inject governor --for 0.1 >inject.out 2>&1; then
  sleep 40
  fault governor 'cpufreq|perf_|rapl|hwmon|thermal|cpu_seconds'
else
  echo "# governor: not on this system: $(head -1 inject.out)"
fi
# Who waits for a core: pressure, run queues, what the scheduler counts.
crowd='pressure_cpu|procs_running|schedstat|load1|context_switches'
beside_job cpu "$crowd"
for kind in membw cache; do beside_job $kind "$crowd|memory|pgfault|numa"; done
for kind in cpu membw cache; do tried $kind; done

count true; before=$counted
for k in 2001 2002 2003; do job "$(between $k 10 25)"; sleep "$(between $((k + 1000)) 5 30)"; done
nothing; point "normal jobs that start and stop raise nothing ($(score))"
count true; before=$counted
sleep "$quiet_s"
nothing; point "$quiet_s quiet seconds raise nothing ($(score))"
get "$api/metrics"
# rows NAME: how many of them the collector tells
rows() { sed -n "s/^glia_detect_$1_rows_total \([0-9][0-9]*\)\$/\1/p" "$out"; }
stolen=$(rows stolen) scored=$(rows scored)
[ -n "$stolen" ] && about "$scored" 1 1e9; point "the collector tells how many rows it scored ($scored), and how many not, more than 5 % of their time being stolen ($stolen)"
kill -TERM "$collect"; wait "$collect"; point "the collector ends in order"
if [ -n "$KEEP" ]; then cp -r normal watched m.h5 told "$KEEP"; fi
cd / || exit 99
finish
