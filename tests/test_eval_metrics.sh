#!/bin/sh
# metrics: in the YAML of a run: the same on any number of ranks, and what counting by hand gives.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
cat >run.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 30, micro_batch: 10}
model: [linear: 12, tanh, linear: 2]
loss: cross_entropy
metrics: [accuracy, f1, auroc, auc_pr, ece]
optimizer: {adam: {lr: 1e-2}}
epochs: 8
checkpoint: {dir: run}
END
measured() { echo "$(key f1) $(key auroc) $(key auc_pr) $(key ece)"; }
trains 1 && first=$(measured) && about "$(key auroc)" 0.8 1 && about "$(key ece)" 0 0.5
point "a run measures its test split"
echo "# f1, auroc, auc_pr, ece: $first"
exits 0 $(on 3) "$glia" eval run --json && [ "$(measured)" = "$first" ] && [ "${#first}" -gt 20 ]
point "eval on three ranks measures the same"
ends 78 1 metrics='[auroc, r2]' checkpoint.dir=other && grep -q 'r2 compares numbers, the target of cross_entropy is a class' "$err"
point "a metric that means nothing for the target is refused"
if find_python h5py,numpy; then
  trains 1 checkpoint.dir=again
  "$python" "$srcdir/tests/interop/metrics.py" moons.h5 again/step-0000000080.h5 >hand.txt
  read -r accuracy f1 auroc <hand.txt
  near() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && (a - b) ^ 2 < 1e-12) }'; }
  near "$accuracy" "$(key accuracy)" && near "$f1" "$(key f1)" && near "$auroc" "$(key auroc)"
  point "counting by hand agrees to 1e-6" # float32 scores: no pair of them changes its order
else
  skip "counting by hand agrees" "no python3 with h5py"
fi
finish
