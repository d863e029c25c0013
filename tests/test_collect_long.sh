#!/bin/sh
# A thousand simulated nodes of 200 metrics at 1 Hz, killed and started again in the middle. SECONDS_EACH=300 by default: ten minutes.
# AGENTS=10000 PERIOD=10: ten thousand at one sample per 10 s. A node asked just before it samples comes round by a tenth of the period each time:
# with fewer than some 250 s each, the second half still has such nodes.
# Each has a model of its own (copies of one, made from the past of such a node, with a forecast as wide as forecasts get) and is scored all the while.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/http.sh"
each=${SECONDS_EACH:-300}
agents=${AGENTS:-1000}
period=${PERIOD:-1}
serve sim "$builddir/agents_sim" "$agents" 200 "$period"
sim=$(port_of sim)
i=0
while [ $i -lt "$agents" ]; do echo "n$i http://127.0.0.1:$sim/$i"; i=$((i + 1)); done >"$dir/nodes.txt"
# 5,200 rows of 200 metrics: the forecast looks at five samples of them, 1000 inputs.
if "$PYTHON3" -c 'import h5py' 2>/dev/null; then
  serve old "$builddir/agents_sim" 1 200 1 0 5200
  exits 0 "$glia" collect --store "$dir/past" --period 1 --for 3 "http://127.0.0.1:$(port_of old)/0" &&
    exits 0 "$glia" detect train "$dir/past" -o "$dir/one.h5" --json
  kill -TERM "$pid"
  "$PYTHON3" - "$dir/one.h5" "$dir/models.h5" "$agents" <<'END' >"$out" 2>"$err"
import sys
import h5py

def copy(a, b):  # h5py's own copy crashes on these groups
    for k, v in a.attrs.items(): b.attrs.create(k, v, dtype=a.attrs.get_id(k).dtype)
    for k in a if isinstance(a, h5py.Group) else []:
        copy(a[k], b.create_group(k) if isinstance(a[k], h5py.Group) else b.create_dataset(k, data=a[k][()], dtype=a[k].dtype))

with h5py.File(sys.argv[1], "r") as one, h5py.File(sys.argv[2], "w") as many:
    for k, v in one.attrs.items(): many.attrs.create(k, v, dtype=one.attrs.get_id(k).dtype)
    group = many.create_group("models")
    only = list(one["models"])[0]
    for i in range(int(sys.argv[3])): copy(one["models"][only], group.create_group("n%d" % i))
END
  point "each node has a model"
  set -- --models "$dir/models.h5"
else
  set --
  skip "all nodes are scored" "no h5py to copy the model with"
fi
serve first "$glia" collect --store "$dir/store" --nodes "$dir/nodes.txt" --period "$period" --listen 127.0.0.1:0 "$@"
first_pid=$pid
port=$(port_of first)
# Latency is told since it was last asked: the first minutes hold what the agents had kept before.
sleep "$((each / 2))"; get "http://127.0.0.1:$port/metrics"
before=$(sed -n 's/^glia_detect_scored_rows_total //p' "$out")
sleep "$((each - each / 2))"
get "http://127.0.0.1:$port/metrics"; grep -E '^glia_(collect_(latency|lost|late|failures|synced)|detect_(latency|scored))' "$out" | sed 's/^/# /'
scored=$(sed -n 's/^glia_detect_scored_rows_total //p' "$out")
watched=$(grep -c '^glia_detect_node_watched{.*} 1$' "$out")
scoring=$(sed -n 's/^glia_detect_latency_max_seconds //p' "$out")
# From a sample on its node to the disk. Nodes are asked within a third of the period after they sample; the rest is for half a second
# between two syncs, and for the sync.
worst=$(sed -n 's/^glia_collect_latency_max_seconds //p' "$out")
grep '^glia_collect_latency' "$out" >"$err"; : >"$out" # what a failure shows
disk=$(awk -v p="$period" 'BEGIN { print (p > 1 ? 1 + p / 3 : 2) }')
about "$worst" 0 "$disk"; point "steady, a sample is on the disk within $disk s (worst $worst s)"
if [ $# -gt 0 ]; then
  # what the agents had kept was scored before
  [ "$watched" = "$agents" ] && about "$((scored - before))" "$((agents * ((each - each / 2) / period - 2)))" 1e12; point "all $watched nodes are watched, all rows are scored ($((scored - before)))"
  soon=$(awk -v p="$period" 'BEGIN { print (p > 1 ? 1 + p / 3 : 1) }')
  about "$scoring" 0 "$soon"; point "within $soon s of their sample (worst $scoring s)"
fi
kill -9 "$first_pid"; wait "$first_pid" 2>/dev/null
within_s=$((each + 120))
exits 0 "$glia" collect --store "$dir/store" --nodes "$dir/nodes.txt" --period "$period" --for "$each" --json "$@"; status=$?
echo "# $(key rows) rows in $(key wall_s) s, replayed $(key replayed), gap $(key gap_rows), lost $(key lost_rows), latency at most $(key latency_max_s) s, mean $(key latency_mean_s) s, CPU $(key cpu_s) s"
# A scrape that ran into its time limit on a busy machine is no loss: the next one asks for the same rows.
echo "# $(key failures) of $(key scrapes) scrapes failed, $(key late) began late"
[ "$status" = 0 ] && about "$(key lost_rows)" 0 0; point "nothing is lost over $((2 * each)) s and a kill"
# All that the simulator told since it was first asked, but for its last second, times the nodes.
about "$(key rows)" "$((agents * (each / period - 2)))" "$((agents * (each / period + 60)))"; point "every node's rows are there"
finish
