#!/bin/sh
# glia detect eval: the keys promised, known figures of a made-up node, and the gates on published telemetry where it is at hand.
. "$srcdir/tests/points.sh"

# node NAME: two daily waves in noise for 14 days of 5 minutes; in the second half two columns jump at times, said in the labels.
mkdir "$dir/tele"
node() {
  awk -v dir="$dir/tele" -v name="$1" -v seed="$2" 'BEGIN {
    srand(seed); n = 288 * 14; half = n / 2
    for (i = 0; i < n; i++) {
      bad = i >= half && (i % 400) >= 350 && (i % 400) < 380
      s = sin(6.2831853 * i / 288)
      for (j = 0; j < 6; j++) {
        v = 0.5 + (j % 2 ? -0.2 : 0.2) * s + 0.02 * (rand() + rand() - 1) + (bad && j < 2 ? 0.3 : 0)
        printf "%s%.5f", j ? "," : "", v > (dir "/" name (i < half ? ".train.csv" : ".test.csv"))
      }
      print "" > (dir "/" name (i < half ? ".train.csv" : ".test.csv"))
      if (i >= half) print bad + 0 > (dir "/" name ".test_label.csv")
      if (bad && !was) first = i - half
      if (!bad && was) print first "-" i - half - 1 ":1,2" > (dir "/" name ".interpretation.txt")
      was = bad
    }
  }'
}
node a 1; node b 2
exits 0 "$glia" data import telemetry "$dir/tele" --period 5m -o "$dir/t.h5" &&
  exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/m.h5" && exits 0 "$glia" detect eval "$dir/t.h5" --models "$dir/m.h5" --json
point "models are held against labels"
figure() { "$PYTHON3" -c 'import json, sys
j = json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): j = j[int(k) if k.isdigit() else k]
print(j)' "$out" "$1"; }
if [ "$PYTHON3" != none ]; then
  # a jump of ten spreads in two columns cannot be missed; what is not there cannot be found
  about "$(figure mean.auc_pr)" 0.95 1 && about "$(figure mean.f1)" 0.7 1 && about "$(figure mean.f1_at_alarm_threshold)" 0.5 1 && about "$(figure mean.top1_cause)" 1 1; point "a clear fault is found and its metrics are named"
  about "$(figure mean.event_recall)" 1 1 && about "$(figure mean.false_episodes_per_day)" 0 0.5 && about "$(figure mean.normal_time_in_alarm)" 0 0.05; point "alarms meet the labelled spans"
  about "$(figure baselines.null_run.auc_roc)" 0.3 0.7 && about "$(figure baselines.random.auc_roc)" 0.45 0.55; point "nothing is found by the null run and the random score"
  about "$(figure baselines.random.point_adjusted_f1_misleading)" 0.3 1 && about "$(figure baselines.random.best_f1)" 0 0.2; point "point adjustment flatters a random score"
  figure nodes.1.name >/dev/null && figure baselines.z_score.auc_pr >/dev/null && figure baselines.pca.f1 >/dev/null && figure baselines.untrained.best_f1 >/dev/null
  point "the JSON has the keys that are promised"
  # a mean over twenty minutes is late by some samples at both ends of a span, and still finds a jump of ten spreads
  about "$(figure baselines.z_score_smoothed.best_f1)" 0.7 0.9999 && about "$(figure baselines.z_score.best_f1)" 1 1 && about "$(figure baselines.pca_smoothed.best_f1)" 0.7 0.9999
  point "baselines are there as well with scores that are smoothed as the models' are"
fi
# an alarm that begins with the test part and never ends finds nothing, and most of the normal time is in it
mkdir "$dir/long" && cp "$dir"/tele/a.*csv "$dir/long" && awk -F, -v OFS=, '{ for (j = 1; j <= NF; j++) $j += 0.5; print }' "$dir/tele/a.test.csv" >"$dir/long/a.test.csv"
exits 0 "$glia" data import telemetry "$dir/long" --period 5m -o "$dir/long.h5" && exits 0 "$glia" detect train "$dir/long.h5" -o "$dir/long.m.h5" &&
  exits 0 "$glia" detect budget "$dir/long.h5" --models "$dir/long.m.h5" --list 3 --json && about "$(key alarms)" 1 1 && about "$(key labelled_alarms)" 0 0 && about "$(key normal_time_in_alarm)" 0.99 1
point "detect budget counts an alarm that never ends as false, and tells the time in alarm"
exits 0 "$glia" detect eval "$dir/long.h5" --models "$dir/long.m.h5" --json
if [ "$PYTHON3" != none ]; then
  about "$(figure mean.event_recall)" 0 0 && about "$(figure mean.normal_time_in_alarm)" 0.99 1 && about "$(figure mean.false_episodes_per_day)" 0.1 0.2 && [ "$(figure mean.delay_s)" = None ]
  point "an alarm that never ends finds no span"
