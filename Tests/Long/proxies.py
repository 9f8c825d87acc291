"""Runs real proxies in front of a registry, with the lines that docs/proxies.md shows, and checks whom the registry believes.

A client that forges every field asks each proxy from another loopback address: what the registry answers and logs must be what is true of it, and
nothing that it made up. haproxy also has to find the registry healthy with the check that it makes where it is told none. Proxies that are not
installed are named and passed over; with none at all the run fails.

    python3 Tests/Long/proxies.py .build/release/registry
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from running_registry import RunningRegistry

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "proxies.md"
# Envoy is a package of PyPI's.
os.environ["PATH"] = f"{ROOT / '.build' / 'venv' / 'bin'}:{os.environ['PATH']}"
CLIENT = "127.0.0.2"
START_SECONDS = 20
LOG_SECONDS = 5
FORGED = {
    "X-Forwarded-For": "203.0.113.66", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/evil", "Forwarded": "for=203.0.113.66;host=evil.example;proto=https", "$WSSC": "https",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def blocks(language):
    """The examples of a language on the page, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def placed(text, port, registry):
    for shown, real in (
            ("127.0.0.1:8080", f"127.0.0.1:{registry}"), (":8000", f":{port}"), ("listen 8000", f"listen 127.0.0.1:{port}"),
            ("port_value: 8080", f"port_value: {registry}"), ("port_value: 8000", f"port_value: {port}")):
        text = text.replace(shown, real)
    return text


def haproxy(folder, text):
    path = folder / "haproxy.cfg"
    path.write_text("defaults\n    mode http\n    timeout connect 2s\n    timeout client 10s\n    timeout server 10s\n\n" + text)
    return ["haproxy", "-f", str(path)]


def nginx(folder, text):
    path = folder / "nginx.conf"
    temporary = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path.write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\n    access_log off;\n{temporary}{text}}}\n")
    return ["nginx", "-c", str(path), "-e", f"{folder}/error.log"]


def caddy(folder, text):
    path = folder / "Caddyfile"
    path.write_text("{\n    admin off\n    auto_https off\n    storage file_system " + str(folder) + "\n}\n" + text)
    return ["caddy", "run", "--config", str(path), "--adapter", "caddyfile"]


def envoy(folder, text):
    path = folder / "envoy.yaml"
    path.write_text(text)
    return ["envoy", "-c", str(path), "--concurrency", "1", "--disable-hot-restart"]


# The language of a proxy's examples, how it is started, and below which path each of its examples has the registry.
PROXIES = {"haproxy": ("haproxy", haproxy, [""]), "nginx": ("nginx", nginx, ["", "/registry"]), "caddy": ("caddy", caddy, ["", "/registry"]),
           "envoy": ("yaml", envoy, [""])}


def wait_for(port, process):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the proxy has ended: {process.args}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/livez")
            if connection.getresponse().status in (200, 404):
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"nothing answers through {process.args} within {START_SECONDS} s")


def ask(port, method, path, body=None, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(CLIENT, 0))
    connection.request(method, path, body, {"Host": f"public.example:{port}", **FORGED, **dict(headers)}, encode_chunked=not isinstance(body, (str, type(None))))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer, text


def expect(condition, what):
    if not condition:
        raise SystemExit(f"failed: {what}")


def lines_with(word, registry):
    """The log's lines with a word, once there is one: a thread of its own writes them."""
    deadline = time.monotonic() + LOG_SECONDS
    while True:
        lines = [line for line in registry.log.read_text().splitlines() if word in line]
        if lines or time.monotonic() > deadline:
            return lines
        time.sleep(0.05)


def check_by_default(text, program):
    """haproxy's own check, `OPTIONS / HTTP/1.0`: the registry is found healthy, and goes on being asked."""
    port = free_port()
    text = text.replace("option httpchk GET /readyz", "option httpchk").replace("8080 check", "8080 check inter 100ms fall 1 rise 1")
    with RunningRegistry(program, {"LOG_LEVEL": "info", "ACCESS_LOG": "all", "ACCESS_LOG_PROBES": "true"}) as registry, tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(haproxy(pathlib.Path(folder), placed(text, port, registry.port)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port, process)
            lines = lines_with("method=OPTIONS", registry)
            expect(lines and "path=/ " in lines[0] and "status=204" in lines[0], f"haproxy's check is not answered: {lines}")
            answer, text = ask(port, "GET", "/api/v1/services")
            expect(answer.status == 200, f"behind haproxy's check a look-up is {answer.status} {text!r}")
        finally:
            process.terminate()
            process.wait(10)
    print("haproxy's default check: ok")


def check(name, make, text, prefix, program):
    port = free_port()
    with RunningRegistry(program, {"TRUSTED_PROXIES": "127.0.0.1", "LOG_LEVEL": "info", "ACCESS_LOG": "all"}) as registry, tempfile.TemporaryDirectory() as folder:
        command = make(pathlib.Path(folder), placed(text, port, registry.port))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port, process)
            body = json.dumps({"service_name": "orders", "endpoint": {"type": "http", "value": "10.0.0.1:80"}})
            json_type = {"Content-Type": "application/json"}
            for sent in (body, (piece.encode() for piece in (body[:10], body[10:]))):
                answer, text = ask(port, "POST", f"{prefix}/api/v1/instances", sent, json_type)
                expect(answer.status == 201, f"{name}: POST is {answer.status} {text!r}")
                url = f"http://public.example:{port}{prefix}/api/v1/instances/{json.loads(text)['id']}"
                expect(answer.headers["Location"] == url, f"{name}: Location is {answer.headers['Location']}, not {url}")
                expect(json.loads(text)["links"]["self"] == url, f"{name}: links are {text!r}")
            path = url.removeprefix(f"http://public.example:{port}")
            expect(ask(port, "PUT", f"{path}/heartbeat")[0].status == 200, f"{name}: the heartbeat")
            expect(ask(port, "GET", path)[0].status == 200, f"{name}: the instance at its own URL")
            expect(ask(port, "DELETE", path)[0].status == 200, f"{name}: the removal")
            lines = lines_with("heartbeat", registry)
            expect(lines and CLIENT in lines[-1], f"{name}: the access log does not name the client: {lines}")
            expect("203.0.113.66" not in registry.log.read_text(), f"{name}: a forged address stands in the log")
        finally:
            process.terminate()
            process.wait(10)
    print(f"{name}{prefix}: ok")


def main(program):
    tried = 0
    for name, (language, make, prefixes) in PROXIES.items():
        examples = blocks(language)
        expect(len(examples) == len(prefixes), f"{PAGE.name} has {len(examples)} examples for {name}")
        if shutil.which(name) is None:
            print(f"{name}: not installed, not tried")
            continue
        for example, prefix in zip(examples, prefixes):
            check(name, make, example, prefix, program)
        if name == "haproxy":
            check_by_default(examples[0], program)
        tried += 1
    expect(tried, "no proxy is installed")


if __name__ == "__main__":
    main(*sys.argv[1:])
