#!/bin/sh
# Reading for training: the same bits from memory and from the file, on any number of ranks and threads, augmented or not.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

cat >run.yaml <<'YAML'
seed: 5
data: {file: moons.h5, batch: 64, micro_batch: 16}
model: [linear: 16, tanh, linear: 2]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
epochs: 3
YAML
trains 1; rows=$(hashes)
trains 1 data.memory=1KiB data.shuffle=rows && same "$rows" && trains 2 data.memory=1KiB data.shuffle=rows && same "$rows" && said 'scattered-rows.*data.shuffle: chunks'
point "from the file as from memory; scattered rows are told of, with the cure"
trains 1 data.memory=1KiB && said 'shuffled-by-chunks.*data.shuffle: chunks' && large=$(hashes) && trains 2 data.memory=1KiB && same "$large" && trains 1 data.shuffle=chunks && same "$large"
point "what does not fit into memory is shuffled by chunks, and told of"

if find_python numpy,h5py; then
  cat >make.py <<'PY'
import h5py, numpy as np
g = np.random.default_rng(2)
with h5py.File("p.h5", "w") as f:
    f.attrs["glia_kind"] = "dataset"
    f.attrs["glia_format"] = 1
    for split, n in (("train", 500), ("test", 60)):
        x = f.create_dataset(f"{split}/x", data=g.integers(0, 256, (n, 3, 8, 8)).astype("u1"), chunks=(32, 3, 8, 8), compression=1, shuffle=True)
        x.attrs["scale"] = 1 / 255
        f[f"{split}/y"] = g.integers(0, 4, n).astype("i4")
PY
  "$python" make.py
  cat >run.yaml <<'YAML'
seed: 5
data: {file: p.h5, batch: 64, micro_batch: 16, shuffle: chunks, window: 2}
model: [conv: {channels: 4, kernel: 3}, relu, flatten, linear: 4]
loss: cross_entropy
optimizer: {sgd: {lr: 1e-2}}
epochs: 2
YAML
  trains 1; chunks=$(hashes)
  trains 1 data.memory=20KiB && same "$chunks" && trains 3 data.memory=20KiB && same "$chunks" && trains 1 data.memory=20KiB parallel.threads=2 && same "$chunks"
  point "shuffled by chunks: memory, file, ranks and threads agree"
  trains 1 data.shuffle=true data.window=null && [ "$(hashes)" != "$chunks" ] && trains 1 data.window=4 && [ "$(hashes)" != "$chunks" ]
  point "another order, other bits"
  all='data.augment=[{crop: 2}, flip, {shift: 1}, {cutout: 3}, {noise: 0.05}, {normalise: {mean: [0.4, 0.5, 0.6], sd: [0.2, 0.25, 0.3]}}]'
  trains 1 "$all"; changed=$(hashes)
  [ "$changed" != "$chunks" ] && trains 2 "$all" data.memory=20KiB && same "$changed" && trains 1 "$all" parallel.threads=3 && same "$changed"
  point "augmented rows are the same on any ranks and threads"
  about "$(key input_wait_s)" 0 60; point "the run tells how long it waited for rows"
  trains 1 'data.augment=[{normalise: {mean: 0, sd: 1}}]' && same "$chunks"; point "normalising by 0 and 1 changes nothing"
  ends 78 1 'data.augment=[{corp: 2}]' && said 'crop' && ends 78 1 'data.augment=[{normalise: {mean: [1, 2], sd: [1, 2]}}]' && said '2 means for 3 channels'
  point "what cannot be is refused by name"
  cp p.h5 cut.h5; truncate -s 30000 cut.h5
  ends 65 2 data.file=cut.h5 data.memory=20KiB; point "a file cut short is refused on all ranks"
else
  skip "packed files and augmentation" "no NumPy with h5py"
fi
ends 78 1 data.file=moons.h5 'data.augment=[flip]' 'model=[linear: 2]' && said 'flip needs pictures'; point "rows that are no pictures are not flipped"
ends 78 1 data.file=moons.h5 data.shuffle=true data.window=3 && said 'a window goes with'; point "a window without chunks is refused"
finish
