#!/bin/sh
# A node that cannot be trained or scored is left out, with the reason; the others have their models and alarms.
. "$srcdir/tests/points.sh"

mkdir "$dir/tele" "$dir/less"
# node FOLDER NAME ROWS COLUMNS: waves in noise; NAME dead has no value at all
node() {
  awk -v name="$2" -v n="$3" -v columns="$4" 'BEGIN {
    srand(length(name))
    for (i = 0; i < n; i++)
      for (j = 0; j < columns; j++)
        printf "%s%s", name == "dead" ? "nan" : sprintf("%.5f", 0.5 + 0.2 * sin(6.2831853 * i / 288 + j) + 0.02 * rand()), j + 1 < columns ? "," : "\n"
  }' >"$dir/$1/$2.train.csv"
  cp "$dir/$1/$2.train.csv" "$dir/$1/$2.test.csv"
}
node tele a 600 5; node tele good 600 5; node tele dead 600 5; node tele fresh 30 5
unwatched() { tr -d '\n' <"$out" | grep -q "\"unwatched\": \[ *{\"name\": \"$1\", \"reason\": \"[^\"]*$2"; }
trains() { exits 0 "$1" detect train "$dir/t.h5" -o "$2" --force --json; }
models() { grep -o '"\(threshold\|parameters_sha256\)": [^,}]*' "$out"; }
exits 0 "$glia" data import telemetry "$dir/tele" --period 5m -o "$dir/t.h5" && trains "$glia" "$dir/m.h5" && unwatched dead 'metrics are missing' &&
  grep -q '"fresh", "reason": "node fresh has 30 samples' "$out" && said 'left-out node=dead' && said 'left-out node=fresh'
point "a dead node and a new one are left out with the reason, the others are trained"
models >"$dir/m.two" && exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/two.h5" --node a --node good --json && models | cmp -s "$dir/m.two" - && [ "$(wc -l <"$dir/m.two")" = 4 ]
point "which makes the models, and the share of the budget, that they would have without them"
for kind in bottleneck sparse; do
  set -- --kind "$kind" --epochs 2; [ "$kind" = sparse ] || set -- "$@" --shared 1
  exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/$kind.h5" "$@" --json && unwatched dead 'metrics are missing' &&
    models >"$dir/$kind.four" && exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/$kind.two.h5" "$@" --node a --node good --json && models | cmp -s "$dir/$kind.four" - &&
    [ "$(wc -l <"$dir/$kind.four")" = 4 ]
  point "so it is with autoencoders: $kind"
done
launcher=$(printf '%s' "${MPIRUN:-mpirun -n NP}" | sed "s/NP/${NP:-3}/")
if command -v "${launcher%% *}" >/dev/null 2>&1; then
  # shellcheck disable=SC2086
  ASAN_OPTIONS=detect_leaks=0 exits 0 $launcher "$glia" detect train "$dir/t.h5" -o "$dir/three.h5" --json && unwatched dead 'metrics are missing' && cmp -s "$dir/m.h5" "$dir/three.h5"
  point "ranks that share the nodes leave out the same"
else
  skip "ranks that share the nodes leave out the same" "no launcher (${launcher%% *}) on this machine"
fi
exits 65 "$glia" detect train "$dir/t.h5" -o "$dir/x.h5" --node dead --node fresh && said 'none of 2 nodes can be trained; the first: node dead' && [ ! -e "$dir/x.h5" ]
point "where none is left it fails"
exits 0 "$glia" detect status "$dir/t.h5" --models "$dir/m.h5" && grep -q '^dead: unwatched' "$out" && grep -q '^fresh: unwatched' "$out" && grep -q '^2 watched, 2 unwatched' "$out"
point "detect status tells them as unwatched"
why='it has no model; when models were trained: node dead: most metrics are missing'
grep -q "^dead: unwatched: $why" "$out" && exits 0 "$glia" detect status "$dir/t.h5" --models "$dir/m.h5" --json && tr -d '\n' <"$out" | grep -q '"name": "dead", [^}]*"left_out_at_training": "node dead: most' &&
  tr -d '\n' <"$out" | grep -q '"name": "good", [^}]*"left_out_at_training": null'
point "and why they were left out: the models' file says it"
exits 0 "$glia" detect score "$dir/t.h5" --models "$dir/m.h5" --json && unwatched dead "$why" && exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/again.h5" --update "$dir/m.h5" --node a &&
  exits 0 "$glia" detect status "$dir/t.h5" --models "$dir/again.h5" && grep -q "^dead: unwatched: $why" "$out" && grep -q '^2 watched, 2' "$out"
