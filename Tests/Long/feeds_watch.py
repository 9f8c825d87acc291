#!/usr/bin/env python3
"""Has real clients follow the running registry: curl, sseclient, requests and a browser read streams, and a loop of long polls reads a list.

Usage: feeds_watch.py [--registry PATH] [--venv DIR] [CHECK...]

The clients in Python and selenium are installed into the virtual environment when they are not there yet; the browser is Debian's chromium, with
chromium-driver. The pages in it are those of docs/watch.md. Exits with 0 only when everything passed.
"""

import contextlib
import http.server
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import venv

import checks
from feeds import AWAY_SECONDS, Pair, Process, code_block, replace, wait

REQUIREMENTS = ["requests==2.32.3", "sseclient==0.0.27", "selenium==4.51.0"]
# A change is at every watcher within milliseconds; the machine may be busy.
CHANGE_SECONDS = 2.0

# Applies events, and writes what it knows after each as a line of JSON: the event's name, and the ids.
SSECLIENT = """
import json, sys, time
import requests
from sseclient import SSEClient
known, last = {}, None
while True:
    try:
        for event in SSEClient(sys.argv[1], last_id=last, timeout=40):
            # It reads the last chunk's end as an event of its own.
            if not event.data: continue
            data = json.loads(event.data)
            if event.event == "snapshot": known = {instance["id"]: instance for instance in data["instances"]}
            elif event.event == "put": known[data["id"]] = data
            elif event.event == "gone": known.pop(data["id"], None)
            last = event.id or last
            print(json.dumps([event.event, sorted(known)]), flush=True)
    except requests.exceptions.RequestException:
        time.sleep(0.5)
"""

# The same line by line with requests, without a library for events. It writes the statuses of what it was refused, too.
REQUESTS = """
import json, sys, time
import requests
known, last = {}, None
while True:
    try:
        with requests.get(sys.argv[1], headers={"Last-Event-ID": last} if last else {}, stream=True, timeout=40) as answer:
            if answer.status_code != 200:
                print(json.dumps([answer.status_code, sorted(known)]), flush=True)
                time.sleep(0.5)
                continue
            fields = {}
            for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                    continue
                data = json.loads(fields["data"])
                if fields["event"] == "snapshot": known = {instance["id"]: instance for instance in data["instances"]}
                elif fields["event"] == "put": known[data["id"]] = data
                elif fields["event"] == "gone": known.pop(data["id"], None)
                last = fields.get("id", last)
                print(json.dumps([fields["event"], sorted(known)]), flush=True)
                fields = {}
    except requests.exceptions.RequestException:
        time.sleep(0.5)
"""

# Follows a service by long polls, and writes the ids after each answer.
POLLER = """
import json, sys, time
import requests
tag = None
while True:
    try:
        answer = requests.get(sys.argv[1], params={"wait": "5m"}, headers={"If-None-Match": tag} if tag else {}, timeout=400)
    except requests.exceptions.RequestException:
        time.sleep(0.5)
        continue
    tag = answer.headers.get("ETag", tag)
    known = sorted(instance["id"] for instance in answer.json()["instances"]) if answer.status_code == 200 else []
    print(json.dumps([answer.status_code, known]), flush=True)
    if answer.status_code == 503: time.sleep(0.5)
"""


