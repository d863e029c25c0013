"""Hostile HTTP: garbage, half requests, long lines, many idle peers. usage: fuzz_http.py PORT COUNT [HOST]"""
import random, socket, sys

port, count = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(1)
whole = [b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /rows?run=1&after=3 HTTP/1.1\r\nHost: a\r\n\r\n",
         b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", b"GET /" + b"A" * 70000 + b" HTTP/1.1\r\n\r\n",
         b"GET /rows?after=18446744073709551615&run=zz HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /%00%ff%2e%2e/ HTTP/1.1\r\nHost: a\r\n\r\n",
         b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nxx", b"GET /api/v1/series?node=a&metric=b&last=1e99 HTTP/1.1\r\nHost: a\r\n\r\n"]


def send(data):
    try:
        s = socket.create_connection(("127.0.0.1", port), timeout=2)
        s.settimeout(0.05)
        s.sendall(data)
        try:
            s.recv(4096)
        except OSError:
            pass
        s.close()
    except OSError:
        pass


for i in range(count):
    data = bytearray(rng.choice(whole))
    for _ in range(rng.randrange(0, 6)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.3:
        data = data[: rng.randrange(1, len(data) + 1)]
    if rng.random() < 0.1:
        data = bytes(rng.randrange(256) for _ in range(2000))
    send(bytes(data))
idle = []
for i in range(200):  # a scan of ports, and peers that say nothing
    try:
        idle.append(socket.create_connection(("127.0.0.1", port), timeout=0.2))
    except OSError:
        pass
for s in idle:
    s.close()
