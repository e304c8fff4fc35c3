#!/usr/bin/env python3
"""Records the situations of the judge's trap table off a real Prometheus.

    apt-get download prometheus && dpkg -x prometheus_*.deb root
    ./record.py root/usr/bin/prometheus .

Starts tiny exporters and Prometheus on loopback, lets the situations happen (about a minute), and writes one
JSON file each: the interval, marks (Unix seconds), and for every question Prometheus' own answer.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INTERVAL = 0.2
T0 = None  # when the situations begin


def elapsed():
    return time.time() - T0 if T0 else -1.0


def dead():
    return "gauge_healthy 42\n"


def stamped():
    # The source froze at 6 s and goes on telling its last sample, with the sample's own time.
    at = time.time() if elapsed() < 6 else T0 + 6
    return f"stamped_healthy 42 {int(at * 1000)}\n"


def requests():
    text = "".join(f'requests_total{{code="200"}} {100 + int(max(elapsed(), 0) * 50)}\n')
    if elapsed() >= 6:
        text += 'requests_total{code="500"} 40\n'
    return text


def quiet():
    return 'quiet_ok_total 0\nquiet_all_total 0\n'


def histogram():
    # From 4 s on every request is slower than the last finite bucket.
    fast = int(min(max(elapsed(), 0), 4) * 50)
    slow = int(max(elapsed() - 4, 0) * 50)
    counts = [("0.1", fast), ("0.5", fast), ("+Inf", fast + slow)]
    return "# TYPE took_seconds histogram\n" + "".join(f'took_seconds_bucket{{le="{le}"}} {count}\n' for le, count in counts)


def reset():
    value = 1000 if elapsed() < 5 else 1010 if elapsed() < 7 else 3
    return f"reset_total {value}\n"


def two():
    text = 'two_open{replica="a"} %d\n' % (1 if elapsed() >= 5 else 0)
    if elapsed() < 7:
        text += 'two_open{replica="default"} 0\n'
    return text


def breaker():
    since = elapsed() - 3
    half_open = since >= 0 and since % 4 > 3.6
    return f"breaker_open {1 if since >= 0 and not half_open else 0}\n"


def client():
    # A client's own histogram, 100 requests a second from 24 s on, of which 4 % are slow. With the host's load alone
    # they take 20 to 350 ms; from 36 s on a fault makes that 350 ms; from 40 s on no request ever comes back.
    since = min(elapsed(), CLIENT_OUTAGE) - 24
    took = []
    for number in range(int(max(since, 0) * 100)):
        second = 24 + number // 100
        load = [0.25, 0.25, 0.35, 0.02, 0.25][second % 5]
        took.append(0.01 if number % 25 else 0.35 if second >= CLIENT_FAULT else load)
    counts = [(le, sum(1 for one in took if one <= le)) for le in (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1)]
    text = "# TYPE client_seconds histogram\n"
    return text + "".join(f'client_seconds_bucket{{le="{le}"}} {n}\n' for le, n in [*counts, ("+Inf", len(took))])


def writer():
    # 20 writes a second. The primary is killed at 32 s, but what it had in its hands is acknowledged 4 ms later;
    # the new primary acknowledges from 38 s on.
    at = elapsed()
    old = int(max(min(at, KILLED), 0) * 20) + (1 if at >= KILLED + 0.004 else 0)
    text = f'acknowledged_total{{primary="old"}} {old}\nacknowledged_total{{primary="new"}} {int(max(at - KILLED - 6, 0) * 20)}\n'
    if at >= KILLED + 0.004:
        text += "first_acknowledgement_after_kill_seconds 0.004\n"
    return text


def restored():
    # A database of 4,000 acknowledged rows is lost at 32 s. It answers again after 3 s, when half of them are back;
    # at 40 s the restore says it is done, and 17 are missing.
    since = elapsed() - KILLED
    rows = 4000 if since < 0 else 0 if since < 3 else min(2000 + int((since - 3) * 400), 3983)
    return f"database_answers {0 if 0 <= since < 3 else 1}\nacknowledged_rows 4000\nsurviving_rows {rows}\n"


CLIENT_FAULT, CLIENT_OUTAGE, KILLED = 36, 40, 32
PARTS = [dead, stamped, requests, quiet, histogram, reset, two, breaker, client, writer, restored]


def serve(part):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = part().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main(program, out):
    global T0
    servers = {part.__name__: serve(part) for part in PARTS}
    port = serve(lambda: "").server_address[1] + 1
    with tempfile.TemporaryDirectory() as folder:
        jobs = "".join(
            f"  - job_name: {name}\n    static_configs: [{{targets: ['127.0.0.1:{server.server_address[1]}']}}]\n"
            for name, server in servers.items()
        )
        config = f"global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n{jobs}"
        with open(f"{folder}/prometheus.yml", "w") as file:
            file.write(config)
        prometheus = subprocess.Popen(
            [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])
        try:
            happen(servers, prometheus, f"http://127.0.0.1:{port}", out)
        finally:
            prometheus.send_signal(signal.SIGCONT)
            prometheus.kill()
            prometheus.wait()


def ask(base, path, **parameters):
    url = f"{base}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)["data"]


def happen(servers, prometheus, base, out):
    global T0
    deadline = time.time() + 60
    while True:
        try:
            if len(ask(base, "query", query="count by (job) (count_over_time(up[1500ms]) > 5)")["result"]) == len(PARTS):
                break
        except OSError:
            pass
        if time.time() > deadline:
            raise SystemExit("no samples")
        time.sleep(0.1)
    T0 = time.time() + 3  # quiet before
    until(6)
    dying = servers["dead"]
    died = time.time()
    dying.shutdown()
    dying.server_close()
    until(16)
    stopped = time.time()
    prometheus.send_signal(signal.SIGSTOP)
    until(22)
    prometheus.send_signal(signal.SIGCONT)
    continued = time.time()
    until(46)

    def raw(selector, begin, end):
        return ask(base, "query", query=f"{selector}[{int((end - begin) * 1000)}ms]", time=f"{T0 + end:.3f}")["result"]

    def evaluated(query, begin, end):
        return ask(base, "query_range", query=query, start=f"{T0 + begin:.3f}", end=f"{T0 + end:.3f}", step=INTERVAL)["result"]

    def write(name, **rest):
        path = os.path.join(out, f"{name}.json")
        with open(path, "w") as file:
            json.dump({"interval": INTERVAL, "began": T0, **rest}, file, separators=(",", ":"))
            file.write("\n")

    write("dead-target", marks={"died": died}, window=[-3, 15],
          plain=raw("gauge_healthy", -3, 15),
          query="avg_over_time(gauge_healthy[10s])", values=evaluated("avg_over_time(gauge_healthy[10s])", -3, 15),
          up=raw('up{job="dead"}', -3, 15))
    write("stamped", marks={"froze": T0 + 6}, window=[-3, 15],
          plain=raw("stamped_healthy", -3, 15),
          query="max(stamped_healthy)", values=evaluated("max(stamped_healthy)", -3, 15))
    write("stalled", marks={"stopped": stopped, "continued": continued}, window=[10, 26],
          plain=raw("breaker_open", 10, 26), query="min(up)", values=evaluated('min(up{job="breaker"})', 10, 26),
          leaf=raw('up{job="breaker"}', 10, 26))
    write("born-at-40", marks={"born": T0 + 6}, window=[-3, 15],
          plain=raw('requests_total{code="500"}', -3, 15), all=raw("requests_total", -3, 15),
          up=raw('up{job="requests"}', -3, 15),
          query='sum(increase(requests_total{code="500"}[10s]))',
          values=evaluated('sum(increase(requests_total{code="500"}[10s]))', -3, 15))
    write("no-error-series", window=[-3, 5],
          plain=raw('requests_total{code="500"}', -3, 5), all=raw("requests_total", -3, 5),
          up=raw('up{job="requests"}', -3, 5),
          query='sum(rate(requests_total{code="500"}[2s])) / sum(rate(requests_total[2s]))',
          values=evaluated('sum(rate(requests_total{code="500"}[2s])) / sum(rate(requests_total[2s]))', -1, 5))
    write("no-traffic", window=[-3, 15],
          leaf=raw("quiet_ok_total", -3, 15), other=raw("quiet_all_total", -3, 15),
          query="sum(rate(quiet_ok_total[2s])) / sum(rate(quiet_all_total[2s]))",
          values=evaluated("sum(rate(quiet_ok_total[2s])) / sum(rate(quiet_all_total[2s]))", 0, 15))
    quantile = "histogram_quantile(0.99, sum by (le) (rate(took_seconds_bucket[1s])))"
    write("top-bucket", marks={"slow": T0 + 4}, window=[-1, 15],
          leaf=raw("took_seconds_bucket", -2, 15), query=quantile, values=evaluated(quantile, -1, 15))
    write("narrow-rate", window=[-3, 15],
          leaf=raw('requests_total{code="200"}', -3, 15), query='sum(rate(requests_total{code="200"}[200ms]))',
          values=evaluated('sum(rate(requests_total{code="200"}[200ms]))', 0, 15),
          wider=evaluated('sum(rate(requests_total{code="200"}[300ms]))', 0, 15))
    write("reset", marks={"rose": T0 + 5, "reset": T0 + 7}, window=[-3, 15],
          plain=raw("reset_total", -3, 15), increase=evaluated("increase(reset_total[10s])", 12, 12),
          delta=evaluated("delta(reset_total[10s])", 12, 12))
    write("two-series", marks={"changed": T0 + 5, "vanished": T0 + 7}, window=[-3, 15],
          plain=raw("two_open", -3, 15), query="min(two_open)", values=evaluated("min(two_open)", -3, 15))
    write("half-open", marks={"opened": T0 + 3}, window=[-3, 15],
          plain=raw("breaker_open", -3, 15), query="max(breaker_open)", values=evaluated("max(breaker_open)", -3, 15))
    quantile = "histogram_quantile(0.99, sum by (le) (rate(client_seconds_bucket[1s])))"
    write("client-p99", marks={"fault": T0 + CLIENT_FAULT, "outage": T0 + CLIENT_OUTAGE}, window=[26, 45],
          leaf=raw("client_seconds_bucket", 24, 45), query=quantile, values=evaluated(quantile, 26, 45))
    acknowledged = "sum(rate(acknowledged_total[1s]))"
    write("dying-primary", marks={"killed": T0 + KILLED, "promoted": T0 + KILLED + 6}, window=[26, 45],
          plain=raw('acknowledged_total{primary="new"}', 26, 45), all=raw("acknowledged_total", 25, 45),
          other=raw("first_acknowledgement_after_kill_seconds", 26, 45),
          query=acknowledged, values=evaluated(acknowledged, 26, 45))
    lost = "sum(acknowledged_rows) - sum(surviving_rows)"
    write("half-restored", marks={"killed": T0 + KILLED, "answers": T0 + KILLED + 3}, window=[26, 45],
          plain=raw("database_answers", 26, 45), leaf=raw("acknowledged_rows", 26, 45),
          other=raw("surviving_rows", 26, 45), query=lost, values=evaluated(lost, 26, 45))


def until(seconds):
    time.sleep(max(0.0, T0 + seconds - time.time()))


if __name__ == "__main__":
    main(*sys.argv[1:3])
