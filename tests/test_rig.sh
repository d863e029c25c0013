#!/bin/sh
# Three nodes under a real SLURM, on links that can be cut. What tests/rig/README.md promises, and glia on it.
. "$srcdir/tests/points.sh"
cmd=$srcdir/tests/rig/rig
TMPDIR=$dir; export TMPDIR # rigs of other tests are none of ours
chmod 711 "$dir"           # users of the rig pass
trap 'kill -9 $child 2>/dev/null; for RIG in "$dir"/glia-rig-*; do RIG=$RIG "$cmd" down 2>/dev/null; done; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

rig() { timeout 60 "$cmd" "$@"; }
srun() { rig run srun "$@"; }
# What a rig could leave on the machine itself.
machine() {
  ip netns; ip -br link | cut -d' ' -f1; cksum /etc/hosts /etc/passwd
  grep -c glia-rig /proc/mounts; find /sys/fs/cgroup -maxdepth 3 -iname '*slurm*' 2>/dev/null
}
# members FILE: all processes in the networks of the rig in use, "PID START"
members() {
  { cat "$RIG/net"; for f in "$RIG"/g*/pid; do network "$f"; done; } | while read -r net; do
    find /proc/[0-9]*/ns/net -lname "$net" 2>/dev/null | cut -d/ -f3 | while read -r p; do echo "$p $(started "$p")"; done
  done | sort -u >"$1"
  [ "$(wc -l <"$1")" -ge 4 ]
}
network() { readlink "/proc/$(cut -d' ' -f1 "$1")/ns/net" | tr '[]' '??'; }
started() { sed 's/.*) \([^Z]\)/\1/' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
# ended FILE: none of them runs; one that is dead and not buried has no network
ended() {
  while read -r p start; do
    ! readlink "/proc/$p/ns/net" >/dev/null || [ "$(started "$p")" != "$start" ] || return 1
  done <"$1"
}
sleeping() { [ "$(rig run squeue -h -t running -o %D)" = "$1" ]; }
idle() { [ "$(rig run sinfo -h -t idle -o %D)" = "$1" ]; }
sha() { sed -n 's/.*"parameters_sha256": "\([0-9a-f]*\)".*/\1/p' "$1"; }
# trained FILE RANKS: its run had that many, and the bits of the run on this machine alone
trained() { [ -n "$(sha "$1")" ] && [ "$(sha "$1")" = "$reference" ] && grep -q "\"ranks\": $2," "$1"; }

machine >"$dir/before"
began=$(milliseconds)
RIG=$("$cmd" up 3 $$ 2>"$err")
case $? in
  0) ;;
  77) echo "1..0 # SKIP $(cat "$err")"; exit 0 ;;
  *) false; point "three nodes come up"; finish ;;
esac
export RIG
took=$(($(milliseconds) - began))
echo "# three nodes up in $took ms"
[ "$took" -le 10000 ]; point "three nodes are up within ten seconds"
rig nodes >"$dir/nodes"
srun -N3 hostname >"$out" 2>"$err" && sort "$out" | cmp -s - "$dir/nodes"; point "each node has its own name"
srun -N3 cat /proc/sys/kernel/random/boot_id /proc/net/dev >"$out" 2>"$err" && [ "$(grep -c eth0 "$out")" = 3 ]
point "each node has its own network"
node() { sed -n "$1p" "$dir/nodes"; }
rig status >"$out" 2>"$err" && [ "$(grep -c ' link UP slurm idle' "$out")" = 3 ]; point "status tells links and states"

