"""Scrape targets that misbehave, one per path. Says "listening port=P"."""
import http.server, socketserver, struct, sys, time

count = 0


def agent(names):
    """What an agent with counters of these names says, docs/formats/agent.md."""
    text = "".join("%s\ts\tc\t-1\n" % n for n in names).encode()
    now = time.time_ns()
    head = struct.pack("<8s9q", b"GLIAROW1", 7, 8, 9, now, 1, 1, 1, len(names), len(text))
    return head + text + struct.pack("<2q%dd" % len(names), now, now, *[1.0] * len(names))


class Target(http.server.BaseHTTPRequestHandler):
    def send(self, body, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        global count
        what = self.path.split("/")[1]
        count += 1
        good = b"# TYPE a_total counter\na_total %d\n" % count
        try:
            if what == "silent":
                time.sleep(30)
            elif what == "slow":
                self.send_response(200)
                self.end_headers()
                for _ in range(300):
                    self.wfile.write(b"a")
                    self.wfile.flush()
                    time.sleep(0.1)
            elif what == "endless":
                self.send_response(200)
                self.end_headers()
                while True:
                    self.wfile.write(b"a_total 1\n" * 10000)
            elif what == "garbage":
                self.send(bytes(range(256)) * 50)
            elif what == "truncated":
                self.send_response(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
                self.wfile.write(good)
            elif what == "nan":
                self.send(good + b"b NaN\nc +Inf\nd -Inf\ne 1e999\nf 0x10\ng\nh{x=\"}\\\"\"} 1\ni{ 3\n")
            elif what == "duplicate":
                self.send(good + b"b 1\nb 2\nb 3\na_total 7\n")
            elif what == "vanishing":
                self.send(good + b"v%d 1\n" % (count % 7))
            elif what == "names":
                # each of them is folded to four columns: more than a node may have
                self.send(agent(['c%d{cpu="%d"}' % (i, i % 8) for i in range(17000)]))
            elif what == "newnames":
                self.send(good + b"".join(b"n%d_%d 1\n" % (count, i) for i in range(10000)))
            elif what == "redirect":
                self.send_response(302)
                self.send_header("Location", "file:///etc/passwd")
                self.end_headers()
            else:
                self.send(b"no\n", 500)
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


s = Server(("127.0.0.1", 0), Target)
print("listening port=%d" % s.server_address[1], file=sys.stderr, flush=True)
s.serve_forever()
