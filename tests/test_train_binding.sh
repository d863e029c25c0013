#!/bin/sh
# Workers and the cores that they are bound to: as the threads themselves have it, in the log, in the record; the same bits.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

cat >run.yaml <<'END'
data: {file: moons.h5, batch: 64, micro_batch: 8}
model: [linear: 16, relu, linear: 2]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
max_steps: 12
END

trains 1 parallel.binding=none; reference=$(hashes)
same "$reference" && said 'train cpus threads=1 bound=0/1 why="configuration"'; point "nobody is bound where the configuration says so"
trains 1 && said 'bound=0/1 why="a single worker'; point "a single worker stays free"
ends 78 1 parallel.binding=cores && said "parallel.binding: unknown value 'cores'"; point "a binding that there is not is refused"

cores=$(nproc)
if [ "$cores" -lt 2 ]; then
  skip "workers have cores of their own" "this machine has one CPU"
else
  # a run that lasts, to look at its threads
  "$glia" train run.yaml parallel.binding=core parallel.threads=2 max_steps=100000000 >out.log 2>err.log &
  run=$!
  tries=0
  until grep -q 'train cpus' err.log || [ "$tries" -ge 100 ]; do tries=$((tries + 1)); sleep 0.1; done
  single=0 free=0
  for t in /proc/$run/task/*; do
    case $(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$t/status") in
      *[-,]*) free=$((free + 1)) ;;
      *) single=$((single + 1)); sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$t/status" ;;
    esac
  done >cpus.txt
  kill -INT "$run"; wait "$run"
  map=$(sed -n 's|.*train cpus threads=2 bound=1/1 .* map="0:[^/]*/\([0-9,]*\)".*|\1|p' err.log)
  echo "# bound threads: $(tr '\n' ' ' <cpus.txt); the log's map: $map"
  [ "$(sort -n cpus.txt | tr '\n' ,)" = "$map," ] && [ "$(sort -u cpus.txt | wc -l)" -eq 2 ]
  point "two workers, and nobody else, are bound to a core each, as the log has it"

  what="what observes the run in the same process has the same cores, not one of them"
  if "$glia" help | grep -q "^ *hessian"; then
    trains 1 parallel.binding=core parallel.threads=2 'observe={hessian: {top: 1, rows: 32}}' && [ "$(grep -c 'train cpus threads=2 bound=1/1' "$err")" = 2 ]
    point "$what"
  else
    skip "$what" "built without PETSc"
  fi

  trains 2 parallel.binding=core && same "$reference" && said 'bound=2/2 why="ranks with the same CPUs have equal parts'
  point "two ranks share the cores of their node out, and have the same bits"
fi
more=$((cores + 1)) physical=$(lscpu -p=SOCKET,CORE | grep -v '^#' | sort -u | wc -l)
if [ "$more" -gt 8 ]; then
  skip "more ranks than cores stay each on one, and leave none idle" "$cores CPUs: a step has work for 8 ranks"
  skip "with two workers each they stay free, and are told so" "$cores CPUs"
  finish
fi
trains $more parallel.binding=core && same "$reference" && said "bound=$more/$more why=\"ranks share cores: each stays on one" &&
  [ "$(sed -n 's/.*train cpus .* map="\([^"]*\)".*/\1/p' "$err" | tr ' ' '\n' | sed 's|.*/||' | sort -u | wc -l)" = "$physical" ]
point "more ranks than cores stay each on one, and leave none idle"
trains $more parallel.binding=core parallel.threads=2 && same "$reference" && said "bound=0/$more why=\"more ranks than cores\""
point "with two workers each they stay free, and are told so"
finish
