#!/bin/sh
# Ranks that stop, sleep, die or differ: named within five seconds, all ranks end and not with 0, nothing is left running, and
# the last checkpoint is good. Each with a limit of time.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
within_s=30
cat >run.yaml <<'END_YAML'
seed: 3
data: {file: moons.h5, batch: 64, micro_batch: 8}
model: [{linear: 64}, tanh, {linear: 64}, tanh, {linear: 2}]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
max_steps: 1000000
checkpoint: {dir: run, every: 20}
END_YAML
GLIA_STALL_DIR=$dir; export GLIA_STALL_DIR

# ranks: the processes of the run, by its folder; rank R: the one of that rank
ranks() {
  for p in $(pgrep 'glia$'); do
    [ "$(readlink "/proc/$p/cwd")" = "$dir" ] && tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null | sed -n "s/^OMPI_COMM_WORLD_RANK=/$p /p"
  done 2>/dev/null
}
rank() { ranks | awk -v r="$1" '$2 == r { print $1 }'; }
checkpoints() { find run -name 'step-*.h5' 2>/dev/null | wc -l; }
kept() { [ "$(checkpoints)" -ge 2 ]; }
alone() { [ -z "$(ranks)" ]; }
# end_all: what is left of a run that did not end in time, so that it is not taken for the next one
end_all() {
  alone && return
  ranks | while read -r p _; do kill -9 "$p"; done
  wait_for 5 alone
}
# starts NP WORDS...: a run in the background, until it has written checkpoints
starts() {
  np=$1; shift
  end_all
  rm -rf run "$dir"/glia-stall-*
  # shellcheck disable=SC2046
  timeout 60 $(on "$np") "$glia" train run.yaml --json "$@" >"$out" 2>"$err" </dev/null &
  child=$!
  wait_for 20 kept && victim=$(rank 1) && [ -n "$victim" ]
}
# ended CODES: the run ends within ten seconds with one of these
ended() {
  wait_for 10 gone "$child" || return 1
  wait "$child"; code=$?
  child=
  echo "# exit $code"
  case " $* " in *" $code "*) ;; *) return 1 ;; esac
  wait_for 3 alone
}
newest() { find run -name 'step-*.h5' | sort | tail -1 | sed 's/.*step-0*\([0-9]*\).h5/\1/'; }
# good: one rank can go on from the newest checkpoint
good() {
  before=$(newest)
  exits 0 "$glia" train run.yaml --resume --json max_steps="$((before + 5))" && [ "$(key resumed_from_step)" = "$before" ]
}

# --- stopped for good
export GLIA_STALL_WARN_S=1 GLIA_STALL_ABORT_S=3
starts 3; point "three ranks train"
kill -STOP "$victim"
began=$(milliseconds)
wait_for 5 said 'stall host='; point "a stopped rank is named within five seconds"
took=$(($(milliseconds) - began))
echo "# named after $took ms"
[ "$took" -le 5000 ] && grep 'stall host=' "$err" | grep -q 'op="[a-z ]*[0-9]*" waited_s=[0-9.]* missing="1 ('
point "with the operation, and as the only one missing"
ended 79; point "all ranks end with a code of its own, and nothing is left running"
[ -s glia-stall-rank-0.txt ] && [ -s glia-stall-rank-2.txt ] && grep -q 'micro-batch' glia-stall-rank-0.txt && said 'stall-events'
point "the living leave their last events"
good; point "the last checkpoint is good"

# --- asleep for a while
unset GLIA_STALL_ABORT_S
exits 0 "$glia" train run.yaml --json max_steps=4000 checkpoint=null; reference=$(hashes)
starts 2 max_steps=4000; kill -STOP "$victim"
wait_for 5 said 'missing="1 ('; point "a sleeping rank is named"
kill -CONT "$victim"
wait_for 55 gone "$child" && wait "$child"; code=$?; child=
[ "$code" = 0 ] && same "$reference"; point "it wakes, and the run ends with the bits of one rank"

