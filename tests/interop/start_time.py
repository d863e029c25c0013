"""Milliseconds from exec to the first connection, and of CPU time until then, least of N each. usage: start_time.py PROGRAM N"""
import os, socket, subprocess, sys, time

wall = cpu = 1e9
for _ in range(int(sys.argv[2])):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    begin = time.perf_counter()
    p = subprocess.Popen([sys.argv[1], "--listen", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    connected = False
    while time.perf_counter() < begin + 10 and not connected:
        try:
            s = socket.create_connection(("127.0.0.1", port), timeout=1)
            connected = True
        except OSError:
            time.sleep(0.0005)
    took = 1e3 * (time.perf_counter() - begin)
    p.kill()
    _, _, use = os.wait4(p.pid, 0)
    p.returncode = 0
    if connected:
        s.close()
        wall = min(wall, took)
        cpu = min(cpu, 1e3 * (use.ru_utime + use.ru_stime))
print(f"{wall:.1f} {cpu:.1f}")
