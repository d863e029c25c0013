#!/bin/sh
# glia collect at a site: who gets the token, what a Prometheus names, odd names, files that are not ours, what is kept, who is silent.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/http.sh"
for tool in curl python3; do
  command -v $tool >/dev/null 2>&1 || { echo "1..0 # SKIP no $tool"; exit 0; }
done

# A Prometheus that scrapes an exporter and what a probe looks at; /api alone is there, //api says 301. The exporter notes who asks with what.
cat >"$dir/site.py" <<'PY'
import http.server, json, sys
class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        here = "127.0.0.1:%d" % server.server_port
        print("path=%s token=%s" % (self.path, self.headers.get("Authorization")), flush=True)
        if self.path.startswith("//"):
            self.send_response(301); self.end_headers(); return
        body = b"# TYPE a counter\na 1\n"
        if self.path.startswith("/api/v1/targets"):
            names = [("n1", "/odd?of=n1"), ("n1", "/odd?of=n1"), ("https://example.com/x", "/probe?target=x")]
            body = json.dumps({"data": {"activeTargets": [
                {"labels": {"instance": n, "job": "j"}, "scrapeUrl": "http://" + here + u} for n, u in names]}}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
print("listening port=%d" % server.server_port, flush=True)
server.serve_forever()
PY
serve site python3 "$dir/site.py"
site=http://127.0.0.1:$(port_of site)

# Who was never heard of is silent after 10 periods and 20 s: that is waited for while all else runs.
serve lonely "$glia" collect --store "$dir/lonely" --period 0.2 --alertmanager "$site/" --listen 127.0.0.1:0 127.0.0.1:1
lonely=$(port_of lonely)

# nodes
exits 66 "$glia" collect --store "$dir/s" --nodes "$dir/nowhere" && said "$dir/nowhere: No such file"; point "a list of nodes that is missing is named"
: >"$dir/empty"
exits 65 "$glia" collect --store "$dir/s" --nodes "$dir/empty" && said 'no node in it'; point "so is one without a node"
# One reading for files and words: where a name is given it is the node's, and an address that is listed twice is one node.
agents="$glia collect --store $dir/named --for 0.1 --json"
printf '127.0.0.1:9777 # as itself\nm1=127.0.0.1:11\nm2 http://127.0.0.1:12/\n' >"$dir/list"
names() { curl -s -m 5 "http://127.0.0.1:$1/api/v1/nodes" | tr '{' '\n' | sed -n 's/^"name":"\([^"]*\)","url":"\([^"]*\)".*/\1 \2/p'; }
serve named "$glia" collect --store "$dir/named" --listen 127.0.0.1:0 --nodes "$dir/list" 127.0.0.1:9777 http://127.0.0.1:11 127.0.0.1:12 n1=127.0.0.1:13 127.0.0.1:14 'n2=http://127.0.0.1:15/x?of=a/metrics'
names "$(port_of named)" >"$out"; kill "$pid"; wait "$pid" 2>/dev/null
printf '%s\n' '127.0.0.1 http://127.0.0.1:9777' 'm1 http://127.0.0.1:11' 'm2 http://127.0.0.1:12' 'n1 http://127.0.0.1:13' '127.0.0.1:14 http://127.0.0.1:14' \
  'n2 http://127.0.0.1:15/x?of=a/metrics' | diff - "$out" >"$err"; point "NAME=ADDRESS and an address are what they are in a file, and each node is there once"
exits 0 "$glia" collect --plan --nodes "$dir/list" 127.0.0.1:12 m1=127.0.0.1:11 n1=127.0.0.1:13 --json && about "$(key nodes)" 4 4; point "--plan counts each once"
exits 0 $agents n3=127.0.0.1:9777 127.0.0.1:9777 && about "$(key nodes)" 1 1; point "an address with a name and without is one node"
exits 64 $agents n1=127.0.0.1:1 n1=127.0.0.1:2 && said 'n1 is listed twice, as http://127.0.0.1:1 and http://127.0.0.1:2'; point "a name of two addresses is refused"
for wrong in n1:127.0.0.1:9777 n1= '127.0.0.1:9 777 x' ftp://127.0.0.1/ 127.0.0.1:99999; do
  exits 64 "$glia" collect --plan "$wrong" && said 'NAME=ADDRESS'; point "'$wrong' is no address: refused at the start, with what is"
done
echo 'n1 127.0.0.1:x' >"$dir/list"
exits 65 "$glia" collect --plan --nodes "$dir/list" && said 'list:1: .*NAME=ADDRESS'; point "so is a line, with its number"
mkdir "$dir/bin"
printf '#!/bin/sh\nprintf "n2\\nn1\\nn2\\nn3 \\n"\n' >"$dir/bin/sinfo"; chmod +x "$dir/bin/sinfo"
exits 0 env PATH="$dir/bin:$PATH" "$glia" collect --plan --slurm --json && about "$(key nodes)" 3 3; point "--plan counts the nodes that sinfo names"
exits 0 env PATH="$dir/bin:$PATH" "$glia" collect --slurm --store "$dir/slurm" --for 0.5 --json && about "$(key nodes)" 3 3; point "and they are collected from"
printf '#!/bin/sh\n' >"$dir/bin/sinfo"
exits 69 env PATH="$dir/bin:$PATH" "$glia" collect --plan --slurm && said 'is SLURM there'; point "no node of SLURM's is an error"

# What it names is collected.
echo 0123456789abcdef-secret >"$dir/token"
exits 0 "$glia" collect --prometheus "$site//" --store "$dir/prom" --for 1.5 --period 0.5 --token-file "$dir/token" --json && about "$(key nodes)" 1 1 && about "$(key rows)" 1 9 &&
  said 'target-passed-over node=https://example.com/x'
point "targets of a Prometheus are exporters whatever their address; one that cannot be a node is passed over"
grep '^path=/odd' "$dir/site.log" >"$out"; grep -q 'token=None' "$out" && ! grep -q Bearer "$out"; point "an exporter does not get the agents' token"
exits 0 "$glia" collect --plan --prometheus "$site/" --json && about "$(key nodes)" 1 1; point "--plan counts them"

# Agents get the token, over TLS by a CA of the site's.
if command -v openssl >/dev/null 2>&1; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$dir/key" -out "$dir/cert" -days 2 -subj /CN=agent -addext 'subjectAltName=IP:127.0.0.1' >"$out" 2>"$err"
  serve tls "$agent" --listen 127.0.0.1:0 --period 0.2 --tls-cert "$dir/cert" --tls-key "$dir/key" --token-file "$dir/token"
  tls=https://127.0.0.1:$(port_of tls)
  ask() { store=$1; shift; exits 0 "$glia" collect --store "$dir/$store" --period 0.5 --for 1.5 --json "$tls" "$@"; }
  ask tls --token-file "$dir/token" --ca "$dir/cert" && about "$(key rows)" 2 20; point "an agent behind TLS and a token is collected from"
  ask notoken --ca "$dir/cert" && about "$(key rows)" 0 0 && about "$(key failures)" 1 9; point "not without the token"
  ask noca --token-file "$dir/token" && about "$(key rows)" 0 0 && about "$(key failures)" 1 9; point "nor where nobody vouches for it"
else
  skip "an agent behind TLS and a token is collected from" "no openssl"
fi

# A name with a quotation mark, and jobs whose numbers float32 does not hold.
cat >"$dir/job.py" <<'PY'
import http.server
class Job(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'glia_job_id{slot="0"} 20000001\n'
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Job)
print("listening port=%d" % server.server_port, flush=True)
server.serve_forever()
PY
serve job python3 "$dir/job.py"
printf 'a"b\\ http://127.0.0.1:%s/metrics\n' "$(port_of job)" >"$dir/odd"
serve odd "$glia" collect --store "$dir/odd.store" --nodes "$dir/odd" --period 0.2 --watch --listen 127.0.0.1:0; odd_pid=$pid
odd=http://127.0.0.1:$(port_of odd)
wait_for 10 sh -c "curl -s -m 5 $odd/metrics | grep -q '^glia_collect_node_up.* 1$'"
get "$odd/metrics"
grep -qF 'glia_collect_node_up{node="a\"b\\"} 1' "$out" && grep -qF 'glia_detect_node_watched{node="a\"b\\"} 0' "$out" && grep -qF 'glia_detect_alarm_active{node="a\"b\\",kind="silent"} 0' "$out" && ! grep -q '"a"b' "$out"
point "names of nodes are escaped in /metrics"
if command -v promtool >/dev/null 2>&1; then promtool check metrics <"$out" >"$err" 2>&1; point "which passes promtool"; else skip "which passes promtool" "no promtool"; fi
curl -s -m 10 -G --data-urlencode 'node=a"b\' --data-urlencode 'metric=glia_job_id{slot="0"}' "$odd/api/v1/series" >"$out" 2>"$err"; grep -q '"value":\[20000001[],]' "$out"; point "the number of a job is whole"
kill -TERM "$odd_pid"; wait "$odd_pid" 2>/dev/null

# files
mkdir "$dir/mine"
echo 'what happened in 2024' >"$dir/mine/journal-2024"
exits 65 "$glia" collect --store "$dir/mine" --for 0.5 127.0.0.1:1 && said 'journal-2024 is no journal of a collector' && grep -q 2024 "$dir/mine/journal-2024"; point "a file that is not ours is left as it is"
serve sim "$builddir/agents_sim" 1 5 0.2
sim=127.0.0.1:$(port_of sim)/0
mkdir "$dir/kept" "$dir/kept/full" "$dir/kept/1m" "$dir/kept/10m"
for tier in full 1m 10m; do
  for hours in 2 60 600; do touch -d "$hours hours ago" "$dir/kept/$tier/20200101T000000Z-$hours.h5"; done
  touch -d '600 hours ago' "$dir/kept/$tier/notes.h5"
done
exits 0 "$glia" collect --store "$dir/kept" --keep 1h 1d 10d --for 3 "http://$sim" --json && about "$(key files)" 3 3 &&
  [ "$(cd "$dir/kept" && echo */2020*)" = '10m/20200101T000000Z-2.h5 10m/20200101T000000Z-60.h5 1m/20200101T000000Z-2.h5' ]
point "--keep tells how long files of each tier stay"
[ "$(cd "$dir/kept" && echo */notes.h5)" = '10m/notes.h5 1m/notes.h5 full/notes.h5' ]; point "files with other names stay"

left=40
until curl -s -m 5 "http://127.0.0.1:$lonely/api/v1/alarms" | grep -q '"kind":"silent"' || [ $left = 0 ]; do left=$((left - 1)); sleep 1; done
get "http://127.0.0.1:$lonely/api/v1/nodes"; grep -q '"state":"never"' "$out" && grep -q '"alarms":\["silent"\]' "$out"; point "a node that was never heard of is silent"
wait_for 5 grep -q '^path=/api/v2/alerts ' "$dir/site.log" && ! grep -q '^path=//api/v2' "$dir/site.log"; point "an Alertmanager is told, whether its URL ends in a slash or not"
finish