fi
# rows that trained the model: `full` trains on all, `more` on 984 rows of the part that t.h5 judges
mkdir "$dir/full" "$dir/more"
for x in a b; do
  cat "$dir/tele/$x.train.csv" "$dir/tele/$x.test.csv" >"$dir/all.csv"
  head -n 4031 "$dir/all.csv" >"$dir/full/$x.train.csv"; tail -n 1 "$dir/all.csv" >"$dir/full/$x.test.csv"
  head -n 3000 "$dir/all.csv" >"$dir/more/$x.train.csv"; tail -n 1032 "$dir/all.csv" >"$dir/more/$x.test.csv"
  tail -n 1032 "$dir/tele/$x.test_label.csv" >"$dir/more/$x.test_label.csv"
  awk -F '[-:]' '$1 >= 984 { print $1 - 984 "-" $2 - 984 ":" $3 }' "$dir/tele/$x.interpretation.txt" >"$dir/more/$x.interpretation.txt"
done
for x in full more; do exits 0 "$glia" data import telemetry "$dir/$x" --period 5m -o "$dir/$x.h5" && exits 0 "$glia" detect train "$dir/$x.h5" -o "$dir/$x.m.h5"; done
# same: the figures of $out are those of $dir/other but for numbers of rows
figures_of() { sed 's/"trained_rows[a-z_]*": [0-9]*//g' "$1"; }
same() { figures_of "$dir/other" >"$dir/other.1"; [ -s "$dir/other.1" ] && figures_of "$out" | cmp -s - "$dir/other.1"; }
exits 0 "$glia" detect eval "$dir/t.h5" --models "$dir/m.h5" --json && ! said trained-on && about "$(key trained_rows)" 0 0 && about "$(key trained_rows_left_out)" 0 0
point "eval says nothing where no row trained the model"
exits 0 "$glia" detect eval "$dir/more.h5" --models "$dir/more.m.h5" --json && cp "$out" "$dir/other" &&
  exits 0 "$glia" detect eval "$dir/t.h5" --models "$dir/more.m.h5" --json && same && about "$(key trained_rows)" 0 0 && about "$(key trained_rows_left_out)" 1968 1968 &&
  said 'trained-on node=a rows=984 of=2016 judged=no' && said 'trained-on node=b rows=984'
point "eval leaves out rows that trained the model: the figures are those of a file whose training part they are"
exits 0 "$glia" detect eval "$dir/t.h5" --models "$dir/more.m.h5" --trained --json && ! same && about "$(key trained_rows)" 1968 1968 && about "$(key trained_rows_left_out)" 0 0 && said 'rows=984 of=2016 judged=yes'
point "eval --trained judges them"
exits 0 "$glia" detect eval "$dir/t.h5" --models "$dir/full.m.h5" && said 'trained-on node=b rows=2015 of=2016 judged=yes' && grep -q '^a: 2015 of the 2016 rows that are judged trained its model' "$out"
point "where nothing else is labelled they are judged, and eval says so"
exits 0 "$glia" detect budget "$dir/t.h5" --models "$dir/m.h5" --json && ! said trained-on && about "$(key trained_rows)" 0 0
point "detect budget says nothing of rows behind the training"
mkdir "$dir/less" && for x in a b; do cp "$dir/tele/$x.train.csv" "$dir/less" && head -n 1000 "$dir/tele/$x.test.csv" >"$dir/less/$x.test.csv"; done
exits 0 "$glia" data import telemetry "$dir/less" --period 5m -o "$dir/less.h5" && exits 0 "$glia" detect budget "$dir/less.h5" --models "$dir/full.m.h5" --json &&
  said 'trained-on node=a rows=3016 of=3016 judged=yes' && about "$(key trained_rows)" 6032 6032
point "but that all rows that it judges trained the models"
cp "$dir/m.h5" "$dir/once.h5"
exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/m.h5" --force --json && cmp -s "$dir/m.h5" "$dir/once.h5"; point "the same data make the same file"
launcher=$(printf '%s' "${MPIRUN:-mpirun -n NP}" | sed "s/NP/${NP:-3}/")
if command -v "${launcher%% *}" >/dev/null 2>&1; then # three ranks for two nodes: one has none
  # shellcheck disable=SC2086
  ASAN_OPTIONS=detect_leaks=0 exits 0 $launcher "$glia" detect train "$dir/t.h5" -o "$dir/m.h5" --force --json && cmp -s "$dir/m.h5" "$dir/once.h5"
  point "ranks that share the nodes make the same file"
else
  skip "ranks that share the nodes make the same file" "no launcher (${launcher%% *}) on this machine"
