#!/bin/sh
# Killed at any moment, also inside write, fsync and rename, a run loses no more than the work since its last checkpoint: the newest file can
# always be read, and in the end the weights are those of the run that was never killed. Short: 20 kills, few of them
# under the launcher; with GLIA_TEST_LONG: 200 on 1 to 4 ranks.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

fault=$builddir/fault.so
tool=$builddir/formats_tool
[ -e "$fault" ] || { echo "1..0 # SKIP no preloaded faults in this build"; exit 0; }
kills=20 many=3 resumed='1 3'
[ -z "${GLIA_TEST_LONG-}" ] || { kills=200 many=4 resumed='1 2 3 4'; }
within_s=240

cat >run.yaml <<'END'
seed: 3
data: {file: moons.h5, batch: 64, micro_batch: 8}   # 5 steps an epoch
model: [linear: 128, tanh, dropout: 0.1, linear: 128, tanh, linear: 2] # one array is written past the page cache
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
max_steps: 100000000
checkpoint: {dir: run, every: 3, keep: 2}
END
newest() { for file in run/step-*.h5; do last=$file; done; [ -e "$last" ] && printf '%s\n' "$last"; }
step_of() { basename "$1" .h5 | sed 's/step-0*//; s/^$/0/'; }
random() { od -An -N2 -tu2 /dev/urandom | awk -v n="$1" '{ print $1 % n }'; }

# killed RANKS FAULT: a run, resumed, until it is dead; FAULT "time MS" kills rank 0 that long after its first new checkpoint.
killed() {
  before=$(newest)
  new() { now=$(newest); [ "$now" != "$before" ]; }
  case $2 in
  time*)
    # shellcheck disable=SC2046
    $(on "$1") "$glia" train run.yaml --resume >"$out" 2>"$err" </dev/null &
    child=$!
    wait_for 60 new || { kill -9 "$child"; return 1; }
    sleep "0.$(printf %03d "${2#time }")"
    kill -9 "$(sed -n '1s/.* pid=\([0-9]*\).*/\1/p' run/.lock)"
    wait "$child" 2>/dev/null; child= ;;
  *)
    # one rank needs no launcher; under one, all ranks have the fault, and rank 0 alone writes
    # shellcheck disable=SC2046
    GLIA_FAULT=$2 LD_PRELOAD=$fault timeout 120 $(on "$1") "$glia" train run.yaml --resume >"$out" 2>"$err" </dev/null
    got=$?
    [ "$got" = 137 ] || return 1 ;; # by SIGKILL, not by an error of its own
  esac
  latest=$(newest)
  [ -z "$latest" ] || "$tool" checkpoint "$latest" >/dev/null 2>>"$err" || unreadable="$unreadable $latest"
  at=0; [ -z "$latest" ] || at=$(step_of "$latest")
  [ "$at" -ge "$reached" ] || lost="$lost $2:$reached->$at"
  reached=$at
}

