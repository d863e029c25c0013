#!/bin/sh
# The command line: glia itself, and the frame through cli_probe.
glia=$builddir/glia
probe=$builddir/cli_probe
n=0
failures=0
dir=$(mktemp -d "${TMPDIR:-/tmp}/glia-cli.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
out=$dir/out
err=$dir/err

# point NAME [STATUS]: one TAP point from the status of the last command, or the one given.
point() {
  status=${2-$?}
  n=$((n + 1))
  if [ "$status" = 0 ]; then
    echo "ok $n - $1"
  else
    echo "not ok $n - $1"
    failures=$((failures + 1))
    sed 's/^/# out: /' "$out"; sed 's/^/# err: /' "$err"
  fi
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

# exits CODE COMMAND...: run it, keep what it writes; true when it ends with CODE.
exits() {
  want=$1; shift
  timeout 60 "$@" >"$out" 2>"$err" </dev/null
  got=$?
  [ "$got" = "$want" ] || { echo "# exit $got, expected $want: $*"; return 1; }
}
said() { grep -q -- "$1" "$err"; }
printed() { grep -q -- "$1" "$out"; }

# glia itself
"$glia" help --json >"$out" 2>"$err" && sed 's/"name": "/\n&/g' "$out" | sed -n 's/^"name": "\([^"]*\)".*/\1/p' >"$dir/commands"
[ -s "$dir/commands" ]; point "help lists the commands"
bad=
while read -r command; do
  # shellcheck disable=SC2086
  exits 0 "$glia" $command --help && printed '^Example:' && printed "glia $command" && printed '^Usage: glia ' || bad="$bad [$command]"
  sed -n '/^Example:/,$p' "$out" | sed 1d | grep -q '[a-z]' || bad="$bad [$command: example]"
  [ -s "$builddir/man/glia-$(echo "$command" | tr ' ' -).1" ] || bad="$bad [$command: man]"
done <"$dir/commands"
[ -z "$bad" ]; point "every command has help, an example and a manual page$bad"
exits 0 "$glia" --version && printed "^glia [0-9]"; point "--version prints the version"
exits 0 "$glia" --help && printed 'glia COMMAND'; point "--help prints the commands"
exits 64 "$glia" && [ ! -s "$out" ] && said 'glia COMMAND'; point "no command at all is a usage error"
exits 64 "$glia" vresion && said "glia: unknown command 'vresion': did you mean 'version'?" && [ ! -s "$out" ]
point "an unknown command names the nearest"
exits 64 "$glia" version --jsn && said "glia version: unknown option '--jsn': did you mean '--json'?" && [ ! -s "$out" ]
point "an unknown option names the nearest"
exits 64 "$glia" version more && said "'more' is too much"; point "a word too many is refused"
exits 64 "$glia" help help help help; point "help of three words is refused"
exits 64 "$glia" help vresion && said "did you mean 'version'"; point "help of an unknown command names the nearest"
exits 69 "$probe" spectrum x && said "'spectrum' needs PETSc and SLEPc"; point "a command that the build has not says what it wants"
exits 78 env GLIA_CPU=fast "$glia" version && said "glia version: GLIA_CPU is 'fast': expected plain, avx2 or avx512" && [ ! -s "$out" ] &&
  exits 0 env GLIA_CPU=plain "$glia" version && grep -q '^\.B GLIA_CPU' "$builddir/man/glia.1"
point "a level of kernels that is none is refused"
if grep -q avx512dq /proc/cpuinfo 2>/dev/null || [ "$(uname -m)" != x86_64 ]; then
  skip "a level of kernels that this CPU has not is refused" "no CPU with AVX2 alone"
else
  exits 69 env GLIA_CPU=avx512 "$glia" version && said "GLIA_CPU is avx512, and this CPU has"
  point "a level of kernels that this CPU has not is refused"
fi
if [ -c /dev/full ]; then
  timeout 60 "$glia" version >/dev/full 2>"$err"; [ $? = 74 ]; point "a full disk under standard output is an error"
  for words in --help --version 'train --help' 'detect --help'; do
    # shellcheck disable=SC2086
    timeout 60 "$glia" $words >/dev/full 2>"$err"
    [ $? = 74 ] && grep -q 'cannot write to standard output' "$err" && continue
    words="not $words" && break
  done
  [ "$words" = 'detect --help' ]; point "so it is under help"
  bad=
  for word in --help --version --list; do
    timeout 60 "$builddir/glia-agent" $word >/dev/full 2>"$err"
    [ $? = 74 ] && [ "$(grep -c 'glia-agent: cannot write to standard output: ' "$err")" = 1 ] || bad="$bad $word"
  done
  [ -z "$bad" ]; point "and under glia-agent$bad"
  timeout 60 "$glia" version --json >/dev/full 2>"$err"; [ $? = 74 ]; point "a full disk under --json is an error"
else
  skip "a full disk under standard output is an error" "no /dev/full"
  skip "so it is under help" "no /dev/full"
  skip "and under glia-agent" "no /dev/full"
  skip "a full disk under --json is an error" "no /dev/full"
fi
if command -v groff >/dev/null 2>&1; then
  : >"$out"; : >"$err"
  for page in "$builddir"/man/*.1; do groff -man -Tutf8 -ww "$page" >/dev/null 2>>"$err"; done
  [ ! -s "$err" ]; point "groff finds nothing to warn of in the pages"
else
  skip "groff finds nothing to warn of in the pages" "no groff"
fi

# options
exits 0 "$probe" data echo --json -o a.h5 --output=b.h5 --train i.gz l.gz --kind membw -n 7 --alpha -1.5e-3 --times 0.5,1,.inf \
  --for 5m --size 64KiB --resume model.1.linear=64 word -- --resume
same() {
  [ "$PYTHON3" = none ] && return 0
  "$PYTHON3" -c 'import json, sys; sys.exit(json.loads(open(sys.argv[1]).read()) != json.loads(sys.argv[2]))' "$out" "$1"
}
same '{"words": ["word", "--resume"], "overrides": ["model.1.linear=64"], "outputs": ["a.h5", "b.h5"],
  "train": ["i.gz", "l.gz"], "output": "b.h5", "kind": "membw", "number": 7, "alpha": -0.0015, "for_s": 300.0,
  "size_bytes": 65536, "resume": true, "times": [0.5, 1.0, null]}'
point "options of all kinds are understood"
said 'this must not reach' && [ "$(wc -l <"$out")" = 1 ]; point "--json leaves one object on standard output and nothing else"
exits 0 "$probe" data echo --json && same '{"words": [], "overrides": [], "outputs": [], "train": [], "output": "none",
  "kind": "none", "number": -1, "alpha": null, "for_s": -1.0, "size_bytes": -1, "resume": false, "times": []}'
point "options that are not given have their defaults, and NaN is null"
exits 0 "$probe" data echo && printed 'this must not reach' && ! printed '{'; point "without --json there is no object"
while IFS='|' read -r words message; do
  # shellcheck disable=SC2086
  exits 64 "$probe" data echo $words && said "glia data echo: .*$message" && [ ! -s "$out" ] && [ "$(wc -l <"$err")" = 1 ]
  point "refused in one line: $words"
done <<'END'
--resum|did you mean '--resume'
--zebra|glia data echo --help
-x|unknown option '-x'
--kind disc|did you mean 'disk'
--kind zebra|one of cpu, membw, disk
--number 100|expected 1 to 99
--number 1.5|expected a whole number
--alpha fast|expected a number
--times 1,,2|expected numbers parted by commas
--for 5x|expected a duration
--size 5x|expected a size
--output|--output wants FILE
-o --resume|--output wants FILE
--train one|--train wants IMAGES LABELS
--train=one two|as words of their own
--resume=yes|takes no argument
a b c|'c' is too much
END
exits 64 "$probe" data silent && said "something is missing: glia data silent FILE"; point "a missing word is named"
exits 70 "$probe" data silent x --json && [ ! -s "$out" ]; point "a command that forgets its JSON is found out"
exits 64 "$probe" data && said "glia data --help"; point "a group alone is a usage error"
exits 64 "$probe" data ecoh && said "did you mean 'data echo'?"; point "an unknown command of a group names the nearest"
exits 0 "$probe" data --help && printed 'data silent'; point "a group has help"

# signals
waits() { # waits SIGNAL...: start the probe, send them; $got is its exit code
  : >"$out"
  # shellcheck disable=SC2086
  "$probe" wait $stubborn >"$out" 2>"$err" </dev/null &
  pid=$!
  i=0
  while ! grep -q ready "$out" && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
  for s; do case $s in pause) sleep 1.2 ;; *) kill "-$s" "$pid" ;; esac; done
  (sleep 20; kill -KILL "$pid" 2>/dev/null) >/dev/null 2>&1 &
  guard=$!
  wait "$pid"; got=$?
  kill "$guard" 2>/dev/null
}
stubborn=
waits USR1; [ "$got" = 75 ] && printed 'stopped by 10'; point "USR1 asks to stop in good order"
waits TERM TERM; [ "$got" = 75 ] && printed 'stopped by 15'; point "the same signal twice within a moment is one request"
stubborn=yes
waits USR1 pause TERM pause INT; [ "$got" = 130 ]; point "a second request ends the process at once"

# ranks; message passing libraries keep what they allocate, so leaks are hunted above alone
ASAN_OPTIONS=detect_leaks=0; export ASAN_OPTIONS
apart="env -u OMPI_COMM_WORLD_SIZE -u PMIX_RANK -u PMIX_NAMESPACE -u PMI_RANK -u PMI_FD SLURM_JOB_ID=1 SLURM_NTASKS=4"
exits 64 $apart SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=4 "$probe" ranks none && said 'srun --mpi=pmix' && [ "$(wc -l <"$err")" = 1 ]
point "srun without PMIx is refused with the cure"
exits 64 $apart SLURM_PROCID=3 SLURM_STEP_NUM_TASKS=4 "$probe" ranks none && [ ! -s "$err" ]
point "the other tasks of such a srun are silent"
exits 0 $apart SLURM_PROCID=3 SLURM_STEP_NUM_TASKS=4 "$probe" data silent x; point "commands that are not parallel run anyway"
exits 0 $apart SLURM_PROCID=0 "$probe" ranks none && printed 'ranks 1 '; point "a batch script with several tasks is no srun"
exits 0 env -u OMPI_MCA_mpi_yield_when_idle OMPI_COMM_WORLD_LOCAL_SIZE=9999 "$probe" ranks none && printed 'yield 1'
point "more ranks than cores let each other run"
exits 0 env OMPI_MCA_mpi_yield_when_idle=0 OMPI_COMM_WORLD_LOCAL_SIZE=9999 "$probe" ranks none && printed 'yield 0'
point "unless the user said otherwise"
on_node() { # NODE: under a srun that gave the last of four nodes more tasks than it has cores
  exits 0 env -u OMPI_MCA_mpi_yield_when_idle -u OMPI_COMM_WORLD_LOCAL_SIZE OMPI_COMM_WORLD_SIZE=1 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=10002 \
    "SLURM_STEP_TASKS_PER_NODE=1(x3),9999" SLURM_NODEID="$1" "$probe" ranks none
}
on_node 3 && printed 'yield 1' && on_node 2 && printed 'yield unset'; point "each node by its own tasks, where srun gave them unequally"

launcher=$(printf '%s' "${MPIRUN:-mpirun -n NP}" | sed "s/NP/${NP:-3}/")
if command -v "${launcher%% *}" >/dev/null 2>&1; then
  exits 0 $launcher "$probe" ranks none --json && same "{\"ranks\": ${NP:-3}}"; point "rank 0 alone prints the object"
  exits 75 $launcher "$probe" ranks requeue; point "all ranks end with the code of the run"
  exits 78 $launcher "$probe" ranks all && [ "$(grep -c 'all ranks fail' "$err")" = 1 ]; point "a shared failure is printed once"
  exits 65 $launcher "$probe" ranks one && said 'glia ranks: rank 1 fails'; point "a failure of one rank is printed by it"
  exits 65 $launcher "$probe" ranks apart && said 'rank 1 failed alone'; point "a rank that fails alone ends those who wait for it"
  exits 64 $launcher "$probe" ranks && [ "$(grep -c 'something is missing' "$err")" = 1 ]; point "a usage error is printed once"
  exits 64 mpirun -n 1 "$probe" ranks none : -n 1 "$probe" ranks none --nope && said "^glia ranks: rank 1: unknown option '--nope'"
  point "an option that one rank alone was given is told by it"
  exits 78 mpirun -n 1 -x GLIA_CPU=plain "$probe" ranks none : -n 1 -x GLIA_CPU=fast "$probe" ranks none &&
    said "^glia ranks: rank 1 on .*: GLIA_CPU is 'fast'"
  point "a level that one rank refuses is told by it"
  exits 78 mpirun -n 2 -x GLIA_CPU=fast "$probe" ranks none && said "^glia ranks: rank 0 on .*: GLIA_CPU is 'fast'"
  point "and by rank 0 where all refuse it"
  exits 0 env -u OMPI_MCA_mpi_yield_when_idle mpirun -n 1 "$probe" ranks none && printed 'yield unset'
  point "ranks with a core of their own do not yield"
else
  skip "parallel commands" "no launcher (${launcher%% *}) on this machine"
fi

echo "1..$n"
[ "$failures" = 0 ]