fi
exits 64 "$glia" detect train "$dir/t.h5" -o "$dir/s.h5" --shared 1 && said 'bottleneck or sparse'; point "combined models have no weights to share"
# learns FILE OPTION...: bottleneck models of its nodes by one epoch; first NAME: a key of the first node, where `key` takes the last
learns() { file_=$1; shift; exits 0 "$glia" detect train "$file_" -o "$dir/s.h5" --kind bottleneck --epochs 1 --force --json "$@"; }
first() { tr -d '\n' <"$out" | grep -o "\"$1\": *\"\{0,1\}[^\",}]*" | head -n 1 | sed 's/.*[ "]//'; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0 < b + 0) }'; }
learns "$dir/t.h5" && apart=$(key train_loss) && learns "$dir/t.h5" --shared 2 && less "$(key train_loss)" "$apart"
point "nodes that begin at what they have in common come further in an epoch"
with=$(first parameters_sha256); cp "$dir/s.h5" "$dir/old.h5"
learns "$dir/t.h5" --shared 2 --node a && [ "${#with}" = 64 ] && [ "$(key parameters_sha256)" != "$with" ]; point "which is a mean: the other node has a part in it"
learns "$dir/t.h5" --update "$dir/old.h5" && none=$(key parameters_sha256) && learns "$dir/t.h5" --update "$dir/old.h5" --shared 1 && once=$(key parameters_sha256) &&
  learns "$dir/t.h5" --update "$dir/old.h5" --shared 2 && [ "$none" != "$once" ] && [ "$(key parameters_sha256)" != "$once" ] && [ "$(key parameters_sha256)" != "$none" ]
point "each round counts where models are trained again, too"
mkdir "$dir/unlike"; cp "$dir"/tele/a.t*.csv "$dir/unlike" && for part in train test; do paste -d , "$dir/tele/a.$part.csv" "$dir/tele/b.$part.csv" | cut -d , -f 1-9 >"$dir/unlike/b.$part.csv"; done
exits 0 "$glia" data import telemetry "$dir/unlike" --period 5m -o "$dir/unlike.h5" &&
  exits 0 "$glia" detect train "$dir/unlike.h5" -o "$dir/s.h5" --kind bottleneck --epochs 2 --force --json && apart=$(key train_loss) && learns "$dir/unlike.h5" --shared 3 && less "$(key train_loss)" "$apart"
point "three rounds of nodes that are not alike and an epoch come further than two epochs alone"
learns "$dir/unlike.h5" && cp "$dir/s.h5" "$dir/old.h5" && learns "$dir/unlike.h5" --update "$dir/old.h5" --node a --seed 9 && cp "$dir/s.h5" "$dir/other.h5" &&
  learns "$dir/unlike.h5" --update "$dir/old.h5" && one=$(first parameters_sha256) && learns "$dir/unlike.h5" --update "$dir/other.h5" && [ "$(first parameters_sha256)" != "$one" ] &&
  learns "$dir/unlike.h5" --update "$dir/old.h5" --shared 1 && one=$(first parameters_sha256) && learns "$dir/unlike.h5" --update "$dir/other.h5" --shared 1 && [ "$(first parameters_sha256)" = "$one" ]
point "with rounds, models that are trained again begin at one old model, and no mean is of two that have nothing in common"
exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/wide.h5" --budget 300 --json && wide=$(key threshold) &&
  exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/tight.h5" --budget 0.3 --json && awk -v a="$wide" -v b="$(key threshold)" 'BEGIN { exit !(a < b) }'
point "who bears fewer false alarms gets a higher threshold"
rm "$dir"/tele/*.test_label.csv "$dir"/tele/*.interpretation.txt
exits 0 "$glia" data import telemetry "$dir/tele" --period 5m -o "$dir/bare.h5" && exits 65 "$glia" detect eval "$dir/bare.h5" --models "$dir/m.h5" && said 'labelled both ways'
point "without labels there is nothing to say"
exits 64 "$glia" detect eval "$dir/t.h5" && said '--models'; point "which models must be said"

# gate SET PERIOD KEY LIMIT ...
published=$GLIA_TEST_DATA/telemetry
gate() {
  set_=$1 period=$2; shift 2
  exits 0 "$glia" data import telemetry "$published/$set_" --period "$period" -o "$dir/$set_.h5" &&
    exits 0 "$glia" detect train "$dir/$set_.h5" -o "$dir/$set_.m.h5" && exits 0 "$glia" detect eval "$dir/$set_.h5" --models "$dir/$set_.m.h5" --json || { point "$set_ is judged"; return; }
  while [ $# -gt 0 ]; do
    about "$(figure "mean.$1")" "$2" 1; point "$set_: mean $1 $(figure "mean.$1") is at least $2"
    shift 2
  done
}
if [ -d "$published/asd" ] && [ "$PYTHON3" != none ]; then
  within_s=250
  gate asd 5m auc_pr 0.42
  about "$(figure baselines.pca.auc_pr)" 0.285 0.3 && about "$(figure baselines.pca_smoothed.auc_pr)" 0.33 0.345; point "asd: smoothing helps principal components, too"
  gate online_services 5m auc_pr 0.33
  [ -z "$GLIA_TEST_LONG" ] || gate smd 1m auc_pr 0.53 best_f1 0.57 f1 0.38 top1_cause 0.80
else
  skip "published telemetry" "no $published"
fi
finish
