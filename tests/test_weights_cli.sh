#!/bin/sh
# Weights and rows in and out, as people use them: export, init, predict, data export; NumPy and PyTorch as other readers.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

cat >run.yaml <<'YAML'
seed: 3
data: {file: moons.h5, batch: 64, micro_batch: 32}
model: [linear: 16, tanh, linear: 2]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
epochs: 4
checkpoint: {dir: run}
YAML
trains 1; point "a model to carry away"
trained=$(key parameters_sha256)

exits 0 "$glia" export run -o w.safetensors --json && grep -q '"00-linear.weight"' "$out" && [ "$(key numbers)" = 82 ]
point "export to safetensors"
exits 0 "$glia" export run -o w.npz && exits 0 "$glia" export run -o h.safetensors --as bf16 && grep -q '00-linear.weight bf16 \[' "$out" && ! grep -q f32 "$out"; point "export to .npz, and as bf16"
exits 73 "$glia" export run -o w.npz && said 'exists already'; point "an existing file is kept"
exits 64 "$glia" export run -o w.pt; point "another ending is refused"
exits 0 "$glia" export run -o s.safetensors --split 100 && [ -e s.safetensors.index.json ] && [ -e s-00001-of-00004.safetensors ]
point "split files behind an index"
printf '00-linear: fc1\n02-linear/weight: head.w\n' >names.yaml
exits 0 "$glia" export run -o n.npz --names names.yaml && grep -q 'fc1.weight' "$out" && grep -q 'head.w' "$out" && grep -q '02-linear.bias' "$out"
point "under other names"
printf '00-lineer: fc1\n' >bad.yaml
exits 78 "$glia" export run -o x.npz --names bad.yaml && said "no layer or array '00-lineer'"; point "a name that fits nothing is refused"

for f in w.safetensors w.npz s.safetensors.index.json run; do
  exits 0 "$glia" train run.yaml checkpoint=null max_steps=0 init=$f --json && [ "$(key parameters_sha256)" = "$trained" ] || break
done
point "init from each gives the same bits"
exits 0 "$glia" train run.yaml checkpoint=null max_steps=0 'init={file: n.npz, names: {00-linear: fc1, 02-linear/weight: head.w}}' --json &&
  [ "$(key parameters_sha256)" = "$trained" ]
point "init by a map of names"
exits 66 "$glia" train run.yaml checkpoint=null max_steps=0 init=n.npz && said "has no '00-linear.weight'"; point "without the map the array that is missing is named"
exits 65 "$glia" train run.yaml checkpoint=null max_steps=0 model.0.linear=8 init=w.npz && said 'w.npz: 00-linear.weight is f32 \[16, 2\]'; a=$?
point "other extents are refused" $a

# a run with moving averages and a schedule that remembers, from a file that knows of neither: averages start as the parameters
exits 0 "$glia" train run.yaml checkpoint.dir=ema max_steps=0 init=run 'ema={decay: 0.9}' 'lr_schedule={plateau: {every: 1}}' --json &&
  [ "$(key parameters_sha256)" = "$trained" ] && loss=$(key loss) && exits 0 "$glia" eval run --json && [ "$(key loss)" = "$loss" ]
point "init into a run with averages and a plateau: it begins as the parameters"
exits 0 "$glia" train run.yaml checkpoint=null max_steps=5 init=ema 'lr_schedule={plateau: {every: 1}}' --json && with=$(key parameters_sha256) &&
  exits 0 "$glia" train run.yaml checkpoint=null max_steps=5 init=run 'lr_schedule={plateau: {every: 1}}' --json && [ "$(key parameters_sha256)" = "$with" ]
point "what a schedule has seen is not taken along"

trains 1 dtype=bf16 checkpoint.dir=short && short=$(key parameters_sha256) && about "$(key accuracy)" 0.7 1 && exits 0 "$glia" eval short --json && about "$(key accuracy)" 0.7 1
point "a run in bf16 learns"
exits 0 "$glia" export short -o short.safetensors && exits 0 "$glia" export short -o short.npz && grep -q '"dtype":"BF16"' short.safetensors &&
  [ "$(wc -c <short.safetensors)" -lt "$(wc -c <w.safetensors)" ]
point "its export is bf16"
for f in short.safetensors short.npz short; do
  exits 0 "$glia" train run.yaml dtype=bf16 checkpoint=null max_steps=0 init=$f --json && [ "$(key parameters_sha256)" = "$short" ] || break
done
point "init from each gives the same 16 bits"
exits 0 "$glia" hessian short --json && exits 0 "$glia" spectrum short --json; point "analyses widen it"

exits 0 "$glia" data export moons.h5 --split test -o x.npy && exits 0 "$glia" data export moons.h5 --split test -o t.csv &&
  head -1 t.csv | grep -q '^x_0,x_1,y$' && [ "$(wc -l <t.csv)" = 91 ]
point "data export to .npy and a table"
exits 0 "$glia" data export moons.h5 --split test --field x -o x.csv && exits 64 "$glia" data export moons.h5; point "one field; and it says where to"
exits 0 "$glia" predict run --data moons.h5 -o a.npy && exits 0 "$glia" predict run --data x.npy -o b.npy &&
  exits 0 "$glia" predict run --data x.csv -o c.npy && cmp a.npy b.npy && cmp a.npy c.npy
