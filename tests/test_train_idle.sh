#!/bin/sh
# What ranks of a pipeline wait for each other: told by the run, in its record, and by its trace; as much as the schedule's table says.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

# layers of equal cost on both stages
rows=128 width=512 steps=12
[ -z "${GLIA_TEST_LONG-}" ] || steps=40
hidden() { while [ "$1" -gt 0 ]; do printf '{linear: %s}, relu, ' "$width"; set -- $(($1 - 1)); done; }
config() { # LAYERS LINE LAST
  cat <<END
seed: 3
data: {file: moons.h5, batch: $((8 * rows)), micro_batch: $rows}
model: [$(hidden "$1")${3-}{linear: 2}]
loss: cross_entropy
optimizer: {sgd: {lr: 1e-2}}
$2
max_steps: $steps
parallel: {stages: 2}
END
}
# above A B: A > B
above() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0 > b + 0) }'; }

config 9 '' >run.yaml
trains 2 checkpoint.dir=run --trace trace.json; point "a pipeline trains, with a trace and a record"
cp "$out" run.json
plain=$(key bubble_own_cores) clock=$(key bubble) ideal=$(key bubble_1f1b)
about "$ideal" 0.111 0.1112 && about "$plain" 0.05 0.2111; point "1f1b waits within 10 points of (p-1)/(m+p-1) where ranks have cores: $plain"
above "$clock" 0.05; point "by the clock it waits no less than a table can: $clock"
least() { # SCHEDULE: the lesser of what two runs wait
  for k in 1 2; do trains 2 "parallel.schedule=$1" && echo "$(key bubble_own_cores)"; done | sort -g | head -n 1
}
plain=$(least 1f1b) split=$(least zero_bubble)
above "$plain" "$split"; point "the zero-bubble schedule waits less: $split, $plain"

# modules of one layer with an auxiliary network each (the first one has a small layer more), and a last one of two layers: a balanced cut
modules() { config 9 'local: {depth: 1, modules: [4, 6, 8, 10, 12, 14, 16, 18]}' "{linear: $width}, relu, "; }
modules >run.yaml
trains 2; local=$(key bubble_own_cores) uneven=$(key imbalance)
awk -v w="$local" -v u="$uneven" 'BEGIN { exit !(w != "" && w < 1 - 1 / (1 + u) + 0.1) }'
point "modules that learn alone wait within 10 points of what their cut says: $local, imbalance $uneven"

if find_python json; then
cat >check.py <<'END'
import json, sys
run, trace = json.load(open("run.json")), json.load(open("trace.json"))["traceEvents"]
ranks, steps, m = run["pipeline"]["ranks"], run["steps"], run["pipeline"]["micro_batches"]
tasks = {r: sorted((e for e in trace if e["pid"] == r and e.get("name") in ("forward", "backward")), key=lambda e: e["ts"]) for r in (0, 1)}
for r in (0, 1): # the evaluation's come last
    tasks[r] = tasks[r][:2 * m * steps]
    busy, cpu = (sum(e[k] for e in tasks[r]) * 1e-6 for k in ("dur", "tdur"))
    assert abs(busy - ranks[r]["busy_s"]) < 0.01 * busy and abs(cpu - ranks[r]["cpu_s"]) < 0.01 * cpu, (busy, cpu, ranks[r])
# of each step but the first: from the first task of any rank to the end of the last one
span = outside = 0
for k in range(1, steps):
    own = [t for r in (0, 1) for t in tasks[r][2 * m * k:2 * m * (k + 1)]]
    length = max(t["ts"] + t["dur"] for t in own) - min(t["ts"] for t in own)
    span += 2 * length
    outside += 2 * length - sum(t["dur"] for t in own)
assert abs(outside / span - run["pipeline"]["outside_tasks"]) < 0.03, (outside / span, run["pipeline"]["outside_tasks"])
END
"$python" check.py >"$out" 2>"$err"; point "the trace holds the tasks, and what lies between them"
else skip "the trace holds the tasks, and what lies between them" "no python3"; fi
if find_python h5py; then
"$python" -c '
import h5py, json
f, run = h5py.File("run/run.h5rec"), json.load(open("run.json"))["pipeline"]
waits = [float(x) for x in f["run"].attrs["stage_waits"].split()]
assert len(waits) == 2 and abs(sum(waits) / 2 - run["bubble"]) < 1e-3 and abs(f["run"].attrs["bubble_own_cores"] - run["bubble_own_cores"]) < 1e-6
assert (f["times/wait_s"][:f["times/n"][()]] > 0).all()' >"$out" 2>"$err"; point "the record holds what each stage waited"
else skip "the record holds what each stage waited" "no python3 with h5py"; fi

# Each rank on a core of its own, nobody else there: what the clock says counts.
if [ -n "${GLIA_TEST_LONG-}" ]; then
  alone() { tr -d '\n' <"$out" | grep -o '"core": *[0-9.]*' | sed 's/.*: *//' | awk '{ if ($1 < 0.97) exit 1 }'; }
  bound() { # SCHEDULE
    for k in 1 2 3 4 5; do trains 2 ${1:+parallel.schedule=$1} && alone && return; done
    false
  }
  launcher="$launcher --bind-to core"
  config 9 '' >run.yaml
  if bound 1f1b; then
    plain=$(key bubble); about "$plain" 0.05 0.2111; point "1f1b by the clock: $plain"
    bound zero_bubble && above "$plain" "$(key bubble)"; point "zero_bubble by the clock: $(key bubble)"
    modules >run.yaml
    # now and then one of the cores is slower for a run: the median of five tells
    middle=$(for k in 1 2 3 4 5; do trains 2 && echo "$(key bubble)"; done | sort -g | sed -n 3p)
    about "$middle" 0 0.05; point "local learning by the clock: $middle"
  else
    skip "by the clock" "other programs had the cores"
  fi
fi
finish