# --- killed
starts 3
kill -KILL "$victim"
began=$(milliseconds)
ended 137 9 1; point "a killed rank ends all"
[ "$(($(milliseconds) - began))" -le 8000 ] && grep -q 'rank 1 .*signal 9\|exited on signal 9' "$err"; point "it is named"
good; point "the last checkpoint is good after a kill"

# --- a stage of two groups: whoever misses it, in whatever communicator, calls it by the number that the launcher gave it
GLIA_STALL_ABORT_S=3; export GLIA_STALL_ABORT_S
starts 4 parallel.stages=2; point "two groups of two stages train"
kill -STOP "$(rank 3)"
ended 79 && grep 'stall host=' "$err" | grep -q 'missing="3 ('; point "a stopped stage is named as the only one missing, and all end"
grep 'stall host=' "$err" | grep -q 'rank=1 .*missing=".*3 ('; point "by its like of the other group too"
! grep 'stall host=' "$err" | grep -q 'rank=\([0-9]\) .*missing=".*\1 ('; point "nobody misses himself"
good; point "the last checkpoint is good, in one piece"
unset GLIA_STALL_ABORT_S

# --- a stage that is killed, of a pipeline and of local learning
# continues WORDS...: as many stages as before go on from the newest checkpoint, with the bits of one rank that was never interrupted
continues() {
  before=$(newest)
  exits 0 "$glia" train run.yaml --json max_steps="$((before + 5))" checkpoint=null "$@"; reference=$(hashes)
  trains 3 --resume parallel.stages=3 max_steps="$((before + 5))" "$@" && [ "$(key resumed_from_step)" = "$before" ] && same "$reference"
}
deep='model=[{linear: 64}, tanh, {linear: 64}, tanh, {linear: 64}, tanh, {linear: 64}, tanh, {linear: 2}]'
for how in pipeline local; do
  [ $how = local ] && set -- "$deep" 'local={depth: 1}' || set -- "$deep"
  starts 3 parallel.stages=3 "$@"
  kill -KILL "$victim"
  began=$(milliseconds)
  ended 137 9 1 && [ "$(($(milliseconds) - began))" -le 8000 ] && grep -q 'rank 1 .*signal 9\|exited on signal 9' "$err"
  point "$how: a killed stage ends all and is named"
  continues "$@"; point "$how: its checkpoint has the bits of a run that nobody interrupted"
done
set --

