#!/bin/sh
# At home in a site's Prometheus: a real one scrapes agent and collector, runs our rules and the dashboard's queries, gives its history.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/http.sh"
for tool in curl python3 prometheus promtool; do
  command -v $tool >/dev/null 2>&1 || { echo "1..0 # SKIP no $tool"; exit 0; }
done
site=$srcdir/monitoring/site
exits 0 promtool check rules "$site/glia-alerts.yml"; point "promtool check rules passes"
exits 0 promtool test rules "$site/glia-alerts-test.yml"; point "promtool test rules passes"

serve agent "$agent" --listen 127.0.0.1:0
own=$(port_of agent)
serve collect "$glia" collect --store "$dir/store" "127.0.0.1:$own" --listen 127.0.0.1:0
port=$(port_of collect)
prom=$(free_port)
cat >"$dir/prometheus.yml" <<YAML
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [$site/glia-alerts.yml]
scrape_configs:
  - {job_name: glia-agent, static_configs: [{targets: ['127.0.0.1:$own']}]}
  - {job_name: glia-collect, static_configs: [{targets: ['127.0.0.1:$port']}]}
YAML
serve prometheus prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/tsdb" --web.listen-address="127.0.0.1:$prom"
ask() { curl -s -m 5 --data-urlencode "query=$1" "http://127.0.0.1:$prom/api/v1/query"; }
up() { [ "$(ask 'count(up == 1)' | sed -n 's/.*"value":\[[^,]*,"\([0-9]*\)".*/\1/p')" = 2 ]; }
wait_for 60 up; point "Prometheus scrapes agent and collector"
sleep 12
python3 - "$site/glia-dashboard.json" "http://127.0.0.1:$prom" >"$out" 2>"$err" <<'PY'
import json, sys, urllib.parse, urllib.request
bad = 0
for panel in json.load(open(sys.argv[1]))["panels"]:
    for target in panel["targets"]:
        url = sys.argv[2] + "/api/v1/query?" + urllib.parse.urlencode({"query": target["expr"]})
        try:
            answer = json.load(urllib.request.urlopen(url, timeout=10))
            n = len(answer["data"]["result"])
        except Exception as e:
            n, answer = 0, e
        if n == 0:
            bad += 1
            print(panel["title"], target["expr"], answer)
sys.exit(bad > 0)
PY
point "every query of the dashboard has an answer"
exits 0 "$glia" data import prometheus "http://127.0.0.1:$prom" --match '{job="glia-agent"}' --since 15 --step 1 -o "$dir/site.h5"
point "its history is imported"
if "$PYTHON3" -c 'import h5py' 2>/dev/null; then
  "$PYTHON3" - "$dir/site.h5" "127.0.0.1:$own" >"$out" 2>"$err" <<'PY'
import h5py, numpy, sys
with h5py.File(sys.argv[1], "r") as f:
    n = f["nodes"][sys.argv[2]]
    names = [x.decode().rstrip("\0") for x in n["names"][:]]
    v = n["values"][:]
    col = lambda name: v[:, names.index(name)]
    assert v.shape[0] == 15 and not any('cpu="' in x for x in names), names
    assert numpy.nanmin(col("node_load1")) >= 0
    rate = col("node_context_switches_total")
    assert numpy.isfinite(rate).sum() >= 5 and numpy.nanmin(rate) >= 0 and numpy.nanmax(rate) > 0, rate
    # Modes of a core add up to a second per second, to the clock tick and the jitter of the scrapes.
    modes = [x for x in names if x.startswith("node_cpu_seconds_total{mode=") and 'of="mean"' in x]
    total = numpy.nanmean(sum(v[:, names.index(x)] for x in modes))
    assert len(modes) == 8 and 0.8 < total < 1.2, (modes, total)
PY
  point "counters are rates, cores are folded"
else
  skip "counters are rates" "no h5py"
fi
exits 0 "$glia" collect --prometheus "http://127.0.0.1:$prom" --job glia-collect --store "$dir/theirs" --for 3 --json &&
  [ "$(key nodes)" = 1 ] && [ "$(key rows)" -ge 2 ] && [ "$(key failures)" = 0 ]
point "what Prometheus scrapes is collected, one job of it"
exits 0 "$glia" data import prometheus "http://127.0.0.1:$prom" --match '{job=~"glia-.*"}' --since 10 --step 1 -o "$dir/both.h5" --json &&
  [ "$(grep -o '"name"' "$out" | wc -l)" = 2 ]
