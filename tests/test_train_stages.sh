#!/bin/sh
# Layers over ranks: the same bits for any number of stages, data groups and schedule; checkpoints go from one to another; what
# cannot be cut is refused.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

cat >run.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 64, micro_batch: 8}
model:
  - linear: 16
  - batch_norm
  - tanh
  - dropout: 0.2
  - {linear: 16, name: middle}
  - layer_norm
  - {add: null, name: skip, from: [02-tanh, 05-layer_norm]}
  - relu
  - linear: 2
loss: [cross_entropy, {name: l1, of: middle, weight: 1e-3}]
optimizer: {adam: {lr: 1e-2}}
lr_schedule: {constant: {warmup: 3}}
clip_norm: 0.5
max_steps: 50
END

trains 1; reference=$(hashes) test_loss=$(tr -d '\n' <"$out" | grep -o '"test": {[^}]*}')
stages() { # RANKS STAGES SCHEDULE WORDS
  np=$1 k=$2 how=$3; shift 3
  trains "$np" parallel.stages="$k" parallel.schedule="$how" "$@" && same "$reference" && [ "$(key stages)" = "$k" ] &&
    [ "$(tr -d '\n' <"$out" | grep -o '"test": {[^}]*}')" = "$test_loss" ]
}
stages 2 2 1f1b && said 'stages=2 groups=1 schedule=1f1b first_layers="00-linear | ' && said imbalance=; point "2 stages have the bits of one, and the test's loss"
about "$(key bubble_1f1b)" 0.111 0.112 && about "$(key bubble_own_cores)" 0 0.9 && about "$(key engine_bytes)" 1e3 1e7; point "waiting and memory of the ranks are told"
stages 2 2 zero_bubble; point "backward in two parts too"
stages 2 2 interleaved; point "two stages on each rank too"
stages 2 2 1f1b parallel.memory=1GiB && kept=$(key kept_bytes) && ends 78 2 parallel.stages=2 parallel.memory=64 && said 'parallel.memory: 64 bytes are too few' &&
  stages 2 2 1f1b parallel.memory=$((kept - 1)) && [ "$(key bytes)" -lt "$kept" ] && about "$(key extra_work)" 1e-9 0.5
point "and stages within less memory, that of the stage that needs most"
stages 4 2 1f1b && [ "$(key groups)" = 2 ]; point "two data groups of two stages too"
stages 2 2 1f1b 'parallel.cuts=[middle]' && said 'first_layers="00-linear | middle"'; point "and where a layer skips over the cut"
if [ -n "${GLIA_TEST_LONG-}" ]; then
  for s in 1f1b gpipe zero_bubble interleaved; do
    { [ $s = interleaved ] || stages 3 3 $s; } && stages 4 4 $s && stages 4 2 $s; point "$s: 3 stages, 4 stages, 2 x 2"
  done
fi

# one micro-batch for two pipelines: the ranks of one have nothing to do
trains 1 data.micro_batch=64 max_steps=20 && few=$(hashes) && trains 4 data.micro_batch=64 max_steps=20 parallel.stages=2 && same "$few" &&
  said 'micro_batches=1 workers=2 idle_ranks=0-1 '
point "ranks of a data group without a micro-batch are named, and the bits are those of one rank"

# the norm of gradients by blocks: several of a layer, on different stages
mv run.yaml other.yaml
cat >run.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 32, micro_batch: 8}
model: [{linear: 16}, tanh, {linear: 512}, tanh, {linear: 20}, tanh, {linear: 2}]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
clip_norm: 0.1
max_steps: 10
END
trains 1 && blocks=$(hashes) && trains 1 clip_norm=null && [ "$blocks" != "$(hashes)" ] && trains 2 parallel.stages=2 && same "$blocks" &&
  trains 4 parallel.stages=2 parallel.schedule=zero_bubble && same "$blocks"
