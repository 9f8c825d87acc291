#!/usr/bin/env python3
"""Has a real Prometheus find its targets here, while what is registered changes and the registry restarts.

Usage: feeds_prometheus.py [--registry PATH] [CHECK ...]

Needs prometheus and promtool (Debian's package `prometheus`). The configuration is that of docs/prometheus.md. Exits with 0 only when
everything passed.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

import checks
from cluster import free_port
from feeds import Pair, Process, code_block, fetch, replace, wait

PROMETHEUS = "prometheus"
PROMTOOL = "promtool"
REFRESH_SECONDS = 1
DOCUMENT = "docs/prometheus.md"


def configuration(folder, port, token=None, text=None):
    """That of the documentation, or a text in which the registry's address is put likewise."""
    pairs = [("http://localhost:8080/", f"http://127.0.0.1:{port}/")]
    if text is None:
        text = code_block(DOCUMENT, 0)
        pairs.append(("refresh_interval: 15s", f"refresh_interval: {REFRESH_SECONDS}s"))
    if token:
        pairs.append(("# authorization: {type: Bearer, credentials: TOKEN}", f"authorization: {{type: Bearer, credentials: {token}}} "))
    path = pathlib.Path(folder) / "prometheus.yml"
    path.write_text("global: {scrape_interval: 5s}\n" + replace(text, *pairs))
    return path


