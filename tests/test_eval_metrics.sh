#!/bin/sh
# metrics: in the YAML of a run: the same on any number of ranks, and what counting by hand gives.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
cat >run.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 30, micro_batch: 10}
model: [linear: 12, tanh, linear: 2]
loss: cross_entropy
metrics: [accuracy, f1, auroc, auc_pr, ece, recall: 1, ndcg: 2]
optimizer: {adam: {lr: 1e-2}}
epochs: 8
checkpoint: {dir: run}
END
measured() { echo "$(key f1) $(key auroc) $(key auc_pr) $(key ece) $(key ndcg_at_2)"; }
trains 1 && first=$(measured) && about "$(key auroc)" 0.8 1 && about "$(key ece)" 0 0.5
point "a run measures its test split"
echo "# f1, auroc, auc_pr, ece, ndcg: $first"
# of two classes the label comes first or second: ndcg = right + wrong / log2(3)
f1=$(key f1); exits 0 "$glia" report run -o run.html && grep -q "test_f1.*$(printf '%.4g' "$f1" | cut -c1-5)" run.html && grep -q test_ndcg_at_2 run.html
point "the record keeps what was measured, and its report has it"
mkdir -p store/full; exits 65 "$glia" report store -o store.html && said 'store is a store of glia collect, expected a run'; point "a store is no run"
measured >/dev/null; trains 1 checkpoint.dir=twice
[ "$(key recall_at_1)" = "$(key accuracy)" ] && awk -v a="$(key accuracy)" -v g="$(key ndcg_at_2)" \
  'BEGIN { exit !((a + (1 - a) * log(2) / log(3) - g) ^ 2 < 1e-24) }'
point "recall at 1 is the accuracy, and the discount of a second place 1 / log2(3)"
exits 0 $(on 3) "$glia" eval run --json && [ "$(measured)" = "$first" ] && [ "${#first}" -gt 20 ]
point "eval on three ranks measures the same"
ends 78 1 metrics='[auroc, r2]' checkpoint.dir=other && grep -q 'r2 compares numbers, the target of cross_entropy is a class' "$err"
point "a metric that means nothing for the target is refused"
ends 78 1 metrics='[recall: 3]' checkpoint.dir=other && grep -q 'recall: the first 3 of 2' "$err" && ends 78 1 metrics='[ndcg]' checkpoint.dir=other && grep -q 'ndcg needs k' "$err"
point "recall and ndcg want a number that fits"
# rows whose places are ordered: three marks each, some rows without any; counted again from what predict says
awk 'BEGIN { print "u,v,a,b,c"; for (i = 0; i < 60; i++) { u = sin(3 * i); v = cos(5 * i);
  print u "," v "," (u > 0.3) "," (v > 0.5) "," (u * v > 0.2) } }' >marks.csv
exits 0 "$glia" data import csv marks.csv --target a --target b --target c --test-share 0.4 -o marks.h5 --json &&
  trains 2 data.file=marks.h5 'model=[linear: 3]' loss=bce 'metrics=[recall: 1, ndcg: 3]' checkpoint.dir=marks max_steps=6 && recall=$(key recall_at_1) ndcg=$(key ndcg_at_3) &&
  exits 0 "$glia" predict marks --data marks.h5 -o p.csv && exits 0 "$glia" data export marks.h5 --split test -o t.csv && paste -d, p.csv t.csv | awk -F, -v r="$recall" -v g="$ndcg" '
  NR > 1 { rows++; n = $6 + $7 + $8; if (n == 0) next; some++; gain = 0; best = 0
    for (i = 1; i <= 3; i++) { place = 1; for (j = 1; j <= 3; j++) place += $j > $i
      if (place == 1) recall += $(5 + i) / n
      gain += $(5 + i) * log(2) / log(1 + place); if (i <= n) best += log(2) / log(1 + i) }
    ndcg += gain / best }
  END { print "# recall", recall / some, "ndcg", ndcg / some, "of", some, "of", rows, "rows"; exit !(some > 5 && some < rows && (recall / some - r) ^ 2 < 1e-12 && (ndcg / some - g) ^ 2 < 1e-12) }'