point "layers wide enough to have their norms by blocks are clipped alike, on 2 x 2 too"
# more parameters than a node takes values: their blocks are listed in groups
awk '/^model:/ { printf "model: [{linear: 600}, tanh, "; for (i = 0; i < 130; i++) printf "{linear: 8}, tanh, "; print "{linear: 600}, tanh, {linear: 2}]"; next } /^max_steps/ { $2 = 3 } { print }' run.yaml >deep.yaml
mv deep.yaml run.yaml
trains 1 && deep=$(hashes) && trains 1 clip_norm=null && [ "$deep" != "$(hashes)" ] && trains 2 parallel.stages=2 && same "$deep"
point "and so are models of more than 256 parameters"
mv other.yaml run.yaml

# 30 steps in one piece, 10 more on two stages, the rest on three with other cuts
trains 1 max_steps=30 checkpoint.dir=kept && trains 2 max_steps=40 checkpoint.dir=kept --resume parallel.stages=2 &&
  trains 3 checkpoint.dir=kept --resume parallel.stages=3 'parallel.cuts=[2, middle]' && same "$reference"
point "a run goes on from its checkpoints on any number of stages"
[ "$(key passing_bytes)" = 1024 ]; point "no rank has room for more of the others' states than the largest array"
stages 2 2 1f1b parallel.cuts=measured && said 'imbalance='; point "cut by measured times too"
exits 0 "$glia" eval kept/step-0000000050.h5 --json; point "glia eval takes the checkpoint in one piece"

# the first and the last stage have one weight, with dropout, statistics of batches and a norm over all stages
seq 1 600 >numbers.txt
exits 0 "$glia" data import text numbers.txt --window 16 --stride 8 --test-share 0.1 -o text.h5
cp run.yaml other.yaml
cat >run.yaml <<'END'
data: {file: text.h5, batch: 32, micro_batch: 8}
model:
  - {embedding: {count: 16, size: 16, std: 0.02}, name: characters}
  - positional
  - dropout: 0.1
  - transformer_block: {heads: 2, causal: true}
  - flatten
  - batch_norm
  - reshape: [16, 16]
  - transformer_block: {heads: 2, causal: true}
  - layer_norm
  - unembedding: characters
loss: cross_entropy
optimizer: {adamw: {lr: 2e-3, weight_decay: 0.1}}
clip_norm: 1
max_steps: 50
END
trains 1; reference=$(hashes)
trains 2 parallel.stages=2 && same "$reference"; point "a weight that two stages share has the bits of one piece"
if [ -n "${GLIA_TEST_LONG-}" ]; then
  for s in 1f1b gpipe zero_bubble interleaved; do
    trains 2 parallel.stages=2 parallel.schedule=$s && same "$reference" && trains 4 parallel.stages=2 parallel.schedule=$s && same "$reference"
    point "and under $s, on two stages and on 2 x 2"
  done
  trains 3 parallel.stages=3 parallel.schedule=zero_bubble && same "$reference"; point "and on three"
fi
mv other.yaml run.yaml

# local learning: two ranks of one module each and more, steps ahead of each other, with a checkpoint on the way
mv run.yaml other.yaml
cat >run.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 16, micro_batch: 16}
model: [{linear: 16}, batch_norm, tanh, {linear: 16}, tanh, {linear: 16}, tanh, {linear: 16}, tanh, {linear: 2}]
local: {depth: 1}
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
max_steps: 50
END
trains 1; reference=$(hashes) loss=$(key train_loss)
trains 2 parallel.stages=2 checkpoint.dir=ahead checkpoint.every=20 && same "$reference" && [ "$(key train_loss)" = "$loss" ] && [ -s ahead/step-0000000040.h5 ]
point "local learning on two ranks has the bits of one"
trains 2 data.micro_batch=8 && reference=$(hashes) && trains 4 data.micro_batch=8 parallel.stages=2 && same "$reference"; point "and with two data groups"
if [ -n "${GLIA_TEST_LONG-}" ]; then
  trains 3 parallel.stages=3 data.micro_batch=8 && same "$reference" && trains 6 parallel.stages=3 data.micro_batch=8 && same "$reference"
  point "and on three ranks, and two groups of three"
