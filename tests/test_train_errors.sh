#!/bin/sh
# Bad input: one clear error within 10 s, the same exit code on all ranks, and nothing that existed is harmed.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
find_python h5py,numpy && "$python" "$srcdir/tests/interop/bad_data.py" . || python=

cat >run.yaml <<'END'
seed: 2
data: {file: moons.h5, batch: 64, micro_batch: 8}
model:
  - linear: 16
  - relu
  - linear: 2
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
max_steps: 6
checkpoint: {dir: kept}
END
cat >rank.sh <<'END'
#!/bin/sh
# A rank: the command, and the code with which it ended.
rank=${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-0}}
"$@"
code=$?
echo $code >"$dir/code.$rank"
exit $code
END
export dir glia
# Open MPI's mpirun kills the others when one rank fails, also those that are about to exit; told not to, it ends with 0.
OMPI_MCA_orte_abort_on_non_zero_status=0; export OMPI_MCA_orte_abort_on_non_zero_status
within_s=10

# Checkpoints of a folder, half-written ones too; beside them stand the run's record, name and lock.
checkpoints() { (cd "$1" && ls -A | grep '\.h5' | grep -v 'run\.h5rec$' | tr '\n' ' '); }
trains 1; kept=$(cksum kept/step-*)
# refusal RANKS CODE MESSAGE COMMAND...: all ranks end with CODE, MESSAGE is said once, with nothing beside it and no result.
refusal() {
  np=$1 code=$2 message=$3; shift 3
  rm -f code.*
  # shellcheck disable=SC2046
  timeout "$within_s" $(on "$np") "$@" >"$out" 2>"$err" </dev/null
  got=$?
  [ "$got" = "$code" ] || { [ "$np" -gt 1 ] && [ "$got" = 0 ]; } || { echo "# exit $got, expected $code: $*"; return 1; }
  codes=$(cat code.* | tr '\n' ' ')
  [ "$codes" = "$(for i in $(seq "$np"); do printf '%s ' "$code"; done)" ] || { echo "# the ranks ended with $codes"; return 1; }
  said "^glia train: .*$message" || { echo "# not said: $message"; return 1; }
  [ "$(grep -cE '^glia|error|warn' "$err")" = 1 ] || { echo "# more than one error"; return 1; }
  [ ! -s "$out" ] || { echo "# something on standard output"; return 1; }
}
# refused CODE MESSAGE CONFIG WORDS...: a point for one rank; for three too every third time, and each time in check-long.
times=0
refused() {
  number=$1 text=$2; shift 2
  times=$((times + 1))
  all="1 3"
  [ -n "$GLIA_TEST_LONG" ] || [ $((times % 3)) = 1 ] || all=1
  for ranks in $all; do
    refusal "$ranks" "$number" "$text" sh ./rank.sh "$glia" train "$@" --json --resume; point "refused on $ranks: $text"
  done
}

# the configuration
printf 'seed: 1\ndata: {file: moons.h5\nmodel: [linear: 2\n' >malformed.yaml
refused 78 'malformed.yaml:3: ' malformed.yaml
printf 'seed: 1\nloss: mse\nseed: 2\n' >twice.yaml
refused 78 "twice.yaml:3: .*seed" twice.yaml
sed 's/^optimizer/optimiser/' run.yaml >top.yaml
refused 78 "top.yaml:8: .*unknown key 'optimiser': did you mean 'optimizer'" top.yaml
sed 's/lr:/lrr:/' run.yaml >nested.yaml
refused 78 "nested.yaml:8: optimizer.adam.lrr: unknown key 'lrr': did you mean 'lr'" nested.yaml
sed 's/relu/rely/' run.yaml >layer.yaml
refused 78 "layer.yaml:5: .*unknown layer 'rely': did you mean 'relu'" layer.yaml
sed 's/micro_batch: 8/micro_batch: 10/' run.yaml >multiple.yaml
refused 78 'multiple.yaml:2: .*batch 64 is no multiple of micro_batch 10; the nearest are 60 and 70' multiple.yaml
refused 66 'nowhere.yaml: cannot open: No such file' nowhere.yaml
refused 78 "unknown key 'micro_bacth': did you mean 'micro_batch'" run.yaml data.micro_bacth=8
for number in optimizer.adam.lr clip_norm; do
  refusal 1 78 "$number: found .inf, expected a finite number of at least 0" sh ./rank.sh "$glia" train run.yaml checkpoint=null $number=.inf --json
  point "infinite numbers are refused: $number"
done
refused 64 "--ranks says nothing without --plan" run.yaml --ranks 3

# the data
refused 66 'nowhere.h5: No such file' run.yaml data.file=nowhere.h5
echo 'x,y' >text.h5
refused 65 'text.h5 is not an HDF5 file' run.yaml data.file=text.h5
while IFS='|' read -r file code message; do
  if [ -n "$python" ]; then refused "$code" "$message" run.yaml data.file="$file.h5"; else skip "refused: $message" "no python3 with h5py"; fi
