#!/bin/sh
# glia agent as people run it.
. "$srcdir/tests/points.sh"
nodes=$srcdir/tests/nodes

# agent --once
exits 0 "$glia" agent --once --period 0.2 && [ "$(wc -l <"$out")" -gt 100 ] &&
  grep -q '^node_load1  *[0-9.]* 1$' "$out" && grep -q '^node_memory_MemTotal_bytes  *[0-9.e+]* B$' "$out" &&
  grep -q '^node_vmstat_pgfault  *[0-9.e+]* 1/s$' "$out"
point "--once prints name, value and unit"
exits 0 "$glia" agent --once --period 0.1 --root "$nodes/old" --json && [ "$(key host)" = old ] &&
  about "$(key node_load15)" 0.05 0.05 && [ "$(key node_pressure_io_waiting_seconds_total)" = null ]
point "--root reads a recorded node"
exits 66 "$glia" agent --once --root "$dir/nothing" && said "$dir/nothing"; point "a root that is not there is named"
exits 64 "$glia" agent && said '--record'; point "an agent with nothing to do says what it could"
exits 64 "$glia" agent --record "$dir/no.h5" --for 1 --period 0 && [ ! -e "$dir/no.h5" ] && [ ! -e "$dir/no.h5.tmp" ]
point "a period of zero is refused and leaves nothing"

# agent --record
exits 0 "$glia" agent --record "$dir/a.h5" --for 3 --period 0.2 --json
status=$?
[ "$status" = 0 ] && about "$(key samples)" 8 15 && [ "$(($(key samples) + $(key skipped)))" = 15 ] &&
  about "$(key cpu_s_per_sample)" 1e-6 5e-3 && [ "$(key reason)" = completed ] && about "$(key metrics)" 100 1000
point "3 s at 0.2 s are 15 samples"
echo "# $(key samples) samples, $(key late) late, $(key missing) values missing, $(key cpu_s_per_sample) s of CPU a sample"
samples=$(key samples); metrics=$(key metrics); host=$(key host)
[ ! -e "$dir/a.h5.tmp" ]; point "no temporary file is left"
exits 73 "$glia" agent --record "$dir/a.h5" --for 1 && said a.h5; point "a file that exists is not replaced"

# numbers FILE PATH: all values of an array, one a line
numbers() { h5dump -y -w 1 -d "$2" "$1" 2>/dev/null | sed -n '/DATA {/,/^ *}/p' | grep -oiE -- '-?[0-9.]+(e[+-]?[0-9]+)?|nan'; }
if ! command -v h5dump >/dev/null 2>&1; then
  for what in times values names topology; do skip "recorded $what" "no h5dump"; done
else
  numbers "$dir/a.h5" "/nodes/$host/time" >"$out"
  awk -v n="$samples" -v now="$(date +%s)" '
    NR > 1 && $1 - last < 1e8 { bad++ }
    { last = $1 }
    END { exit !(NR == n && !bad && last / 1e9 > now - 60 && last / 1e9 < now + 60) }' "$out"
  point "times increase by about a period and are of today"
  h5dump -H -d "/nodes/$host/values" "$dir/a.h5" >"$out" 2>"$err"
  tr -d '\n' <"$out" | grep -q "H5T_IEEE_F32LE.*( $samples, $metrics )"; point "values are float32 [samples, metrics]"
  h5dump -d "/nodes/$host/names" "$dir/a.h5" >"$out" 2>"$err"
  h5dump -d "/nodes/$host/units" "$dir/a.h5" >>"$out" 2>"$err"
  grep -q node_load1 "$out" && grep -q 'B/s' "$out" && grep -q 'node_cpu_seconds_total{mode=' "$out"
  point "names and units are there"
  h5dump -d "/nodes/$host/topology" "$dir/a.h5" >"$out" 2>"$err"; grep -q '<topology' "$out"; point "so is the topology"
fi

"$glia" agent --record "$dir/b.h5" --period 0.1 --json >"$out" 2>"$err" & child=$!
wait_for 10 [ -e "$dir/b.h5.tmp" ]; sleep 1; kill -TERM "$child"; wait "$child"; status=$?; child=
[ "$status" = 0 ] && [ "$(key reason)" = stopped ] && about "$(key samples)" 3 30 && [ -s "$dir/b.h5" ] && [ ! -e "$dir/b.h5.tmp" ]
point "SIGTERM ends a recording in order"

"$glia" agent --record "$dir/c.h5" --period 0.1 >"$out" 2>"$err" & child=$!
sleep 5; kill -9 "$child"; wait "$child" 2>/dev/null; child=
[ ! -e "$dir/c.h5" ]; point "killed, a recording has no file of its final name"
if command -v h5dump >/dev/null 2>&1; then
  kept=$(numbers "$dir/c.h5.tmp" "/nodes/$host/time" | awk 'NR > 1 && $1 <= last { bad = 1 } { last = $1 } END { print bad ? -1 : NR }')
  about "$kept" 15 50; point "what it wrote before its last seconds can be read ($kept samples of 5 s at 0.1 s)"
else
  skip "what a killed recording wrote can be read" "no h5dump"
fi
exits 0 "$glia" agent --record "$dir/c.h5" --for 0.3 --period 0.1 && [ -s "$dir/c.h5" ]; point "the next recording takes its place"

finish