# --- parted at the start
sed 's/linear: 64/linear: 63/' run.yaml >other.yaml
rm -rf run
pair() { # shellcheck disable=SC2086
  exits "$1" mpirun ${launcher#mpirun -n NP} -n 1 $2 : -n 1 $3; }
case $launcher in
"mpirun -n NP"*)
  pair 70 "$glia train run.yaml" "$glia train other.yaml"
  point "another configuration on one rank is refused"
  said 'ranks disagree on the configuration, line [0-9]*: rank 0 has .*64., rank 1 has .*63'; point "with the difference"
  if GLIA_CPU=avx2 "$glia" version >/dev/null 2>&1; then
    high="$glia train run.yaml checkpoint=null max_steps=40 --json"; low="env GLIA_CPU=plain OPENBLAS_CORETYPE=Nehalem $high"
    exits 0 $low && lowest=$(hashes)
    pair 0 "$high" "$low" && same "$lowest" && said 'levels-lowered to="openblas:Nehalem" why="[^"]*rank 0 has .*gemm:avx2'
    point "where one rank's CPU is of a lower level all compute as it does, and say so"
    exits 0 $high && [ "$(hashes)" != "$lowest" ]
    point "which are other bits than of the higher level"
    exits 0 env GLIA_CPU=plain OPENBLAS_CORETYPE=Nehalem "$glia" train run.yaml max_steps=20 && exits 0 "$glia" train run.yaml max_steps=40 --resume --json &&
      same "$lowest" && said 'kernel-level is="openblas:Nehalem" instead="[^"]*gemm:avx2" note="as in the checkpoint"'
    point "a run goes on with the kernels of its checkpoint, and has the bits of one without a break"
    rm -rf run
    pair 0 "$glia train run.yaml max_steps=1 checkpoint=null" "env OPENBLAS_CORETYPE=Barcelona $glia train run.yaml max_steps=1 checkpoint=null" &&
      said 'levels-differ .*rank 1 has .openblas:Barcelona.* bits may differ'
    point "levels that cannot be lowered are told"
    exits 0 "$glia" train run.yaml max_steps=20 && exits 0 env GLIA_CPU=plain "$glia" train run.yaml --resume max_steps=21 && said 'kernel-level was=".*gemm:avx2" is=.*bits may differ from here on'
    point "and so are those of a checkpoint that this CPU may not use"
    rm -rf run
    exits 0 "$glia" train run.yaml max_steps=20 &&
      pair 0 "$glia train run.yaml max_steps=21 --resume" "env OPENBLAS_CORETYPE=Barcelona $glia train run.yaml max_steps=21 --resume" &&
      said 'kernel-level was=".*why="rank 1 failed: .*bits may differ from here on'
    point "also by one rank alone"
    rm -rf run
  else
    for what in "where one rank's CPU is of a lower level all compute as it does, and say so" "which are other bits than of the higher level" "a run goes on with the kernels of its checkpoint" \
      "levels that cannot be lowered are told" "and so are those of a checkpoint that this CPU may not use" "also by one rank alone"; do
      skip "$what" "this CPU has one level"
    done
  fi
  pair 70 "$glia train run.yaml" "$glia train run.yaml --resume" && said "ranks disagree on what to do: rank 0 has 'train', rank 1 has '--resume'" && [ ! -e run ]
  point "so is --resume of one rank alone"
  mkdir elsewhere && "$glia" data synth moons --n 300 --test-n 90 --seed 8 -o elsewhere/moons.h5 >/dev/null
  pair 70 "$glia train run.yaml" "-wdir $dir/elsewhere $glia train $dir/run.yaml"
  point "other rows on one rank are refused"
  said 'ranks disagree on the training data: rank 0 has .300 rows'; point "with the difference"
  # pictures of two pixels; the last pixel of the last test row is another one
  pictures() { printf '\0\0\10\3\0\0\1\54\0\0\0\1\0\0\0\2'; head -c 599 /dev/zero; printf '%b' "$1"; }
  { printf '\0\0\10\1\0\0\1\54'; head -c 299 /dev/zero; printf '\1'; } >labels
  pictures '\001' >train
  for last in 1 2; do
    pictures "\\00$last" >test
    mkdir last-$last && exits 0 "$glia" data import idx --train train labels --test test labels -o last-$last/moons.h5
  done
  sed 's/^model:.*/model: [flatten, {linear: 2}]/' run.yaml >pictures.yaml
  pair 70 "-wdir $dir/last-1 $glia train $dir/pictures.yaml" "-wdir $dir/last-2 $glia train $dir/pictures.yaml"
  said 'ranks disagree on the training data: .*test 300 rows, x u8 '; point "another last row of the test split on one rank is refused"
  [ ! -e run ]; point "and nothing was written"
  # the same program with another number in it
  at=$(readelf -SW "$glia" 2>/dev/null | sed -n 's/.*\.note\.gnu\.build-id *NOTE *[0-9a-f]* \([0-9a-f]*\) .*/\1/p')
  if [ -n "$at" ]; then
    cp "$glia" other-glia && printf '\377\377' | dd of=other-glia bs=1 seek=$((0x$at + 16)) conv=notrunc 2>/dev/null
    pair 70 "$glia train run.yaml" "./other-glia train run.yaml" && said 'ranks disagree on the build of glia'
    point "another build on one rank is refused"
  else
    skip "another build on one rank is refused" "this program bears no build number"
  fi
  ;;
*) skip "ranks that differ at the start" "the launcher is not mpirun" ;;
esac
finish