fi
ends 78 2 parallel.stages=2 parallel.schedule=1f1b && said 'the schedule is local'; point "with the schedule local alone"
ends 78 4 parallel.stages=4 && said '4 stages for 3 modules'; point "and no more stages than modules"
mv other.yaml run.yaml

exits 0 "$glia" train run.yaml --plan --json && [ -n "$(key recommended)" ] && [ "$(grep -o '"name"' "$out" | wc -l)" = 6 ]
point "--plan predicts one rank, data groups, and stages by every schedule"
[ "$(tr -d '\n' <"$out" | grep -o '"step_s": *[0-9.e-]*' | awk '{ if ($2 > 0 && $2 < 60) n++ } END { print n }')" = 6 ]; point "with a time of each"
[ "$(tr -d ' \n' <"$out" | grep -o '"cuts":\[[0-9]' | wc -l)" = 4 ]; point "and where it cuts, for stages"
if find_python json; then
  cp "$out" plan.json
  "$python" -c '
import json
way = {w["name"]: w for w in json.load(open("plan.json"))["plan"]["candidates"] if w["stages"] > 1}
assert len(way) == 4 and all(w["measured"] == "stages" for w in way.values()), way
for name, tasks in (("1f1b", 2), ("gpipe", 2), ("interleaved", 4), ("zero_bubble", 3)):
    rows = way["stages: 2, " + name]["tasks_s"]
    assert [len(r) for r in rows] == [tasks, tasks] and min(min(r) for r in rows) > 0, (name, rows)
assert all(i != w for f, i, w in way["stages: 2, zero_bubble"]["tasks_s"]), "both parts of backward take the same: one was not measured"
' >"$out" 2>"$err"; point "every stage was run alone: its tasks forward, and of backward in two parts each by itself"
  "$python" -c '
import json
way = {w["name"]: w for w in json.load(open("plan.json"))["plan"]["candidates"]}["stages: 2, gpipe"]
(f0, b0), (f1, b1) = way["tasks_s"]
n, done, back = 8, 0.0, 0.0
for k in range(n): done = max(done, (k + 1) * f0) + f1
for k in range(n): back = max(back, done + (k + 1) * b1, n * f0) + b0
means = 1.0 - n * (f0 + f1 + b0 + b1) / (2.0 * back)
assert 0.0 < means < 1.0 and abs(way["bubble"] - means) > 1e-9, (way["bubble"], means)
' >"$out" 2>"$err"; point "and its single tasks were played: waiting is not that of tasks of the mean"
else skip "every stage was run alone" "no python3"; skip "and its single tasks were played" "no python3"; fi
files() { find . -type f ! -name out ! -name err -exec cksum {} + | sort; }
before=$(files)
exits 0 "$glia" train run.yaml --plan --json 'model=[{linear: 8}, tanh, {linear: 8}, tanh, {linear: 2}]' loss=cross_entropy && tr -d ' \n' <"$out" | grep -q '"local_learning":\[{"name":"stages:2,local".*"depth":0}'
point "and local learning, also of a model too short for auxiliary networks of two layers, with their depth"
[ "$(files)" = "$before" ]; point "a plan leaves files as they are"
if find_python json; then
  "$python" -c '
import json, sys
way, = json.load(sys.stdin)["plan"]["local_learning"]
(a,), (b,) = way["tasks_s"]
assert way["measured"] == "stages" and min(a, b) > 0.0, way
assert way["step_s"] >= 8 * max(a, b) * (1.0 - 1e-9) and 0.0 <= way["bubble"] < 1.0, way
' <"$out" 2>"$err"; point "modules were run alone, too, and a step is as long as all tasks of the slowest rank, and more"
else skip "modules were run alone, too" "no python3"; fi

