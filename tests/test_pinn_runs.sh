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
  [ "$status" = 75 ] && grep -q '"reason": *"stopped"' "$out" && solved "$1" rest "$2" steps=150 --resume part.h5 && tail -1 whole >w && tail -1 rest >r && cmp w r
}
catches() { grep -q glia "/proc/$child/comm" && case $(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$child/status") in *[2367abef]) true ;; *) false ;; esac; }
interrupted 1 'curriculum={nu: [0.4, 0.2], steps: 60}' && interrupted 2 'curriculum={t: [0.125, 0.25], steps: 60}'
point "a fit interrupted among its stages goes on with the bits of one that was not"
exits 78 "$glia" pinn few.yaml 'curriculum={t: [0.1, 0.25], steps: 60}' steps=150 --resume part.h5 && said 'stands in stage 1 of 2, at 0.125' && exits 78 "$glia" pinn few.yaml steps=150 --resume part.h5 && said 'no such stage' &&
  exits 0 "$glia" predict part.h5 --data part.h5 -o grid.csv
point "a stage that is none of the curriculum is refused; what was found so far is at given points"
# the answers of one, two and four ranks, figures and bits
solved 1 one && solved 2 two && solved 4 four && cmp one two && cmp one four
point "one, two and four ranks give the same bits"
finish
