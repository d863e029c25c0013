#!/bin/sh
# Fashion-MNIST from the files as they are published: imported, trained on two ranks, evaluated. test_fashion_long.sh runs it longer.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
images=$GLIA_TEST_DATA/fashion_mnist # beside this checkout: see env.sh
[ -r "$images/train-images-idx3-ubyte.gz" ] || { echo "1..0 # SKIP no $images"; exit 0; }
epochs=${epochs:-1} least=${least:-0.80}

exits 0 "$glia" data import idx --train "$images"/train-images-idx3-ubyte.gz "$images"/train-labels-idx1-ubyte.gz \
  --test "$images"/t10k-images-idx3-ubyte.gz "$images"/t10k-labels-idx1-ubyte.gz -o fashion.h5 --json && grep -q '60000' "$out"
point "the four files become a data set"
# The rate falls along a cosine. At a constant 1e-3 the last steps still jump: 0.872 to 0.877 over three seeds after five epochs
# (PyTorch 1.13, same model and rate: 0.869 for the one seed tried); along the cosine 0.886 and 0.887.
cat >run.yaml <<'END'
seed: 1
data: {file: fashion.h5, batch: 128, micro_batch: 64, shuffle: true, last: pad}
model:
  - flatten
  - linear: 512
  - relu
  - linear: 512
  - relu
  - linear: 10
loss: cross_entropy
optimizer: {adam: {lr: 1e-3}}
lr_schedule: {cosine: {warmup: 100}}
checkpoint: {dir: run}
END
within_s=$((${LIMIT:-300} - 10))
trains 2 epochs="$epochs"; trained=$?
accuracy=$(key accuracy)
echo "# accuracy $accuracy in $(key wall_s) s, $(key samples_per_s) samples/s; $(key communication_s) s of messages"
[ $trained = 0 ] && [ "$(key steps)" = $((epochs * 469)) ] && about "$accuracy" "$least" 1
point "two ranks train to an accuracy of at least $least in $epochs epochs"
exits 0 "$glia" eval run --data fashion.h5 --json && [ "$(key accuracy)" = "$accuracy" ] && [ "$(key n)" = 10000 ]
point "its checkpoint, evaluated on one rank, has that accuracy"
finish
