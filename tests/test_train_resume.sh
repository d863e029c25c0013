#!/bin/sh
# A run that was interrupted and resumed is the run that was not: on any ranks, after kills and damage. And what it refuses.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

cat >run.yaml <<'END'
seed: 5
data: {file: moons.h5, batch: 64, micro_batch: 8}   # 5 steps an epoch
model:
  - linear: 16
  - tanh
  - dropout: 0.1
  - linear: 2
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
clip_norm: 1.0
max_steps: 40
checkpoint: {dir: run}
END
newest() { for file in "$1"/step-*.h5; do last=$file; done; printf '%s\n' "$last"; }
count() { set -- "$1"/step-*.h5; [ -e "$1" ] && echo $# || echo 0; }
is() { [ "$1" = "$2" ] || { echo "# $1, expected $2"; return 1; }; }

trains 1 checkpoint.dir=whole; whole=$(hashes)
same "$whole" && is "$(newest whole)" whole/step-0000000040.h5 && is "$(key checkpoint)" whole/step-0000000040.h5
point "a run leaves its last state"
if find_python h5py; then
"$python" - whole/step-0000000040.h5 "$whole" >>"$err" 2>&1 <<'PY'
import sys, hashlib, h5py
def digest(*groups):
    found = {}
    for g in groups:
        if g in f:
            f[g].visititems(lambda k, d, g=g: found.update({g + "/" + k: d}) if isinstance(d, h5py.Dataset) else None)
    assert found, groups
    return hashlib.sha256(b"".join(found[k][()].tobytes() for k in sorted(found, key=str.encode))).hexdigest()
f = h5py.File(sys.argv[1], "r")
assert [digest("params"), digest("optimizer", "state")] == sys.argv[2].split(), (digest("params"), digest("optimizer", "state"))
PY
point "the hashes printed are those of its arrays, computed by h5py"
else
  skip "the hashes printed are those of its arrays, computed by h5py" "no python3 with h5py"
fi

trains 3 max_steps=3 && mv run other && trains 1 max_steps=3 && cmp run/step-0000000003.h5 other/step-0000000003.h5
point "three ranks write the same file as one, byte for byte"
rm -rf run other

# resume
trains 1 max_steps=17 && is "$(key steps)" 17 && trains 3 parallel.threads=2 --resume && is "$(key resumed_from_step)" 17 &&
  is "$(key steps)" 40 && same "$whole"
point "17 steps on one worker and the rest on 3 x 2 are the 40 of one run"
rm -rf run; trains 2 max_steps=13 && trains 1 max_steps=21 --resume && trains 2 --resume && same "$whole"
point "stops within two epochs, on 2, 1 and 2 ranks"
trains 1 --resume max_steps=39 && is "$(key steps)" 40 && is "$(key reason)" completed && same "$whole"
point "a run that is complete stays as it is"
ends 73 1 && said "run holds .*step 40.*--resume"; point "without --resume a folder with checkpoints is refused"
ends 73 2 && said "run holds .*step 40.*--resume"; point "on two ranks as well"
trains 1 --resume checkpoint.dir=new/deep max_steps=1 && is "$(grep -c " fresh-start " "$err")" 1 && said 'fresh-start dir=new/deep' && is "$(key resumed_from_step)" 0
point "--resume without a checkpoint says so in one line and trains"
trains 2 --resume checkpoint.dir=new/deep && same "$whole"; point "and goes on from it the next time"
mkdir empty; trains 2 --resume checkpoint.dir=empty && is "$(grep -c fresh-start "$err")" 1 && same "$whole"
point "an empty folder is a fresh start, said once"

# what may change, and what may not
cp moons.h5 moved.h5
rm -rf run; trains 1 max_steps=9 && trains 1 --resume data.file=moved.h5 epochs=8 max_steps=null parallel.threads=2 \
  'checkpoint={dir: run, every: 7, keep: 3}' 'parallel={threads: 2, stages: 1, schedule: 1f1b}' && same "$whole"
point "epochs, max_steps, parallel, checkpoint and data.file may change"
trains 1 --resume optimizer.adam.lr=0.01 init=null; point "the same number written otherwise is no change"
trains 1 --resume data.shuffle=True data.last=pad dtype=f32; point "nor is a default said aloud"
rm -rf aloud; trains 1 data.shuffle=true dtype=f32 max_steps=3 checkpoint.dir=aloud && trains 1 --resume checkpoint.dir=aloud && same "$whole"; point "or no more"
while IFS='|' read -r words message; do
  before=$(cat run/*.h5 | cksum)
  ends 78 1 --resume "$words" && said "$message" && is "$(cat run/*.h5 | cksum)" "$before"
  point "refused on resume: $words"
done <<'END'
optimizer.adam.lr=2e-2|optimizer.adam.lr was 1e-2 in the checkpoint and is 2e-2 now
seed=6|seed was 5 in the checkpoint and is 6 now
data.batch=128|data.batch was 64 in the checkpoint and is 128 now
data.shuffle=false|data.shuffle was absent in the checkpoint and is false now
model.2.dropout=0.2|model.2.dropout was 0.1 in the checkpoint and is 0.2 now
clip_norm=null|clip_norm was 1.0 in the checkpoint and is
model.3.linear=3|model.3.linear was 2 in the checkpoint and is 3 now
optimizer={sgd: {lr: 1e-2}}|optimizer.adam was
END
ends 78 3 --resume optimizer.adam.lr=2e-2 && is "$(grep -c '^glia train:.*optimizer.adam.lr was 1e-2' "$err")" 1; point "and once on three ranks"

# generations, and damage
rm -rf run; trains 2 checkpoint.every=6 checkpoint.keep=3 && is "$(echo run/step-*)" "run/step-0000000030.h5 run/step-0000000036.h5 run/step-0000000040.h5"
point "keep: 3 keeps three"
damage() { printf 'XXXX' | dd of="$1" bs=1 seek=3000 conv=notrunc 2>/dev/null; }
damage run/step-0000000040.h5
trains 2 --resume && said 'warn.*checkpoint-skipped.*run/step-0000000040.h5.*damaged' && is "$(key resumed_from_step)" 36 && same "$whole"
point "a damaged newest checkpoint is passed over with a warning that names it"
rm -rf run; trains 1 max_steps=30 checkpoint.every=10 checkpoint.keep=2 && truncate -s 2000 run/step-0000000030.h5
trains 1 --resume checkpoint.keep=1 checkpoint.every=3 max_steps=22 && said 'run/step-0000000030.h5' && is "$(key resumed_from_step)" 20 &&
  is "$(count run)" 1 && trains 1 --resume && is "$(key resumed_from_step)" 22 && same "$whole"
point "damaged ones do not count among those that are kept"
rm -rf run; trains 1 max_steps=2 && damage run/step-0000000002.h5; sum=$(cksum <run/step-0000000002.h5)
trains 2 --resume && is "$(grep -c ' fresh-start ' "$err")" 1 && said 'warn.*fresh-start dir=run reason="all 1 checkpoints are damaged" kept="run/step-0000000002.h5.damaged"' &&
  is "$(key resumed_from_step)" 0 && same "$whole" && is "$(cksum <run/step-0000000002.h5.damaged)" "$sum"
point "with damaged ones alone a run starts afresh, says so, and keeps them"
rm -rf run; trains 1 max_steps=2 && damage run/step-0000000002.h5; sum=$(cksum <run/step-0000000002.h5)
for attempt in 1 2 3; do echo "step=2 attempt=$attempt host=n pid=1 why=SIGSEGV"; done >run/failures
ends 65 2 --resume && said 'none of its 1 checkpoints can be read' && is "$(cksum <run/step-0000000002.h5)" "$sum"
point "where runs failed that went on from them nothing starts from zero"
rm -rf run; trains 1 max_steps=2 && damage run/step-0000000002.h5; for attempt in 1 2; do echo "step=2 attempt=$attempt host=n pid=1 why=SIGSEGV"; done >run/failures
trains 1 --resume max_steps=2 && is "$(grep -c attempt= run/failures.damaged)" 2 && [ ! -e run/failures ] &&
  echo "step=2 attempt=3 host=n pid=1 why=SIGSEGV" >>run/failures && trains 1 --resume && is "$(key resumed_from_step)" 2 && same "$whole"
point "a fresh start's checkpoints are not held to account for the failures of those that were damaged"

# initial states
rm -rf run; trains 2 max_steps=0 && is "$(key steps)" 0 && is "$(newest run)" run/step-0000000000.h5 && trains 1 --resume && same "$whole"
point "max_steps: 0 writes the initial state, from which the run goes on"
parameters=${whole% *}
trains 2 init=whole/step-0000000040.h5 checkpoint.dir=from max_steps=0 && is "$(key parameters_sha256)" "$parameters" && [ "$(hashes)" != "$whole" ]
point "init: takes the parameters of a file, and not its optimizer"
trains 1 init=whole checkpoint.dir=from2 max_steps=0 && is "$(key parameters_sha256)" "$parameters"; point "or those of the newest in a folder"
mv whole elsewhere
trains 1 --resume init=whole checkpoint.dir=from2 max_steps=1; point "resuming does not need them again"
mv elsewhere whole
ends 66 2 init=nowhere.h5 checkpoint.dir=from3 && said 'nowhere.h5'; point "init: of a missing file is refused"
ends 65 2 'model=[{linear: 8}, {linear: 2}]' init=whole checkpoint.dir=from3 && said 'params/'; point "init: of another model names the array"

# two runs in one folder
long='data.micro_batch=1 max_steps=1000000'
rm -rf run
# shellcheck disable=SC2086
"$glia" train run.yaml $long >"$dir/first" 2>&1 </dev/null &
child=$!
wait_for 20 test -s run/.lock
ends 73 2 && said "run is in use by process $child "; point "a second run in one folder is refused, and names the first"
kill -9 "$child"; wait "$child" 2>/dev/null; child=
trains 1 --resume && same "$whole"; point "a lock of the dead is taken over"
[ ! -e run/.lock ]; point "and gone at the end"

# kill -9 at any moment
endless='checkpoint.every=5 checkpoint.keep=2 --resume'
tool=$builddir/formats_tool
rm -rf run
kills=0 bad=
for i in 1 2 3 4 5; do
  pause=0.$(od -An -N2 -tu2 /dev/urandom | awk '{ printf "%03d", $1 % 400 }')
  before=$(newest run)
  moved() { [ "$(newest run)" != "$before" ]; }
  # shellcheck disable=SC2046,SC2086
  $(on $((i % 2 + 1))) "$glia" train run.yaml $endless max_steps=1000000 >"$out" 2>"$err" </dev/null &
  child=$!
  wait_for 30 moved; sleep "$pause"
  kill -9 "$(sed -n '1s/.* pid=\([0-9]*\).*/\1/p' run/.lock)" && kills=$((kills + 1))
  wait "$child" 2>/dev/null; child=
  latest=$(newest run)
  exits 0 "$tool" checkpoint "$latest" || bad="$bad $latest"
  echo "# $((i % 2 + 1)) ranks were killed $pause s behind their first checkpoint; the latest is $latest"
done
[ "$kills" = 5 ] && [ -z "$bad" ]; point "kill -9 never leaves an unreadable latest checkpoint$bad"
at=$(basename "$latest" .h5 | sed 's/step-0*//')
# shellcheck disable=SC2086
trains 2 $endless max_steps=$((at + 9)) && is "$(key resumed_from_step)" "$at" && killed=$(hashes) &&
  trains 1 checkpoint=null max_steps=$((at + 9)) && same "$killed"
point "killed five times, a run has the bits of one that was not"
set -- run/*.tmp; [ "$(count run)" = 2 ] && [ ! -e "$1" ]; point "and leaves nothing half written"
finish
