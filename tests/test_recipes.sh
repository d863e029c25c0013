#!/bin/sh
# docs/recipes do what they say, and stay short.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
recipes=$srcdir/docs/recipes

cat >run.yaml <<'YAML'
data: {file: moons.h5, batch: 64, micro_batch: 32}
model: [linear: 16, tanh, linear: 2]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
checkpoint: {dir: run}
YAML
trains 1
for r in "$recipes"/*.py; do [ "$(wc -l <"$r")" -le 15 ] || { echo "# $r"; false; break; }; done
point "none is longer than 15 lines"

if find_python h5py,numpy; then
  exits 0 "$python" "$recipes/run_in_h5py.py" "$(ls run/*.h5 | tail -1)" && grep -q 'step 5 seed 1' "$out" && grep -q '02-linear/weight float32 (2, 16) norm' "$out"
  point "a run in h5py"
else
  skip "a run in h5py" "no h5py"
fi
if find_python h5py,numpy; then
  # docs/formats/checkpoint.md is enough to write one by hand: no seal, no sums, texts of variable length
  "$python" - "$(ls run/*.h5 | tail -1)" <<'PY' && exits 0 "$glia" predict hand.h5 --data moons.h5 -o hand.csv &&
import sys, h5py
with h5py.File(sys.argv[1]) as run, h5py.File("hand.h5", "w") as f:
    f.attrs["glia_kind"] = "checkpoint"
    f.attrs["glia_format"] = 4
    f["config"] = run["config"][()].decode()
    f.create_group("run").attrs["step"] = 5
    for layer, arrays in run["params"].items():
        for name, array in arrays.items():
            f[f"params/{layer}/{name}"] = array[()]
PY
    exits 0 "$glia" predict run --data moons.h5 -o run.csv && cmp -s hand.csv run.csv
  point "a checkpoint written by hand predicts what the run's does"
else
  skip "a checkpoint written by hand predicts what the run's does" "no h5py"
fi
if find_python mpi4py,h5py && on 2 | grep -q . && "$python" -c 'import h5py; from h5py import _debian_h5py_mpi' 2>/dev/null; then
  # shellcheck disable=SC2046
  exits 0 $(on 2) "$python" "$recipes/dataset_with_mpi4py.py" waves.h5 && exits 0 "$glia" data info waves.h5 &&
    grep -q 'train: 2000 rows' "$out" && grep -q '2 classes: 0 x 1000 1 x 1000' "$out" &&
    exits 0 "$glia" train run.yaml data.file=waves.h5 checkpoint=null
  point "a dataset written from mpi4py by all ranks"
else
  skip "a dataset written from mpi4py by all ranks" "no mpi4py with parallel h5py"
fi
if find_python torch,numpy; then
  printf '0 0\n' >zero.csv
  exits 0 "$glia" export run -o w.safetensors && exits 0 "$glia" predict run --data zero.csv -o ours.csv &&
    exits 0 "$python" "$recipes/weights_into_torch.py" w.safetensors &&
    tr -d '[]' <"$out" >theirs.csv && tail -n 1 ours.csv | paste -d, - theirs.csv >both.csv &&
    awk -F, '{ d = $1 - $3; e = $2 - $4; exit !(NF == 4 && d * d < 1e-10 && e * e < 1e-10) }' both.csv
  point "weights into PyTorch: the same outputs"
else
  skip "weights into PyTorch: the same outputs" "no PyTorch"
fi
finish
