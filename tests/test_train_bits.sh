#!/bin/sh
# The same bits for any number of ranks and threads, in any environment; and the work is shared.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

# 5 steps an epoch, the last one and its last micro-batch partly filled: 300 = 4 * 64 + 5 * 8 + 4
cat >run.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 64, micro_batch: 8}
model:
  - linear: 16
  - batch_norm
  - tanh
  - dropout: 0.2
  - batch_norm: {over: batch}
  - layer_norm
  - linear: 24
  - gelu
  - linear: 2
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
lr_schedule: {cosine: {warmup: 3}}
clip_norm: 0.5
max_steps: 12
END

trains 1; reference=$(hashes) narrow=$(hashes)
same "$reference" && [ "$(key reason)" = completed ] && [ "$(key steps)" = 12 ] && [ "$(shares)" = "96 " ] && ! said idle-workers
point "one worker trains, and says nothing of idle ones"
for np in 1 2 3 4 6 ${GLIA_TEST_LONG:+8}; do
  for threads in 1 2; do
    [ "$np$threads" = 11 ] && continue
    trains "$np" parallel.threads=$threads && same "$reference" && [ "$(key ranks)" = "$np" ] && [ "$(key threads)" = "$threads" ]
    point "$np ranks with $threads threads have the same bits"
    [ "$np" = 1 ] || said 'states held=once-per-node'; point "with states that they hold once"
    # shellcheck disable=SC2046
    set -- $(shares)
    sum=0 idle=0
    for v; do sum=$((sum + v)); [ "$v" -gt 0 ] || idle=$((idle + 1)); done
    expected=$((np * threads > 8 ? np * threads - 8 : 0))
    [ $# = $((np * threads)) ] && [ "$sum" = 96 ] && [ "$idle" = "$expected" ]
    point "$np x $threads workers share 12 x 8 micro-batches, $expected of them idle: $*"
  done
done

trains 1; full=$(key kept_bytes)
ends 78 2 parallel.memory=64 && said 'parallel.memory: 64 bytes are too few'; point "a budget that cannot be met is refused"
least=$(sed -n "s/.* from $full down to \([0-9]*\),.*/\1/p" "$err")
ends 78 2 parallel.memory=0 && said 'nothing fits into 0 bytes'; point "so is none at all"
trains 2 parallel.threads=2 parallel.memory="$least" && same "$reference" && [ "$(key bytes)" -le "$least" ] && [ "$least" -lt "$full" ] && about "$(key extra_work)" 1e-6 0.5
point "values that are computed again have the same bits: $least bytes for $full"
trains 2 parallel.memory=1GiB && same "$reference" && [ "$(key bytes)" = "$full" ] && [ "$(key extra_work)" = 0.0 ]; point "where all fits nothing is computed again"

trains 3 data.micro_batch=32 && [ "$(grep -c idle-workers "$err")" = 1 ] && said 'micro_batches=2 workers=3 idle_ranks=0 '
point "one line names the idle rank"
[ "$(shares)" = "0 12 12 " ] && [ "$(hashes)" != "$reference" ]; point "it had nothing to do, and another micro-batch has other bits"
cure=$(sed -n 's/.*micro_batch at most \([0-9]*\).*/\1/p' "$err")
trains 3 data.micro_batch="$cure" && ! said idle-workers; point "the cure that the line names works"

trains 2 seed=4 && [ "$(key parameters_sha256)" != "${reference% *}" ]; point "another seed has other parameters"
trains 2 data.shuffle=false && [ "$(key parameters_sha256)" != "${reference% *}" ]; point "another order has other parameters"
trains 2 model.3.dropout=0.3 && [ "$(key parameters_sha256)" != "${reference% *}" ]; point "another dropout has other parameters"
trains 2 clip_norm=0.4 && [ "$(key parameters_sha256)" != "${reference% *}" ]; point "another clip has other parameters"

# 1,202 buckets of sums between two ranks: each tensor by itself
many=$(printf '{linear: 16}, tanh, %.0s' $(seq 600))
deep() { trains "$@" "model=[$many{linear: 2}]" data.batch=16 max_steps=2 parallel.bucket=64; }
deep 1; reference=$(hashes)
deep 2 && same "$reference"; point "a thousand buckets and more are summed"

# Wide enough for a BLAS that likes threads.
wide() { trains "$@" 'model=[{linear: 512}, relu, {linear: 512}, relu, {linear: 2}]' data.batch=128 data.micro_batch=64 max_steps=6; }
wide 1; reference=$(hashes)
for omp in 1 7; do
  OMP_NUM_THREADS=$omp OPENBLAS_NUM_THREADS=$omp wide 1 && same "$reference"; point "OMP_NUM_THREADS=$omp changes nothing"
done
OMP_NUM_THREADS=7 wide 2 parallel.threads=2 && same "$reference"; point "OMP_NUM_THREADS=7 changes nothing on 2 x 2 workers"
(cd / && exits 0 env -i PATH="$PATH" HOME=/ LANG=de_DE.UTF-8 "$glia" train "$dir/run.yaml" data.file="$dir/moons.h5" --json) && same "$narrow"
point "an empty environment and another folder change nothing"
finish
