#!/bin/sh
# theory, spectrum and hessian from the command line: keys, ranks, odd input, pictures.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

exits 0 "$glia" theory --alpha 0.5 --snr 5 --inr 0 --t 0.2,1,100 --json -o curves.svg && about "$(key t_opt)" 2.70 2.72 &&
  about "$(key test_error_opt)" 4.129 4.131 && about "$(key late_test_error)" 4.4999 4.5001 &&
  about "$(tr -d '\n ' <"$out" | sed 's/.*"test_error":\[\([0-9.]*\),.*/\1/')" 5.2535 5.2545 && [ -s curves.svg ] && [ -s curves.csv ]
point "theory answers with the keys of the contract, and draws"
! grep -l glia_random "$srcdir/src/analysis/theory.c" "$srcdir/src/analysis/theory_deep.c" "$srcdir/src/analysis/quadrature.c" >"$out"
point "theory draws no random numbers"
exits 0 "$glia" theory --alpha 1 --snr 5 --t 1 --json && [ "$(key late_test_error)" = null ]
point "at alpha = 1 the late error has no limit"
exits 0 "$glia" theory --alpha 2 --snr 5 --inr 1e-6 --depth 3 --t 1,300 --json && [ "$(key depth)" = 3 ]
point "a deep network is stepped by PETSc"
exits 64 "$glia" theory --alpha 2 --snr 5 --rate 1 && said 'theory: --rate says nothing without --data' &&
  exits 64 "$glia" theory --data x.h5 --snr 5 && said 'give one or the other' && exits 64 "$glia" spectrum x --data x.h5 && said 'without --layer' &&
  exits 64 "$glia" measures x -o x.svg && said 'expected several' && exits 64 "$glia" agent --once --history 5m && said 'without --listen'
point "options that would be ignored are refused"
exits 64 "$glia" theory --alpha 2 --snr 5 --t -1 && said '0 to 1e+12' && exits 64 "$glia" theory --alpha 2 --snr 5 --t 1,.inf && exits 64 "$glia" theory --alpha 2 --snr 5 --t 1,nan
point "each number of a list is held against the option's range"
exits 64 "$glia" theory --snr 5 && said alpha && exits 64 "$glia" theory --alpha 2 --snr 5 --depth 3 --t 1 && said 'inr = 0'
point "what cannot be answered is refused"

exits 0 "$glia" theory --data moons.h5 --rate 1e-2 --json && about "$(key alpha)" 149 300 && [ -n "$(key snr_hi)" ] &&
  about "$(key best_steps)" 1 1e6 && exits 66 "$glia" theory --data none.h5
point "load and SNR of a data set, and when to stop"

cat >run.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 60, micro_batch: 10}
model: [{linear: 60}, batch_norm, tanh, {linear: 40}, relu, {linear: 2}]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
epochs: 3
checkpoint: {dir: run}
END
trains 1; point "a small network trains"
bad=
for ending in svg pdf png html; do
  (ulimit -f 1; exits 74 "$glia" plot run -o "full.$ending") && said "cannot write full[.].*: \(File too large\|is the disk full\)" && ! ls full* >/dev/null 2>&1 ||
    bad="$bad $ending"
done
[ -z "$bad" ]; point "a figure that does not fit is told by its file$bad"
hessian() {
  # shellcheck disable=SC2046
  exits 0 $(on "$1") "$glia" hessian run --top 6 --probes 3 --steps 20 --json && cp "$out" "hessian.$1"
}
hessian 1 && [ "$(key asked)" = 6 ] && hessian 2 && hessian 4 && cmp hessian.1 hessian.2 && cmp hessian.1 hessian.4
point "curvature has the same bits on 1, 2 and 4 ranks"
exits 0 "$glia" hessian run --kind gauss_newton --top 3 --probes 2 --steps 10 -o density.png && [ -s density.png ] &&
  exits 0 "$glia" hessian run --split test --top 1 --probes 1 --steps 5 --json &&
  exits 0 "$glia" hessian run --top 3 --error 1e-2 --json && about "$(key density_error_probes)" 0 1e-2
point "Gauss-Newton, other rows, a picture"
exits 0 "$glia" measures run --json && [ "$(key folded)" = 1 ] && about "$(key path_norm)" 1e-9 1e9
point "measures of a checkpoint"
# a run that began with these weights, and has not moved
exits 0 "$glia" train run.yaml init=run max_steps=0 checkpoint.dir=again && exits 0 "$glia" measures again --json &&
  [ "$(key fro_distance)" = 0.0 ] && [ "$(key spec_distance)" = 0.0 ] && [ "$(key start)" = run ]