def python(options):
    """A Python that has what the clients need."""
    program = options.venv / "bin" / "python"
    if not program.exists():
        venv.create(options.venv, symlinks=True, with_pip=True)
    if subprocess.run([program, "-c", "import requests, sseclient, selenium"], capture_output=True).returncode != 0:
        subprocess.run([program, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
    return str(program)


def lines(client):
    """What a client has written, line by line; the last may still be incomplete."""
    return [json.loads(line) for line in client.text().splitlines() if line.startswith("[") and line.endswith("]")]


def awaits(client, ids):
    """Waits until a client knows exactly these; how long that took."""
    began = time.monotonic()
    wait(f"{sorted(ids)} to be known", lambda: lines(client) and lines(client)[-1][1] == sorted(ids), client)
    return time.monotonic() - began


def watches(member):
    """How many answers a member holds."""
    with urllib.request.urlopen(member.url + "/metrics", timeout=10) as answer:
        return int(re.search(r"^a8registry_watches (\d+)$", answer.read().decode(), re.M)[1])


def follows(options, reader):
    """A client that reads streams in a process of its own is told each change once, and loses nothing while the member is away."""
    program = python(options)
    with Pair(options.registry) as pair:
        ids = {pair.register("web", f"10.0.0.{number}:80") for number in range(3)}
        with Process(program, "-c", reader, pair.read.url + "/api/v1/watch?service_name=web") as client:
            awaits(client, ids)
            pair.register("stranger", "10.0.1.1:80")
            ids.add(pair.register("web", "10.0.0.9:80"))
            assert awaits(client, ids) < CHANGE_SECONDS
            gone = ids.pop()
            pair.remove(gone)
            assert awaits(client, ids) < CHANGE_SECONDS
            assert [event for event, _ in lines(client)] == ["snapshot", "put", "gone"], lines(client)
            before = len(lines(client))
            pair.restart()
            # It shows what it was told last, and has nothing to be told: the next change is all that it gets.
            wait("the client to be back", lambda: watches(pair.read) == 1, client)
            ids.add(pair.register("web", "10.0.0.10:80"))
            awaits(client, ids)
            since = lines(client)[before:]
            assert [event for event, _ in since if event != 503] == ["put"], since
            assert all(len(known) >= len(ids) - 1 for _, known in since), since
            refused = [event for event, _ in since if event not in ("snapshot", "put", "gone")]
            assert set(refused) <= {503} and len(refused) <= 2 * (AWAY_SECONDS + 5), since


def sseclient_follows_a_restart(options):
    follows(options, SSECLIENT)


def requests_follows_a_restart(options):
    follows(options, REQUESTS)


# Asks the page in a browser, at each line that comes, what it knows.
BROWSER = """
import json, sys
from selenium import webdriver
options = webdriver.ChromeOptions()
for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--user-data-dir=" + sys.argv[1]):
    options.add_argument(argument)
driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(sys.argv[2]))
try:
    driver.get(sys.argv[3])
    for line in sys.stdin:
        print(json.dumps(driver.execute_script("return [[...instances.keys()].sort(), [...known.keys()].sort(), counts]")), flush=True)
finally:
    driver.quit()
"""


class Browser:
    """A page in a browser."""

    def __init__(self, options, url):
        self.folder = tempfile.TemporaryDirectory(prefix="registry-browser-", ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [python(options), "-c", BROWSER, self.folder.name, "/usr/bin/chromedriver", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def known(self):
        """The ids that the page has by EventSource and by fetch, and how often it was told what."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextlib.contextmanager
def page(text):
    """A server of one page; another origin than the registry's."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(text().encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def in_a_browser(options, token=None, **settings):
    """The code that docs/watch.md shows, in a page of another origin. Without a token both of it, else what `fetch` does."""
    with page(lambda: text) as origin, Pair(options.registry, CORS_ORIGINS=origin, **settings) as pair:
        url = pair.read.url + "/api/v1/watch"
        source = replace(code_block("docs/watch.md", 0, "js"), ("'/api/v1/watch", f"'{url}"), ("const instances = new Map()\n", ""),
                         ("JSON.parse(e.data).instances.forEach", "counts.snapshots++; JSON.parse(e.data).instances.forEach"),
                         ("    const events = ", "    counts.made++\n    const events = "))
        fetched = replace(code_block("docs/watch.md", 1, "js"), ("'/api/v1/watch", f"'{url}"), ("'TOKEN'", f"'{token}'"))
        if not token:
            # A token where none is asked for is refused.
            fetched = replace(fetched, ("{Authorization: `Bearer ${token}`}", "{}"))
        text = f"<script>const counts = {{made: 0, snapshots: 0}}, instances = new Map()\n{fetched}{'' if token else source}</script>"
        ids = {pair.register("web", f"10.0.0.{number}:80", token=token) for number in range(3)}
        with Browser(options, origin) as browser:
            def told():
                found = browser.known()
                return [sorted(ids) if token else found[0], found[1]] == [sorted(ids)] * 2

            wait("the page to know all", told)
            ids.add(pair.register("web", "10.0.0.9:80", token=token))
            wait("the page to know one more", told)
            gone = ids.pop()
            pair.remove(gone, token=token)
            wait("the page to know that one has gone", told)
            fewest = []

            def look():
                found = browser.known()
                fewest.append(min(len(known) for known in found[bool(token):2]))

            pair.watch(look)
            assert min(fewest) == len(ids), f"the page had {min(fewest)} of {len(ids)} while the member was away"
            ids.add(pair.register("web", "10.0.0.10:80", token=token))
            wait("the page to know what came since", told)
            counts = browser.known()[2]
            refused = pair.answers("watchInstances").get(503, 0)
            print(f"  {refused} streams were refused after the restart; {counts}")
            # Each comes back after two to four seconds.
            assert refused <= 4 and counts["made"] <= 4 and counts["snapshots"] == counts["made"], (refused, counts)


def a_browser_follows_a_restart(options):
    in_a_browser(options)


def a_browser_with_a_token_follows_a_restart(options):
    in_a_browser(options, token="tenant-a", AUTH_MODE="trusted", REPLICATION_PLAIN="true")


def curl_shows_events_and_comments(options):
    with Pair(options.registry) as pair:
        pair.register("web", "10.0.0.1:80")
        with Process("curl", "-sSN", pair.read.url + "/api/v1/watch?service_name=web") as client:
            wait("the snapshot", lambda: "event: snapshot\n" in client.text(), client)
            wait("a comment", lambda: "\n:\n" in client.text(), client)
            pair.register("web", "10.0.0.2:80")
            wait("the change", lambda: "event: put\n" in client.text(), client)
            assert client.text().startswith("retry: "), client.text()


def a_loop_of_long_polls_follows_a_restart(options):
    program = python(options)
    with Pair(options.registry) as pair:
        with Process(program, "-c", POLLER, pair.read.url + "/api/v1/services/web") as client:
            awaits(client, set())
            ids = {pair.register("web", "10.0.0.1:80")}
            assert awaits(client, ids) < CHANGE_SECONDS
            before = len(lines(client))
            time.sleep(2)
            assert len(lines(client)) == before, "a poll does not wait"
            pair.restart()
            ids.add(pair.register("web", "10.0.0.2:80"))
            awaits(client, ids)
            since = lines(client)[before:]
            assert all(known for status, known in since if status == 200), since
            assert all(status in (200, 304, 503) for status, _ in since), since
            assert len(since) < 30, f"it spins: {since}"


if __name__ == "__main__":
    sys.exit(checks.run([
        curl_shows_events_and_comments, sseclient_follows_a_restart, requests_follows_a_restart, a_browser_follows_a_restart,
        a_browser_with_a_token_follows_a_restart, a_loop_of_long_polls_follows_a_restart,
    ], __doc__))