point "recall and ndcg of rows are those counted by hand"
# a graph of two classes: the test nodes have the labels turned round, nodes of no split have none
awk 'BEGIN { print "src,dst"; for (i = 0; i < 40; i++) print i "," (i + 2) % 40 }' >edges.csv
awk 'BEGIN { print "node,feature,value"; for (i = 0; i < 40; i++) print i "," i % 2 ",1" }' >features.csv
awk 'BEGIN { print "node,label"; for (i = 0; i < 30; i++) print i "," (i < 20 ? i % 2 : 1 - i % 2) }' >labels.csv
awk 'BEGIN { print "node,split"; for (i = 0; i < 30; i++) print i "," (i < 10 ? "train" : i < 20 ? "valid" : "test") }' >splits.csv
exits 0 "$glia" data import graph --edges edges.csv --features features.csv --labels labels.csv --splits splits.csv -o graph.h5
graph() { trains "$1" data='{file: graph.h5, batch: 1}' 'model=[{graph_conv: 2}]' metrics='[accuracy]' epochs=200 "$2" checkpoint.dir="$3"; }
graph 1 loss=cross_entropy nodes && [ "$(key accuracy)" = 0.0 ] && nodes=$(hashes)
point "nodes of other splits, and without a label, teach nothing: the test nodes are all wrong"
exits 0 "$glia" eval nodes --split train --json && [ "$(key accuracy)" = 1.0 ] && exits 0 "$glia" eval nodes --split valid --json && [ "$(key accuracy)" = 1.0 ]
point "those of training and like them are all right"
graph 2 'loss={name: cross_entropy, mask: mask}' spelt && same "$nodes"; point "as where mask: says so"
ends 78 1 data='{file: graph.h5, batch: 1}' 'model=[{graph_conv: 2}]' metrics=null checkpoint.dir=all 'loss={name: cross_entropy, mask: none}' &&
  said 'field y holds numbers below 0'
point "mask: none counts all nodes, so all want labels"
printf '33,train\n35,train\n' >>splits.csv
exits 0 "$glia" data import graph --edges edges.csv --features features.csv --labels labels.csv --splits splits.csv -o holes.h5 &&
  ends 65 2 data='{file: holes.h5, batch: 1}' 'model=[{graph_conv: 2}]' metrics=null checkpoint.dir=holes &&
  said 'holes.h5:/nodes/train: of y 2 labels that mask counts are none (2 below 0), the first in row 0, place 33: -1'
point "nodes of the training without a label are refused, with how many and where"
exits 65 "$glia" eval nodes --data holes.h5 --json && said '2 labels that mask counts are none'
point "eval looks at labels, too"
if find_python h5py,numpy; then
  "$python" -c 'import h5py, numpy as np
with h5py.File("gains.h5", "w") as f:
    f.attrs["glia_kind"], f.attrs["glia_format"] = "dataset", 1
    for split in "train", "test":
        f[split + "/x"] = np.eye(4, dtype=np.float32)
        f[split + "/y"] = np.eye(4, 3, dtype=np.float32) - 0.5'
  trains 1 data='{file: gains.h5, batch: 64, micro_batch: 2}' 'model=[{linear: 3}]' loss=mse metrics='[recall: 1, r2]' epochs=2 checkpoint=null parallel='{memory: null, bucket: null}' &&
    [ "$(key recall_at_1)" = null ] && [ "$(key r2)" != null ] && said 'metric-without-meaning name=recall_at_1 why=".*gain [0-9]* is -0.5, expected at least 0'
  point "what has no meaning is null, and the rest is told"
  said 'batch-above-rows batch=64 rows=4 note="30 of the 32 micro-batches of each step are padding"'; point "a batch above all rows is told"
else
  skip "what has no meaning is null, and the rest is told" "no python3 with h5py"
  skip "a batch above all rows is told" "no python3 with h5py"
fi
if find_python h5py,numpy; then
  # a hypergraph of the nodes of two kinds: those of the test have the labels turned round
  "$python" - <<'PY'
import h5py, numpy as np
i = np.arange(40)
with h5py.File("hyper.h5", "w") as f:
    f.attrs["glia_kind"], f.attrs["glia_format"] = "dataset", 1
    for split, mask in ("train", i < 20), ("test", i >= 20):
        f[split + "/x"] = np.eye(2, dtype=np.float32)[i % 2][None]
        f[split + "/y"] = np.where(i < 20, i % 2, 1 - i % 2).astype(np.int32)[None]
        f[split + "/mask"] = mask.astype(np.uint8)[None]
        f[split + "/edge_ptr"] = np.array([[0, 20, 40]], np.int32)
        f[split + "/edge_idx"] = np.concatenate([i[::2], i[1::2]]).astype(np.int32)[None]
PY
  trains 1 data='{file: hyper.h5, batch: 1}' 'model=[{hypergraph_conv: 2}]' metrics='[accuracy]' epochs=200 checkpoint.dir=hyper && [ "$(key accuracy)" = 0.0 ] &&
    exits 0 "$glia" eval hyper --split train --json && [ "$(key accuracy)" = 1.0 ]
  point "nodes of a hypergraph, too, count in their split alone"
  trains 1 checkpoint.dir=again
  "$python" "$srcdir/tests/interop/metrics.py" moons.h5 again/step-0000000080.h5 >hand.txt
  read -r accuracy f1 auroc <hand.txt
  near() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && (a - b) ^ 2 < 1e-12) }'; }
  near "$accuracy" "$(key accuracy)" && near "$f1" "$(key f1)" && near "$auroc" "$(key auroc)"
  point "counting by hand agrees to 1e-6" # float32 scores: no pair of them changes its order
else
  skip "nodes of a hypergraph, too, count in their split alone" "no python3 with h5py"
  skip "counting by hand agrees" "no python3 with h5py"
fi
finish
