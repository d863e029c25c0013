#!/bin/sh
# glia study as people run it: one table whatever the ranks and kills, controls that fail, sweeps, the page of methods.
. "$srcdir/tests/points.sh"
GLIA_PROGRESS=off; export GLIA_PROGRESS
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"; export ASAN_OPTIONS # MPI itself leaks
OMPI_MCA_ess_singleton_isolated=1; export OMPI_MCA_ess_singleton_isolated # one rank needs no daemon: starts faster
glia=$(cd "$builddir" && pwd)/glia
cd "$dir" || exit 99
study="$glia study run moons --seeds 12 --json"
cells=72
# table: what the study found, without what depends on how it was run
table() { sed 's/"cells": .*//' "$out"; }
landed() { find "$1/cells" -name '*.h5' 2>/dev/null | wc -l; }

exits 0 $study --dir one && [ "$(key cells_run)" = $cells ] && [ "$(landed one)" = $cells ] && [ "$(key ranks)" = 1 ]
point "every cell lands in a file of its own"
table >"$dir/expected"
[ -s one/results.h5 ] && grep -q '"mean": 0.99' "$out" && [ "$(key pass)" = true ]; point "the method passes its gates"

if command -v mpirun >/dev/null 2>&1; then
  for n in 2 3; do
    exits 0 mpirun -n $n $study --dir ranks-$n && [ "$(key ranks)" = $n ] && [ "$(key cells_run)" = $cells ] &&
      table | cmp -s - "$dir/expected"
    point "$n ranks give the same table"
  done
  exits 0 mpirun -n 3 $study --dir groups --group 2 --seeds 3 && [ "$(key cells_run)" = 18 ] && table >"$dir/grouped" &&
    exits 0 $study --dir one --seeds 3 && [ "$(key cells_run)" = 0 ] && table | cmp -s - "$dir/grouped"
  point "cells of two ranks give the same table, a third rank waits"
else
  for what in "2 ranks" "3 ranks" "cells of two ranks"; do skip "$what" "no mpirun"; done
fi
exits 64 $study --dir one --group 2 && said 'start more'; point "groups larger than the run are refused"

