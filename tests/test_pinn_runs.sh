#!/bin/sh
# Runs of glia pinn as wholes: the same bits on any number of ranks, stages of a curriculum, fits that are interrupted.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

cat >few.yaml <<'END'
unknowns: [u]
domain: {t: [0, 0.5], x: [0, 2*pi]}
periodic: x
constants: {nu: 0.1}
equations: ["u_t + u*u_x = nu*u_xx"]
conditions: [{at: {t: 0}, equation: "u = cos(x)"}]
network: {depth: 1, width: 6}
points: {interior: 900}
steps: 12
classical: false
END
# losses TO: all of the run just printed, as they are written
losses() { grep -o '"loss": *[0-9.e-]*' "$out" >"$1" && [ -s "$1" ]; }
# solved RANKS TO WORDS...: few.yaml; its losses
solved() {
  np=$1 to=$2; shift 2
  # shellcheck disable=SC2046
  exits 0 $(on "$np") "$glia" pinn few.yaml --json "$@" && losses "$to"
}
solved 1 one 'curriculum={nu: [0.4, 0.2], steps: 4}' && [ "$(wc -l <one)" = 4 ] && [ "$(grep -o '"steps": *4' "$out" | wc -l)" = 3 ] && [ "$(grep -o '"value": *0.[42]' "$out" | wc -l)" = 2 ] &&
  solved 2 two 'curriculum={nu: [0.4, 0.2], steps: 4}' && cmp one two && solved 1 plain && ! grep -q -x -F "$(cat plain)" one
point "stages of a constant have the same bits on two ranks, and are in the answer"
solved 1 one 'curriculum={t: [0.125, 0.25], steps: 4}' points.redraw=3 && [ "$(wc -l <one)" = 4 ] && solved 2 two 'curriculum={t: [0.125, 0.25], steps: 4}' points.redraw=3 && cmp one two && ! cmp -s one plain
point "stages that see more and more of t have the same bits on two ranks"
exits 0 "$glia" pinn few.yaml 'curriculum={nu: [0.4, 0.2], steps: 4}' && grep -q 'stages of 4 steps at most: nu = 0.4, 0.2, then 0.1' "$out" && grep -q '^  stage 1 of 2, nu = 0.4: loss .* after 4 steps' "$out" &&
  grep -q '^  stage 2 of 2, nu = 0.2: ' "$out" && [ "$(grep -c '^  stage' "$out")" = 3 ] && exits 78 "$glia" pinn few.yaml 'curriculum={mu: [0.4]}' && said "did you mean 'nu'" && exits 78 "$glia" pinn few.yaml 'curiculum={nu: [0.4]}' && said "'curriculum'"
point "one line a stage; a name that is none is refused with the nearest"

