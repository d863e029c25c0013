#!/bin/sh
# Run one parallel test on NP ranks (3 by default: an odd number finds what 2 and 4 hide).
# MPIRUN='srun -n NP' uses another launcher.
NP=${NP:-3}
launcher=$(printf '%s' "${MPIRUN:-mpirun -n NP}" | sed "s/NP/$NP/")
if ! command -v "${launcher%% *}" >/dev/null 2>&1; then
  echo "1..0 # SKIP no launcher (${launcher%% *}) on this machine"
  exit 0
fi
# MPI itself leaks: leaks are hunted in serial tests.
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"; export ASAN_OPTIONS
# shellcheck disable=SC2086
exec timeout --kill-after=10 "${LIMIT:-120}" $launcher "$@"
