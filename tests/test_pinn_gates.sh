#!/bin/sh
# Accuracy of glia pinn on each problem of examples/pinn, medians over seeds (GLIA_GATE_SEEDS: how many): errors are against exact solutions at points that
# the fit has not seen, or against a reference of high accuracy. Measured figures stand beside the gates; docs/adr/0032 has more.
. "$srcdir/tests/points.sh"
within_s=9000
pinn=$srcdir/examples/pinn

# gate NAME MEDIAN SEEDS BELOW [key=value ...]: $pinn/NAME.yaml over so many seeds, of which BELOW in ten end below the gate
gate() {
  name=$1 most=$2 seeds=${GLIA_GATE_SEEDS:-$3} least=$4
  shift 4
  exits 0 "$glia" pinn "$pinn/$name.yaml" "seeds=$seeds" classical=false "target=$most" "$@" --json && about "$(key relative_l2)" 1e-16 "$most" &&
    about "$(key successes)" "$((seeds * least / 10))" "$seeds"
  point "$name${1:+ $1}: median $(key relative_l2) of $seeds seeds, gate $most; $(key successes) below it, $(key wall_s) s each"
}
# relative_l2 and successes of the whole answer come before those of the runs
key() { tr -d '\n' <"$out" | sed 's/"runs".*//; s/.*"'"$1"'": *"\{0,1\}\([^",}]*\).*/\1/'; }
# reference NAME: written by Python
reference() { "$PYTHON3" "$srcdir/tests/interop/pinn_reference.py" "$1" >"$dir/$1.csv" 2>"$err"; }
# Measured, medians and the largest of ten: Poisson 1.4e-13, 9e-11; wave 5e-12, 1.5e-10; heat 6e-11, 2.4e-9.
gate poisson 1e-8 10 10
gate heat 1e-7 10 10
gate wave 1e-7 10 10
# measured on five seeds after 120 steps: 6.4e-7 to 6.5e-5, on seeds 6 to 10 after 150: 9.8e-7 to 5.5e-6
gate poisson5 1e-4 10 8
# with walls, all of seeds 1 to 10 to 1e-5 in 170 to 260 steps (98 to 148 s of a processor for seeds 4 to 10); as a ring all ten, too, in 110 to 270 steps or at the end of 500 (79 to 338 s)
if reference burgers; then
  gate burgers 1e-5 3 10 "reference={file: $dir/burgers.csv}"
  gate burgers 1e-5 3 6 "reference={file: $dir/burgers.csv}" periodic=x 'conditions=[{at: {t: 0}, equation: "u = -sin(pi*x)"}]'
  # measured on seeds 1 to 10: a 7e-7 to 5.8e-6 and nu 2.1e-6 to 6.0e-5 off (relative)
  exits 0 "$glia" pinn "$pinn/burgers-inverse.yaml" "data.file=$dir/burgers.csv" steps=120 classical=false --json && about "$(key a)" 0.9999 1.0001 &&
    about "$(key nu)" 0.00318278 0.00318342
  point "Burgers' equation backwards: a = $(key a), nu = $(key nu) from 2,000 points, 1 and 0.01/pi to 1e-4"
  # measured on seeds 1 to 5 before points were gathered: nu 0.42, 0.23, 0.08, 0.01 and 1.2 % off, since then on 1 to 3 0.43, 0.21 and 0.09 %, on 6 to 10 0.71, 0.02, 0.12, 0.38 and 0.53 %; no estimate has less than 0.46 % (pinn_reference.py bound)
  exits 0 "$glia" pinn "$pinn/burgers-inverse.yaml" "data={file: $dir/burgers.csv, points: 2000, noise: 0.01}" steps=100 time=900s "seeds=${GLIA_GATE_SEEDS:-5}" \
    classical=false --json && about "$(key a)" 0.995 1.005 && about "$(key nu)" 0.0031672 0.003199
  point "the same with 1 % noise: medians a = $(key a), nu = $(key nu), 1 and 0.01/pi to 0.5 %"
else
  skip "Burgers' equation with walls" "$(cat "$err")"
  skip "Burgers' equation backwards" "$(cat "$err")"
  skip "Burgers' equation backwards with noise" "$(cat "$err")"
  skip "Burgers' equation on a ring" "$(cat "$err")"
fi
# measured on seeds 1 to 10: to 1e-4 in 100 to 360 steps, two at 5.4e-6 and 8.4e-6 after all 500; 69 to 381 s of a processor
gate schroedinger 1e-4 3 6
# measured: 3.6e-6, 3.9e-6 and 6.4e-6 on seeds 1 to 3 after 188 to 200 steps, 200 to 300 s of a busy machine, 1.8e-6 to 4.5e-6 on seeds 4 to 10, 118 to 177 s; with two layers of 16 6.4e-5, 3.5e-5 and 1.3e-4 on seeds 1 to 3
if reference lshape; then
  gate lshape 1e-4 10 6 "reference={file: $dir/lshape.csv}"
else
  skip "Poisson's equation on the L-shape" "$(cat "$err")"
fi
# measured on seeds 1 to 10: to 1e-4 in 170 to 360 steps; 120 to 281 s of a processor
if [ -s "$GLIA_TEST_DATA/pinn/allen_cahn.h5" ]; then
  gate allen-cahn 1e-4 3 6 "reference={file: $GLIA_TEST_DATA/pinn/allen_cahn.h5}"
else
  skip "Allen-Cahn" "no $GLIA_TEST_DATA/pinn/allen_cahn.h5"
fi

# Measured on three seeds: 6e-7 to 4e-6 by self-scaled Broyden, 2e-3 to 4e-3 by Adam.
small='points={interior: 200, condition: 60}'
exits 0 "$glia" pinn "$pinn/poisson.yaml" optimizer=ssbroyden steps=300 classical=false "$small" --json && about "$(key relative_l2)" 1e-12 2e-5 &&
  exits 0 "$glia" pinn "$pinn/poisson.yaml" optimizer=adam steps=300 classical=false "$small" --json && about "$(key relative_l2)" 1e-12 1e-2
point "other optimizers solve Poisson's equation too"
finish