# Killed in the middle, then run again, by another number of ranks where there are some.
middle() { [ "$(landed killed)" -ge 8 ]; }
$study --dir killed >"$out" 2>"$err" & child=$!
polls=2000; until middle || [ $polls = 0 ]; do polls=$((polls - 1)); sleep 0.01; done
kill -9 "$child"; wait "$child" 2>/dev/null; child=
kept=$(landed killed)
[ "$kept" -ge 8 ] && [ "$kept" -lt $cells ] && [ ! -e killed/results.h5 ]; point "kill -9 leaves finished cells ($kept of $cells)"
launch=; command -v mpirun >/dev/null 2>&1 && launch='mpirun -n 2'
ls killed/cells/*.h5 >"$dir/before"; xargs ls -i <"$dir/before" >"$dir/inodes"
exits 0 $launch $study --dir killed && [ "$(key cells_run)" = $((cells - kept)) ] && table | cmp -s - "$dir/expected"
point "run again, only the rest is run, and the table is the same"
xargs ls -i <"$dir/before" | cmp -s - "$dir/inodes"; point "finished cells were not written again"
find killed -name '*.tmp' | grep -q .; [ $? = 1 ]; point "nothing half written stays behind"

first=$(head -1 "$dir/before")
head -c 700 "$first" >"$dir/cut" && cp "$dir/cut" "$first"
exits 0 $study --dir killed && [ "$(key cells_run)" = 1 ] && said cell-damaged && table | cmp -s - "$dir/expected"
point "a damaged cell is run again"

early() { [ "$(landed stopped)" -ge 2 ]; }
$glia study run moons --seeds 200 --dir stopped --json >"$out" 2>"$err" & child=$!
wait_for 20 early
kill -TERM "$child"; wait "$child"; status=$?; child=
[ "$status" = 75 ] && [ "$(key stopped)" = true ] && [ "$(key cells_run)" = "$(landed stopped)" ]
point "SIGTERM ends with exit code 75 and says how far it came"

# Outcomes.
exits 0 $study --dir one --control && [ "$(key cells_run)" = 0 ] && ! grep -q '"pass": true' "$out" &&
  grep -q '"pass": false, "control": true' "$out"
point "with the method switched off no gate passes; that is no error"
exits 0 $glia study run moons --dir one --seeds 12 --control && [ "$(grep -c '^FAIL ' "$out")" = 3 ] && ! grep -q PASS "$out"
point "a gate that fails is seen"
exits 0 $glia study run moons --dir one --quick && grep -q 'quick: 10 in full' "$out" && grep -q 'fails, as it must' "$out"
point "--quick says that it is"
exits 0 $study --dir one --seeds 1 && [ "$(key pass)" = false ] && grep -q '"sd": null' "$out" && grep -q '"lo": null' "$out"
point "one seed has no interval and passes nothing"
if [ -n "$PYTHON3" ] && command -v "$PYTHON3" >/dev/null 2>&1; then
  exits 0 $study --dir one && "$PYTHON3" -c '
import json, sys
j = json.load(open(sys.argv[1]))
rows = {v["name"]: v for v in j["variants"]}
assert len(rows) == 6 and all({"name", "mean", "sd", "n"} <= set(v) and v["n"] == 12 for v in j["variants"])
assert all({"name", "value", "limit", "pass", "control_value", "control_fails"} <= set(g) for g in j["gates"])
gain = [e for e in j["effects"] if e["name"] == "mlp/noise-0.1"][0]
assert abs(gain["difference"] - (rows["mlp/noise-0.1"]["mean"] - rows["linear/noise-0.1"]["mean"])) < 1e-12
assert gain["lo"] < gain["difference"] < gain["hi"] and j["pass"] is True and j["quick"] is False
' "$out"
  point "the JSON has its keys, and effects are differences of means"
else
  skip "the JSON has its keys" "no python3"
fi
exits 0 $glia study run moons --dir one --quick --figure one.svg && grep -q '<svg' one.svg && grep -q gain one.csv
point "a picture"
exits 64 $glia study run mooons && said 'did you mean moons'; point "an unknown study names the nearest"
exits 64 $glia study run moons epochs=2 --dir one && said 'can change a sweep'; point "a study is what it is"
exits 64 $glia study run moons --data x.h5 && said 'needs no --data'; point "data that nobody needs are refused"

# Sweeps.
cat >sweep.yaml <<'END'
sweep: {optimizer.adam.lr: [1e-2, 1e-1], model: [[{linear: 2}], [{linear: 8}, relu, {linear: 2}]], seeds: 2}
data: {file: moons.h5, batch: 32}
model: [{linear: 2}]
loss: cross_entropy
optimizer: {adam: {lr: 1e-3}}
epochs: 3
END
sweep="$glia study run sweep.yaml --json"
exits 66 $sweep && said moons.h5; point "a sweep names the data that are missing"
exits 0 $glia data synth moons -o moons.h5 --n 200 && exits 0 $sweep && [ "$(key cells_run)" = 8 ] && [ "$(key pass)" = true ] &&
  [ "$(grep -o '"n": 2' "$out" | wc -l)" = 4 ] && grep -q '"name": "lr=1e-1 model=\[' "$out" && [ -s studies/sweep/results.h5 ]
point "a sweep runs all combinations"
grep -q '"accuracy": {"mean": 0\.[5-9]' "$out"; point "and measures what its runs can"
sed 's/1e-1\]/1e-1, 3e-2]/' sweep.yaml >longer.yaml
exits 73 $glia study run longer.yaml --json --dir studies/sweep && said 'give another --dir'
point "a folder with another study is left alone"
mv longer.yaml sweep.yaml; exits 0 $sweep && [ "$(key cells)" = 12 ] && [ "$(key cells_run)" = 4 ]; point "a longer sweep runs what is new"
exits 0 $glia data synth moons -o moons.h5 --n 200 --seed 5 --force && exits 0 $sweep && [ "$(key cells_run)" = 12 ]
point "other data are other cells"
exits 0 $sweep epochs=1 && [ "$(key cells_run)" = 12 ]; point "so is another configuration"
exits 78 $glia train sweep.yaml && said 'study run'; point "train says who takes a sweep"
exits 78 $sweep optimiser.adam.lr=1 && said optimizer; point "an unknown key of a sweep names the nearest"
echo 'sweep: {optimizer.adam.lr: 3}' >bad.yaml; exits 78 $glia study run bad.yaml && said 'list of values'
point "a sweep without lists is refused"

# Records.
printf '/* kept */\nRECORD("other", "x", 1, "g", 1, 1, true, true)\nRECORD("moons", "old", 1, "g", 1, 1, true, true)\n' >records
exits 0 $glia study run moons --dir one --record records && [ "$(grep -c '"moons"' records)" = 3 ] && grep -q other records &&
  grep -q kept records && ! grep -q '"old"' records
point "a full run is put on record in place of the earlier one"
exits 64 $glia study run moons --quick --dir one --record records && said 'only a full run'; point "a quick one is not"
exits 0 $glia study list && grep -q '^moons' "$out" && [ "$(grep -c 'PASS.*limit' "$out")" -ge 3 ] && ! grep -q 'not recorded' "$out"
point "list shows the gates on record, and every gate is"
exits 0 $glia study docs
if grep -q '^## generalization' "$out"; then
  cmp "$out" "$srcdir/docs/methods.md" >"$err" 2>&1; point "docs/methods.md is what glia study docs prints"
else
  skip "docs/methods.md is what glia study docs prints" "built without PETSc: some studies are left out"
fi

finish
