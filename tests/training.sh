# Sourced after points.sh by the tests of the training program: in a folder of their own with moons.h5; how to start runs and
# read what they print.
ASAN_OPTIONS=detect_leaks=0; export ASAN_OPTIONS # MPI itself leaks
launcher=${MPIRUN:-mpirun -n NP}
command -v "${launcher%% *}" >/dev/null 2>&1 || { echo "1..0 # SKIP no launcher (${launcher%% *}) on this machine"; exit 0; }

cd "$dir" || exit 99
"$glia" data synth moons --n 300 --test-n 90 --seed 7 -o moons.h5 >/dev/null || exit 99

# find_python MODULES: sets python; false where none has them.
find_python() {
  for python in "${PYTHON3:-python3}" /usr/bin/python3; do
    "$python" -c "import $1" 2>/dev/null && return
  done
  false
}
# on RANKS: the launcher's words before a command; none for one rank.
on() { [ "$1" = 1 ] || printf '%s' "$launcher" | sed "s/NP/$1/"; }
# ends CODE RANKS WORDS...: glia train run.yaml WORDS ends with CODE.
ends() {
  code=$1 np=$2; shift 2
  # shellcheck disable=SC2046
  exits "$code" $(on "$np") "$glia" train run.yaml --json "$@"
}
trains() { ends 0 "$@"; }
# hashes: parameters and state of the run just printed.
hashes() { echo "$(key parameters_sha256) $(key state_sha256)"; }
# same AS: the run just printed has these hashes, and they are hashes.
same() {
  [ "${#1} $(hashes)" = "129 $1" ] || { echo "# $(hashes), expected $1"; return 1; }
}
# shares: micro-batches of every worker, in order, parted by blanks.
shares() { tr -d '\n' <"$out" | grep -o '"micro_batches": *[0-9]*' | sed 's/.*: *//' | tr '\n' ' '; }
