#!/bin/sh
# Rows of different lengths, as of card 39: graphs and sequences planned at their longest; how long that is changes nothing.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
find_python h5py,numpy || { echo "1..0 # SKIP no python3 with h5py"; exit 0; }

"$python" "$srcdir/tests/interop/ragged.py" short.h5 0 >"$out" 2>"$err" && "$python" "$srcdir/tests/interop/ragged.py" long.h5 29 2>"$err"
point "graphs of 4 to 8 nodes become rows; of 29 in another file's test split"
exits 0 "$glia" data info long.h5 --json && "$python" - "$out" <<'END'
import json, sys, h5py, numpy as np
told = {(s["name"], f["name"]): f for s in json.load(open(sys.argv[1]))["splits"] for f in s["fields"]}
for split in "train", "test":
    x, f = h5py.File("long.h5")[split + "/x"][:].astype("f8"), told[split, "x"]
    assert abs(f["mean"] - x.mean()) < 1e-9 and abs(f["sd"] - x.std()) < 1e-9 and sum(f["histogram"]) == x.size, (split, f)
END
[ $? = 0 ]; point "data info counts what is there, and no padding"
"$python" - <<'END'
import h5py, numpy as np
with h5py.File("masked.h5", "w") as f:
    f.attrs["glia_kind"], f.attrs["glia_format"] = "dataset", 1
    f["train/x"], f["train/x_mask"] = np.arange(8, dtype="f4").reshape(2, 4), np.eye(2, 4, dtype="u1")
END
exits 0 "$glia" data info masked.h5 --json && tr -d ' \n' <"$out" | grep -q '"name":"x","dtype":"f32".*"mean":3.5,"sd"'; point "a mask of the file's own hides nothing"
cat >run.yaml <<'END'
seed: 5
data: {file: short.h5, batch: 20, micro_batch: 5}
model:
  - graph_conv: 16
  - relu
  - {graph_attention: {units: 8, heads: 2}, name: h}
  - {readout: sum, from: [h, x_mask]}
  - linear: 2
loss: cross_entropy
optimizer: {adam: {lr: 2e-2}}
epochs: 40
END
# close A B: relative to B within 1e-4: forty epochs of float32 whose sums have other lengths
close() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b > 0 && (a / b - 1) ^ 2 < 1e-8) }'; }
trains 1 && loss=$(key train_loss) && first=$(hashes) && echo "# loss $loss, accuracy $(key accuracy)" && about "$loss" 0 0.6
point "a graph network learns from them"
trains 3 parallel.threads=2 && same "$first"; point "the same bits on 3 ranks with 2 threads"
trains 1 data.file=long.h5 && close "$(key train_loss)" "$loss"; point "planned for 29 nodes it learns the same"
sequence='model=[{attention: {heads: 1}, from: [x, x_mask], name: a}, {lstm: 8, name: h}, {readout: max, from: [h, x_mask]}, {linear: 2}]'
trains 1 "$sequence" epochs=10 && loss=$(key train_loss) && trains 1 "$sequence" epochs=10 data.file=long.h5 && close "$(key train_loss)" "$loss"
point "sequences: attention, a recurrent layer and the largest over the places"
"$python" -c 'import h5py; f = h5py.File("short.h5", "r+"); f["train/x_ptr"][3] = 99' && ends 65 2 && said 'train/x_ptr falls behind row 3'
point "lengths that lie are refused"
finish
