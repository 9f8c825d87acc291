#!/usr/bin/env python3
"""The registry beside an API server of Kubernetes, over real sockets: what it shows, what it asks, and what it does when the server misbehaves.

Usage: kubernetes_source.py [--registry PATH] [--venv DIR] [CHECK...]

The server is kubernetes_api.py, which is itself checked with Kubernetes' own client for Python; that is installed into the virtual environment when
it is not there yet. Beside each misbehaviour a client asks for a short list; its 99th percentile is held against that of an undisturbed run.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import venv

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import checks  # noqa: E402
import kubernetes_api  # noqa: E402
from disturbance import WAIT_SECONDS, Certificates, Undisturbed, ask, services, status, wait  # noqa: E402
from kubernetes_api import slice_of  # noqa: E402
from running_registry import RunningRegistry  # noqa: E402

REQUIREMENT = "kubernetes==37.0.2"
SLICES = "endpointslices"
PAGE = 500
# A list that takes three pages, and is long enough to be compressed.
MANY = 1_200
SHORT_WATCH_SECONDS = 1.2
# How long a list may take that comes byte by byte, and some more.
DRIP_SECONDS = 330
INSTANCE_LIMIT = 1_000_000
# Of a million instances, all their slices, and an answer that is being read.
MILLION_MIB = 600
# What the registry and its source hold beside a view of a few instances, whatever a server sends.
SMALL_MIB = 200

# Reads the fake as any client does, and prints what it saw.
CLIENT = """
import json, sys, threading
import kubernetes
from kubernetes import client, watch
configuration = client.Configuration(host=sys.argv[1])
configuration.api_key = {"authorization": "Bearer secret"}
api = client.DiscoveryV1Api(client.ApiClient(configuration))
core = client.CoreV1Api(client.ApiClient(configuration))
seen = {}
pages, names, token = 0, [], None
while True:
    page = api.list_endpoint_slice_for_all_namespaces(limit=2, **({"_continue": token} if token else {}))
    names += [item.metadata.name for item in page.items]
    pages, token, version = pages + 1, page.metadata._continue, page.metadata.resource_version
    if not token:
        break
seen["pages"], seen["names"] = pages, names
seen["namespaced"] = [item.metadata.name for item in api.list_namespaced_endpoint_slice("prod").items]
slice = api.list_namespaced_endpoint_slice("default").items[0]
seen["slice"] = [slice.metadata.labels["kubernetes.io/service-name"], slice.endpoints[0].addresses[0], slice.ports[0].port, slice.endpoints[0].conditions.ready]
seen["pods"] = {pod.metadata.name: pod.metadata.labels for pod in core.list_pod_for_all_namespaces().items}
print("listed", flush=True)
events = []
for event in watch.Watch().stream(api.list_endpoint_slice_for_all_namespaces, resource_version=version, allow_watch_bookmarks=True, timeout_seconds=30):
    metadata = event["raw_object"]["metadata"]
    events.append([event["type"], metadata.get("name"), metadata["resourceVersion"]])
    if event["type"] == "BOOKMARK":
        break
seen["events"] = events
print("watched", flush=True)
sys.stdin.readline()
for what, call in {
    "forgotten": lambda: list(watch.Watch().stream(api.list_endpoint_slice_for_all_namespaces, resource_version=version, timeout_seconds=5)),
    "page": lambda: api.list_endpoint_slice_for_all_namespaces(limit=2, _continue=f"{version}.2"),
    "unauthorized": lambda: client.DiscoveryV1Api(client.ApiClient(client.Configuration(host=sys.argv[1]))).list_endpoint_slice_for_all_namespaces(),
}.items():
    try:
        call()
        seen[what] = 200
    except client.ApiException as refused:
        seen[what] = refused.status
