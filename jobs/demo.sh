#!/bin/sh
# The demo: record this machine at work, learn over two ranks what is usual, then find a fault beside a running job.
#
# usage: demo.sh BUILD_DIR          GLIA_DEMO_FAULT=membw|cpu|none (membw)
#
# Exit code 0: the fault was found, and at most 5 % of the samples outside it are in alarms. Takes two minutes.
set -eu
build=$(CDPATH='' cd -- "${1:?usage: demo.sh BUILD_DIR}" && pwd)
glia=$build/glia
fault=${GLIA_DEMO_FAULT:-membw}
case $fault in
  membw | cpu | none) ;;
  *) echo "demo: GLIA_DEMO_FAULT is '$fault'; expected membw, cpu or none" >&2; exit 64 ;;
esac
command -v mpirun >/dev/null 2>&1 || { echo "demo: mpirun is missing: ./bootstrap deps installs it" >&2; exit 69; }

n=1
until mkdir "$build/demo-$n" 2>/dev/null; do
  n=$((n + 1))
  [ "$n" -lt 10000 ] || { echo "demo: cannot make a folder in $build" >&2; exit 73; }
done
dir=$build/demo-$n

# Two ranks on any machine: on one core, in a container, as root. For this demo alone: glia itself never asks for that.
OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_hwloc_base_binding_policy OMPI_MCA_btl_vader_single_copy_mechanism
if [ "$(id -u)" = 0 ]; then
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
fi
unset OMP_NUM_THREADS GLIA_SAFE 2>/dev/null || true

# Ctrl-C reaches the command that runs, which ends what it started; then this script stops.
trap 'echo; echo "demo: stopped; what it made is in $dir" >&2; exit 130' INT TERM

say() { printf '\n[%s] %s\n' "$1" "$2"; }
cd "$dir"

say 1/5 "A training job for this machine to do: data and model in $dir"
"$glia" data synth spirals -o job.h5 --n 8000 >/dev/null
cat >job.yaml <<'YAML'
seed: 1
data: {file: job.h5, batch: 128, micro_batch: 32}
model: [linear: 256, relu, linear: 256, relu, linear: 2]
loss: cross_entropy
optimizer: {adam: {lr: 1e-3}}
epochs: 1000000
YAML
# The fault takes the memory bandwidth and a tenth of the memory that is free (at most 2 GiB), for eight seconds.
size=$(awk '/^MemAvailable:/ { kib = $2 / 10; if (kib > 2097152) kib = 2097152; printf "%dKiB", kib }' /proc/meminfo)
case $fault in
  membw) cause="exec '$glia' inject membw --for 8 --size ${size:-64MiB}" ;;
  *) cause="exec '$glia' inject cpu --for 8" ;;
esac
job="exec mpirun -n 2 '$glia' train job.yaml"

# Other work hides a fault, or looks like one.
waiting=$(awk '/^some/ { sub("avg10=", "", $2); printf "%d", $2 }' /proc/pressure/cpu 2>/dev/null || echo 0)
[ "${waiting:-0}" -lt 40 ] || echo "      This machine is busy: tasks waited for a core in $waiting % of the last 10 s. The fault may be lost in that."

say 2/5 "Record what is usual: 56 s in which the job starts and stops (two minutes left in all)"
"$glia" demo record usual.h5 --for 56 --period 0.2 --label usual \
  --run 4 9 'job 1' "$job" --run 18 12 'job 2' "$job" --run 35 14 'job 3' "$job"

say 3/5 "Learn it: one autoencoder, trained by two ranks"
mpirun -n 2 "$glia" detect train usual.h5 -o models.h5 --kind bottleneck

say 4/5 "Record again: at rest, then the job, then a fault beside it"
if [ "$fault" = none ]; then
  "$glia" demo record today.h5 --for 37 --period 0.2 --label today --run 8 27 job "$job"
else
  "$glia" demo record today.h5 --for 37 --period 0.2 --label today --run 8 27 job "$job" \
    --run 21 8 "$fault" "$cause"
fi

say 5/5 "Did the model notice?"
status=0
"$glia" demo judge today.h5 --models models.h5 --fault "$fault" --figure today.svg --report report.html || status=$?
echo
echo "Report:  $dir/report.html"
echo "Picture: $dir/today.svg"
exit "$status"