point "predict from a dataset, .npy and a table alike"
awk 'BEGIN { print "a,b,c,k"; for (i = 0; i < 8; i++) print i "," 2 * i "," 3 * i "," i % 2 }' >three.csv
exits 0 "$glia" data import csv three.csv --label k --test-share 0.5 -o three.h5 && exits 65 "$glia" predict run --data three.h5 -o none.npy && said 'has rows x of f32 .3.; with such rows the model is not that of the checkpoint' && [ ! -e none.npy ]
point "predict names the rows that do not fit the model"
exits 0 "$glia" predict run --data x.npy -o p.csv && [ "$(head -1 p.csv)" = output_0,output_1 ] && exits 0 "$glia" predict run --data x.npy -o p.h5 &&
  exits 0 "$glia" data info p.h5 && grep -q 'output .*f32 \[2\]' "$out"
point "predict to a table and a dataset"
mv moons.h5 away.h5
exits 0 "$glia" predict run --data x.npy -o d.npy && cmp a.npy d.npy; point "predict without the data of the training"

# a table with words and a missing number: new ones are laid out as it was, their columns in another order
awk 'BEGIN { print "colour,size,age,kind"; for (i = 0; i < 40; i++) printf "%s,%s,%d,%s\n", substr("redbluegreen", i % 3 * 3 + 1, 3), i == 7 ? "" : i * i % 17, 20 + i, i % 2 ? "cat" : "dog" }' >had.csv
awk -F, -v OFS=, '{ print $3, $4, $1, $2, (NR == 1 ? "more" : "words") }' had.csv >new.csv
cat >words.yaml <<'YAML'
data: {file: words.h5, batch: 8}
model: [linear: 4, relu, linear: 2]
loss: cross_entropy
epochs: 2
checkpoint: {dir: words}
YAML
exits 0 "$glia" data import csv had.csv --label kind --category colour --missing mean -o words.h5 && exits 0 "$glia" train words.yaml &&
  exits 0 "$glia" predict words --data words.h5 --split train -o had.npy && rm words.h5 && exits 0 "$glia" predict words --data new.csv -o new.npy && said 'cells-filled cells=1' && cmp had.npy new.npy
point "predict lays out the words of a table as its training did, without the data"
sed 's/,red,/,pink,/' new.csv >bad.csv && exits 65 "$glia" predict words --data bad.csv -o none.npy && said "bad.csv:2: column 'colour' holds 'pink', which the training data do not have" &&
  cut -d, -f1,2,4 new.csv >bad.csv && exits 66 "$glia" predict words --data bad.csv -o none.npy && said "bad.csv has no column 'colour'" && [ ! -e none.npy ]
point "a word or a column that is not known is refused by name"
mv away.h5 moons.h5

if find_python numpy,h5py; then
  cat >check.py <<'PY'
import json, struct, sys
import h5py, numpy as np
f = h5py.File(sys.argv[1])
z = np.load("w.npz")
raw = open("w.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8:8 + n])
half = open("h.safetensors", "rb").read()
hn = struct.unpack("<Q", half[:8])[0]
hhead = json.loads(half[8:8 + hn])
for layer in ("00-linear", "02-linear"):
    for name in ("weight", "bias"):
        ours = f[f"params/{layer}/{name}"][()]
        theirs = z[f"{layer}.{name}"]
        assert theirs.dtype == np.float32 and (ours == theirs).all()
        e = head[f"{layer}.{name}"]
        lo, hi = e["data_offsets"]
        assert e["dtype"] == "F32" and (np.frombuffer(raw[8 + n + lo:8 + n + hi], "<f4").reshape(e["shape"]) == ours).all()
        e = hhead[f"{layer}.{name}"]
        lo, hi = e["data_offsets"]
        bits = np.frombuffer(half[8 + hn + lo:8 + hn + hi], "<u2").astype("<u4") << 16
        # bf16 keeps 8 bits: half a unit in the last place
        assert e["dtype"] == "BF16" and (abs(bits.view("<f4").reshape(e["shape"]) - ours) <= abs(ours) * 2.0 ** -8).all()
x = np.load("x.npy")
b = h5py.File(sys.argv[2])
s = open("short.safetensors", "rb").read()
sn = struct.unpack("<Q", s[:8])[0]
for name, e in json.loads(s[8:8 + sn]).items():
    lo, hi = e["data_offsets"]
    bits = np.frombuffer(s[8 + sn + lo:8 + sn + hi], "<u2").astype("<u4") << 16
    ours = b["params/" + name.replace(".", "/")][()]
    assert ours.dtype == np.float32 and (bits.view("<f4").reshape(e["shape"]) == ours).all() and (np.load("short.npz")[name] == ours).all()
p = f["params"]
h = np.tanh(x.astype("f8") @ p["00-linear/weight"][()].T.astype("f8") + p["00-linear/bias"][()])
y = h @ p["02-linear/weight"][()].T.astype("f8") + p["02-linear/bias"][()]
a = np.load("a.npy")
# float32 against float64 over 16 products
assert a.shape == (90, 2) and abs(a - y).max() < 1e-5 * max(1, abs(y).max()), abs(a - y).max()
table = np.loadtxt("t.csv", delimiter=",", skiprows=1, dtype="f4")
assert (table[:, :2] == x).all()
np.savez_compressed("packed.npz", **{k: v for k, v in z.items()})
PY
  exits 0 "$python" check.py "$(ls run/*.h5 | tail -1)" "$(ls short/*.h5 | tail -1)"; point "NumPy reads the same numbers and computes the same outputs"
  exits 0 "$glia" train run.yaml checkpoint=null max_steps=0 init=packed.npz --json && [ "$(key parameters_sha256)" = "$trained" ]
  point "init from NumPy's packed .npz"
else
  skip "NumPy reads the same numbers and computes the same outputs" "no NumPy with h5py"
  skip "init from NumPy's packed .npz" "no NumPy"
fi
finish
