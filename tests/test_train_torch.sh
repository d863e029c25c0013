#!/bin/sh
# From the parameters of a checkpoint, an independent program takes the same steps: PyTorch, told by docs/formats/ alone.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
find_python h5py,numpy,torch || { echo "1..0 # SKIP no python3 with h5py and torch"; exit 0; }
script=$srcdir/tests/interop/torch_train.py
"$python" "$script" make images.h5 || exit 99

cat >run.yaml <<'END'
seed: 11
data: {file: images.h5, batch: 48, micro_batch: 16, shuffle: false}
model:
  - flatten
  - linear: 24
  - tanh
  - linear: 16
  - relu
  - linear: 4
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
max_steps: 0
END
adam='optimizer={adam: {lr: 5e-3}}'
trains 1 checkpoint.dir=first && trains 2 init=first checkpoint.dir=sgd max_steps=50 && [ "$(key steps)" = 50 ]
point "50 steps of descent are taken on two ranks"
trains 1 init=first/step-0000000000.h5 "$adam" checkpoint.dir=adam max_steps=20 && [ "$(key steps)" = 20 ]
point "20 steps of Adam are taken on one"
first=first/step-0000000000.h5
"$python" "$script" check images.h5 $first sgd/step-0000000050.h5 sgd check images.h5 $first adam/step-0000000020.h5 adam >"$out" 2>"$err"
checked=$?
cat "$out"
[ $checked = 0 ] && [ "$(grep -c 'largest difference' "$out")" = 2 ]; point "PyTorch agrees on every weight to 1e-4"
"$python" "$script" check images.h5 $first sgd/step-0000000050.h5 adam >"$out" 2>"$err"; [ $? = 1 ]
point "and would notice another optimizer"
finish