faults='pwrite:1:before pwrite:1:torn pwrite:7:torn pwrite:12:after pwrite:15:torn pwrite:18:torn fsync:1:before fsync:1:after rename:1:before rename:1:after
fsyncdir:1:before fsyncdir:2:after any:40:before any:57:torn any:90:after pwrite:60:torn rename:3:before fsync:4:after'
unreadable='' lost='' odd='' reached=0 i=0
while [ "$i" -lt "$kills" ]; do
  i=$((i + 1))
  if [ $((i % 4)) = 0 ]; then
    wish="time $(random 400)"; ranks=1; [ "$many" = 3 ] || ranks=$((i / 4 % 3 + 1))
  else
    # shellcheck disable=SC2086
    set -- $faults
    shift $(((i - 1) % $#)); wish=$1
    # what comes later in a run is left to chance
    [ "$i" -le 20 ] || wish=$(printf '%s:%d:%s' "${1%%:*}" $(($(random 150) + 1)) "${1##*:}")
    ranks=1; [ $((i % 8)) != 3 ] || ranks=$((i / 8 % many + 1))
  fi
  killed "$ranks" "$wish" || { odd="$odd $wish"; sed "s/^/# $wish on $ranks: /" "$err" | tail -n 4; }
done
echo "# $i runs killed; the newest checkpoint is of step $reached"
point "$i runs were killed$odd" "$([ -z "$odd" ]; echo $?)"
point "the newest checkpoint could always be read$unreadable" "$([ -z "$unreadable" ]; echo $?)"
point "and was never older than before$lost" "$([ -z "$lost" ] && [ "$reached" -gt 0 ]; echo $?)"
! ls run/*.damaged run/*.failed >/dev/null 2>&1; point "none was damaged, and no kill counted as a failure of its own"

for ranks in $resumed; do
  cp -r run "run.$ranks"
  trains "$ranks" --resume checkpoint.dir="run.$ranks" max_steps=$((reached + 7)) && is_from=$(key resumed_from_step) &&
    [ "$is_from" = "$reached" ] && got=$(hashes) && [ "${bits=$got}" = "$got" ]
  point "what is left goes on on $ranks ranks with the same bits"
done
trains 1 checkpoint=null max_steps=$((reached + 7)) && same "$bits"; point "and they are those of the run that was never killed"

# a disk, or a quota, that is full from some write on: the run ends with one error, and what was there stays
for wish in pwrite:1:full pwrite:9:full fsync:1:full rename:1:full pwrite:5:quota fsync:1:quota rename:1:quota; do
  text='No space left on device'; [ "${wish##*:}" = full ] || text='Disk quota exceeded'
  before=$(cksum <"$(newest)")
  exits 74 env GLIA_FAULT="$wish" LD_PRELOAD="$fault" "$glia" train run.yaml --resume --json && said "$text" && [ ! -e run/.lock ] &&
    [ "$(cksum <"$(newest)")" = "$before" ] && ! ls run/*.tmp >/dev/null 2>&1
  point "no space at $wish: one error, and the older checkpoint stays"
done
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k tmpfs small 2>/dev/null; then
  trap 'umount "$dir/small" 2>/dev/null; [ -z "$child" ] || kill -9 "$child" 2>/dev/null; rm -rf "$dir"' EXIT
  exits 74 "$glia" train run.yaml checkpoint.dir=small checkpoint.keep=50 && said 'No space left on device'
  file=$(for file in small/step-*.h5; do last=$file; done; echo "$last")
  [ ! -e "$file" ] || "$tool" checkpoint "$file" >/dev/null; point "on a small disk that fills up the newest checkpoint is good"
  rm -f small/*; mount -o remount,ro small
  exits 74 "$glia" train run.yaml checkpoint.dir=small && said 'Read-only file system' && ! said 'train:.*steps'
  point "a read-only folder is found before the first step"
  umount small
else
  skip "on a small disk that fills up the newest checkpoint is good" "needs root, to mount a small tmpfs"
  skip "a read-only folder is found before the first step" "needs root, to mount a small tmpfs"
fi

# a torn file under its final name, as a machine that lost power may leave it
latest=$(newest)
truncate -s 1500 "$latest"
trains 2 --resume max_steps=$((reached + 3)) && said "checkpoint-skipped.*$(basename "$latest")" && [ -e "$latest.damaged" ]
point "a torn newest one is passed over for the one before, and named"

# a checkpoint that always fails must not loop for ever
reached=$(step_of "$(newest)")
for k in 1 2 3; do echo "step=$reached attempt=$k host=h pid=1 why=SIGSEGV" >>run/failures; done
exits 0 "$glia" train run.yaml --resume --json max_steps=$((reached + 2)) && said "3 runs that went on from .*failed by themselves" &&
  [ "$(key resumed_from_step)" -lt "$reached" ] && ls run/*.failed >/dev/null
point "after three failures of its own a checkpoint is passed over"
finish