point "detect score says it, too, and an update carries it on"
cp "$dir/m.h5" "$dir/nightly.h5" && exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/nightly.h5" --force --update "$dir/nightly.h5" --node a && cmp "$dir/again.h5" "$dir/nightly.h5"
point "an update may take the place of what it updates"
grep -q unwatched "$dir/m.h5" && ! grep -q unwatched "$dir/two.h5" && exits 0 "$glia" detect status "$dir/t.h5" --models "$dir/two.h5" && grep -q '^dead: unwatched: it has no model$' "$out"
point "a file without such nodes is as those of older versions, which are read"

node less a 600 3; node less good 600 5
exits 0 "$glia" data import telemetry "$dir/less" --period 5m -o "$dir/l.h5" && exits 0 "$glia" detect score "$dir/l.h5" --models "$dir/m.h5" --json &&
  unwatched a 'lacks 2 of the 5 metrics' && [ "$(grep -c '"threshold"' "$out")" = 1 ] && said 'unwatched node=a'
point "a node that lacks metrics is not scored, the other is"
awk 'BEGIN { for (i = 0; i < 600; i++) print i % 50 == 49 }' | tee "$dir/less/a.test_label.csv" >"$dir/less/good.test_label.csv"
exits 0 "$glia" data import telemetry "$dir/less" --period 5m -o "$dir/l.h5" --force; point "the same with labels"
for way in score eval budget; do
  exits 0 "$glia" detect $way "$dir/l.h5" --models "$dir/m.h5" && grep -q '^a: unwatched: node a lacks 2' "$out" && [ "$(grep -c unwatched "$out")" = 1 ] && { [ $way = budget ] || grep -q '^good.*[0-9]' "$out"; }
  point "people are told both by $way"
  exits 0 "$glia" detect $way "$dir/l.h5" --models "$dir/m.h5" --json && unwatched a 'node a lacks 2 of the 5' && [ "$(grep -c 'node a lacks' "$err")" = 1 ]; point "so are programs: $way"
done
exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/a.h5" --node a && exits 65 "$glia" detect score "$dir/l.h5" --models "$dir/a.h5" && said 'lacks 2 of the 5 metrics'
point "where no other is left the file is refused"

# rows that no detector can follow, and files that are damaged
nodes() { "$builddir/formats_tool" nodes "$@"; }
nodes "$dir/good.h5" a well 600 b well 600 && nodes "$dir/fall.h5" a well 600 b fall 600 && nodes "$dir/same.h5" a well 600 b same 600 && nodes "$dir/causes.h5" a well 600 b causes 600 &&
  exits 0 "$glia" detect train "$dir/good.h5" -o "$dir/g.h5" --json && exits 0 "$glia" detect status "$dir/good.h5" --models "$dir/g.h5"
point "times that rise are taken"
refused() { said 'node b: times must rise, but row 300 is of 2026-01-01T04:00:00.0Z (1767240000000000000 ns) and row 299, before it, of 2026-01-01T04:59:00.0Z (1767243540000000000 ns); so it is with 0 more rows'; }
exits 65 "$glia" detect train "$dir/fall.h5" -o "$dir/x.h5" && refused && [ ! -e "$dir/x.h5" ]; point "times that fall are refused by train: the node, the row, both times"
for way in score eval budget status; do
  exits 65 "$glia" detect $way "$dir/fall.h5" --models "$dir/g.h5" --json && refused && [ ! -s "$out" ]; point "times that fall are refused by $way"
  exits 65 "$glia" detect $way "$dir/same.h5" --models "$dir/g.h5" --json && said 'row 1 is of .* and row 0, .*with 598 more'; point "so are times that are all equal: $way"
done
exits 65 "$glia" detect train "$dir/causes.h5" -o "$dir/x.h5" && said 'cause 0 of b points outside' && [ ! -e "$dir/x.h5" ]
point "a node that cannot be read fails the training: it is not left out as one that is dead"

nodes "$dir/one.h5" a well 600 b well 1 && nodes "$dir/alone.h5" b well 1 && exits 0 "$glia" detect budget "$dir/one.h5" --models "$dir/g.h5" --json &&
  unwatched b 'node b has 1 row to judge, of 1: at least 2' && tr -d '\n' <"$out" | grep -q '"nodes": 1,' && said 'unwatched node=b'
point "detect budget leaves out a node that has one row, with a word"
exits 65 "$glia" detect budget "$dir/alone.h5" --models "$dir/g.h5" && said 'at least 2 are needed'; point "where no other is left it fails"