print(json.dumps(seen), flush=True)
"""


@contextlib.contextmanager
def cluster(**options):
    """A running API server."""
    server = kubernetes_api.Server(**options).start()
    try:
        yield server
    finally:
        server.stop()


def named(server, name, service, addresses, namespace="default", **more):
    server.store.put(SLICES, namespace, name, slice_of(service, addresses, **more))


def settings(server, **more):
    return {"K8S_URL": server.url, **more}


def instances(registry, service, query="", headers=None):
    """The endpoints of a service, with their statuses; empty when there is no such service."""
    code, body = ask(registry, f"/api/v1/services/{service}{query}", headers=headers)
    return {i["endpoint"]["value"]: i["status"] for i in json.loads(body)["instances"]} if code == 200 else {}


def shown(registry):
    return status(registry, "kubernetes")["instances"]


def wait_for(registry, service, expected, headers=None):
    """Waits until a service has these endpoints, all of them UP, or with the statuses of a dictionary."""
    expected = expected if isinstance(expected, dict) else {f"{address}:9080": "UP" for address in expected}
    wait(f"{service} to have {expected}", lambda: instances(registry, service, headers=headers) == expected,
         state=lambda: (instances(registry, service, headers=headers), status(registry, "kubernetes")))


def current(registry):
    return status(registry, "kubernetes")["state"] == "current"


def python(options):
    """The interpreter of the virtual environment, with Kubernetes' client."""
    program = options.venv / "bin" / "python"
    marker = options.venv / f".{REQUIREMENT}"
    if not marker.exists():
        venv.create(options.venv, symlinks=True, with_pip=True)
        subprocess.run([program, "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
        marker.touch()
    return str(program)


def kubernetes_own_client_takes_the_server(options):
    """What these tests take for an API server is one for the client that Kubernetes' authors have written."""
    with cluster(token="secret") as server, tempfile.TemporaryFile("w+") as errors:
        for number in range(3):
            named(server, f"web-{number}", "web", [f"10.0.0.{number}"])
        named(server, "web-other", "web", ["10.0.1.1"], namespace="prod")
        server.store.put("pods", "default", "web-a", {"metadata": {"labels": {"version": "v1"}}})
        client = subprocess.Popen([python(options), "-c", CLIENT, server.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            def line():
                text = client.stdout.readline()
                errors.seek(0)
                assert text, f"the client ended: {errors.read()[-2000:]}"
                return text.strip()
            assert line() == "listed"
            wait("its watch", lambda: server.store.watches)
            server.store.put(SLICES, "default", "web-9", slice_of("web", ["10.0.0.9"]))
            server.store.put(SLICES, "default", "web-9", slice_of("web", ["10.0.0.10"]))
            server.store.delete(SLICES, "default", "web-9")
            # A bookmark tells of what has been sent.
            server.store.bookmark()
            assert line() == "watched"
            server.store.compact()
            client.stdin.write("go on\n")
            client.stdin.flush()
            seen = json.loads(line())
        finally:
            client.kill()
            client.wait()
        version = server.store.version
    assert seen["pages"] == 2 and seen["names"] == ["web-0", "web-1", "web-2", "web-other"], seen
    assert seen["namespaced"] == ["web-other"] and seen["slice"] == ["web", "10.0.0.0", 9080, True], seen
    assert seen["pods"] == {"web-a": {"version": "v1"}}, seen
    assert [event[:2] for event in seen["events"]] == [["ADDED", "web-9"], ["MODIFIED", "web-9"], ["DELETED", "web-9"], ["BOOKMARK", None]], seen
    assert seen["events"][-1][2] == str(version), seen
    assert (seen["forgotten"], seen["page"], seen["unauthorized"]) == (410, 410, 401), seen


def what_runs_there_is_shown_and_followed(options):
    """K201–K205, K209: a list, then each change by the watch."""
    with cluster() as server:
        named(server, "web-a", "web", ["10.0.0.1", "10.0.0.2"])
        with RunningRegistry(options.registry, settings(server)) as registry:
            wait_for(registry, "web", ["10.0.0.1", "10.0.0.2"])
            body = json.loads(ask(registry, "/api/v1/services/web")[1])
            assert all(i["tags"] == ["kubernetes"] and i["metadata"] == {"zone": "zone-a"} and i["endpoint"]["type"] == "http" for i in body["instances"]), body
            code, said = ask(registry, f"/api/v1/instances/{body['instances'][0]['id']}/heartbeat", "PUT")
            assert code == 410 and b"Kubernetes" in said, (code, said)
            # An endpoint that two slices have is gone when both have lost it.
            named(server, "web-b", "web", ["10.0.0.2", "10.0.0.3"])
            wait_for(registry, "web", ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
            named(server, "web-a", "web", ["10.0.0.1"])
            named(server, "web-b", "web", ["10.0.0.2"])
            wait_for(registry, "web", ["10.0.0.1", "10.0.0.2"])
            server.store.delete(SLICES, "default", "web-b")
            wait_for(registry, "web", ["10.0.0.1"])
            # What is not ready, what has no port of ours, and the nulls that Go writes.
            odd = slice_of("odd", ["10.0.1.1", "10.0.1.2", "10.0.1.3", "no address, is it?", "10.0.1.5"])
            for number, conditions in enumerate([{"ready": False, "serving": True, "terminating": True}, {"ready": False}, None, {}, {"ready": None}]):
                odd["endpoints"][number] |= {"conditions": conditions, "zone": None, "nodeName": None, "hostname": None}
            odd["ports"] += [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "any", "port": None}, {"name": "s", "port": 7, "protocol": "SCTP"}]
            server.store.put(SLICES, "default", "odd", odd)
            server.store.put(SLICES, "default", "none", {"metadata": {"labels": {"kubernetes.io/service-name": "odd"}}, "addressType": "IPv4",
                                                         "endpoints": None, "ports": None})
            states = {"10.0.1.1": "OUT_OF_SERVICE", "10.0.1.2": "STARTING", "10.0.1.3": "UP", "10.0.1.5": "UP"}
            wait_for(registry, "odd", {f"{address}:{port}": state for address, state in states.items() for port in (9080, 53)})
            stands = status(registry, "kubernetes")
            assert stands["state"] == "partial" and "no address that can be used" in stands["problems"][0]["text"], stands
            server.store.delete(SLICES, "default", "odd")
            wait("the odd ones' end", lambda: current(registry) and "odd" not in services(registry), state=lambda: status(registry, "kubernetes"))
            six = slice_of("six", ["fd00::1"])
            server.store.put(SLICES, "default", "six", {**six, "addressType": "IPv6"})
            wait_for(registry, "six", {"[fd00::1]:9080": "UP"})


@contextlib.contextmanager
def followed(options):
    """A cluster of many slices, and a registry that watches it. Each has its own, since pauses grow from failure to failure."""
    with cluster() as server:
        for number in range(MANY):
            named(server, f"web-{number:04}", f"web-{number % 100:02}", [f"10.1.{number // 250}.{number % 250}"])
        with RunningRegistry(options.registry, settings(server)) as registry:
            wait("all of them", lambda: shown(registry) == MANY, state=lambda: status(registry, "kubernetes"))
            wait("a watch", lambda: server.store.watches)
            yield server, registry


def watches_anew(store, lists):
    """Waits for so many lists, and a watch of what the last of them had."""
    wait("the lists", lambda: len(store.lists) >= lists, state=lambda: (store.lists, store.watches[-3:]))
    wait("a watch after them", lambda: store.watches[-1]["resourceVersion"] == str(store.version), state=lambda: (store.lists, store.watches[-3:]))
    return store.lists


def a_list_is_taken_and_a_bookmark_is_where_the_next_watch_begins(options):
    """K208, K209: what has ended is watched anew from the last bookmark, though nothing that is shown has changed and history ends there."""
    with followed(options) as (server, registry):
        store = server.store
        # First what the server has at hand, which knows no pages.
        assert store.lists == [{"limit": str(PAGE), "resourceVersion": "0"}], store.lists
        assert server.compressed, "the list came uncompressed"
        assert store.watches[-1]["resourceVersion"] == str(store.version)
        store.put("pods", "default", "other", {"metadata": {}})
        before = status(registry, "kubernetes")["read"]
        store.bookmark()
        wait("the bookmark to be read", lambda: status(registry, "kubernetes")["read"] != before)
        store.compact()
        begun = len(store.watches)
        store.end()
        wait("another watch", lambda: len(store.watches) > begun)
        assert store.watches[-1]["resourceVersion"] == str(store.version) and len(store.lists) == 1, (store.watches[-1], store.lists)


def what_was_missed_is_listed_in_pages(options):
    """K208, K209: 410 in place of a watch, after a while in which things have changed."""
    with followed(options) as (server, registry):
        store, seen = server.store, str(server.store.version)
        store.lists.clear()
        store.fail("503")
        store.end()
        store.delete(SLICES, "default", "web-0000")
        named(server, "web-new", "new", ["10.2.0.1"])
        store.compact()
        store.heal()
        lists = watches_anew(store, 3)
        # As new as what was seen, in pages of one version.
        assert lists[0] == {"limit": str(PAGE), "resourceVersion": seen} and all("continue" in each for each in lists[1:]) and len(lists) == 3, lists
        wait_for(registry, "new", ["10.2.0.1"])
        assert shown(registry) == MANY, status(registry, "kubernetes")


def an_event_of_410_has_all_listed(options):
    with followed(options) as (server, registry):
        server.store.lists.clear()
        # Of what else changes a watch is told nothing, and history ends behind what it has been told.
        server.store.put("pods", "default", "other", {"metadata": {}})
        server.store.compact()
        watches_anew(server.store, 3)
        assert shown(registry) == MANY, status(registry, "kubernetes")


def a_page_that_comes_too_late_has_all_listed_in_one_piece(options):
    with followed(options) as (server, registry):
        server.store.lists.clear()
        # The watch, the first page, and the second, whose version is forgotten by then.
        for kind in ("410", "none", "410"):
            server.store.fail(kind, 1)
        server.store.end()
        lists = watches_anew(server.store, 3)
        assert "limit" not in lists[-1] and "continue" not in lists[-1], lists
        assert shown(registry) == MANY, status(registry, "kubernetes")


def a_version_that_is_too_new_for_the_server_is_not_asked_for_again(options):
    """After a restart from a backup a server knows nothing of the version that was seen."""
    with followed(options) as (server, registry):
        server.store.lists.clear()
        for kind in ("410", "504"):
            server.store.fail(kind, 1)
        server.store.end()
        lists = watches_anew(server.store, 4)
        assert "resourceVersion" in lists[0] and "resourceVersion" not in lists[1], lists
        assert shown(registry) == MANY, status(registry, "kubernetes")


def a_watch_that_fails_is_no_reason_to_list(options):
    """K209."""
    for kind in ("429", "error-429", "error-500", "503", "cut"):
        with followed(options) as (server, registry):
            store, begun = server.store, len(server.store.watches)
            store.lists.clear()
            store.fail(kind, 1)
            store.end()
            named(server, "web-new", "new", ["10.2.0.1"])
            wait(f"{kind}: another watch", lambda: len(store.watches) > begun + 1)
            wait_for(registry, "new", ["10.2.0.1"])
            assert not store.lists, (kind, store.lists)


def another_server_at_the_same_address_is_taken(options):
    """It restarts, and has forgotten all history."""
    with followed(options) as (server, registry):
        server.stop()
        wait("its end to be noticed", lambda: status(registry, "kubernetes")["state"] == "failing", state=lambda: status(registry, "kubernetes"))
        assert shown(registry) == MANY
        server.store.delete(SLICES, "default", "web-0001")
        server.store.compact()
        with cluster(port=server.server_port, store=server.store):
            wait("it to be read again", lambda: current(registry) and shown(registry) == MANY - 1, state=lambda: status(registry, "kubernetes"))


def pods_labels_are_tags_for_routing(options):
    """K206."""
    with cluster() as server:
        for version in ("v1", "v2"):
            server.store.put("pods", "default", f"web-{version}", {"metadata": {"labels": {"version": version, "app": "web"}}, "spec": {"x": "y" * 1_000}})
        named(server, "web-a", "web", ["10.0.0.1", "10.0.0.2"], pods=["web-v1", "web-v2"])

        def routed(registry, tags):
            code, body = ask(registry, f"/api/v1/instances?tags={tags}")
            assert code == 200, body
            return [i["endpoint"]["value"] for i in json.loads(body)["instances"]]
        with RunningRegistry(options.registry, settings(server, K8S_POD_LABELS="true")) as registry:
            wait("the second version", lambda: routed(registry, "version=v2") == ["10.0.0.2:9080"], state=lambda: status(registry, "kubernetes"))
            assert routed(registry, "version=v1,app=web") == ["10.0.0.1:9080"]
            server.store.put("pods", "default", "web-v1", {"metadata": {"labels": {"version": "v3"}}})
            wait("the label that has changed", lambda: routed(registry, "version=v3") == ["10.0.0.1:9080"])
            server.store.delete("pods", "default", "web-v1")
            wait("its end", lambda: not routed(registry, "version=v3"))
            assert len(instances(registry, "web")) == 2


def namespaces_are_shown_apart_and_one_that_is_refused_hides_no_other(options):
    """K207, K208, K212."""
    with cluster() as server:
        for namespace, address in {"prod": "10.0.0.1", "shop": "10.0.0.2", "hidden": "10.0.0.3"}.items():
            named(server, "web-a", "web", [address], namespace=namespace)
        tenants = {"AUTH_MODE": "trusted", "LISTEN_ADDRESS": "127.0.0.1"}

        def of(namespace):
            return {"Authorization": f"Bearer {namespace}"}
        with RunningRegistry(options.registry, settings(server, K8S_NAMESPACES="prod,shop=tenant-a", **tenants)) as registry:
            wait_for_tenants = {"prod": ["10.0.0.1"], "tenant-a": ["10.0.0.2"]}
            for namespace, addresses in wait_for_tenants.items():
                wait(f"{namespace}", lambda: list(instances(registry, "web", headers=of(namespace))) == [f"{a}:9080" for a in addresses])
            for namespace in ("shop", "hidden", "default"):
                assert not instances(registry, "web", headers=of(namespace)), namespace
        with RunningRegistry(options.registry, settings(server, K8S_NAMESPACES="*", **tenants)) as registry:
            wait("all", lambda: list(instances(registry, "web", headers=of("hidden"))) == ["10.0.0.3:9080"])
        with RunningRegistry(options.registry, settings(server, K8S_NAMESPACES="*")) as registry:
            wait_for(registry, "web", ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
        server.store.fail("403", namespace="shop")
        with RunningRegistry(options.registry, settings(server, K8S_NAMESPACES="prod,shop")) as registry:
            wait_for(registry, "web", ["10.0.0.1"])
            stands = status(registry, "kubernetes")
            assert stands["state"] == "partial" and "403" in stands["problems"][0]["text"], stands
            server.store.heal()
            wait_for(registry, "web", ["10.0.0.1", "10.0.0.2"])
            wait("its recovery", lambda: current(registry))


def a_token_that_changes_is_taken_over(options):
    """K211: a stream that runs keeps its token; what comes after it has the new one."""
    with cluster(token="first") as server, tempfile.TemporaryDirectory() as folder:
        named(server, "web-a", "web", ["10.0.0.1"])
        token = pathlib.Path(folder) / "token"

        def write(text):
            (token.with_suffix(".new")).write_text(text + "\n")
            token.with_suffix(".new").rename(token)
        write("first")
        with RunningRegistry(options.registry, settings(server, K8S_TOKEN_FILE=str(token))) as registry:
            wait_for(registry, "web", ["10.0.0.1"])
            server.token = "second"
            named(server, "web-a", "web", ["10.0.0.2"])
            wait_for(registry, "web", ["10.0.0.2"])
            server.store.end()
            wait("the refusal", lambda: "401" in str(status(registry, "kubernetes").get("problems")))
            named(server, "web-a", "web", ["10.0.0.3"])
            write("second")
            wait_for(registry, "web", ["10.0.0.3"])
            wait("its recovery", lambda: current(registry))


def in_a_pod_the_service_account_is_enough(options):
    """K211: where the API server is, its authority and the token are where a cluster puts them, and the token is read again after a 401."""
    certificates = Certificates(options)
    with cluster(token="first", certificate=certificates.together) as server, tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        account = folder / "serviceaccount"
        account.mkdir()
        (account / "ca.crt").write_bytes(certificates.right.read_bytes())
        (account / "token").write_text("first")
        # A file system of its own has them at their place.
        pod = folder / "pod"
        pod.write_text(f"""#!/bin/sh
exec unshare {"-m" if os.geteuid() == 0 else "-rm"} sh -c 'mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io &&
    ln -s {account} /run/secrets/kubernetes.io/serviceaccount && exec "$0" "$@"' {options.registry} "$@"
""")
        pod.chmod(0o755)
        named(server, "web-a", "web", ["10.0.0.1"])
        with RunningRegistry(str(pod), {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(server.server_port),
                                        "K8S_NAMESPACES": "default"}) as registry:
            wait_for(registry, "web", ["10.0.0.1"])
            server.token = "second"
            (account / "token.new").write_text("second\n")
            (account / "token.new").rename(account / "token")
            named(server, "web-a", "web", ["10.0.0.2"])
            server.store.end()
            wait_for(registry, "web", ["10.0.0.2"])
            named(server, "web-a", "web", ["10.0.0.3"])
            wait_for(registry, "web", ["10.0.0.3"])
            wait("its recovery", lambda: current(registry))
        # K214 A server that is named is not shown the pod's token, nor believed by its authority.
        with cluster() as other:
            named(other, "web-a", "web", ["10.0.0.4"])
            other.token = "another"
            with RunningRegistry(str(pod), {**settings(other), "KUBERNETES_SERVICE_HOST": "127.0.0.1",
                                            "KUBERNETES_SERVICE_PORT": str(server.server_port)}) as registry:
                told(registry, "a server that is named", "401")
                assert other.credentials == {None}, other.credentials


def an_unknown_authority_is_not_believed(options):
    """TLS, with authorities that have signed the server's certificate and others that have not."""
    certificates = Certificates(options)
    with cluster(certificate=certificates.together) as server:
        named(server, "web-a", "web", ["10.0.0.1"])
        for given, authority in (("none", None), ("another", certificates.wrong)):
            more = {}
            if authority:
                certificates.give(authority)
                more["K8S_CA"] = str(certificates.given)
            with RunningRegistry(options.registry, settings(server, K8S_TOKEN="secret", **more)) as registry:
                said = wait("its failure", lambda: status(registry, "kubernetes").get("problems"))[0]["text"]
                print(f"  with {given}: {said}", flush=True)
                assert "certificate" in said and not server.store.lists, (said, server.store.lists)
                if authority:
                    # The file is replaced by one with the right authority.
                    certificates.give(certificates.right)
                    wait_for(registry, "web", ["10.0.0.1"])
                    assert current(registry)


def a_server_that_misbehaves_disturbs_nobody(options):
    """Whatever it answers: look-ups go on, what was shown stays, the state says what happened, and it mends itself."""
    # What must be said, within the sentence; None: nothing is wrong, and changes are followed all the while.
    sentences = {
        "401": "401", "403": "403", "404": "404", "410": "410", "429": "429", "500": "500", "503": "503", "error-500": "500", "error-429": "429",
        "html": "no JSON", "redirect": "redirect", "half": "within an object", "cut": "before the answer was complete", "long": "longer than", "deep": "too deeply",
        "endless": "longer than", "down": "refused", "bytes": None, "unknown": None, "back": None,
    }
    for kind, sentence in sentences.items():
        with cluster() as server:
            named(server, "web-a", "web", ["10.0.0.1"])
            # Each has its own registry, since pauses grow from failure to failure.
            with Undisturbed(options, settings(server), memory_mib=SMALL_MIB) as run:
                wait_for(run.registry, "web", ["10.0.0.1"])
                run.during(kind, lambda: misbehaving(server, run.registry, kind, sentence))
    # From the start on, when nothing is known yet.
    for kind in ("down", "403", "html", "redirect", "half", "cut", "long", "deep", "endless"):
        from_the_start(options, kind)


def a_server_that_keeps_silent_disturbs_nobody(options):
    """What takes minutes to be noticed, all at the same time: no head, a head and nothing more, a byte now and then, nothing after a bookmark (K210)."""
    def later():
        with cluster() as server:
            named(server, "web-a", "web", ["10.0.0.1"])
            with Undisturbed(options, settings(server), memory_mib=SMALL_MIB) as run:
                wait_for(run.registry, "web", ["10.0.0.1"])
                run.during("mute", lambda: misbehaving(server, run.registry, "mute", ""))
    with Undisturbed(options, {}):
        pass
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for each in [pool.submit(later), pool.submit(after_a_bookmark, options)] + [pool.submit(from_the_start, options, kind) for kind in ("mute", "silent", "slow")]:
            each.result()


def after_a_bookmark(options):
    """A line that died: what comes after it is seen once the silence has been noticed."""
    with cluster() as server:
        store = server.store
        named(server, "web-a", "web", ["10.0.0.1"])
        with RunningRegistry(options.registry, settings(server)) as registry:
            wait_for(registry, "web", ["10.0.0.1"])
            begun = len(store.watches)
            store.fail("quiet", 1)
            store.end()
            wait("the watch that will be quiet", lambda: len(store.watches) > begun and not store.faults)
            named(server, "web-a", "web", ["10.0.0.2"])
            silent = time.monotonic()
            wait("a new watch after the silence", lambda: list(instances(registry, "web")) == ["10.0.0.2:9080"], 150 + WAIT_SECONDS)
            assert time.monotonic() - silent > 120, "the watch was not quiet"


def from_the_start(options, kind):
    with cluster() as server:
        named(server, "web-a", "web", ["10.0.0.1"])
        if kind == "down":
            server.stop()
        else:
            server.store.fail(kind)
        with Undisturbed(options, settings(server), memory_mib=SMALL_MIB) as run:
            run.during(f"{kind} from the start on", lambda: beginning(server, run.registry, kind))


def misbehaving(server, registry, kind, sentence):
    """A server that was well goes wrong, and is well again. Returns what was said of it."""
    store = server.store
    # A watch that ends earlier is a failure by itself.
    time.sleep(SHORT_WATCH_SECONDS)
    begun = len(store.watches) + len(store.lists)
    if kind == "down":
        server.stop()
    else:
        store.fail(kind)
        store.end()
    if sentence is None:
        named(server, "web-a", "web", ["10.0.0.2"])
        wait_for(registry, "web", ["10.0.0.2"])
        assert current(registry), status(registry, "kubernetes")
        return None
    said = told(registry, kind, sentence)
    named(server, "web-a", "web", ["10.0.0.2"])
    assert list(instances(registry, "web")) == ["10.0.0.1:9080"]
    # It is not worn out by questions.
    time.sleep(2)
    asked = len(store.watches) + len(store.lists) - begun
    assert asked <= 10, f"it was asked {asked} times"
    assert status(registry, "kubernetes")["state"] == "failing", status(registry, "kubernetes")
    mended(server, registry, kind, ["10.0.0.2"])
    return said


def beginning(server, registry, kind):
    """A server is wrong from the start on, and then well. Returns what was said of it."""
    said = told(registry, kind)
    assert not instances(registry, "web")
    mended(server, registry, kind, ["10.0.0.1"])
    return said


def told(registry, kind, sentence=""):
    """What is said of a failure, once it is."""
    def failing():
        stands = status(registry, "kubernetes")
        # One that has never been read is starting, and says why it goes on so.
        said = stands["problems"][0]["text"] if stands["problems"] and stands["state"] in ("starting", "failing") else ""
        return said if sentence in said else None
    return wait(f"{kind} to be told", failing, seconds=DRIP_SECONDS if kind == "slow" else WAIT_SECONDS, state=lambda: status(registry, "kubernetes"))


def mended(server, registry, kind, addresses):
    """The server is well again; waits until what it has is shown."""
    with contextlib.ExitStack() as stack:
        if kind == "down":
            stack.enter_context(cluster(port=server.server_port, store=server.store))
        else:
            server.store.heal()
        wait_for(registry, "web", addresses)
        wait(f"the recovery from {kind}", lambda: current(registry), state=lambda: status(registry, "kubernetes"))


def a_million_instances_are_shown_and_more_are_not(options):
    """K213: the limit, and what it costs to stay within it."""
    size = 100

    def body(slices):
        """A list of so many slices, as bytes: Python would take a minute for each answer."""
        items = []
        for number in range(slices):
            endpoints = ",".join(f'{{"addresses":["10.{number // 250}.{number % 250}.{address}"],"conditions":{{"ready":true}}}}' for address in range(size))
            items.append(f'{{"metadata":{{"name":"s-{number}","namespace":"default","labels":{{"kubernetes.io/service-name":"web-{number}"}}}},'
                         f'"addressType":"IPv4","endpoints":[{endpoints}],"ports":[{{"name":"http","port":80,"protocol":"TCP"}}]}}')
        return ('{"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1","metadata":{"resourceVersion":"100"},"items":[' + ",".join(items)
                + "]}").encode()
    with Undisturbed(options, {}):
        # The bound of the others, if this check runs alone.
        pass
    with cluster() as server:
        server.store.canned = body(INSTANCE_LIMIT // size)
        with Undisturbed(options, settings(server), memory_mib=MILLION_MIB) as run:
            def million():
                wait("a million", lambda: shown(run.registry) == INSTANCE_LIMIT, state=lambda: status(run.registry, "kubernetes"))
            run.during("a million instances", million)

            def more():
                server.store.canned = body(INSTANCE_LIMIT // size + 1)
                server.store.compact()
                server.store.fail("410", 1)
                server.store.end()
                def limited():
                    return next((problem["text"] for problem in status(run.registry, "kubernetes")["problems"] if "1000000" in problem["text"]), None)
                said = wait("the limit to be told", limited, state=lambda: status(run.registry, "kubernetes"))
                assert shown(run.registry) == INSTANCE_LIMIT
                return said
            run.during("more than a million", more)

            def few():
                server.store.canned = body(10)
                server.store.end()
                wait("the few", lambda: shown(run.registry) == 10 * size, state=lambda: status(run.registry, "kubernetes"))
                wait("its recovery", lambda: current(run.registry))
            run.during("a thousand again", few)


CHECKS = [
    kubernetes_own_client_takes_the_server, what_runs_there_is_shown_and_followed, a_list_is_taken_and_a_bookmark_is_where_the_next_watch_begins,
    what_was_missed_is_listed_in_pages, an_event_of_410_has_all_listed, a_page_that_comes_too_late_has_all_listed_in_one_piece,
    a_version_that_is_too_new_for_the_server_is_not_asked_for_again, a_watch_that_fails_is_no_reason_to_list,
    another_server_at_the_same_address_is_taken, pods_labels_are_tags_for_routing,
    namespaces_are_shown_apart_and_one_that_is_refused_hides_no_other, a_token_that_changes_is_taken_over,
    in_a_pod_the_service_account_is_enough, an_unknown_authority_is_not_believed,
    a_server_that_misbehaves_disturbs_nobody, a_server_that_keeps_silent_disturbs_nobody, a_million_instances_are_shown_and_more_are_not,
]

if __name__ == "__main__":
    sys.exit(checks.run(CHECKS, __doc__))
