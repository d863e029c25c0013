#!/bin/sh
# A small convolution network on Fashion-MNIST: at least 0.915 of the test images after ten epochs.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
images=$GLIA_TEST_DATA/fashion_mnist # beside this checkout: see env.sh
[ -r "$images/train-images-idx3-ubyte.gz" ] || { echo "1..0 # SKIP no $images"; exit 0; }

exits 0 "$glia" data import idx --train "$images"/train-images-idx3-ubyte.gz "$images"/train-labels-idx1-ubyte.gz \
  --test "$images"/t10k-images-idx3-ubyte.gz "$images"/t10k-labels-idx1-ubyte.gz -o fashion.h5 --json
point "the four files become a data set"
cat >run.yaml <<'END'
seed: 1
data: {file: fashion.h5, batch: 128, micro_batch: 64}
model:
  - reshape: [1, 28, 28]
  - conv: {channels: 32, kernel: 3, padding: same}
  - batch_norm
  - relu
  - max_pool: 2
  - conv: {channels: 64, kernel: 3, padding: same}
  - batch_norm
  - relu
  - max_pool: 2
  - flatten
  - dropout: 0.3
  - linear: 128
  - relu
  - linear: 10
loss: cross_entropy
optimizer: {adam: {lr: 1e-3}}
lr_schedule: {cosine: {warmup: 100}}
epochs: 10
END
within_s=$((${LIMIT:-300} - 10))
trains 2; trained=$?
accuracy=$(key accuracy)
echo "# accuracy $accuracy in $(key wall_s) s, $(key samples_per_s) samples/s"
[ $trained = 0 ] && [ "$(key steps)" = 4690 ] && about "$accuracy" 0.915 1
point "two ranks train to an accuracy of at least 0.915 in ten epochs"
finish
