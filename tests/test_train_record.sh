#!/bin/sh
# The record of a run: read by h5py while it goes on, whole after a kill, continued by --resume, drawn by glia plot. And ends that are asked for.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

cat >run.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 64, micro_batch: 8}
model: [linear: 8, tanh, linear: 2]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
max_steps: 400
checkpoint: {dir: run, every: 100}
END
saved() { ls run/step-*.h5 >/dev/null 2>&1; } # which one is soon replaced by the next
have_h5py=yes; find_python h5py,numpy || have_h5py=

trains 2 && whole=$(hashes); point "a run on two ranks is recorded"
if [ -n "$have_h5py" ]; then
"$python" - run/run.h5rec 2 400 completed >>"$err" 2>&1 <<'PY'
import sys, h5py, numpy as np
f = h5py.File(sys.argv[1], "r")
ranks, steps = int(sys.argv[2]), int(sys.argv[3])
assert f.attrs["glia_kind"] == "run" and f.attrs["glia_format"] == 1
assert f["steps/n"][()] == steps and (f["steps/step"][...] == np.arange(1, steps + 1)).all()
for name in "loss", "rate", "wall_s", "time_s":
    assert f["steps/" + name].shape == (steps,) and np.isfinite(f["steps/" + name][...]).all(), name
assert f["steps/loss"][-1] < f["steps/loss"][0]
assert len(f["nodes"]) == ranks and f["sessions/ranks"][-1] == ranks and f["sessions/last_step"][-1] == steps
assert f["sessions/reason"][-1].decode() == sys.argv[4] and b"max_steps" in f["config"][()]
n = f["times/n"][()]
assert f["times/compute_s"].shape == (n, ranks)
assert (f["times/compute_s"][...] > 0).all() and (f["times/wait_s"][...] >= 0).all()
assert f["run"].attrs["kernel_level"] and f["run"].attrs["compiler"]
PY
point "h5py finds every step, times of every rank, nodes, build and configuration"
else
skip "h5py finds every step, times of every rank, nodes, build and configuration" "no python3 with h5py"
fi

if [ -n "$have_h5py" ]; then
outcome() { "$python" -c 'import h5py; a = h5py.File("run/run.h5rec", "r")["run"].attrs; print(a["train_loss"], a["samples_per_s"], a["model_hash"])'; }
before=$(outcome)
exits 0 "$glia" train run.yaml --resume && grep -q 'completed: at step 400 already, no step was taken' "$out" && ! grep -q nan "$out" &&
  [ "$(outcome)" = "$before" ] && [ "${before#nan}" = "$before" ]
point "--resume of a complete run leaves its outcome in the record, and says that it was complete"
else
skip "--resume of a complete run leaves its outcome in the record, and says that it was complete" "no python3 with h5py"
fi

# killed between two looks of readers, which are a second apart
if [ -n "$have_h5py" ]; then
rm -rf run
"$glia" train run.yaml checkpoint.every=1 max_steps=100000000 >"$out" 2>"$err" </dev/null &
child=$!
wait_for 60 saved
sleep 0.4; kill -9 "$child"; wait "$child" 2>/dev/null; child=
"$python" - run >>"$err" 2>&1 <<'PY'
import glob, sys, h5py
last = max(int(name[-13:-3]) for name in glob.glob(sys.argv[1] + "/step-*.h5"))
with h5py.File(sys.argv[1] + "/run.h5rec", "r") as f:
    n = f["steps/n"][()]
    rows = f["steps/step"][:n]
print(last, n, rows[-1:])
assert last > 1 and n > 0 and rows[-1] >= last
PY
point "a run that was killed has the rows of all steps that a checkpoint has"
else
skip "a run that was killed has the rows of all steps that a checkpoint has" "no python3 with h5py"
fi

# while it goes on
rm -rf run
"$glia" train run.yaml max_steps=100000000 >"$out" 2>"$err" </dev/null &
child=$!
wait_for 60 saved
if [ -n "$have_h5py" ]; then
"$python" - run/run.h5rec >>"$err" 2>&1 <<'PY'
import sys, time, h5py, numpy as np
last, deadline = [], time.time() + 60
while time.time() < deadline and (len(last) < 100 or last[-1] == last[0]):
    with h5py.File(sys.argv[1], "r") as f: # opened anew each time: it may have been replaced
        n = int(f["steps/n"][()])
        loss, step = f["steps/loss"][:n], f["steps/step"][:n]
        assert np.isfinite(loss).all() and (np.diff(step) > 0).all()
        assert 0 < n < 65536 and step[-1] <= n * f["run"].attrs["stride"] # two rows become one when there are that many
        last.append(int(step[-1]))
    time.sleep(0.02)
