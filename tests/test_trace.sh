#!/bin/sh
# glia train --trace: all ranks on one clock, in a file that Chrome and Perfetto read; and what the run says of it.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
find_python json || { echo "1..0 # SKIP no python3 to read the trace with"; exit 0; }
cat >run.yaml <<'END_YAML'
seed: 3
data: {file: moons.h5, batch: 64, micro_batch: 16}
model: [{linear: 256}, tanh, {linear: 256}, tanh, {linear: 2}]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
max_steps: 30
parallel: {bucket: 64KiB}
END_YAML

for how in blocking polling thread; do
  trains 2 --trace $how.json parallel.progress=$how; point "a run with a trace trains ($how)"
  hashes >$how.hashes
  cp "$err" $how.err
  echo "$(key communication_s) $(key hidden_fraction)" >$how.s
done
cmp -s blocking.hashes polling.hashes && cmp -s blocking.hashes thread.hashes; point "how gradients travel changes no bit"
grep -q ' progress mode=thread why="configuration"' thread.err; point "how they travel is logged"

cat >check.py <<'END_PYTHON'
import json, sys
events = json.load(open(sys.argv[1]))["traceEvents"]
how, said_s, said_hidden = sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
spans = [e for e in events if e["ph"] == "X"]
ranks = sorted({e["pid"] for e in events})
assert ranks == [0, 1], ranks
for rank in ranks:
    kinds = {e["cat"] for e in spans if e["pid"] == rank}
    assert kinds >= {"compute", "kernel", "exchange", "input"}, kinds
    kernels = sum(e["dur"] for e in spans if e["pid"] == rank and e["cat"] == "kernel")
    coarse = sum(e["dur"] for e in spans if e["pid"] == rank and e["cat"] == "compute")
    assert 0 < kernels <= coarse, (kernels, coarse)
    assert all(e["dur"] >= 0 for e in spans)
# what is under way: begun and ended once, by bucket
flights = {rank: [] for rank in ranks}
for rank in ranks:
    open_ = {}
    for e in events:
        if e["pid"] != rank or e.get("cat") != "flight": continue
        if e["ph"] == "b": open_[e["id"]] = e
        else:
            b = open_.pop(e["id"])
            assert e["ts"] >= b["ts"]
            flights[rank].append((b["args"]["n"], b["ts"], e["ts"]))
    assert not open_
for rank in ranks: # the evaluation's sums come last
    flights[rank].remove(max((f for f in flights[rank] if f[0] == 0), key=lambda f: f[1]))
buckets = len({f[0] for f in flights[0]})
assert buckets >= 3 and len(flights[0]) == len(flights[1]) and len(flights[0]) % buckets == 0, (buckets, len(flights[0]))
# one clock: a sum is there on no rank before the other has started it; the message that compared clocks took less than 1 ms
for bucket in range(buckets):
    pair = [sorted(f[1:] for f in flights[r] if f[0] == bucket) for r in ranks]
    for (b0, e0), (b1, e1) in zip(*pair): assert e0 >= b1 - 1000 and e1 >= b0 - 1000, (b0, e0, b1, e1)
# what the run says of its communication is the union of these, as a mean over ranks
def union(list_):
    total, end = 0.0, -1e300
    for b, e in sorted(list_):
        total += max(0.0, e - max(b, end))
        end = max(end, e)
    return total
train = [union([f[1:] for f in flights[r]]) * 1e-6 for r in ranks]
assert abs(sum(train) / 2 - said_s) <= 0.02 * said_s + 1e-3, (train, said_s)
# hidden is what of it no worker spent on moving, waiting, or meeting others; kernels that run while nobody moves anything hide nothing
def exposed(rank):
    busy = [(e["ts"], e["ts"] + e["dur"]) for e in spans if e["pid"] == rank and e["cat"] == "exchange"]
    own = [f[1:] for f in flights[rank]]
    return (union(busy) + union(own) - union(busy + own)) * 1e-6
hidden = 1 - sum(map(exposed, ranks)) / sum(train)
assert said_hidden <= hidden + 0.03, (hidden, said_hidden)
# waits for a thread count from before it starts the first sum: then the run says less
assert how == "thread" or said_hidden >= hidden - 0.03, (hidden, said_hidden)
assert how != "blocking" or said_hidden < 0.02, said_hidden
# started while a micro-batch ran: with polling always, with a thread when it gets a core
micro = [(e["ts"], e["ts"] + e["dur"]) for e in spans if e["pid"] == 0 and e["name"] == "micro-batch"]
early = sum(any(b < f[1] < e for b, e in micro) for f in flights[0])
assert how == "thread" or (early > 0) == (how == "polling"), early
END_PYTHON
for how in blocking polling thread; do
  "$python" check.py $how.json $how $(cat $how.s) >"$out" 2>"$err"; point "the trace holds what the run says ($how)"
done

# --- a rank whose clock is 5000 s ahead, in a namespace of time of its own
apart="the trace of ranks with clocks of their own is on one clock"
case $launcher in
"mpirun -n NP"*)
  if unshare -T -f --monotonic 5000 true 2>/dev/null; then
    set -- "$glia" train run.yaml --json --trace apart.json
    # shellcheck disable=SC2086
    exits 0 mpirun ${launcher#mpirun -n NP} -n 1 "$@" : -n 1 unshare -T -f --monotonic 5000 "$@"
    set -- "$(key communication_s)" "$(key hidden_fraction)"
    "$python" check.py apart.json polling "$@" >"$out" 2>"$err"; point "$apart"
  else
    skip "$apart" "no namespaces of time here"
  fi
  ;;
*) skip "$apart" "the launcher is not mpirun" ;;
esac
ends 74 1 --trace missing/t.json && said 'missing/t.json: No such file'; point "a trace that cannot be written is an error"
finish
