#!/bin/sh
# Local learning against backpropagation in a few seconds: the nested parity of the study auglocal-parity, one seed, few steps. Auxiliary
# networks keep up where heads alone do not.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

# 16 bits in four blocks, each the AND of two XORs; the label is the parity of the blocks. Multiples of an odd number: no row twice.
awk -v n=8192 'BEGIN {
  for (k = 0; k < 16; k++) printf "b%d,", k
  print "label"
  for (i = 0; i < n; i++) {
    v = i * 40503 % 65536
    for (k = 0; k < 16; k++) { b[k] = v % 2; v = (v - b[k]) / 2; printf "%d,", 2 * b[k] - 1 }
    y = 0
    for (k = 0; k < 16; k += 4) y += (b[k] != b[k + 1]) && (b[k + 2] != b[k + 3])
    print y % 2
  }
}' >parity.csv
exits 0 "$glia" data import csv parity.csv --label label --test-share 0.25 -o parity.h5; point "the rows are imported"
cat >run.yaml <<'END'
seed: 1
data: {file: parity.h5, batch: 128, micro_batch: 128}
model: [{linear: 64}, batch_norm, relu, {linear: 64}, batch_norm, relu, {linear: 64}, batch_norm, relu, {linear: 64}, batch_norm, relu,
        {linear: 64}, batch_norm, relu, {linear: 64}, batch_norm, relu, {linear: 64}, batch_norm, relu, {linear: 64}, batch_norm, relu, {linear: 2}]
loss: cross_entropy
optimizer: {sgd: {lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 1e-4}}
lr_schedule: {cosine: {warmup: 30}}
epochs: 30
END
learns() { trains 1 "$@" && key accuracy; }
plain=$(learns) heads=$(learns 'local={depth: 0}') aux=$(learns 'local={depth: 3}')
awk -v a="$aux" -v p="$plain" 'BEGIN { exit !(a >= p - 0.015) }'; point "auxiliary networks keep up with backpropagation: $aux, $plain"
awk -v a="$aux" -v h="$heads" 'BEGIN { exit !(a >= h + 0.08) }'; point "heads alone do not: $heads"
finish
