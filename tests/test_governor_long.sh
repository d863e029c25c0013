#!/bin/sh
# A wrong frequency governor is found: this machine as it is, but for its governors, which are files that `glia inject governor` sets (virtual
# machines have none). NORMAL_S: how long normal work is recorded (150).
. "$srcdir/tests/points.sh"
. "$srcdir/tests/http.sh"
[ -n "$GLIA_TEST_LONG" ] || { echo "1..0 # SKIP five minutes; GLIA_TEST_LONG=1 runs it"; exit 0; }
root=$dir/root
policies=$root/sys/devices/system/cpu/cpufreq
mkdir -p "$policies"
ln -s /proc "$root/proc"
# One policy for each core that we may use, as servers have them.
awk '/^Cpus_allowed_list/ { n = split($2, part, ",")
  for (i = 1; i <= n; i++) { m = split(part[i], a, "-"); for (c = a[1]; c <= a[m]; c++) print c } }' /proc/self/status >"$dir/cores"
while read -r core; do
  policy=$policies/policy$core
  mkdir "$policy"
  echo "$core" >"$policy/affected_cpus"
  echo ondemand >"$policy/scaling_governor"
  echo 'conservative ondemand powersave performance' >"$policy/scaling_available_governors"
  for limit in scaling_max_freq cpuinfo_max_freq; do echo 3500000 >"$policy/$limit"; done
done <"$dir/cores"

serve agent "$agent" --root "$root" --listen 127.0.0.1:0
own=127.0.0.1:$(port_of agent)
within_s=$((${NORMAL_S:-150} + 60))
exits 0 "$glia" collect --store "$dir/normal" --for "${NORMAL_S:-150}" "$own" && exits 0 "$glia" detect train "$dir/normal" -o "$dir/m.h5" --json
point "a model is trained on $(key rows_train) samples"
: >"$dir/told"
serve collect "$glia" collect --store "$dir/watched" "$own" --models "$dir/m.h5" --on-alarm "cat >>'$dir/told'"
collect=$pid
sleep 40
: >"$dir/told"
within_s=60
exits 0 "$glia" inject governor --for 15 --root "$root" --json && [ "$(key policies)" = "$(wc -l <"$dir/cores")" ]; point "the governor of $(key policies) policies is another one for 15 s"
cp "$dir/told" "$out"
grep -q '"active":true.*"text":"glia_cpufreq_governor_ratio' "$dir/told"; point "it is flagged within these 15 s, and by what it is"
wait_for 120 grep -q '"active":false' "$dir/told"; point "the alarm ends when the governor is what it was"
kill -TERM "$collect"; wait "$collect"; point "the collector ends in order"
finish