point "node by node"
# A site that is too large for one question: more than 32 MiB for more than 40 steps of node a, the server's own limit at 20 steps of node "b\c".
cat >"$dir/large.py" <<'PY'
import http.server, json, sys, urllib.parse
class Large(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        if url.path.startswith("//"): return self.answer(301, {})
        q = {k: v[0] for k, v in urllib.parse.parse_qs(url.query).items()}
        print(url.path, q, flush=True)
        if url.path.endswith("/label/instance/values"):
            return self.answer(200, {"status": "success", "data": ["a", "b\\c", "https://site/x"]})
        begin, end, step = (float(q[k]) for k in ("start", "end", "step"))
        n = round((end - begin) / step) + 1
        huge = "huge" in q["query"]
        if 'instance="a"' in q["query"] and (n > 40 or huge):
            self.send_response(200); self.end_headers()
            try:
                for i in range(33): self.wfile.write(b" " * (1 << 20))
            except OSError: pass
            return
        if 'instance="b\\\\c"' in q["query"] and n > 20:
            return self.answer(422, {"status": "error", "error": "query processing would load too many samples into memory in query execution"})
        who = {"instance": "any"} if 'instance=""' not in q["query"] else {}
        values = [[begin + i * step, str(begin + i * step)] for i in range(n)]
        self.answer(200, {"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {"__name__": m, "job": "node", **who}, "values": values} for m in ("x", "y_total")]}})
    def answer(self, status, what):
        body = json.dumps(what).encode()
        self.send_response(status); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Large)
print("listening port=%d" % server.server_port, flush=True)
server.serve_forever()
PY
serve large python3 "$dir/large.py"
large=http://127.0.0.1:$(port_of large)
exits 0 "$glia" data import prometheus "$large/" --match '{job="node"}' --since 90m --step 1m -o "$dir/large.h5" --json &&
  [ "$(grep -o '"name"' "$out" | wc -l)" = 3 ] && ! said ' MB' && said 'instance-passed-over instance=https://site/x'
point "what is too much for one question is asked in shorter stretches"
if "$PYTHON3" -c 'import h5py' 2>/dev/null; then
  "$PYTHON3" - "$dir/large.h5" >"$out" 2>"$err" <<'PY'
import h5py, numpy, sys
with h5py.File(sys.argv[1], "r") as f:
    assert sorted(f["nodes"]) == ["a", "b\\c", "none"], list(f["nodes"])
    for n in f["nodes"].values():
        at = n["time"][:] * 1e-9
        v = n["values"][:]
        assert v.shape == (90, 2), v.shape
        x = [i for i, name in enumerate(n["names"][:]) if name.rstrip(b"\0") == b"x"][0]
        assert numpy.abs(v[:, x] - at).max() <= 128, v[:, x] - at # of 1.7e9, float32
        assert numpy.allclose(v[1:, 1 - x], 1.0), v[:, 1 - x]
PY
  point "and nothing is missing at their borders"
else
  skip "what came in stretches" "no h5py"
fi
exits 65 "$glia" data import prometheus "$large" --match 'huge{job="node"}' --since 90m --step 1m -o "$dir/huge.h5" &&
  said 'node a: too much for a single step' && said 'more than 32 MiB' && [ ! -e "$dir/huge.h5" ]
point "a limit that cannot be met is named"
grep -q "'query': 'huge{instance=\"a\",job=" "$dir/large.log"; point "with the selector of a node"
# A gate in front of it wants a token, as sites have one.
echo secret-of-the-site >"$dir/token"; echo another >"$dir/wrong"; : >"$dir/empty"
cat >"$dir/gate.py" <<'PY'
import http.server, sys, urllib.error, urllib.request
class Gate(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("Authorization") != "Bearer secret-of-the-site":
            self.send_response(401); self.end_headers(); return
        body = urllib.request.urlopen(sys.argv[1] + self.path, timeout=10).read()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gate)
print("listening port=%d" % server.server_port, flush=True)
server.serve_forever()
PY
serve gate python3 "$dir/gate.py" "http://127.0.0.1:$prom"
gate=http://127.0.0.1:$(port_of gate)
gated() { exits "$1" "$glia" data import prometheus "$gate" --match '{job="glia-agent"}' --since 10 --step 1 -o "$dir/gated.h5" --force --token-file "$dir/$2"; }
gated 0 token; point "a Prometheus behind a token gives its history"
gated 74 wrong && said 401; point "not to a wrong one"
exits 0 "$glia" collect --prometheus "$gate" --prometheus-token-file "$dir/token" --job glia-collect --store "$dir/gated" --for 2 --json && [ "$(key nodes)" = 1 ]
point "and what it scrapes"
exits 78 "$glia" collect --prometheus "$gate" --prometheus-token-file "$dir/empty" --store "$dir/none" --for 1 && said 'expected a token'; point "an empty file of a token is named"
awk 'BEGIN { for (i = 0; i < 9000; i++) printf "t" }' >"$dir/long"
exits 78 "$glia" collect --prometheus "$gate" --prometheus-token-file "$dir/long" --store "$dir/none" --for 1 && said 'a token of more than'
point "a token that is too long is not cut"
exits 64 "$glia" collect --prometheus-token-file "$dir/token" --store "$dir/none" --for 1 localhost:1; point "a token of nothing is refused"
exits 65 "$glia" collect --prometheus "http://127.0.0.1:$prom" --job none --store "$dir/nobody" --for 1 && said 'no active target of the job none'
point "a job without targets is an error"
exits 65 "$glia" data import prometheus "http://127.0.0.1:$prom" --match '{job=' --since 60 --step 1 -o "$dir/bad.h5" && said 'parse error' && [ ! -e "$dir/bad.h5" ]
point "a bad selector is Prometheus's own message"
exits 65 "$glia" data import prometheus "http://127.0.0.1:$prom" --match '{job="none"}' --since 60 --step 1 -o "$dir/bad.h5" && said 'nothing matches'
point "so is one that matches nothing"
exits 74 "$glia" data import prometheus "http://127.0.0.1:1" --match '{job="none"}' -o "$dir/bad.h5"; point "a server that is not there is an error"
finish
