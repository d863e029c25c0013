#!/bin/sh
# Asked to stop, a run finishes its step, writes a checkpoint and ends with 75; resumed, it is the run that was never asked.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

cat >run.yaml <<'END'
seed: 8
data: {file: moons.h5, batch: 64, micro_batch: 8}
model:
  - linear: 16
  - tanh
  - dropout: 0.1
  - linear: 2
loss: cross_entropy
optimizer: {sgd: {lr: 0.1, momentum: 0.9}}
checkpoint: {dir: run, every: 40}
END
cat >rank.sh <<'END'
#!/bin/sh
# A rank: the command, and the code with which it ended, also when the launcher is asked to end.
trap '' TERM USR1
"$@"
code=$?
echo $code >"code.${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-0}}"
exit $code
END

# stopped RANKS SIGNAL WHOM: a run in the background gets the signal; $got is the exit code of what was started.
started() { set -- run/step-*.h5; [ -e "$1" ]; }
stopped() {
  rm -rf run code.*
  # shellcheck disable=SC2046
  $(on "$1") sh ./rank.sh "$glia" train run.yaml --json max_steps=100000000 >"$out" 2>"$err" </dev/null &
  child=$!
  wait_for 30 started || return 1
  writer=$(sed -n '1s/.* pid=\([0-9]*\).*/\1/p' run/.lock)
  case $3 in launcher) kill "-$2" "$child" ;; writer) kill "-$2" "$writer" ;; esac
  wait_for 30 gone "$writer" || return 1
  wait "$child"; got=$?; child=
  codes=$(cat code.* 2>/dev/null | tr '\n' ' ')
}
# resumed RANKS: a few steps more, and the same without a stop, have the same bits.
resumed() {
  at=$(key steps)
  [ "$(key reason)" = signal ] && [ "$at" -gt 0 ] && [ "$(key checkpoint)" = "run/step-$(printf %010d "$at").h5" ] &&
    [ -e "$(key checkpoint)" ] && [ ! -e run/.lock ] && stopped_as=$(hashes) &&
    trains "$1" --resume max_steps=$((at + 7)) && [ "$(key resumed_from_step)" = "$at" ] && went_on=$(hashes) && [ "$went_on" != "$stopped_as" ] &&
    trains 1 checkpoint=null max_steps=$((at + 7)) && same "$went_on"
}

for signal in USR1 TERM INT; do
  stopped 1 $signal writer && [ "$codes" = "75 " ] && [ "$got" = 75 ]; point "$signal ends a process with 75"
  resumed 2; point "and its run goes on with the same bits"
done
stopped 2 USR1 launcher && [ "$codes" = "75 75 " ] && [ "$got" = 75 ]; point "USR1 to the launcher of two ranks ends all with 75"
resumed 1; point "and their run goes on with the same bits"
stopped 2 TERM writer && [ "$codes" = "75 75 " ] && [ "$got" = 75 ]; point "TERM to one of two ranks ends both with 75"
resumed 3; point "and their run goes on with the same bits"
# Open MPI's mpirun hands INT on as TERM, after a second; a second later, or once a rank has ended, it kills the others, which may
# then be about to exit. It ends with a code of its own. A busy machine needs more than a second.
OMPI_MCA_odls_base_sigkill_timeout=3; export OMPI_MCA_odls_base_sigkill_timeout
for signal in TERM INT; do
  # it may also kill the shells that note the codes: then none is noted, and what the ranks wrote (below) is the evidence
  stopped 2 $signal launcher && [ "$got" != 0 ] && case $codes in "" | "75 " | "75 75 ") ;; *) false ;; esac
  point "$signal to the launcher ends the ranks with 75"
  resumed 2; point "and their run goes on with the same bits"
done
finish
