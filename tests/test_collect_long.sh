#!/bin/sh
# A thousand simulated nodes of 200 metrics at 1 Hz, killed and started again in the middle. SECONDS_EACH=300 by default: ten minutes.
# AGENTS=10000 PERIOD=10: ten thousand at one sample per 10 s.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/http.sh"
each=${SECONDS_EACH:-300}
agents=${AGENTS:-1000}
period=${PERIOD:-1}
serve sim "$builddir/agents_sim" "$agents" 200 "$period"
sim=$(port_of sim)
i=0
while [ $i -lt "$agents" ]; do echo "n$i http://127.0.0.1:$sim/$i"; i=$((i + 1)); done >"$dir/nodes.txt"
serve first "$glia" collect --store "$dir/store" --nodes "$dir/nodes.txt" --period "$period" --listen 127.0.0.1:0
first_pid=$pid
port=$(port_of first)
# Latency is told since it was last asked: the first minutes hold what the agents had kept before.
sleep "$((each / 2))"; get "http://127.0.0.1:$port/metrics"
sleep "$((each - each / 2))"
get "http://127.0.0.1:$port/metrics"; grep -E '^glia_collect_(latency|lost|late|failures|synced)' "$out" | sed 's/^/# /'
# From a sample on its node to the disk. Nodes are asked within a third of the period after they sample; the rest is for half a second
# between two syncs, and for the sync.
worst=$(sed -n 's/^glia_collect_latency_max_seconds //p' "$out")
grep '^glia_collect_latency' "$out" >"$err"; : >"$out" # what a failure shows
about "$worst" 0 "$(awk -v p="$period" 'BEGIN { print (p > 1 ? 1 + p / 3 : 2) }')"; point "steady, a sample is on the disk within 2 s (worst $worst s)"
kill -9 "$first_pid"; wait "$first_pid" 2>/dev/null
within_s=$((each + 120))
exits 0 "$glia" collect --store "$dir/store" --nodes "$dir/nodes.txt" --period "$period" --for "$each" --json; status=$?
echo "# $(key rows) rows in $(key wall_s) s, replayed $(key replayed), gap $(key gap_rows), lost $(key lost_rows), latency at most $(key latency_max_s) s, mean $(key latency_mean_s) s, CPU $(key cpu_s) s"
# A scrape that ran into its time limit on a busy machine is no loss: the next one asks for the same rows.
echo "# $(key failures) of $(key scrapes) scrapes failed, $(key late) began late"
[ "$status" = 0 ] && about "$(key lost_rows)" 0 0; point "nothing is lost over $((2 * each)) s and a kill"
# All that the simulator told since it was first asked, but for its last second, times the nodes.
about "$(key rows)" "$((agents * (each / period - 2)))" "$((agents * (each / period + 60)))"; point "every node's rows are there"
finish
