#!/bin/sh
# From a recorded incident to an alarm: replay, collector, models, a real Alertmanager, a command; status and budget of a store.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/http.sh"
for tool in curl python3; do
  command -v $tool >/dev/null 2>&1 || { echo "1..0 # SKIP no $tool"; exit 0; }
done

# Three nodes at 1 Hz for 20 minutes; two metrics of `sick` jump for a minute of the last five, which are in a folder of their own, too.
mkdir "$dir/tele" "$dir/late"
node() {
  awk -v dir="$dir/tele" -v name="$1" -v seed="$2" -v sick="$3" 'BEGIN {
    srand(seed); n = 1200
    for (i = 0; i < n; i++) {
      if (i % 40 == 0) load = rand()
      bad = sick && i >= 1000 && i < 1060
      for (j = 0; j < 8; j++) {
        v = 0.5 + (j % 2 ? -0.2 : 0.2) * load + 0.02 * (rand() + rand() - 1) + (bad && j < 2 ? 0.6 : 0)
        printf "%s%.5f", j ? "," : "", v > (dir "/" name (i < 900 ? ".train.csv" : ".test.csv"))
      }
      print "" > (dir "/" name (i < 900 ? ".train.csv" : ".test.csv"))
    }
  }'
  head -150 "$dir/tele/$1.test.csv" >"$dir/late/$1.train.csv"; tail -150 "$dir/tele/$1.test.csv" >"$dir/late/$1.test.csv"
}
node sick 1 1; node well 2 0; node other 3 0
exits 0 "$glia" data import telemetry "$dir/tele" --period 1 -o "$dir/t.h5" &&
  exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/m.h5" --node sick --node well && exits 0 "$glia" detect status "$dir/t.h5" --models "$dir/m.h5" --json
point "models of two of three nodes"
grep -q 'it has no model' "$out" && "$PYTHON3" -c 'import json, sys
j = json.load(open(sys.argv[1])); assert j["watched"] == 2 and j["unwatched"] == 1, j
assert [n["name"] for n in j["nodes"] if not n["watched"]] == ["other"], j
assert all(n["rows_train"] == 900 and 299 < n["model_age_s"] < 301 for n in j["nodes"] if n["watched"]), j' "$out"
point "detect status says who is watched, since when, and why not"

exits 0 "$glia" detect budget "$dir/t.h5" --models "$dir/m.h5" --json && "$PYTHON3" -c 'import json, sys
s = json.load(open(sys.argv[1]))["settings"]
n = [x["alarms"] for x in s]
assert n == sorted(n) and n[2] == 1, n                  # the incident alone, at three a week
assert all(x["lo"] <= x["unlabelled_per_week"] <= x["hi"] for x in s), s
week = 604800 / 299                                     # 300 rows that were not trained on
assert abs(s[2]["unlabelled_per_week"] - week) < 0.01 * week, s[2]
# exact interval of one event: 0.0253 to 5.572 (Garwood 1936)
assert abs(s[2]["lo"] / week - 0.02532) < 1e-4 and abs(s[2]["hi"] / week - 5.5716) < 1e-3, s[2]' "$out"
point "detect budget tells the alarms of each setting, and the rate with its exact interval"
about "$(key covered_s)" 299 299 && said 'short-span.*covered_s=299 asked_s=2592000.*no older rows'; point "and that it has five minutes of the month asked for"
exits 0 "$glia" detect budget "$dir/t.h5" --models "$dir/m.h5" --since 1000 && said 'short-span.*that they were trained on' && grep -q '^alarms over 4 min 59 s, of 16 min 40 s asked for' "$out" &&
  exits 0 "$glia" detect budget "$dir/t.h5" --models "$dir/m.h5" --since 200 && ! said short-span
point "or rows that were trained on, or all of it"
exits 0 "$glia" detect budget "$dir/t.h5" --models "$dir/m.h5" --list 3 && grep -q '^  sick .*expected' "$out"; point "and lists them with their cause"

exits 0 "$glia" data import telemetry "$dir/late" --period 1 -o "$dir/late.h5" && exits 0 "$glia" detect train "$dir/late.h5" -o "$dir/next.h5" --update "$dir/m.h5" --node sick --json
# the minute of the incident, at least most of it; alarms last until the score has come down
about "$(key alarmed_rows_left_out)" 40 100 && exits 0 "$glia" detect status "$dir/late.h5" --models "$dir/next.h5" --json && about "$(tr ',' '\n' <"$out" | grep -c '"watched": true')" 2 2
point "an update leaves out what the old model alarms at, and keeps the models of other nodes"

alertmanager=
if command -v prometheus-alertmanager >/dev/null 2>&1; then
  am=$(free_port)
  printf 'route: {receiver: none, group_wait: 0s}\nreceivers: [{name: none}]\n' >"$dir/am.yml"
  serve alertmanager prometheus-alertmanager --config.file="$dir/am.yml" --storage.path="$dir/am" --web.listen-address="127.0.0.1:$am" --cluster.listen-address=
  alertmanager="--alertmanager http://127.0.0.1:$am"
  wait_for 30 sh -c "curl -s -m 2 http://127.0.0.1:$am/-/ready >/dev/null"
