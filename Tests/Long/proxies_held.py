"""Runs real proxies in front of a registry, with the lines that docs/proxies.md shows, and has clients wait through them: streams, of which each event
must arrive at once, and long polls that are held for longer than the proxies are patient by themselves. The same without those lines shows that they
are needed. Proxies that are not installed are named and passed over; with none at all the run fails.

    python3 Tests/Long/proxies_held.py .build/release/registry
"""

import concurrent.futures
import http.client
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from proxies import PROXIES, blocks, envoy, expect, free_port, haproxy, nginx, placed, wait_for
from running_registry import RunningRegistry

# nginx gives up after 60 s by itself; the helper for haproxy after 10 s.
HELD_SECONDS = 65
EVENT_SECONDS = 1.0
EVENTS = 20
# haproxy has the kernel keep a chunk for 200 ms, in case that another one follows.
HAPROXY_SECONDS = 0.15
# A comment comes after 15 s without an event.
STREAM_SECONDS = 40
SERVICE = "held"


def register(registry, number):
    connection = registry.connect()
    body = {"service_name": SERVICE, "endpoint": {"type": "http", "value": f"10.0.0.{number}:80"}, "ttl": 600}
    connection.request("POST", "/api/v1/instances", json.dumps(body), {"Content-Type": "application/json"})
    expect(connection.getresponse().status == 201, "a registration")
    connection.close()


class Stream(threading.Thread):
    """Reads a stream, and notes when each event came, and when and how it ended."""

    def __init__(self, port, prefix=""):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HELD_SECONDS)
        self.connection.request("GET", f"{prefix}/api/v1/watch?service_name={SERVICE}")
        self.answer = self.connection.getresponse()
        self.events, self.comments, self.ended = [], 0, None
        self.start()

    def run(self):
        began = time.monotonic()
        try:
            while line := self.answer.readline():
                if line.startswith(b"event: "):
                    self.events.append(time.monotonic())
                self.comments += line == b":\n"
            self.ended = time.monotonic() - began
        except (OSError, http.client.HTTPException):
            self.ended = time.monotonic() - began

    def event(self, number, seconds):
        """When the event of this number came; None if it has not."""
        deadline = time.monotonic() + seconds
        while len(self.events) <= number and time.monotonic() < deadline:
            time.sleep(0.002)
        return self.events[number] if len(self.events) > number else None


def poll(port, prefix, seconds):
    """The status of a poll that is held so long, and how long it took."""
    path = f"{prefix}/api/v1/services/{SERVICE}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2 * seconds)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.request("GET", f"{path}?wait={seconds}s", headers={"If-None-Match": answer.headers["ETag"]})
    began = time.monotonic()
    try:
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as failure:
        status = type(failure).__name__
    return status, time.monotonic() - began


