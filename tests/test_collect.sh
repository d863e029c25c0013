#!/bin/sh
# glia collect: agents, a real exporter, hostile targets, kill and restart.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/http.sh"
for tool in curl python3; do
  command -v $tool >/dev/null 2>&1 || { echo "1..0 # SKIP no $tool"; exit 0; }
done
nodes=$srcdir/tests/nodes
exits 64 "$glia" collect --store "$dir/s" && said 'no nodes'; point "without nodes it says so"
exits 0 "$glia" collect --plan --metrics 200 a b c d --json && about "$(key disk_full_bytes)" 1.1e8 8e8 && about "$(key network_bytes_per_s)" 1600 40000
point "--plan tells disk, memory and network of four nodes"
printf 'good 127.0.0.1:1\ngood 127.0.0.1:2\n' >"$dir/twice"
exits 65 "$glia" collect --store "$dir/s" --nodes "$dir/twice" && said 'twice:2'; point "a node that is listed twice is named with its line"

# Hostile targets beside simulated agents, one with a clock 100 s ahead, and this machine's own agent.
serve hostile python3 "$srcdir/tests/interop/hostile_targets.py"
hostile=$(port_of hostile)
serve sim "$builddir/agents_sim" 20 50 0.2; sim_pid=$pid
sim=$(port_of sim)
serve skewed "$builddir/agents_sim" 1 5 0.2 100
skewed=$(port_of skewed)
serve agent "$agent" --listen 127.0.0.1:0 --period 0.2
own=$(port_of agent)
{
  i=0
  while [ $i -lt 20 ]; do echo "sim$i http://127.0.0.1:$sim/$i"; i=$((i + 1)); done
  echo "skewed http://127.0.0.1:$skewed/0"
  echo "own 127.0.0.1:$own"
  for what in silent slow endless garbage truncated nan duplicate vanishing redirect error; do echo "$what http://127.0.0.1:$hostile/$what/metrics"; done
  echo "newnames http://127.0.0.1:$hostile/newnames/metrics"
  echo "names http://127.0.0.1:$hostile/names"
  echo "nobody http://127.0.0.1:1/metrics"
  if command -v prometheus-node-exporter >/dev/null 2>&1; then
    exporter=$(free_port)
    serve exporter prometheus-node-exporter --web.listen-address="127.0.0.1:$exporter"
    echo "exporter http://127.0.0.1:$exporter/metrics"
  fi
} >"$dir/nodes.txt"
serve collect "$glia" collect --store "$dir/store" --nodes "$dir/nodes.txt" --period 0.5 --timeout 2 --segment 1h --listen 127.0.0.1:0
collect_pid=$pid
port=$(port_of collect); api=http://127.0.0.1:$port
# look: asks for /api/v1/nodes, one node a line; field NODE KEY: of what was seen then
look() { curl -s -m 10 "$api/api/v1/nodes" | tr '{' '\n' >"$dir/seen"; }
field() { sed -n "/^\"name\":\"$1\",/s/.*\"$2\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$dir/seen"; }
wait_for 30 sh -c "[ \$(curl -s -m 5 $api/metrics | sed -n 's/^glia_collect_synced_rows_total //p' | cut -d. -f1) -ge 300 ]"
point "rows reach the disk"
sleep 4; look
[ "$(field sim0 state)" = up ] && [ "$(field sim19 state)" = up ] && [ "$(field own state)" = up ]; point "agents are up beside those that hang"
about "$(field sim7 lost_rows)" 0 0; point "none of their rows is lost"
for what in silent slow endless garbage truncated redirect error nobody; do
  [ "$(field $what state)" = never ] && about "$(field $what failures)" 1 100; point "$what is said to fail ($(field $what problem))"
done
for what in nan duplicate vanishing newnames; do
  [ "$(field $what state)" = up ]; point "$what is taken as far as it makes sense"
done
case $(field names problem) in *"65536 columns"*) about "$(field names rows)" 1 1 && about "$(field names failures)" 0 0 ;; *) false ;; esac; point "one whose names are folded to more columns than fit keeps its row"
wait_for 30 sh -c "curl -s -m 5 $api/api/v1/nodes | grep -q '65536 \(columns\|series\)'"; look
case $(field newnames problem) in *65536*) about "$(field sim7 lost_rows)" 0 0 && [ "$(field sim7 state)" = up ] ;; *) false ;; esac; point "one that names ever more keeps those that fit ($(field newnames problem))"
about "$(field skewed skew_s)" 98 102 && [ "$(field skewed state)" = up ]; point "a clock 100 s ahead is noticed"
get "$api/api/v1/series?node=skewed&metric=sim_0"
python3 -c 'import json, sys, time
s = json.load(open(sys.argv[1])); sys.exit(not (s["time_ns"] and abs(s["time_ns"][-1] / 1e9 - time.time()) < 10))' "$out"; point "and its rows are stored at our time"
get "$api/api/v1/series?node=sim3&metric=sim_5_total"
# The counter runs at 5 per second; float32 keeps 7 digits, times are those of the simulator itself.
python3 -c 'import json, sys
v = [x for x in json.load(open(sys.argv[1]))["value"] if x is not None]
sys.exit(not (len(v) > 5 and all(abs(x - 5) < 0.01 for x in v)))' "$out"; point "counters are rates over the true time"
if grep -q '^exporter ' "$dir/nodes.txt"; then
  wait_for 20 sh -c "curl -s -m 5 '$api/api/v1/series?node=exporter&metric=node_context_switches_total' | grep -q '[1-9]'"
  get "$api/api/v1/metrics?node=exporter"
  grep -q 'node_cpu_seconds_total{mode=\\"user\\",package=\\"0\\",of=\\"spread\\"}' "$out" && ! grep -q 'cpu=\\"0\\"' "$out"
  point "a real node_exporter is scraped, its cores folded"
