#!/bin/sh
# The same bits on three nodes of a real SLURM as on one core, for any number of ranks and threads, clipped; and what gradients in
# fewer bytes between nodes change, and what not.
. "$srcdir/tests/points.sh"
cmd=$srcdir/tests/rig/rig
TMPDIR=$dir; export TMPDIR
chmod 711 "$dir"
trap 'for RIG in "$dir"/glia-rig-*; do RIG=$RIG "$cmd" down 2>/dev/null; done; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

RIG=$("$cmd" up 3 $$ 2>"$err")
case $? in
  0) ;;
  77) echo "1..0 # SKIP $(cat "$err")"; exit 0 ;;
  *) false; point "three nodes come up"; finish ;;
esac
export RIG
cd "$dir" || exit 99
cat >run.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 64, micro_batch: 8}
model:
  - linear: 64
  - batch_norm
  - tanh
  - dropout: 0.2
  - batch_norm: {over: batch}
  - linear: 64
  - layer_norm
  - linear: 2
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
lr_schedule: {cosine: {warmup: 3}}
clip_norm: 0.5
max_steps: 24
END
hashes() { echo "$(key parameters_sha256) $(key state_sha256)"; }
# spread NODES RANKS WORDS...: the run over so many nodes
spread() {
  nodes=$1 np=$2; shift 2
  within_s=120 exits 0 "$cmd" run srun --mpi=pmix --overcommit -N"$nodes" -n"$np" "$glia" train run.yaml --json "$@" && [ "$(key ranks)" = "$np" ]
}
part() { awk -v x="$loss" -v p="$1" 'BEGIN { print x * p }'; }
same() { [ "${#1} $(hashes)" = "129 $1" ]; }

exits 0 "$glia" data synth moons --n 300 --test-n 90 --seed 7 -o moons.h5 && exits 0 "$glia" train run.yaml --json; point "one rank trains"
reference=$(hashes) loss=$(key train_loss)
for ranks in "1 2" "2 2" "3 3" "3 4" "3 6" "3 8"; do
  for threads in 1 2; do
    # shellcheck disable=SC2086
    spread $ranks parallel.threads=$threads && same "$reference"; launched "$ranks (nodes, ranks) with $threads threads have the bits of one"
  done
done

# --- what travels together: by the link, of which one is slow, and by the configuration
wide='model=[{linear: 512}, tanh, {linear: 512}, tanh, {linear: 2}]'
exits 0 "$glia" train run.yaml --json "$wide" && wide_reference=$(hashes)
"$cmd" slow 3 100mbit
spread 3 3 "$wide" && [ "${#wide_reference} $(hashes)" = "129 $wide_reference" ] && said 'train bucket bucket_bytes=[0-9]* why="link of'; launched "buckets are of a size from the link: the same bits"
rate=$(sed -n 's/.*train bucket .* and \([0-9]*\) MB.s.*/\1/p' "$err")
about "$rate" 6 13; point "which carries 12.5 MB/s, measured as $rate"
spread 3 3 "$wide" parallel.bucket=4KiB && [ "${#wide_reference} $(hashes)" = "129 $wide_reference" ] && said 'train bucket bucket_bytes=4096 why="configuration"'; launched "a size that is set is not measured, and has the same bits"
for node in 1 2 3; do "$cmd" slow $node off; done
spread 3 3 parallel.wire=bf16 && said 'train bucket bucket_bytes=1048576 why="rounding'; launched "nor does it follow the link where numbers are rounded"

# --- fewer bytes: between nodes alone
spread 1 2 && said 'train bucket bucket_bytes=1048576 why="all ranks share memory"'; launched "on one node nothing is measured"
spread 1 2 parallel.wire=int8 && same "$reference" && said 'wire format=int8 .*nothing is rounded'; point "two ranks of one node round nothing"
for wire in bf16 int8; do
  spread 3 3 parallel.wire=$wire && said "wire format=$wire .*depend on how ranks are spread"; point "$wire crosses nodes"
  rounded=$(hashes)
  ! same "$reference" && about "$(key train_loss)" "$(part 0.97)" "$(part 1.03)"
  point "its sums are others, its loss of training within a thirtieth: $(key train_loss) for $loss"
  spread 3 3 parallel.wire=$wire parallel.threads=2 && same "$rounded"; point "two threads have the same bits"
  spread 3 3 parallel.wire=$wire && same "$rounded"; point "the same layout has the same bits again"
done
finish