class Prometheus(Process):
    def __init__(self, folder, port, token=None, text=None):
        self.url = f"http://127.0.0.1:{free_port()}"
        super().__init__(
            PROMETHEUS, f"--config.file={configuration(folder, port, token, text)}", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={self.url.removeprefix('http://')}", "--log.level=warn")
        # While it starts it answers its pages with 503.
        wait("Prometheus to have started", lambda: fetch(self.url + "/-/ready")[0] == 200, self)

    def targets(self):
        """The labels of each target before and after relabelling, by its address."""
        status, body = fetch(self.url + "/api/v1/targets?state=active")
        assert status == 200, status
        found = json.loads(body)["data"]["activeTargets"]
        return {target["discoveredLabels"]["__address__"]: (target["discoveredLabels"], target["labels"], target["scrapeUrl"]) for target in found}

    def refusals(self):
        """Lines that say that an answer was not taken."""
        return [line for line in self.text().splitlines() if "refresh" in line.lower() or "discover" in line.lower()]


def fill(pair, token=None):
    """Instances of every sort; the addresses of those that are targets."""
    odd = {"a-b": 1, "a.b": 2, "é": True, "zone": "eu", "nested": {"x": 1}, "null": None, "": "empty", "weight": 5}
    pair.register("web", "127.0.0.1:9101", tags=["v1", "canary"], metadata=odd, token=token)
    pair.register("web", "127.0.0.1:9102", status="STARTING", token=token)
    pair.register("web", "https://127.0.0.1:9103/x", metadata={"prometheus_path": "/m"}, token=token)
    pair.register("wéb \"x\"", "localhost:9104", kind="tcp", status="OUT_OF_SERVICE", metadata="text", token=token)
    pair.register("web", "[::1]:9105", kind="https", token=token)
    pair.register("dns", "127.0.0.1:53", kind="udp", token=token)
    pair.register("odd", "nobody knows", kind="user", token=token)
    pair.register("odd", "10.0.0.1 :80", kind="tcp", token=token)
    return {"127.0.0.1:9101", "127.0.0.1:9102", "127.0.0.1:9103", "localhost:9104", "[::1]:9105"}


def promtool_takes_the_documented_configuration(options):
    with Pair(options.registry) as pair, tempfile.TemporaryDirectory() as folder:
        expected = fill(pair)
        path = configuration(folder, pair.read.port)
        subprocess.run([PROMTOOL, "check", "config", path], check=True, capture_output=True)
        checked = subprocess.run([PROMTOOL, "check", "service-discovery", path, "services"], check=True, capture_output=True, text=True)
        found = json.loads(checked.stdout[checked.stdout.index("["):])
        assert {entry["discoveredLabels"]["__address__"] for entry in found} == expected, found


def targets_follow_what_is_registered_and_survive_a_restart(options):
    with Pair(options.registry) as pair, tempfile.TemporaryDirectory() as folder:
        expected = fill(pair)
        with Prometheus(folder, pair.read.port) as prometheus:
            found = wait("all targets", lambda: prometheus.targets().keys() == expected and prometheus.targets(), prometheus)
            before, after, _ = found["127.0.0.1:9101"]
            assert before["__meta_a8_tags"] == ",v1,canary," and before["__meta_a8_metadata_a_b"] == "1", before
            assert before["__meta_a8_status"] == "UP" and "__meta_a8_metadata_nested" not in before, before
            assert after["service"] == "web" and after["zone"] == "eu" and after["status"] == "UP", after
            assert found["127.0.0.1:9103"][2] == "https://127.0.0.1:9103/m", found["127.0.0.1:9103"]
            assert found["localhost:9104"][0]["__meta_a8_status"] == "OUT_OF_SERVICE"
            assert prometheus.refusals() == [], prometheus.last_words()

            added = pair.register("late", "127.0.0.1:9106")
            wait("the new target", lambda: prometheus.targets().keys() == expected | {"127.0.0.1:9106"}, prometheus)
            pair.remove(added)
            wait("its end", lambda: prometheus.targets().keys() == expected, prometheus)

            lost = []
            started = time.monotonic()

            def watch():
                lost.extend(expected - prometheus.targets().keys())

            pair.watch(watch)
            assert lost == [], f"targets were lost while the registry restarted: {lost}"
            # Each refresh is one request, whatever it is answered.
            seconds = time.monotonic() - started
            refused = len(prometheus.refusals())
            assert 1 <= refused <= seconds / REFRESH_SECONDS + 2, (refused, seconds)
            asked = pair.answers("listTargets")
            assert sum(asked.values()) <= seconds / REFRESH_SECONDS + 2, asked
            pair.register("late", "127.0.0.1:9107")
            wait("what was registered since", lambda: prometheus.targets().keys() == expected | {"127.0.0.1:9107"}, prometheus)


def a_token_is_asked_for(options):
    with Pair(options.registry, AUTH_MODE="trusted", REPLICATION_PLAIN="true") as pair, tempfile.TemporaryDirectory() as folder:
        expected = fill(pair, token="tenant-a")
        pair.register("web", "127.0.0.1:9999", token="tenant-b")
        with Prometheus(folder, pair.read.port, token="tenant-a") as prometheus:
            found = wait("the tenant's targets", lambda: prometheus.targets().keys() == expected and prometheus.targets(), prometheus)
            assert {labels["__meta_a8_namespace"] for labels, _, _ in found.values()} == {"tenant-a"}


def eureka_targets_survive_a_restart(options):
    """Prometheus' own client of Eureka, which takes XML alone."""
    with Pair(options.registry) as pair, tempfile.TemporaryDirectory() as folder:
        for port in (9201, 9202):
            pair.register("web", f"127.0.0.1:{port}", metadata={"zone": "eu"})
        expected = {"127.0.0.1:9201", "127.0.0.1:9202"}
        text = f"""
scrape_configs:
  - job_name: services
    eureka_sd_configs: [{{server: "http://localhost:8080/eureka/v2", refresh_interval: {REFRESH_SECONDS}s}}]
    relabel_configs:
      - {{source_labels: [__meta_eureka_app_name], target_label: service}}
      - {{source_labels: [__meta_eureka_app_instance_metadata_zone], target_label: zone}}
"""
        with Prometheus(folder, pair.read.port, text=text) as prometheus:
            found = wait("both targets", lambda: prometheus.targets().keys() == expected and prometheus.targets(), prometheus)
            labels = found["127.0.0.1:9201"][1]
            assert (labels["service"].lower(), labels["zone"]) == ("web", "eu"), labels
            lost, started = [], time.monotonic()
            pair.watch(lambda: lost.extend(expected - prometheus.targets().keys()))
            assert lost == [], f"targets were lost while the registry restarted: {lost}"
            seconds, refused = time.monotonic() - started, len(prometheus.refusals())
            assert 1 <= refused <= seconds / REFRESH_SECONDS + 2, (refused, seconds)
            pair.register("web", "127.0.0.1:9203")
            wait("what was registered since", lambda: prometheus.targets().keys() == expected | {"127.0.0.1:9203"}, prometheus)


if __name__ == "__main__":
    sys.exit(checks.run([
        promtool_takes_the_documented_configuration, targets_follow_what_is_registered_and_survive_a_restart, a_token_is_asked_for,
        eureka_targets_survive_a_restart,
    ], __doc__))