else
  skip "a real node_exporter is scraped" "no prometheus-node-exporter"
fi
latest() { sed -n 's/^glia_collect_latency_max_seconds //p' "$out"; }
# Half minutes turn once in thirty seconds: of two pairs of questions one has no turn between them.
for pair in 1 2; do
  get "$api/metrics"; first=$(latest); get "$api/metrics"
  ! about "$(latest)" "$first" 1e6 || break
done
about "$(latest)" "$first" 1e6 && about "$first" 1e-6 1e6; point "who asks first takes nothing from the next: the worst latency stays ($first s, $(latest) s)"
timeout 60 python3 "$srcdir/tests/interop/fuzz_http.py" "$port" 100 >"$out" 2>"$err"
get "$api/metrics" && grep -q '^glia_collect_nodes{state="up"}' "$out"; point "it survives hostile HTTP itself"
if command -v promtool >/dev/null 2>&1; then
  promtool check metrics <"$out" >"$err" 2>&1; point "its own /metrics passes promtool"
else
  skip "its own /metrics passes promtool" "no promtool"
fi
exits 73 "$glia" collect --store "$dir/store" 127.0.0.1:1 --for 1; point "a second collector on the store is refused"

# Kill it in the middle; the agents go on; the next one asks for the gap.
kill -9 "$collect_pid"; wait "$collect_pid" 2>/dev/null; sleep 3
exits 0 "$glia" collect --store "$dir/store" --nodes "$dir/nodes.txt" --period 0.5 --timeout 2 --segment 5 --for 14 --json
status=$?
[ "$status" = 0 ] && about "$(key replayed)" 100 1e6 && about "$(key lost_rows)" 0 0 && about "$(key gap_rows)" 50 1e6; point "killed, the next one reads the journal and asks for the gap"
echo "# replayed $(key replayed), gap $(key gap_rows), rows $(key rows), latency $(key latency_max_s) s, CPU $(key cpu_s) of $(key wall_s) s"
ls "$dir"/store/full/*.h5 "$dir"/store/1m/*.h5 "$dir"/store/10m/*.h5 >"$out" 2>"$err"; point "segments are files of three tiers"
exits 0 "$glia" collect --store "$dir/store" --nodes "$dir/nodes.txt" --period 0.5 --timeout 1 --segment 5 --for 1 --json && ! said listening && about "$(key replayed)" 0 0 && about "$(key files)" 3 9
point "who ends in order leaves all rows in files"
# Every row of sim4 once and in its order, over all files.
if "$PYTHON3" -c 'import h5py' 2>/dev/null; then
  "$PYTHON3" - "$dir/store" >"$out" 2>"$err" <<'PY'
import glob, h5py, sys
rows = []
for f in glob.glob(sys.argv[1] + "/full/*.h5"):
    with h5py.File(f, "r") as h:
        if "nodes/sim4" not in h: continue  # a segment of less than a second
        n = h["nodes/sim4"]
        names = [x.decode().rstrip("\0") for x in n["names"][:]]
        rows += list(zip(n["time"][:], n["values"][:, names.index("sim_0")]))
rows.sort()
numbers = [int(v) for _, v in rows]
assert len(numbers) > 40, len(numbers)
assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers
f = sorted(glob.glob(sys.argv[1] + "/1m/*.h5"))[0]
with h5py.File(f, "r") as h:
    n = h["nodes/sim4"]
    names = [x.decode().rstrip("\0") for x in n["names"][:]]
    v = n["values"][:]
    lo, mean, hi = (v[:, names.index("sim_0" + e)] for e in (" min", "", " max"))
    assert (lo <= mean).all() and (mean <= hi).all() and (lo < hi).any()
print(len(numbers))
PY
  point "no row is lost or twice across the kill, and bins have minimum, mean and maximum"
else
  skip "no row is lost across the kill" "no h5py"
fi
exits 0 "$glia" data info "$(ls "$dir"/store/full/*.h5 | head -1)"; point "glia data info reads a segment"

# 3,000 nodes that hang, more than are asked at once, before one that answers: after their first time limits it is asked as if they were not there (2
# answers where all have the same places, 10 to 12 where not).
serve hangs python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(4096)
print("listening port=%d" % s.getsockname()[1], flush=True); time.sleep(60)'
hangs=$(port_of hangs)
{
  i=0
  while [ $i -lt 3000 ]; do echo "hangs$i http://127.0.0.1:$hangs/metrics"; i=$((i + 1)); done
  echo "sim http://127.0.0.1:$sim/0"
} >"$dir/many.txt"
exits 0 "$glia" collect --store "$dir/many" --nodes "$dir/many.txt" --period 0.5 --timeout 1 --for 7 --json
answered=$(($(key scrapes) - $(key failures)))
about "$answered" 6 20 && about "$(key failures)" 3000 50000 && about "$(key asked_most)" 1000 1024; point "thousands of nodes that hang, $(key asked_most) of them asked at once, keep nobody waiting ($answered answers in 7 s)"
finish
