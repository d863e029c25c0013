#!/bin/sh
# Run one target from its corpus; findings stay in OUT/TARGET.found, new inputs in OUT/TARGET.corpus.
# usage: run.sh SRCDIR OUT TARGET SECONDS
set -eu
src=$1 out=$2 t=$3 s=$4
# Of built_*: HDF5 keeps memory for later, leaks are looked for apart; a byte is a decision, so inputs are long from the start.
case $t in built_*) longest=512 grow=0 LEAKS=${LEAKS:-0} ;; *) longest=65536 grow=100 ;; esac
mkdir -p "$out/$t.corpus" "$out/$t.found"
TMPDIR=$(mktemp -d "${TMPDIR:-/dev/shm}/glia-fuzz.XXXXXX"); export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
ASAN_OPTIONS=detect_leaks=${LEAKS:-1}:allocator_may_return_null=1 nice "$out/fuzz_$t" -fork=1 -ignore_crashes=1 \
  -ignore_timeouts=1 -ignore_ooms=1 -max_total_time="$s" -timeout=20 -rss_limit_mb=3000 -max_len=$longest -len_control=$grow \
  -artifact_prefix="$out/$t.found/" "$out/$t.corpus" "$src/tests/fuzz/corpus/$t" >"$out/$t.log" 2>&1
tail -2 "$out/$t.log"