point "distances count from the weights that init: names"
mv run elsewhere && exits 0 "$glia" measures again --json && [ "$(key fro_distance)" = null ] && [ "$(key start)" = unknown ] &&
  about "$(key parameter_norm)" 1e-9 1e9 && said 'start-unknown'
point "and are left out when those weights are gone"
mv elsewhere run
for width in 4 8; do for lr in 1e-2 3e-2; do
  exits 0 "$glia" train run.yaml model.0.linear=$width optimizer.adam.lr=$lr checkpoint.dir=runs-$width-$lr epochs=1 || break
done; done
exits 0 "$glia" measures runs-* --json && cp "$out" ranks.1 && grep -q '"tau": -\{0,1\}[01]' "$out" &&
  exits 0 $(on 3) "$glia" measures runs-* --json && cmp "$out" ranks.1
point "a set of runs is ranked, the same on 3 ranks"
spectrum() {
  np=$1; shift
  # shellcheck disable=SC2046
  exits 0 $(on "$np") "$glia" spectrum "$@" --json && cp "$out" "spectrum.$np"
}
spectrum 1 run && spectrum 3 run && cmp spectrum.1 spectrum.3 && [ "$(grep -o '"path"' "$out" | wc -l)" -ge 3 ] && grep -q 'a vector has no spectrum' "$out"
point "weights of a checkpoint: the same bits on 3 ranks, and what was left out"
value() { tr -d '\n ' <"$out" | sed -n "s,.*\"path\":\"$1\"[^{}]*\"singular_value_max\":\([^,]*\).*,\1,p"; }
spectrum 1 run:/params/00-linear/weight && top=$(value params/00-linear/weight) && [ -n "$top" ] && exits 0 "$glia" export run -o w.safetensors &&
  spectrum 1 w.safetensors && [ "$(value 00-linear.weight)" = "$top" ] && grep -q '"path": "00-linear.bias"' "$out" &&
  exits 0 "$glia" export run -o w.npz && spectrum 3 w.npz:/00-linear.weight && [ "$(value 00-linear.weight)" = "$top" ] &&
  exits 66 "$glia" spectrum w.npz:/none && said 'w.npz holds no array none'
point "weights in safetensors and .npz have the spectrum of the checkpoint they came from"
if find_python numpy; then
  "$python" -c '
import numpy as np
r = np.random.default_rng(1)
g = r.normal(size=(100, 60))
bad = g.copy(); bad[3, 4] = np.nan
np.savez("odd.npz", constant=np.ones((100, 60)), zero=np.zeros((40, 30)), nan=bad, column=g[:, :1], empty=np.zeros((0, 5)),
         small=g[:4, :3], lame=g[:, :30] @ r.normal(size=(30, 60)), vector=g[0], whole=np.ones((30, 30), dtype=np.int32))'
  note() { tr -d '\n' <"$out" | sed -n "s/.*\"path\": \"$1\"[^{}]*\"note\": \"\([^\"]*\)\".*/\1/p"; }
  why() { tr -d '\n' <"$out" | grep -q "\"path\": \"$1\", *\"why\": \"[^\"]*$2"; }
  spectrum 1 odd.npz && why nan 'not finite' && why vector 'a vector' && why whole 'whole numbers' &&
    case $(note constant) in "rank 1 of 60"*"too few"*) ;; *) false ;; esac && case $(note zero) in zero*) ;; *) false ;; esac &&
    case $(note column) in "a single column"*) ;; *) false ;; esac && case $(note empty) in empty*) ;; *) false ;; esac &&
    case $(note small) in *"too few"*) ;; *) false ;; esac && case $(note lame) in "rank 30 of 60"*) ;; *) false ;; esac
  point "odd matrices get an answer that says so"
else
  skip "odd matrices get an answer that says so" "no numpy"
fi
spectrum 1 moons.h5:/train/x --values values.h5 && spectrum 3 moons.h5 && cmp spectrum.1 spectrum.3 && [ "$(key rows)" = 300 ] && [ -s values.h5 ]
point "a data set, and its values in a file"
spectrum 1 run --layer 02-tanh && spectrum 3 run --layer 02-tanh && cmp spectrum.1 spectrum.3 && [ "$(key cols)" = 60 ]
point "activations of a layer"
exits 66 "$glia" spectrum run --layer none && said '02-tanh' && exits 66 "$glia" spectrum run:/params/none && exits 66 "$glia" spectrum missing.h5
point "names that are not there are told with those that are"

