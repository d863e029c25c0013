#!/bin/sh
# A graph convolution network on Cora with its public split, from YAML: at least 0.80 of the test nodes (the paper: 0.815).
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
cora=$GLIA_TEST_DATA/cora # beside this checkout: see env.sh
[ -r "$cora/edges.csv" ] || { echo "1..0 # SKIP no $cora"; exit 0; }
find_python h5py,numpy || { echo "1..0 # SKIP no python3 with h5py"; exit 0; }

"$python" "$srcdir/tests/interop/cora.py" "$cora" cora.h5 >"$out" 2>"$err" && grep -q '2708 nodes, 10556 entries' "$out"
point "the citation graph becomes a data set of one row"
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
trains 1; trained=$?
accuracy=$(key accuracy)
echo "# accuracy $accuracy, training loss $(key train_loss) after $(key steps) steps in $(key wall_s) s"
[ $trained = 0 ] && [ "$(key steps)" = 200 ] && about "$accuracy" 0.80 1
point "200 steps reach an accuracy of at least 0.80 on the test nodes"
finish