fi
# The last five minutes in half a minute.
serve replay "$glia" agent --replay "$dir/late.h5" --speed 10 --listen 127.0.0.1:0
replay=$(port_of replay); [ -n "$replay" ]; point "a recording is served as agents"
for who in sick well other; do echo "$who http://127.0.0.1:$replay/$who"; done >"$dir/nodes"
serve collect "$glia" collect --store "$dir/store" --nodes "$dir/nodes" --models "$dir/m.h5" $alertmanager --on-alarm "cat >>'$dir/told'" --period 0.5 --segment 5 --listen 127.0.0.1:0
collect_pid=$pid; port=$(port_of collect); api=http://127.0.0.1:$port
wait_for 60 sh -c "curl -s -m 5 $api/api/v1/alarms | grep -q '\"kind\":\"model\"'"; point "the incident raises an alarm"
get "$api/api/v1/alarms"; grep -q '"node":"sick"' "$out" && grep -q '"text":"m[12] [0-9.]*, expected' "$out" && ! grep -q '"node":"well"' "$out"
point "of the node that was sick, with the metrics behind it, and of no other"
get "$api/api/v1/nodes"; grep -q '"unwatched_reason":"it has no model"' "$out" && grep -q '"watched":true' "$out"; point "a node without a model is said to be unwatched"
get "$api/metrics"; grep -q '^glia_detect_alarm_active{node="sick",kind="model"} 1$' "$out" && grep -q '^glia_detect_node_watched{node="other"} 0$' "$out" &&
  grep -q '^glia_detect_score{node="well"}' "$out" && grep -q '^glia_detect_model_age_seconds{node="sick"}' "$out"
point "/metrics has scores, alarms and the age of models"
if command -v promtool >/dev/null 2>&1; then promtool check metrics <"$out" >"$err" 2>&1; point "and passes promtool"; else skip "and passes promtool" "no promtool"; fi
if [ -n "$alertmanager" ]; then
  wait_for 20 sh -c "curl -s -m 5 http://127.0.0.1:$am/api/v2/alerts | grep -q GliaNodeAbnormal"
  get "http://127.0.0.1:$am/api/v2/alerts"
  grep -q '"node":"sick"' "$out" && grep -q 'expected' "$out"; point "a real Alertmanager has it"
else
  skip "a real Alertmanager has it" "no prometheus-alertmanager"
fi
wait_for 30 sh -c "curl -s -m 5 $api/metrics | grep -q '^glia_detect_alarm_active{node=\"sick\",kind=\"model\"} 0'"; point "it clears when the node is well again"
if [ -n "$alertmanager" ]; then
  wait_for 30 sh -c "! curl -s -m 5 http://127.0.0.1:$am/api/v2/alerts | grep -q GliaNodeAbnormal"; point "and is resolved there"
else
  skip "and is resolved there" "no prometheus-alertmanager"
fi
kill -TERM "$collect_pid"; wait "$collect_pid"; [ $? = 0 ]; point "the collector ends in order"
grep '"kind":"model"' "$dir/told" >"$out"; [ "$(grep -c '"active":true' "$out")" = 1 ] && [ "$(grep -c '"active":false' "$out")" = 1 ] && grep -q '"node":"sick","kind":"model"' "$out"
point "a command was told once that it began and once that it ended"

# own_rows PAST: rows that are not scored since they show how the collector got PAST rows of an agent at once
own_rows() {
  serve sim "$builddir/agents_sim" 1 20 1 0 "$1"; sim_pid=$pid
  serve catch "$glia" collect --store "$dir/catch$1" --models "$dir/m.h5" --listen 127.0.0.1:0 "http://127.0.0.1:$(port_of sim)/0"; catch_pid=$pid
  sleep 4
  get "http://127.0.0.1:$(port_of catch)/metrics"
  kill -TERM "$catch_pid" "$sim_pid"; wait "$catch_pid" "$sim_pid"
  sed -n 's/^glia_detect_own_rows_total //p' "$out"
}
many=$(own_rows 600); about "$many" 2 5 && few=$(own_rows 20) && about "$few" 0 0; point "what shows our own catching up is not scored ($many rows; $few where there was little)"

# The store it leaves is read as one file.
exits 0 "$glia" detect status "$dir/store" --models "$dir/m.h5" --json && about "$(ls "$dir"/store/full/*.h5 | wc -l)" 2 100; point "a store of several files is read as one"
"$PYTHON3" -c 'import json, sys
j = json.load(open(sys.argv[1])); assert j["watched"] == 2 and j["unwatched"] == 1, j' "$out"; point "and its nodes have the columns that the models know"
exits 66 "$glia" detect status "$dir/tele" --models "$dir/m.h5" && said 'no store of a collector'; point "a folder that is none is refused"
finish