# --- glia across the nodes
cd "$dir" || exit 99
cat >tiny.yaml <<'END'
seed: 7
data: {file: moons.h5, batch: 48, micro_batch: 8}
model: [{linear: 16}, tanh, {linear: 2}]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
max_steps: 30
END
exits 0 "$glia" data synth moons -o moons.h5 --n 960 --seed 1 && exits 0 "$glia" train tiny.yaml --json; point "one rank trains"
reference=$(sha "$out")
srun --mpi=pmix -N3 -n3 "$glia" train tiny.yaml --json >"$out" 2>"$err" && trained "$out" 3; launched "srun: the bits of one rank"
srun --mpi=pmix -N3 -n3 "$glia" train tiny.yaml --json parallel.stages=3 checkpoint.dir=staged >"$out" 2>"$err" && trained "$out" 3 && [ -s staged/step-0000000030.h5 ]
launched "and with a stage of the model on each node, which write one checkpoint"
srun --mpi=none -N3 -n3 "$glia" train tiny.yaml --json >"$out" 2>"$err"
[ $? = 64 ] && said 'separate runs instead of one with 3 ranks: use srun --mpi=pmix' && [ ! -s "$out" ]
point "srun without PMIx is refused with the cure"
[ "$(grep -c 'separate runs' "$err")" = 1 ]; point "once, not by every task"
srun --mpi=none -n1 "$glia" train tiny.yaml --json >"$out" 2>"$err" && trained "$out" 1; point "one task needs no PMIx"
cat >job.sh <<END
#!/bin/sh
env | grep '^SLURM_NTASKS=' >tasks
mpirun "$glia" train tiny.yaml --json >mpirun.json
mpirun -n 1 "$glia" train tiny.yaml --json >one.json
"$glia" train tiny.yaml --json >plain.json
mv tasks done
END
rig run sbatch -N3 -n3 -o job.out job.sh >"$out" 2>"$err" && wait_for 40 test -e done; point "a batch job runs"
cp job.out "$err" 2>/dev/null
trained mpirun.json 3; point "sbatch and mpirun: the bits of one rank"
grep -q '=3$' done && trained one.json 1 && trained plain.json 1; point "one rank in a job of three tasks is no mistake"

# --- users
rig as ada srun -N3 id -un >"$out" 2>"$err" && [ "$(grep -c '^ada$' "$out")" = 3 ]; point "an ordinary user runs jobs"
rig as ada srun -N1 sh -c 'touch "$TMPDIR/mine" "$HOME/mine" && ! touch /etc/mine 2>/dev/null' >"$out" 2>"$err"
point "he writes to his folders, and not to the system's"
! rig as ada scontrol update nodename="$(node 1)" state=drain reason=no >"$out" 2>"$err" && said 'Invalid user id' && idle 3
point "he may not drain a node"
id ada >/dev/null 2>&1 && false || ! grep -q '^ada:' /etc/passwd; point "outside of the rig there is no such user"

# --- a link is cut
cat >long.yaml <<'END'
seed: 7
data: {file: moons.h5, batch: 48, micro_batch: 8}
model: [{linear: 16}, tanh, {linear: 2}]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
max_steps: 1000000000
checkpoint: {dir: run, every: 1000}
END
GLIA_STALL_WARN_S=1; GLIA_STALL_ABORT_S=3; export GLIA_STALL_WARN_S GLIA_STALL_ABORT_S
stepping() { ls run/step-*.h5 >/dev/null 2>&1; }
training() { rig on "$(node 3)" pgrep -x glia >/dev/null 2>&1; }
without() { rig on "$(node 3)" pgrep -x glia >/dev/null 2>&1; [ $? = 1 ]; }
: >"$out"
timeout 60 "$cmd" run srun -K1 --mpi=pmix -N3 -n3 "$glia" train long.yaml >"$out" 2>"$err" </dev/null &
child=$!
wait_for 20 stepping && training; launched "a long job runs on three nodes"
sleep 0.3 # no checkpoint at the moment: a stalled exchange is what is looked for
began=$(milliseconds)
rig cut "$(node 3)"
wait_for 5 said "stall.*missing=.*2 ($(node 3))"; launched "its ranks name the missing one within five seconds"
echo "# named $(($(milliseconds) - began)) ms after the cut"
wait "$child"; got=$?; child=
echo "# ended with $got $(($(milliseconds) - began)) ms after the cut"
[ "$got" = 79 ] && said "waited .* for rank .*2 ($(node 3))"; launched "it ends with the name of the node, and the code of its own"
wait_for 15 without; point "nothing of it runs on the node that was cut off"
newest=$(find run -name 'step-*.h5' | sort | tail -1 | sed 's/.*step-0*\([0-9]*\).h5/\1/')
exits 0 "$glia" train long.yaml --resume --json max_steps="$((newest + 5))" && [ "$(key resumed_from_step)" = "$newest" ]
launched "its last checkpoint is good"
srun -I5 -w "$(node 3)" true >"$out" 2>"$err"; got=$?
[ "$got" != 0 ] && [ "$got" != 124 ]; point "SLURM does not reach the node"
rig heal "$(node 3)"
wait_for 30 idle 3 && srun -N3 hostname >"$out" 2>"$err" && sort "$out" | cmp -s - "$dir/nodes"; point "healed, it is back"

