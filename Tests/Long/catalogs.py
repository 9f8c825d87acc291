#!/usr/bin/env python3
"""Sources that misbehave: whatever a directory of files or another Eureka does, look-ups are answered as before.

Usage: catalogs.py [--registry PATH]

Beside each misbehaviour a client asks for a short list, one request after the other; its 99th percentile is held against that
of an undisturbed run. What was read before stays, the state says in a sentence what happened, and memory stays within a bound.
What an instance of a source takes in memory is the benchmark's to say.
"""

import gzip
import json
import pathlib
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import checks  # noqa: E402
from disturbance import WAIT_SECONDS, Certificates, Undisturbed, ask, services, status, wait  # noqa: E402
from running_registry import RunningRegistry  # noqa: E402

# Longer than the time between two questions to another Eureka.
ECHO_SECONDS = 35
FILE_BYTES = 64 << 20


def instance(number, service="big"):
    return {"service_name": f"{service}-{number % 1000:04d}",
            "endpoint": {"type": "http", "value": f"host-{number:08d}.internal:8080"},
            "tags": ["zone-a", "v1.4.2", "blue"], "metadata": {"version": "1.4.2", "region": "eu-west"}}


def files_that_misbehave(options):
    """Files that are huge, halved, wrong, deep, too large and gone."""
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "default.json").write_text(json.dumps({"instances": [instance(1, "kept")]}))
        with Undisturbed(options, {"FS_CATALOG": str(folder)}) as run:
            registry = run.registry
            wait("the file", lambda: "kept-0001" in services(registry))

            def problem(name, content):
                def act():
                    (folder / name).write_bytes(content)
                    wait("its problem", lambda: status(registry, "filesystem")["state"] == "partial")
                    said = status(registry, "filesystem")["problems"][0]
                    assert "kept-0001" in services(registry)
                    (folder / name).unlink()
                    wait("its end", lambda: status(registry, "filesystem")["state"] == "current")
                    return f"{said['place']}: {said['text']}"
                return act

            one = json.dumps(instance(7)).encode()
            bad = {
                "half a document": b'{"instances":[' + one,
                "HTML": b"<html><body>It works!</body></html>",
                "JSON that is deep": b'{"instances":' + b"[" * 100_000,
                "the same instance twice": b'{"instances":[' + one + b"," + one + b"]}",
                "a name that is no name": b'{"instances":[{"service_name":"","endpoint":{"type":"tcp","value":"a"}}]}',
                "bytes that are no text": b'{"instances":["\xff\xfe"]}',
                "a file over 64 MiB": b" " * (FILE_BYTES + 1),
            }
            for what, content in bad.items():
                run.during(what, problem("bad.json", content))

            def large():
                text = []
                size = 16
                number = 0
                while size < FILE_BYTES - 1_000:
                    text.append(json.dumps(instance(number), separators=(",", ":")))
                    size += len(text[-1]) + 1
                    number += 1
                (folder / "large.json").write_text('{"instances":[' + ",".join(text) + "]}")
                wait("the large file", lambda: status(registry, "filesystem")["instances"] == number + 1)
                return f"{number} instances, shown {status(registry, 'filesystem')['lag_ms']} ms after the change"
            run.during("a file of 64 MiB", large)

            def rewritten():
                for _ in range(3):
                    content = (folder / "large.json").read_bytes()
                    (folder / "large.json").write_bytes(content[:len(content) // 2])
                    time.sleep(0.5)
                    (folder / "large.json").write_bytes(content)
                    time.sleep(0.5)
            run.during("the same written again and again", rewritten)

            def gone():
                (folder / "large.json").unlink()
                wait("the end of it", lambda: status(registry, "filesystem")["instances"] == 1)
            run.during("its deletion", gone)


class FakeEureka(threading.Thread):
    """A server of Eureka that can do everything wrong. `answer` takes the socket after the request."""

    def __init__(self, certificate=None):
        """`certificate` is a file with a certificate and its key: then it speaks TLS."""
        super().__init__(daemon=True)
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.answer = self.good

    def run(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
                request = b""
                while b"\r\n\r\n" not in request:
                    more = connection.recv(65_536)
                    if not more:
                        return
                    request += more
                self.answer(connection)
            except OSError:
                pass

    @staticmethod
    def reply(connection, head, body=b""):
        connection.sendall(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)

    @staticmethod
    def listing(count=1):
        items = [{"instanceId": f"i{number}", "hostName": f"h{number}", "app": "KEPT", "ipAddr": "10.0.0.1", "status": "UP",
                  "port": {"$": 80, "@enabled": "true"}} for number in range(count)]
        return json.dumps({"applications": {"apps__hashcode": f"UP_{count}_", "application": [
            {"name": "KEPT", "instance": items}]}}).encode()

    def good(self, connection):
        self.reply(connection, "200 OK", self.listing())


def a_eureka_that_misbehaves(options):
    """Another Eureka that is down, slow, endless, silent, redirecting, refusing, and answers what is no list, from the start
    on, and then is well."""
    server = FakeEureka()
    server.start()
    url = f"http://127.0.0.1:{server.port}/eureka/v2"

    def misbehaving(registry):
        wait("its failure", lambda: status(registry, "eureka").get("problems"))
        said = status(registry, "eureka")["problems"][0]["text"]
        server.answer = server.good
        wait("its mending", lambda: status(registry, "eureka")["state"] == "current" and "KEPT" in services(registry))
        return said

    def body(head, content=b""):
        return lambda connection: server.reply(connection, head, content)

    def silent(connection):
        time.sleep(WAIT_SECONDS)

    def dripping(connection):
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000:
            connection.sendall(bytes([byte]))
            time.sleep(0.2)

    def endless(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")

    def cut(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + server.listing()[:50])

    def bytewise(content):
        def answer(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
            for byte in content:
                connection.sendall(b"1\r\n" + bytes([byte]) + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
        return answer

    def zipped(content):
        return body("200 OK\r\nContent-Encoding: gzip", content)

    cases = {
        "401": body("401 Unauthorized"), "403": body("403 Forbidden"), "429": body("429 Too Many Requests"),
        "500": body("500 Internal Server Error"), "HTML": body("200 OK", b"<html>It works!</html>"),
        "half a document": body("200 OK", server.listing()[:60]),
        "JSON that is deep": body("200 OK", b'{"applications":' * 50_000),
        "404": body("404 Not Found"),
        "XML": body("200 OK", b"<applications><application><name>A</name></application></applications>"),
        "XML with a document type": body("200 OK", b'<!DOCTYPE a [<!ENTITY b "c">]><applications>&b;</applications>'),
        "XML that is deep": body("200 OK", b"<a>" * 100_000), "XML that is huge": body("200 OK", b"<applications>" + b" " * (60 << 20)),
        "XML that is cut": body("200 OK", b"<applications><appl"),
        "JSON of more than 64 MiB": body("200 OK", b'{"applications":"' + b"x" * FILE_BYTES + b'"}'),
        "gzip that is none": zipped(b"no gzip" * 100), "gzip of 256 MiB": zipped(gzip.compress(bytes(256 << 20), 1)),
        "a redirect to another host": body("302 Found\r\nLocation: http://192.0.2.1/eureka"),
        "an answer that is cut": cut, "an answer without an end": endless, "no answer": silent,
        "a byte now and then": dripping, "chunks of a byte that are no list": bytewise(b"<html>no</html>" * 20),
    }
    for what, answer in cases.items():
        server.answer = answer
        with Undisturbed(options, {"EUREKA_URL": url}) as run:
            run.during(what, lambda: misbehaving(run.registry))

    def odd(connection):
        good = json.loads(server.listing())["applications"]["application"][0]
        one = good["instance"][0]
        good["instance"] = [one, one, {**one, "instanceId": "i2", "hostName": ""}, {**one, "instanceId": "i3", "hostName": "h" * 5_000}]
        long = {"name": "L" * 3_000, "instance": [{**one, "app": "L" * 3_000}]}
        server.reply(connection, "200 OK", json.dumps({"applications": {"application": [good, long]}}).encode())
    server.answer = odd
    with Undisturbed(options, {"EUREKA_URL": url}) as run:
        def partly():
            wait("what can be shown", lambda: status(run.registry, "eureka")["state"] == "partial" and "KEPT" in services(run.registry),
                 state=lambda: status(run.registry, "eureka"))
            stands = status(run.registry, "eureka")
            assert stands["instances"] == 1, stands
            return "; ".join(problem["text"] for problem in stands["problems"])
        run.during("an instance twice, and names that are none", partly)
    item = len(server.listing(2)) - len(server.listing(1))
    count = (FILE_BYTES - (4 << 20)) // (item + 12)
    large = server.listing(count)
    assert len(large) < FILE_BYTES
    server.answer = body("200 OK", large)
    with Undisturbed(options, {"EUREKA_URL": url}) as run:
        def all_shown():
            wait("all of them", lambda: status(run.registry, "eureka")["instances"] == count, state=lambda: status(run.registry, "eureka"))
            return f"{count} instances"
        run.during("JSON of nearly 64 MiB", all_shown)
    server.listening.close()
    with Undisturbed(options, {"EUREKA_URL": url}) as run:
        def down():
            return wait("its failure", lambda: status(run.registry, "eureka").get("problems"))[0]["text"]
        run.during("a server that is down", down)


def certificates_of_another_eureka_are_verified(options):
    """U110: with the authority that has signed them, with another, and with one that takes the other's place."""
    certificates = Certificates(options)
    server = FakeEureka(certificates.together)
    server.start()
    url = f"https://127.0.0.1:{server.port}/eureka/v2"
    with RunningRegistry(options.registry, {"EUREKA_URL": url}) as registry:
        said = wait("its failure", lambda: status(registry, "eureka").get("problems"))[0]["text"]
        print(f"  with the system's: {said}")
        assert "certificate" in said, said
    certificates.give(certificates.wrong)
    with RunningRegistry(options.registry, {"EUREKA_URL": url, "EUREKA_CA": str(certificates.given)}) as registry:
        said = wait("its failure", lambda: status(registry, "eureka").get("problems"))[0]["text"]
        assert "certificate" in said and "KEPT" not in services(registry), said
        certificates.give(certificates.right)
        wait("it to be trusted", lambda: status(registry, "eureka")["state"] == "current" and "KEPT" in services(registry),
             state=lambda: status(registry, "eureka"))


def two_registries_that_read_each_other(options):
    """What is registered with one is shown by both, and by neither when it has gone: no echo of it stays."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        second_port = probe.getsockname()[1]
    eureka = "http://127.0.0.1:{}/eureka/v2"
    with RunningRegistry(options.registry, {"EUREKA_URL": eureka.format(second_port)}) as first, \
            RunningRegistry(options.registry, {"API_PORT": str(second_port),
                                               "EUREKA_URL": eureka.format(first.port)}) as second:
        body = json.dumps({"service_name": "shared", "endpoint": {"type": "http", "value": "10.0.0.1:1"}, "ttl": 600})
        id = json.loads(ask(first, "/api/v1/instances", "POST", body)[1])["id"]
        for registry in (first, second):
            wait("it to be shown", lambda: any(name.lower() == "shared" for name in services(registry)))
        time.sleep(ECHO_SECONDS)
        assert ask(first, f"/api/v1/instances/{id}", "DELETE")[0] == 200
        for registry in (second, first):
            wait("it to be gone", lambda: not any(name.lower() == "shared" for name in services(registry)))
        time.sleep(ECHO_SECONDS)
        for registry in (second, first):
            assert not any(name.lower() == "shared" for name in services(registry)), "an echo of it came back"


if __name__ == "__main__":
    sys.exit(checks.run([files_that_misbehave, a_eureka_that_misbehaves, certificates_of_another_eureka_are_verified, two_registries_that_read_each_other], __doc__))
