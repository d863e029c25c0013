#!/bin/sh
# A small GPT on the characters of tiny Shakespeare: a validation loss below 1.80 nats.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
text=$GLIA_TEST_DATA/tiny_shakespeare/input.txt # beside this checkout: see env.sh
[ -r "$text" ] || { echo "1..0 # SKIP no $text"; exit 0; }

exits 0 "$glia" data import text "$text" --window 64 --stride 32 --test-share 0.1 -o text.h5 --json
point "the text becomes windows of characters"
cat >run.yaml <<'END'
seed: 1
data: {file: text.h5, batch: 32, micro_batch: 16}
model:
  - {embedding: {count: 65, size: 128, std: 0.02}, name: characters}
  - positional
  - transformer_block: {heads: 4, causal: true}
  - transformer_block: {heads: 4, causal: true}
  - transformer_block: {heads: 4, causal: true}
  - layer_norm
  - unembedding: characters
loss: cross_entropy
optimizer: {adamw: {lr: 2e-3, beta2: 0.99, weight_decay: 0.1}}
lr_schedule: {cosine: {warmup: 100, min: 1e-4}}
clip_norm: 1
max_steps: 2000
END
within_s=$((${LIMIT:-300} - 10))
trains 2; trained=$?
loss=$(tr -d '\n ' <"$out" | sed -n 's/.*"test":{[^}]*"loss":\([0-9.]*\).*/\1/p')
echo "# $loss nats on the last tenth of the text, $(key wall_s) s, $(key samples_per_s) windows/s"
[ $trained = 0 ] && about "$loss" 0 1.80
point "two ranks reach less than 1.80 nats a character"
finish