# A linear student of a linear teacher, nearly as many rows as inputs: training on fits noise.
cat >line.yaml <<'END'
data: {file: line.h5, batch: 12, shuffle: false}
model: [{linear: 1}]
loss: mse
optimizer: {sgd: {lr: 1e-2, momentum: 0.5}}
epochs: 20000
stop: theory
END
early=0 late=0 stops=0
for seed in 1 2 3 4 5 6 7; do
  exits 0 "$glia" data synth linear --n 12 --test-n 2000 --noise 1 --seed $seed -o line.h5 --force &&
    exits 0 "$glia" train line.yaml seed=$seed --json || break
  step=$(key stop_step) early=$(echo "$early $(tr -d '\n ' <"$out" | sed 's/.*"test":{[^}]*"loss":\([^,]*\).*/\1/')" | awk '{ print $1 + $2 }')
  [ "$(key reason)" = stopped ] && [ "$(key steps)" = "$step" ] && stops=$((stops + 1))
  exits 0 "$glia" train line.yaml seed=$seed stop=end epochs=4000 --json || break
  late=$(echo "$late $(tr -d '\n ' <"$out" | sed 's/.*"test":{[^}]*"loss":\([^,]*\).*/\1/')" | awk '{ print $1 + $2 }')
done
echo "# test loss, sum of 7 data sets: stopped by theory $early, trained on $late"
[ "$stops" -ge 6 ] && awk -v a="$early" -v b="$late" 'BEGIN { exit !(a > 0 && a < 0.9 * b) }'
point "a run that theory stops errs less than one that goes on"
exits 0 "$glia" data synth linear --n 12 --test-n 2000 --noise 1 --seed 8 -o dull.h5 --force && exits 65 "$glia" train line.yaml data.file=dull.h5 &&
  said 'no signal here' && exits 0 "$glia" theory --data dull.h5 --json && [ "$(key snr)" = null ] && [ "$(key t_opt)" = null ]
point "where chance hides the signal of 12 rows, theory says so and stops nothing"
exits 0 "$glia" train line.yaml checkpoint.dir=line --json && step=$(key steps) sum=$(key parameters_sha256) &&
  exits 0 $(on 2) "$glia" train line.yaml data.micro_batch=6 checkpoint.dir=line2 --json && [ "$(key stop_step)" = "$step" ] &&
  exits 0 "$glia" train line.yaml checkpoint.dir=line --resume --json && [ "$(key reason)" = stopped ] && [ "$(key parameters_sha256)" = "$sum" ]
point "the step is the same on 2 ranks, and a run that goes on from there stays there"
exits 0 "$glia" train line.yaml 'loss=[{name: mse, target: y}]' epochs=1 && exits 78 "$glia" train line.yaml 'loss={name: mse, weight: 2}' && said 'squared error of y'
point "the squared error in any of its spellings"
exits 78 "$glia" train line.yaml model='[{linear: 4}, tanh, {linear: 1}]' && said 'one linear layer' &&
  exits 78 "$glia" train line.yaml optimizer='{adam: {lr: 1e-3}}' && said 'gradient descent' && exits 78 "$glia" train line.yaml loss=mae && said 'loss: mse'
point "where no law is known theory refuses to stop a run"

cat >watched.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 60, micro_batch: 10}
model: [{linear: 12}, batch_norm, tanh, {linear: 2}]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
epochs: 4
checkpoint: {dir: watched}
observe: {hessian: {top: 2, rows: 200}}
END
exits 0 "$glia" train watched.yaml --json && sum=$(key parameters_sha256) &&
  exits 0 "$glia" train watched.yaml observe=null checkpoint.dir=unwatched --json && [ "$(key parameters_sha256)" = "$sum" ] &&
  exits 0 $(on 2) "$glia" train watched.yaml checkpoint.dir=watched2 --json && [ "$(key parameters_sha256)" = "$sum" ] &&
  exits 0 "$glia" plot watched -o first.png --what hessian_1 && exits 0 "$glia" plot watched2 -o second.png --what hessian_1 &&
  cut -d, -f4- first.csv >first && cut -d, -f4- second.csv >second && grep -q '^20,,[0-9]' first && cmp first second && exits 0 "$glia" plot watched -o trace.svg --what hessian_trace && [ -s trace.svg ]
point "curvature once an epoch: recorded, drawn, the same on 2 ranks, and the training keeps its bits"
exits 0 "$glia" train watched.yaml dtype=bf16 'observe={hessian: {top: 1, rows: 300}}' checkpoint.dir=narrow --json &&
  exits 0 "$glia" plot narrow -o narrow.png --what hessian_1 && seen=$(tail -1 narrow.csv | cut -d, -f6) && exits 0 "$glia" hessian narrow --top 1 --json &&
  sed -n 's/.*"top": \[{"value": \([0-9.e+-]*\).*/\1/p' "$out" | awk -v seen="$seen" '{ d = $1 / seen - 1; n++ } END { exit !(n == 1 && d < 1e-9 && d > -1e-9) }'
point "and in bf16 the last one is that of the checkpoint"
finish