# store NAME FILE...: a collector's store of these files
store() { store_=$dir/$1; shift; mkdir -p "$store_/full"; k=0; for f_ in "$@"; do k=$((k + 1)); cp "$f_" "$store_/full/$k.h5"; done; }
head -c 3000 "$dir/good.h5" >"$dir/cut.h5"; : >"$dir/empty.h5"
store whole "$dir/good.h5"; store harmed "$dir/cut.h5" "$dir/good.h5" "$dir/empty.h5"; store part "$dir/good.h5" "$dir/causes.h5"; store lost "$dir/causes.h5"; store none "$dir/cut.h5" "$dir/empty.h5"
exits 0 "$glia" detect train "$dir/whole" -o "$dir/whole.h5" && exits 0 "$glia" detect train "$dir/harmed" -o "$dir/harmed.h5" && cmp -s "$dir/whole.h5" "$dir/harmed.h5" &&
  said 'file-left-out file=".*/harmed/full/1.h5" why="' && said 'file-left-out file=".*/harmed/full/3.h5" why="'
point "a damaged file of a store is told by its name, and the others train"
exits 0 "$glia" detect status "$dir/harmed" --models "$dir/g.h5" && said 'full/1.h5' && grep -q '^2 watched, 0 unwatched' "$out"
point "so they say which nodes are watched"
exits 0 "$glia" detect train "$dir/part" -o "$dir/part.h5" && cmp -s "$dir/whole.h5" "$dir/part.h5" && said 'file-left-out file=".*/part/full/2.h5" node=b why="'
point "rows of one node in one file that cannot be read are left out alone"
exits 0 "$glia" detect train "$dir/lost" -o "$dir/lost.h5" --json && said 'file=".*/lost/full/1.h5" node=b' && unwatched b 'node b has 0 samples'; point "a node of which nothing can be read is left out"
exits 65 "$glia" detect train "$dir/none" -o "$dir/x.h5" && said 'none of its 2 files can be read; the first: ' && [ ! -e "$dir/x.h5" ]; point "where no file is left it fails"

# models that are trained again: b has too few rows now, d none
# threshold_of NAME: that of $out, of an object that begins with the name
threshold_of() { tr -d '\n' <"$out" | grep -o "\"name\": \"$1\"[^}]*\"threshold\": [^,}]*" | sed 's/.* //'; }
nodes "$dir/four.h5" a well 600 b well 600 c well 600 d well 600 && nodes "$dir/next.h5" a well 700 b well 20 c well 700 &&
  exits 0 "$glia" detect train "$dir/four.h5" -o "$dir/four.m.h5" --budget 8 --json && about "$(key budget_each)" 2 2 && b=$(threshold_of b) && d=$(threshold_of d) &&
  exits 0 "$glia" detect train "$dir/next.h5" -o "$dir/two.m.h5" --budget 4 --node a --node c --json && a=$(threshold_of a) &&
  exits 0 "$glia" detect train "$dir/next.h5" -o "$dir/next.m.h5" --budget 8 --update "$dir/four.m.h5" --json && about "$(key budget_each)" 2 2 && [ -n "$a$b$d" ] && [ "$a" = "$(threshold_of a)" ] &&
  [ "$b" = "$(threshold_of b)" ] && [ "$d" = "$(threshold_of d)" ]
point "models that are kept have their share of the budget, which is counted once"
exits 0 "$glia" detect train "$dir/next.h5" -o "$dir/next.m.h5" --force --budget 16 --update "$dir/four.m.h5" --json && about "$(key budget_each)" 4 4 && awk -v a="$(threshold_of b)" -v b="$b" 'BEGIN { exit !(a > 1 && a < b) }'
point "theirs changes with it"
tr -d '\n' <"$out" | grep -q '"kept": \[{"name": "b", "reason": "node b has 20 samples to train on[^}]*"trained_until_ns": 17672615[0-9]*, .*{"name": "d", "reason": "it was not trained now"' &&
  tr -d '\n' <"$out" | grep -q '"unwatched": \[\]' && said 'old-kept node=b reason="node b has 20' && ! said left-out
point "a node whose old model is kept is none that is unwatched"
exits 0 "$glia" detect train "$dir/next.h5" -o "$dir/next.m.h5" --force --update "$dir/four.m.h5" && grep -q '^b: keeps its old model, trained on rows until 2026-01-01T09:59:00.0Z, threshold .*: node b has 20 samples' "$out" &&
  ! grep -q unwatched "$out" && grep -q ': 2 models, trained by 1 rank in .* s, and 2 that are kept$' "$out" && exits 0 "$glia" detect status "$dir/four.h5" --models "$dir/next.m.h5" && grep -q '^4 watched, 0 unwatched' "$out"
point "people are told so, and of which time it is"

finish