assert len(last) >= 100 and last[-1] > last[0] and last == sorted(last), last
print("read", len(last), "times, from step", last[0], "to", last[-1])
PY
point "h5py reads it a hundred times while it grows"
else
skip "h5py reads it a hundred times while it grows" "no python3 with h5py"
fi
exits 0 "$glia" plot run -o live.png --json && [ -s live.png ] && [ "$(key reason)" = "running or killed" ]
point "glia plot draws a run that goes on"
kill -9 "$child"; wait "$child" 2>/dev/null; child=
exits 0 "$glia" plot run -o dead.svg --json && [ "$(key last_step)" -ge 100 ]; point "and one that was killed"
at=$(for file in run/step-*.h5; do last=$file; done; basename "$last" .h5 | sed 's/step-0*//')
trains 3 --resume max_steps=$((at + 30)) && exits 0 "$glia" plot run -o two.svg --json && [ "$(key sessions)" = 2 ] &&
  [ "$(key last_step)" = $((at + 30)) ] && [ "$(key reason)" = completed ]
point "a resumed run goes on with its record, rows of lost steps dropped"
trains 1 checkpoint.dir=other && exits 0 "$glia" plot other run/run.h5rec -o both.pdf --log --smooth 20 --times --json && [ -s both.pdf ] && [ -s both.csv ] &&
  grep -q ',other,' both.csv && grep -q ',run,' both.csv
point "several runs in one picture, their numbers beside it"
exits 66 "$glia" plot nowhere -o x.png && said nowhere; point "a run without a record is refused"
printf 'XXXX' | dd of=other/run.h5rec bs=1 seek=20 conv=notrunc 2>/dev/null
exits 65 "$glia" plot other -o x.png; point "and a damaged record"
trains 1 --resume checkpoint.dir=other max_steps=410 && said 'record-set-aside' && [ -e other/run.h5rec.damaged ] && exits 0 "$glia" plot other -o x.png
point "a resumed run sets a damaged record aside and begins another"

# ends that are asked for
rm -rf run
"$glia" train run.yaml --json max_steps=100000000 >"$out" 2>"$err" </dev/null &
child=$!
wait_for 60 saved
touch run/halt
wait_for 60 gone "$child"; wait "$child"; got=$?; child=
[ "$got" = 75 ] && [ "$(key reason)" = signal ] && [ ! -e run/halt ] && said 'halt file=' && [ -e "$(key checkpoint)" ]
point "a file halt ends a run with 75 and a checkpoint, and is gone"
touch run/halt; trains 1 --resume max_steps=$(($(key steps) + 5)) && said 'halt-file-removed'; point "one that is older than a run does not end it"
rm -rf run; start=$(milliseconds)
exits 75 "$glia" train run.yaml --json max_steps=100000000 --max-time 3 && [ "$(key reason)" = time_limit ] && [ -e "$(key checkpoint)" ] &&
  about $(($(milliseconds) - start)) 1000 30000 # the state is written in time; to end MPI takes a busy machine many seconds more
point "--max-time ends a run in time, with 75 and a checkpoint"
if [ -n "${GLIA_TEST_LONG-}" ]; then
  rm -rf run
  # shellcheck disable=SC2046
  exits 75 env SLURM_JOB_END_TIME=$(($(date +%s) + 12)) $(on 2) "$glia" train run.yaml --json max_steps=100000000 && [ "$(key reason)" = time_limit ]
  point "so does the limit of a SLURM job, on two ranks"
else
  skip "so does the limit of a SLURM job, on two ranks" "check-long does: two ranks compute for ten seconds"
fi
rm -rf run; trains 2 'checkpoint={dir: run, every: 50, local: fast}' max_steps=120 && ls fast/glia-run-*/step-0000000120.h5 >/dev/null &&
  cmp fast/glia-run-*/step-0000000120.h5 run/step-0000000120.h5 && rm run/step-0000000120.h5 &&
  trains 1 --resume 'checkpoint={dir: run, every: 50, local: fast}' && [ "$(key resumed_from_step)" = 120 ] && same "$whole"
point "a local level has the same files, and a newer one there is taken"
mv run was; trains 1 --resume 'checkpoint={dir: run, every: 50, local: fast}' max_steps=10 && [ "$(key resumed_from_step)" = 0 ]
point "but not by another run of that folder"
finish
