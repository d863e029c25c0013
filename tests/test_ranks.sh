#!/bin/sh
# Every command under a launcher speaks once: one JSON object, whatever the ranks, and the same exit code as alone.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
GLIA_PROGRESS=off; export GLIA_PROGRESS

cat >run.yaml <<'YAML'
data: {file: moons.h5, batch: 60, micro_batch: 30}
model: [linear: 4, tanh, linear: 2]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
max_steps: 2
checkpoint: {dir: run}
YAML
cat >poisson.yaml <<'YAML'
unknowns: [u]
domain: {x: [0, 1]}
equations: ["u_xx = -pi^2*sin(pi*x)"]
conditions: [{at: boundary, equation: "u = 0"}]
network: {width: 4}
points: {interior: 20, condition: 4}
steps: 2
classical: false
YAML
"$builddir/pde_tool" heat >heat.csv
cat >heat.yaml <<'YAML'
unknowns: [u]
domain: {t: [0, 1], x: [0, 1]}
data: {file: heat.csv}
hidden: [F]
equations: ["u_t = F"]
candidates: [u, u_xx]
YAML
mkdir tele
awk 'BEGIN { srand(1); for (i = 0; i < 1200; i++) for (p = 0; p < 2; p++) { f = "tele/a." (p ? "test" : "train") ".csv"
  print 0.5 + 0.1 * rand() "," 0.5 + 0.1 * rand() > f; if (p) print (i > 600 && i < 640) > "tele/a.test_label.csv" } }'
printf 'a,b,y\n1,2,0\n3,4,1\n5,6,0\n7,8,1\n' >t.csv
sed -n '/^once /s/^once \([a-z ]*\) --.*/\1/p' "$srcdir/tests/test_ranks.sh" >told
# once COMMAND -- WORDS: on two ranks, one object and exit 0
bad=
once() {
  command=
  while [ "$1" != -- ]; do command="$command $1"; shift; done
  shift
  # shellcheck disable=SC2046,SC2086
  exits 0 $(on 2) "$glia" $command --json "$@" && [ "$(grep -c '^{' "$out")" = 1 ] && [ "$(wc -l <"$out")" = 1 ]
  point "glia$command on two ranks speaks once"
}
once version --
once help --
once study list --
once data import -- csv t.csv --target y -o t.h5
once data info -- moons.h5
once data export -- moons.h5 -o moons.csv
once data synth -- moons --n 20 -o s.h5
once train -- run.yaml
once eval -- run
once plot -- run -o p.svg
once report -- run -o r.html
if "$glia" spectrum --help >/dev/null 2>&1; then
once spectrum -- run
once theory -- --alpha 0.5 --snr 5 --t 1
once hessian -- run --top 1 --probes 1 --steps 4
once measures -- run
once pinn -- poisson.yaml -o u.h5
once discover -- heat.yaml
fi
exits 64 $(on 2) "$glia" predict run --data moons.h5 -o no.csv --json && [ "$(grep -c 'one rank' "$err")" = 1 ] && [ ! -s "$out" ]
point "glia predict on two ranks refuses once"
once export -- run -o w.safetensors
once agent -- --once --period 0.05
once inject -- cpu --for 0.05
exits 0 "$glia" data import telemetry tele --period 1m -o t5.h5
once detect train -- t5.h5 -o m.h5 --kind bottleneck --epochs 1
once detect score -- t5.h5 --models m.h5 -o scores.h5
once detect eval -- t5.h5 --models m.h5
once detect status -- t5.h5 --models m.h5
exits 0 "$glia" detect train t5.h5 -o c.h5
once detect budget -- t5.h5 --models c.h5
once study run -- moons --dir study --quick --seeds 1
once bench --
once collect -- --plan --metrics 10 127.0.0.1:1
exits 0 "$glia" train run.yaml --plan checkpoint.dir=planned && ! grep -q 'local learning' "$out"
point "a plan of a model too short for local learning has no word of it"
# nothing was left out
exits 0 "$glia" help --json && sed 's/"name": "/\n&/g' "$out" | sed -n 's/^"name": "\([^"]*\)".*/\1/p' | grep -vx predict | sort >known &&
  sort told >sorted && comm -23 known sorted >"$out" && [ ! -s "$out" ]
point "every command was tried"
exits 0 $(on 2) "$glia" --version && [ "$(wc -l <"$out")" = 1 ] && exits 0 $(on 2) "$glia" help version && [ "$(grep -c '^Usage' "$out")" = 1 ] &&
  exits 0 $(on 2) "$glia" --help && [ "$(grep -c '^Usage' "$out")" = 1 ]
point "help and version are said once"
exits 66 $(on 2) "$glia" detect status none.h5 --models m.h5 --json && [ "$(grep -c '^glia detect status' "$err")" = 1 ] && [ ! -s "$out" ]
point "and so is a failure of a command that one process does"

# What stands in the way of an output is told before the work: here before the input, which is not there.
echo mine >taken.h5; mkdir folder
early() { code=$1; shift; exits "$code" "$glia" "$@"; }
early 73 detect train none.h5 -o taken.h5 && early 73 detect score none.h5 --models m.h5 -o taken.h5 && early 73 predict none --data none.h5 -o taken.h5 &&
  early 74 detect train none.h5 -o nodir/m.h5 && early 74 detect score none.h5 --models m.h5 --report nodir/r.html && early 64 detect score none.h5 --models m.h5 --figure a.gif &&
  early 74 export none -o taken.h5/w.npz && early 73 detect train none.h5 -o folder --force && said 'is a folder'
point "a file that stands in the way, a folder that is none, a picture that is none"
if "$glia" spectrum --help >/dev/null 2>&1; then
  early 73 pinn none.yaml -o taken.h5 && said 'taken.h5 exists already: --force replaces it' && early 66 pinn none.yaml -o taken.h5 --force && early 74 pinn none.yaml -o nodir/u.h5 &&
    early 64 pinn none.yaml --plot a.gif && said 'a.gif: a figure is .svg' && early 74 discover none.yaml -o nodir/f.yaml && early 64 hessian none -o a.gif && early 64 measures none -o a.gif &&
    early 64 spectrum none -o a.xyz && early 74 spectrum none --values nodir/v.h5 && early 64 study run none --figure a.gif && exits 73 $(on 2) "$glia" pinn none.yaml -o taken.h5 --json &&
    [ "$(grep -c '^glia pinn' "$err")" = 1 ] && printf 'mine\n' >a.csv && early 73 pinn none.yaml --plot a.svg && grep -q mine a.csv
  point "the same of fits and spectra, on all ranks alike"
fi
early 64 report none -o r.pdf && said 'r.pdf: a report is .html' && [ ! -e r.pdf ] && [ "$(cat taken.h5)" = mine ]
point "a report is a page"
finish
