#!/bin/sh
# A graph convolution network on Cora with its public split, from YAML: at least 0.80 of the test nodes over seeds (the paper: 0.815).
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
cora=$GLIA_TEST_DATA/cora # beside this checkout: see env.sh
[ -r "$cora/edges.csv" ] || { echo "1..0 # SKIP no $cora"; exit 0; }

# As in the paper a node's words have weights that sum to 1.
awk -F, 'NR == FNR { n[$1]++; next } FNR == 1 { print "node,feature,value"; next } { print $1 "," $2 "," 1 / n[$1] }' \
  "$cora/features.csv" "$cora/features.csv" >features.csv
exits 0 "$glia" data import graph --edges "$cora/edges.csv" --features features.csv --labels "$cora/labels.csv" \
  --splits "$cora/split.csv" -o cora.h5 --json && exits 0 "$glia" data info cora.h5 && grep -q 2708 "$out"
point "tables become a citation graph"
cat >run.yaml <<'END'
seed: 1
data: {file: cora.h5, batch: 1}
model:
  - dropout: 0.5
  - {graph_conv: 16, name: first}
  - relu
  - dropout: 0.5
  - graph_conv: 7
loss: {name: cross_entropy, mask: mask}
optimizer: {adam: {lr: 1e-2}, groups: {"first/*": {decay: 5e-4}}}
epochs: 200
END
within_s=$((${LIMIT:-300} - 10))
# Seeds 1 to 4 reach 0.800, 0.824, 0.811 and 0.828: the mean over some of them is what can be held.
seeds="1 2"; [ -z "${GLIA_TEST_LONG-}" ] || seeds="1 2 3 4"
sum=0 runs=0
for seed in $seeds; do
  trains 1 seed="$seed" || break
  echo "# seed $seed: accuracy $(key accuracy), training loss $(key train_loss), $(key wall_s) s"
  sum=$(awk -v a="$sum" -v b="$(key accuracy)" 'BEGIN { print a + b }') runs=$((runs + 1))
done
[ "$runs" = "$(echo $seeds | wc -w)" ] && about "$(awk -v a="$sum" -v n="$runs" 'BEGIN { print a / n }')" 0.80 1
point "200 steps reach a mean accuracy of at least 0.80 on the test nodes"
finish