# --- with two ranks a node, who share memory: each waits for the one across
rm -rf run; : >"$out"
training() { rig on "$(node 2)" pgrep -x glia >/dev/null 2>&1; }
without() { rig on "$(node 2)" pgrep -x glia >/dev/null 2>&1; [ $? = 1 ]; }
timeout 60 "$cmd" run srun -K1 --mpi=pmix -N2 -n4 --ntasks-per-node=2 "$glia" train long.yaml checkpoint.every=100 >"$out" 2>"$err" </dev/null &
child=$!
wait_for 40 stepping && training; launched "a long job runs on two nodes with two ranks each" # four ranks may have two cores
sleep 0.3
began=$(milliseconds)
rig cut "$(node 2)"
both() { said "rank=0 mpi stall.*missing=.*2 ($(node 2))" && said "rank=1 mpi stall.*missing=.*3 ($(node 2))"; }
wait_for 5 both; launched "each names the rank across within five seconds"
echo "# named $(($(milliseconds) - began)) ms after the cut"
wait "$child"; got=$?; child=
echo "# ended with $got $(($(milliseconds) - began)) ms after the cut"
[ "$got" = 79 ] && said "waited .* for rank .*[23] ($(node 2))"; launched "it ends with the code of its own"
wait_for 15 without; point "nothing of it runs on the node that was cut off"
rig heal "$(node 2)"
wait_for 30 idle 3; point "healed, it is back"

# --- power
: >"$out"
timeout 60 "$cmd" run srun -N3 sh -c 'echo on; sleep 50' >"$out" 2>"$err" </dev/null &
child=$!
three_on() { [ "$(grep -c on "$out")" = 3 ]; }
wait_for 20 three_on
began=$(milliseconds)
members all
find /proc/[0-9]*/ns/net -lname "$(network "$RIG/$(node 2)/pid")" 2>/dev/null | cut -d/ -f3 | grep -wf - all >off
rig kill "$(node 2)" && [ "$(wc -l <off)" -ge 3 ] && ended off; point "a power failure leaves no process of the node"
wait "$child"; got=$?; child=
echo "# ended with $got $(($(milliseconds) - began)) ms after the power failure"
[ "$got" != 0 ] && [ "$got" != 124 ] && said "$(node 2)"; point "its jobs end with its name"
rig boot "$(node 2)" && wait_for 30 idle 3; point "power on, it is back"

# --- speed
if rig slow 1 8mbit 2>"$err"; then
  head -c 3000000 /dev/zero >blob
  pass() { # ms that 3 MB take from node 1 to node 2
    began=$(milliseconds)
    srun -N1 -w "$(node 1)" cat blob 2>"$err" | wc -c >"$out"
    echo $(($(milliseconds) - began))
  }
  slow=$(pass); rig slow 1 off; fast=$(pass)
  echo "# 3 MB in $slow ms at 8 Mbit/s, in $fast ms without a limit"
  [ "$slow" -ge 2500 ] && [ "$fast" -lt "$slow" ]; point "a link is slowed and freed"
else
  skip "a link is slowed and freed" "$(cat "$err")"
fi

# --- two side by side, each with an owner that ends badly
first=$RIG
owner() { # LOG: a process that owns a rig of two, and waits
  sh -c 'RIG=$("$1" up 2 $$) && export RIG && "$1" run srun -N2 true && echo "$RIG" >"$2" && "$1" run srun -N2 sleep 300' sh "$cmd" "$1" >/dev/null 2>&1 </dev/null &
  child=$!
  wait_for 30 test -s "$1" && RIG=$(cat "$1") && wait_for 10 sleeping 2 && members "$1.members"
}
owner second && [ "$RIG" != "$first" ]; point "a second rig stands beside the first"
RIG=$first; srun -N3 hostname >"$out" 2>"$err" && sort "$out" | cmp -s - "$dir/nodes"; point "which does not notice"
kill -9 "$child"; wait "$child" 2>/dev/null; child=
wait_for 15 test ! -e "$(cat second)" && wait_for 10 ended second.members
point "the owner killed, his rig goes by itself"
owner third
kill -9 "$(cut -d' ' -f1 "$RIG/guard")" "$child"; wait "$child" 2>/dev/null; child=
[ -d "$RIG" ]; point "its guard killed too, its folder is left"
RIG=$(rig up 1 $$ 2>"$err") && said "removing $(cat third), left behind" && ended third.members; point "the next one sweeps it"
rig down; point "and goes"

RIG=$first
members first.members
rig down && ended first.members && [ ! -e "$first" ]; point "the first goes with all its processes"
machine | diff "$dir/before" - >"$out"; point "the machine is as before"
finish
