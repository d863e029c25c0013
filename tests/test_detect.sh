#!/bin/sh
# glia detect on telemetry of this machine: models by one rank and by several, scores, pictures, refusals.
glia=$builddir/glia
n=0
failures=0
dir=$(mktemp -d "${TMPDIR:-/tmp}/glia-detect.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
out=$dir/out
err=$dir/err

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
exits() {
  want=$1; shift
  timeout 120 "$@" >"$out" 2>"$err" </dev/null
  got=$?
  [ "$got" = "$want" ] || { echo "# exit $got, expected $want: $*"; return 1; }
}
said() { grep -q -- "$1" "$err"; }
value() { sed -n "s/.*\"$1\": \"\{0,1\}\([^\",}]*\).*/\1/p" "$out"; }

exits 0 "$glia" agent --record "$dir/t.h5" --for 6 --period 0.04; point "this machine is recorded"
exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/one.h5" --kind bottleneck --epochs 5 --seed 3 --json; point "one rank trains"
one=$(value parameters_sha256)
[ "${#one}" = 64 ]; point "the hash of the model is told"
exits 73 "$glia" detect train "$dir/t.h5" -o "$dir/one.h5" --kind bottleneck --epochs 5 && said 'one.h5'; point "models are not overwritten"
exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/other.h5" --kind bottleneck --epochs 5 --seed 4 --json && [ "$(value parameters_sha256)" != "$one" ]
point "another seed makes another model"
launcher=$(printf '%s' "${MPIRUN:-mpirun -n NP}" | sed "s/NP/${NP:-3}/")
if command -v "${launcher%% *}" >/dev/null 2>&1; then
  ASAN_OPTIONS=detect_leaks=0 exits 0 $launcher "$glia" detect train "$dir/t.h5" -o "$dir/three.h5" --kind bottleneck --epochs 5 --seed 3 --json &&
    [ "$(value parameters_sha256)" = "$one" ]
  point "several ranks train the same model"
  if [ -z "${MPIRUN-}" ]; then
    mkdir "$dir/a" "$dir/b" && cp "$dir/t.h5" "$dir/a/s.h5" && exits 0 "$glia" agent --record "$dir/b/s.h5" --for 6 --period 0.04 &&
      exits 70 mpirun -n 1 -wdir "$dir/a" "$glia" detect train s.h5 -o "$dir/two.h5" --kind bottleneck --epochs 1 : -n 1 -wdir "$dir/b" "$glia" detect train s.h5 -o "$dir/two.h5" --kind bottleneck --epochs 1 &&
      grep -q 'ranks disagree on the rows of' "$err" && [ ! -e "$dir/two.h5" ]
    point "ranks that read other rows are refused"
  else
    n=$((n + 1)); echo "ok $n - ranks that read other rows are refused # SKIP a launcher other than mpirun"
  fi
  if GLIA_CPU=avx2 "$glia" version >/dev/null 2>&1 && [ -z "${MPIRUN-}" ]; then
    set -- "$glia" detect train "$dir/t.h5" -o "$dir/parted.h5" --kind bottleneck --epochs 5
    exits 70 mpirun -n 1 "$@" : -n 1 -x OPENBLAS_CORETYPE=Barcelona "$@" && grep -q "ranks disagree on the kernel level: .*openblas:Barcelona" "$err" &&
      [ ! -e "$dir/parted.h5" ]
    point "ranks of kernel levels that cannot be lowered are refused"
  else
    n=$((n + 1)); echo "ok $n - ranks of kernel levels that cannot be lowered are refused # SKIP one level, or a launcher other than mpirun"
  fi
else
  n=$((n + 1)); echo "ok $n - several ranks train the same model # SKIP no launcher (${launcher%% *}) on this machine"
fi
exits 0 "$glia" detect score "$dir/t.h5" --models "$dir/one.h5" -o "$dir/s.h5" --figure "$dir/f.svg" --report "$dir/r.html" --json
point "telemetry is scored"
[ -s "$dir/s.h5" ] && [ -s "$dir/f.csv" ] && grep -q '<svg' "$dir/f.svg" && grep -qi '</html>' "$dir/r.html"; point "scores, picture and report are written"
if [ "$PYTHON3" != none ]; then
  "$PYTHON3" - "$out" <<'END'
import json, sys
text = open(sys.argv[1]).read()
node, = json.loads(text)["nodes"]
assert 60 < node["samples"] <= 150 and 0 <= node["alarmed_fraction"] <= 1 and node["threshold"] > 0, node
for a in node["alarms"]:
    assert a["end_s"] >= a["start_s"] and a["start_utc"].endswith("Z") and a["peak"] > node["threshold"], a
    for c in a["causes"]:
        assert set(c) >= {"metric", "observed", "expected", "share"}, c
END
  point "the JSON has the keys that are promised"
fi
exits 0 "$glia" detect score "$dir/t.h5" --models "$dir/one.h5" && grep -q 'threshold' "$out"; point "people are told, too"
exits 66 "$glia" detect train "$dir/t.h5" -o "$dir/x.h5" --node nobody && said 'nobody' && [ ! -e "$dir/x.h5" ]; point "an unknown node is refused"
exits 66 "$glia" detect train "$dir/none.h5" -o "$dir/x.h5" && said 'none.h5'; point "a missing file is named"
exits 64 "$glia" detect train "$dir/t.h5" && said '-o M.h5'; point "where the models go must be said"
exits 64 "$glia" detect score "$dir/t.h5" && said '--models'; point "which models must be said"
exits 65 "$glia" detect score "$dir/t.h5" --models "$dir/t.h5" && said 'is a telemetry, expected a models'; point "a file of another kind is refused"
head -c 3000 "$dir/one.h5" >"$dir/cut.h5"
exits 65 "$glia" detect score "$dir/t.h5" --models "$dir/cut.h5"; point "a file cut short is refused"
exits 0 "$glia" agent --record "$dir/short.h5" --for 0.5 --period 0.04 && exits 65 "$glia" detect train "$dir/short.h5" -o "$dir/x.h5" && said 'at least 64'
point "too few samples are refused"

echo "1..$n"
[ "$failures" = 0 ]