# interrupted RANKS STAGES: stopped in the first stage by a signal, it goes on with the bits of a fit that was not
interrupted() {
  solved 1 whole "$2" steps=150 || return 1
  "$glia" pinn few.yaml "$2" steps=150 -o part.h5 --force --json >"$out" 2>"$err" &
  child=$!
  wait_for 30 catches; kill -INT "$child"; wait "$child"; status=$?; child=
  [ "$status" = 75 ] && grep -q '"reason": *"signal"' "$out" && solved "$1" rest "$2" steps=150 --resume part.h5 && tail -1 whole >w && tail -1 rest >r && cmp w r
}
catches() { grep -q glia "/proc/$child/comm" && case $(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$child/status") in *[2367abef]) true ;; *) false ;; esac; }
interrupted 1 'curriculum={nu: [0.4, 0.2], steps: 60}' && interrupted 2 'curriculum={t: [0.125, 0.25], steps: 60}'
point "a fit interrupted among its stages goes on with the bits of one that was not"
exits 78 "$glia" pinn few.yaml 'curriculum={t: [0.1, 0.25], steps: 60}' steps=150 --resume part.h5 && said 'stands in stage 1 of 2, at 0.125' && exits 78 "$glia" pinn few.yaml steps=150 --resume part.h5 && said 'no such stage' &&
  exits 0 "$glia" predict part.h5 --data part.h5 -o grid.csv
point "a stage that is none of the curriculum is refused; what was found so far is at given points"
cat >poisson.yaml <<'END'
unknowns: [u]
domain: {x: [0, 1], y: [0, 1]}
equations: ["u_xx + u_yy = -2*pi^2*sin(pi*x)*sin(pi*y)"]
conditions: [{at: boundary, equation: "u = 0"}]
exact: {u: "sin(pi*x)*sin(pi*y)"}
network: {width: 8}
points: {interior: 100}
steps: 4
classical: false
grid: 41
END
# refused CODE WORDS...: before any step, and nothing new lies there
refused() {
  code=$1; shift
  ls >before && exits "$code" "$glia" pinn poisson.yaml "$@" && ! grep -q '^seed' "$out" && ls >after && cmp before after
}
: >after; exits 0 "$glia" pinn poisson.yaml -o there.h5 && refused 73 -o there.h5 && said 'there.h5 exists already: --force replaces it' && refused 74 -o none/p.h5 && refused 78 grid=9999 -o p.h5 && refused 64 --plot p.jpg && said '.svg, .pdf, .png or .html' &&
  refused 74 --plot none/p.svg && printf 'mine\n' >mine.csv && refused 73 --plot mine.svg && said 'choose another name' && exits 0 "$glia" pinn poisson.yaml -o there.h5 --force --plot there.svg && [ -s there.svg ] && [ -s there.csv ]
point "files that cannot be written are refused before the fit, and replaced where --force says so"
# unknown in the left half: gaps of its picture, and no part of the error; where it is known the error is the one of u that is drawn
half='exact={u: "sin(pi*x)*sin(pi*y) + sqrt(x - 0.5) - sqrt(x - 0.5)"}'
exits 0 "$glia" pinn poisson.yaml "$half" --json --plot half.svg && about "$(key relative_l2)" 1e-4 10 && awk -F, 'NR > 1 { x = ($4 + $5) / 2; y = ($7 + $8) / 2 } $1 == "1/1" { u[x, y] = $9 }
  $1 == "1/2" { n++; known = $9 + 0 > 0; k += known; if ((x > 0.49) != known) bad = 1; d = u[x, y] - sin(3.14159265358979 * x) * sin(3.14159265358979 * y); if (known && d * d > 1e-20 && ($9 - sqrt(d * d))^2 > 1e-12) bad = 1 }
  END { exit bad || k != 21 * 41 }' half.csv
point "places where the exact solution is no number are gaps of the error's picture"
exits 0 "$glia" pinn poisson.yaml 'exact={u: "sqrt(-1 - x)"}' --json --plot none.svg && [ "$(key relative_l2)" = null ] && [ "$(key successes)" = 0 ] && [ -s none.svg ]
point "a solution that is known nowhere is no success"
# u leaves the numbers where log(u) - 3 pulls it below zero: adam walks there, points that are drawn once more find it, TAO ends there
cat >log.yaml <<'END'
unknowns: [u]
domain: {t: [0, 1]}
equations: ["u_t = log(u) - 3"]
conditions: [{at: {t: 0}, equation: "u = 1"}]
network: {width: 6}
points: {interior: 100}
steps: 200
classical: false
END
# diverged WORDS...: after some steps, with the equation and the point
diverged() {
  exits 0 "$glia" pinn log.yaml "$@" --json -o log.h5 --force && [ "$(key reason)" = diverged ] && about "$(key steps)" 1 199 && [ "$(key loss)" = null ] &&
    grep -q "\"fault\": *\"'u_t = log(u) - 3' is not a finite number at t = 0[.][0-9]*\"" "$out" || return 1
  exits 0 "$glia" pinn log.yaml "$@" && grep -q "(diverged: 'u_t = log(u) - 3' is not a finite number at t = 0" "$out" && ! grep -q -e -nan "$out"
}
diverged optimizer=adam && exits 78 "$glia" pinn log.yaml optimizer=adam --resume log.h5 && said 'not a finite number' && diverged
point "a residual that leaves the numbers ends the fit, with the equation and the point"
exits 0 "$glia" pinn poisson.yaml 'equations=["u_xx + u_yy = 1e200"]' --json && [ "$(key reason)" = diverged ] && grep -q "\"fault\": *\"'u_xx + u_yy = 1e200' is 1e+200 wrong (.*) at x = " "$out"
point "units that explode end the fit, with the equation and its size"
# shellcheck disable=SC2046
exits 0 $(on 2) "$glia" pinn log.yaml optimizer=newton-krylov --json && [ "$(key reason)" = diverged ] && grep -q '"fault": *.*u_t = log' "$out"
point "where TAO leaves the numbers the fit ends in order on two ranks"
# the answers of one, two and four ranks, figures and bits
solved 1 one && solved 2 two && solved 4 four && cmp one two && cmp one four
point "one, two and four ranks give the same bits"

echo precious >q.xdmf
exits 73 "$glia" pinn few.yaml -o q.h5 && said 'q.xdmf exists already' && [ "$(cat q.xdmf)" = precious ] && exits 64 "$glia" pinn few.yaml -o s.xdmf && said 's.xdmf is what is written beside' &&
  exits 64 "$glia" pinn few.yaml -o a.svg --plot a.svg && said 'a.svg would be the solution.s file and the picture.s' && [ ! -e a.svg ] && [ ! -e s.xdmf ] && [ ! -e q.h5 ]
point "no file takes the place of another"
exits 78 "$glia" pinn few.yaml 'network={depth: 4, width: 512}' && said 'weights and [0-9]* rows hold [0-9.]* GB of matrices' && said 'optimizer: adam' &&
  exits 78 "$glia" pinn few.yaml optimizer=brgn 'network={depth: 2, width: 512}' 'points={interior: 10000000}' && said 'brgn steps over .* and 10000000 rows hold'; point "a network too large for its steps is refused at once"
cat >line.yaml <<'END'
unknowns: [u]
constants: {t: 1}
domain: {x: [0, 1]}
equations: ["u_xx = -t*pi^2*sin(pi*x)"]
conditions: [{at: boundary, equation: "u = 0"}]
curriculum: {t: [2], steps: 5}
classical: false
steps: 8
END
exits 0 "$glia" pinn line.yaml && grep -q 'stage 1 of 1, t = 2:' "$out"; point "a constant named t is one where there is no time"
sed -i '/^curriculum/d' line.yaml; exits 78 "$glia" pinn line.yaml 'network={model: [sin]}' && said 'no weights to find'; point "layers without weights are refused"
finish