done <<'END'
truncated|65|truncated.h5: damaged or cut short
foreign|65|foreign.h5 has no attribute glia_kind
kind|65|kind.h5 is a telemetry, expected a dataset
short|65|short.h5: /train/y has 290 rows, /train/x has 300
nan|65|nan.h5:/train/x holds nan in row 123
labels|78|labels go up to 5, layer 02-linear tells 2 classes apart
negative|65|negative.h5:/train/y: row 78 holds the label -1
test_wide|65|test_wide.h5:/test: field x gives micro-batches of f32 \[8, 4\], the model reads f32 \[8, 2\]
test_real|65|test_real.h5:/test: field y gives micro-batches of f32
test_no_y|66|test_no_y.h5:/test has no field y, which the model reads
format|65|format.h5: attribute glia_format is not a single number
scale|65|scale.h5: /train/x: attribute scale is not a single number
cube|78|model.0.linear: .*rows of shape \[3, 2\].*put flatten before it
END

# labels behind a mask, in a file that does not fit into memory
if [ -n "$python" ]; then
  refused 65 'masked.h5:/train: of y 1 labels that mask counts are none (0 below 0), the first in row 7777, place 0: 500000000' run.yaml \
    data.file=masked.h5 data.memory=64KiB data.shuffle=false 'loss={name: cross_entropy, mask: mask}'
else
  skip "refused: masked.h5" "no python3 with h5py"
fi

# rows that are read when the test comes to them
if [ -n "$python" ]; then
  late=0
  for i in 1 2 3 4; do
    ends 65 1 data.file=test_late.h5 data.memory=64KiB checkpoint.dir=late --resume && said 'test_late.h5:/test/x holds nan in row 20000' || late=1
  done
  [ "$late" = 0 ] && [ ! -e late/failures ] && [ "$(checkpoints late)" = "step-0000000006.h5 " ]
  point "an evaluation that fails again and again is held against no checkpoint"
else
  skip "an evaluation that fails again and again is held against no checkpoint" "no python3 with h5py"
fi

# what is wrong on one rank alone
cat >apart.sh <<'END'
#!/bin/sh
# Rank 2 goes another way: $1 there, and a configuration for the others.
rank=${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-0}}
config=run.yaml
[ "$rank" != 2 ] || eval "$1"
exec sh "$dir/rank.sh" "$glia" train "$config" --json --resume
END
alone() { refusal 3 "$1" "$2" sh ./apart.sh "$3"; } # alone CODE MESSAGE WAY
sed 's/lr: 1e-2/lr: 2e-2/' run.yaml >other.yaml
alone 70 "ranks disagree on the configuration, line .*: rank 0 has '.*lr: 1e-2', rank 2 has '.*lr: 2e-2'" 'config=other.yaml'
point "ranks with other configurations are refused, with the difference"
alone 66 'rank 2 failed: nowhere.yaml: cannot open: No such file' 'config=nowhere.yaml'
point "a configuration that one rank cannot read"
alone 78 'rank 2 failed: malformed.yaml:3: malformed YAML' 'config=malformed.yaml'; point "nor parse"
mkdir elsewhere; cp run.yaml elsewhere
alone 66 'rank 2 failed: moons.h5: No such file' 'cd elsewhere'; point "data that one rank cannot open"

[ "$(cksum kept/step-*)" = "$kept" ] && [ "$(checkpoints kept)" = "step-0000000006.h5 " ]; point "the checkpoints that were there are untouched"

unset OMPI_MCA_orte_abort_on_non_zero_status
# a full disk: more checkpoints of 10 MB than fit
grow() {
  exits "$@" "$glia" train run.yaml --json --resume 'model=[{linear: 1600}, relu, {linear: 1600}, {linear: 2}]' \
    'optimizer={sgd: {lr: 1e-3}}' checkpoint.dir="$folder" checkpoint.every=1 checkpoint.keep=9 max_steps="$steps"
}
folder=limited steps=2
grow 0
limited=$(cksum limited/step-*)
steps=6
(ulimit -f 9500; grow 74) && said '^glia train: .*limited/step-0000000003.h5' && [ "$(grep -c '^glia' "$err")" = 1 ] && [ ! -s "$out" ]
point "a file that may not grow is one error"
[ "$(cksum limited/step-*)" = "$limited" ] && [ "$(checkpoints limited)" = "step-0000000001.h5 step-0000000002.h5 " ]; point "and leaves what was there"
mkdir small
if mount -t tmpfs -o size=25m none small 2>/dev/null; then
  folder=small
  # shellcheck disable=SC2046
  grow 74 $(on 3) && said '^glia train: .*small/step-0000000003.h5.*No space left' && [ "$(grep -c '^glia' "$err")" = 1 ] && [ ! -s "$out" ]
  point "a full disk is one error on three ranks"
  [ "$(checkpoints small)" = "step-0000000001.h5 step-0000000002.h5 " ] && exits 0 "$builddir/formats_tool" checkpoint small/step-0000000002.h5
  point "and leaves the older checkpoints"
  umount small
else
  skip "a full disk is one error on three ranks" "no file system can be mounted here"
  skip "and leaves the older checkpoints" "no file system can be mounted here"
fi

# An outcome is not an error: the state before the bad step is kept.
for np in 1 3; do
  ends 0 $np 'optimizer={sgd: {lr: 1e30}}' checkpoint.dir=diverged$np && [ "$(key reason)" = diverged ] && bad=$(key steps) && [ "$bad" -lt 6 ] &&
    first=$(hashes) && [ "$(key checkpoint)" = "diverged$np/step-000000000$bad.h5" ] &&
    ends 0 $np 'optimizer={sgd: {lr: 1e30}}' checkpoint=null max_steps="$bad" && same "$first"
  point "a run that diverges on $np says so and keeps the state before the bad step"
done
finish