def query(port, prefix):
    """The same for a query of Consul's clients, which do not say how long they wait."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2 * HELD_SECONDS)
    connection.request("GET", f"{prefix}/v1/health/service/{SERVICE}")
    answer = connection.getresponse()
    answer.read()
    connection.request("GET", f"{prefix}/v1/health/service/{SERVICE}?index={answer.headers['X-Consul-Index']}")
    connection.sock.settimeout(HELD_SECONDS)
    began = time.monotonic()
    try:
        return connection.getresponse().status, time.monotonic() - began
    except TimeoutError:
        return "held", time.monotonic() - began
    except (OSError, http.client.HTTPException) as failure:
        return type(failure).__name__, time.monotonic() - began


class Proxied:
    """A proxy in front of the registry."""

    def __init__(self, make, text, registry):
        self.folder = tempfile.TemporaryDirectory()
        self.port = free_port()
        command = make(pathlib.Path(self.folder.name), placed(text, self.port, registry.port))
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port, self.process)

    def end(self):
        # Asked to end, some wait for their streams to; killed at once, nginx leaves its workers behind.
        self.process.terminate()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


def without(text, *patterns):
    """The lines that do not match; each pattern must match some."""
    for pattern in patterns:
        left = "".join(line for line in text.splitlines(keepends=True) if not re.search(pattern, line))
        expect(left != text, f"the page has no line with {pattern}")
        text = left
    return text


def main(program):
    found = [name for name in PROXIES if shutil.which(name)]
    for name in PROXIES.keys() - set(found):
        print(f"{name}: not installed, not tried")
    expect(found, "no proxy is installed")
    with RunningRegistry(program, {"TRUSTED_PROXIES": "127.0.0.1"}) as registry, concurrent.futures.ThreadPoolExecutor(20) as pool:
        register(registry, 0)
        proxies = {}
        try:
            for name in found:
                language, make, prefixes = PROXIES[name]
                for example, prefix in zip(blocks(language), prefixes):
                    proxies[name + prefix] = Proxied(make, example, registry), prefix
            if "haproxy" in proxies:
                proxies["haproxy without"] = Proxied(haproxy, without(blocks("haproxy")[0], "set-timeout", "http-no-delay"), registry), ""
            if "nginx" in proxies:
                plain = without(blocks("nginx")[0], "proxy_read_timeout")
                proxies["nginx without"] = Proxied(nginx, plain, registry), ""
                old = without(plain, "proxy_http_version", 'Connection ""')
                proxies["nginx with HTTP/1.0 without"] = Proxied(nginx, old, registry), ""
                for name, text in (("nginx deaf", plain), ("nginx deaf with HTTP/1.0", old)):
                    deaf = text.replace("location / {", "location / {\n        proxy_ignore_headers X-Accel-Buffering;")
                    proxies[name] = Proxied(nginx, deaf, registry), ""
            if "envoy" in proxies:
                impatient = blocks("yaml")[0].replace(", timeout: 0s, idle_timeout: 660s", "")
                expect(impatient != blocks("yaml")[0], "the page has no timeouts of Envoy's")
                proxies["envoy without"] = Proxied(envoy, impatient, registry), ""
            events(proxies, registry)
            silence(proxies, pool)
            ends(proxies, registry)
        finally:
            for proxy, _ in proxies.values():
                proxy.end()


def events(proxies, registry):
    """Each event arrives at once."""
    streams = {name: Stream(proxy.port, prefix) for name, (proxy, prefix) in proxies.items() if "deaf" not in name}
    for name, stream in streams.items():
        expect(stream.answer.status == 200 and stream.answer.headers["Content-Type"] == "text/event-stream", f"{name}: {stream.answer.status}")
        expect(stream.event(0, 5), f"{name}: the snapshot")
    took = dict.fromkeys(streams, 0)
    for number in range(1, EVENTS + 1):
        began = time.monotonic()
        register(registry, number)
        for name, stream in streams.items():
            at = stream.event(number, 5)
            expect(at, f"{name}: event {number} has not come")
            took[name] = max(took[name], at - began)
    for name, seconds in took.items():
        print(f"{name}: the slowest of {EVENTS} events took {seconds * 1000:.0f} ms")
        expect(seconds < EVENT_SECONDS, f"{name}: an event took {seconds:.2f} s")
    if "haproxy" in took:
        expect(took["haproxy"] < HAPROXY_SECONDS < took["haproxy without"], f"haproxy's http-no-delay makes no difference: {took}")
    # What is buffered comes once there is more of it, the head of the answer too. Chunks, of which HTTP/1.0 knows nothing, are passed on.
    for name, is_late in (("nginx deaf", False), ("nginx deaf with HTTP/1.0", True)):
        if name in proxies:
            connection = http.client.HTTPConnection("127.0.0.1", proxies[name][0].port, timeout=3)
            connection.request("GET", f"/api/v1/watch?service_name={SERVICE}")
            try:
                connection.getresponse().readline()
                came = True
            except TimeoutError:
                came = False
            connection.close()
            print(f"{name}: {'an event has come' if came else 'nothing within 3 s'}")
            expect(came != is_late, f"{name}: the page is wrong")


def silence(proxies, pool):
    """Held answers, and streams without events, all at the same time."""
    names = [name for name in proxies if "deaf" not in name and "1.0" not in name]
    streams = {name: Stream(proxies[name][0].port, proxies[name][1]) for name in names}
    polls = {name: pool.submit(poll, proxies[name][0].port, proxies[name][1], HELD_SECONDS) for name in names}
    queries = {name: pool.submit(query, proxies[name][0].port, proxies[name][1]) for name in names}
    time.sleep(STREAM_SECONDS)
    for name, stream in streams.items():
        print(f"{name}: a silent stream had {stream.comments} comments, and has {f'ended after {stream.ended:.0f} s' if stream.ended else 'not ended'}")
    for name in names:
        (status, seconds), (asked, waited) = polls[name].result(), queries[name].result()
        print(f"{name}: a poll of {HELD_SECONDS} s was answered {status} after {seconds:.0f} s, a query {asked} after {waited:.0f} s")
        if name.endswith("without"):
            expect(status == 504 and seconds < HELD_SECONDS and asked == status, f"{name}: {status} after {seconds:.0f} s")
        else:
            expect((status, asked) == (304, "held") and seconds >= HELD_SECONDS, f"{name}: {status} after {seconds:.0f} s, {asked} after {waited:.0f} s")
            expect(streams[name].ended is None and streams[name].comments >= 2, f"{name}: the stream")


def ends(proxies, registry):
    """What a client sees of a registry that stops."""
    streams = {name: Stream(proxy.port, prefix) for name, (proxy, prefix) in proxies.items() if " " not in name}
    for name, stream in streams.items():
        expect(stream.event(0, 5), f"{name}: the snapshot")
    registry.stop()
    deadline = time.monotonic() + 5
    for name, stream in streams.items():
        while stream.ended is None and time.monotonic() < deadline:
            time.sleep(0.01)
        expect(stream.ended is not None, f"{name}: a stream goes on without a registry")
        proxy, prefix = proxies[name]
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        connection.request("GET", f"{prefix}/api/v1/watch")
        status = connection.getresponse().status
        print(f"{name}: a stream ended; without a registry the next is answered {status}")
        expect(status in (502, 503), f"{name}: {status}")


if __name__ == "__main__":
    main(*sys.argv[1:])