if [ "$(getconf _NPROCESSORS_ONLN)" -lt 3 ]; then
  GLIA_LOG=debug; export GLIA_LOG
  ends 0 3 --plan data.batch=192 'model=[{linear: 16}, tanh, {linear: 512}, tanh, {linear: 512}, tanh, {linear: 2}]' loss=cross_entropy && said 'schedule=gpipe' && said 'schedule=zero_bubble' &&
    [ "$(tr -d ' \n' <"$out" | grep -o '"measured":"run"' | wc -l)" = 6 ] && [ "$(tr -d ' \n' <"$out" | grep -o '"measured":"layers"' | wc -l)" = 1 ]
  point "where ranks share cores every way is run: three data groups, four schedules, local learning"
  tr -d ' \n' <"$out" | grep -q '"local_learning":\[{"name":"stages:3,local".*"depth":0}'; point "which has modules for all ranks, with auxiliary networks less deep"
  # a fourth of 24 micro-batches is run, where one stage has nearly all work: waiting that only shrank with more of them would be below 0.23
  waits=$(tr -d ' \n' <"$out" | grep -o '"name":"stages:3,gpipe"[^}]*"bubble":[0-9.]*' | sed 's/.*://')
  about "$waits" 0.3 0.7; point "with more micro-batches than are run, stages of unlike length wait as much for each other: $waits"
  unset GLIA_LOG
else skip "where ranks share cores every way is run" "three ranks have a core each"; skip "which has modules for all ranks" "the same"; skip "with more micro-batches than are run" "the same"; fi
cat >node <<'END'
# rank 1 finds a node with a single core, the others one with cores for all
cores=9; [ "${OMPI_COMM_WORLD_RANK:-${PMIX_RANK-}}" != 1 ] || cores=1
HWLOC_SYNTHETIC="core:$cores pu:1" exec "$@"
END
# shellcheck disable=SC2046
exits 0 $(on 2) sh node "$glia" train run.yaml --plan --json data.batch=16 'model=[{linear: 8}, tanh, {linear: 2}]' loss=cross_entropy &&
  tr -d ' \n' <"$out" | grep -q '"measured":"run"' && ! tr -d ' \n' <"$out" | grep -q '"measured":"stages"'
point "nor need rank 0 be the one whose node has fewer cores than ranks"
exits 64 mpirun -n 2 "$glia" bench plan mlp zero_buble && said "'zero_buble' is no model"; point "bench plan refuses words that it does not know"
ends 78 3 parallel.stages=2 && said '3 ranks for 2 stages' && said 'start 2 or 4 ranks'; point "ranks that do not fit are told which do"
ends 78 2 parallel.stages=2 'parallel.cuts=[9]' && said "no layer is '9'"; point "a cut behind the last layer is refused"
ends 78 2 parallel.stages=2 'parallel.cuts=[0]' && said 'stage 0 would begin with layer 0 and stage 1 with layer 0: each needs a layer'; point "so is a stage without a layer"
ends 78 4 parallel.stages=4 'model=[{linear: 8}, tanh, {linear: 2}]' loss=cross_entropy && said '4 stages for a model of 3 layers' && said 'at most 3'; point "and more stages than layers"
ends 78 2 parallel.stages=2 clip_norm=null 'local={depth: 0}' && said 'skip reads 02-tanh of another module' && said 'put what skips into residual'; point "and local learning where a layer skips over a module"
ends 78 2 parallel.stages=2 'parallel.cuts=[2, 3]' && said '2 stages need a list of 1 layers'; point "so is one cut too many"
ends 78 2 parallel.stages=2 parallel.cuts=measure && said "found 'measure', expected measured or a list"; point "and what is no list of layers"
ends 78 2 parallel.stages=2 'checkpoint={dir: other, local: here}' && said 'checkpoint.local does not go with stages'; point "so is a local folder for checkpoints"
ends 78 2 parallel.stages=2 parallel.threads=2 && said 'set threads: 1 and start 4 ranks'; point "so are threads"
finish
