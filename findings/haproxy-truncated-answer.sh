#!/usr/bin/env bash
# haproxy 2.6.12 (Debian 12) takes a DNS answer that says of itself that it was truncated for the whole one.
#
# One would guess: an answer by UDP with the bit TC is asked for again by TCP, as every stub resolver does, or counted as a failure, for which haproxy's
# statistics even have a line, `truncated`.
# Seen: haproxy never asks by TCP, uses what the truncated answer has, and counts it as valid. Of 30 servers in an SRV record set it fills 5 places, and
# forgets the others. With `accepted_payload_size 8192` it asks for answers of that size, and has all 30.
# Why it matters here: a service that grows beyond what fits into a small answer, some 6 to 12 instances, would lose the rest behind haproxy with no error
# anywhere. The registry's page on DNS has the line with its reason.
set -euo pipefail
readonly packages=(haproxy=2.6.12-1+deb12u4) library=dnslib==0.9.26
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
timeout 120 apt-get download -q "${packages[@]}" >/dev/null 2>&1
dpkg -x haproxy_*.deb root
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "$library"
cat >seen.py <<'P'
import socket, subprocess, sys, time
from dnslib import A, QTYPE, RR, SRV
from dnslib.server import BaseResolver, DNSLogger, DNSServer

SERVERS, FITTING = 30, 5
asked = set()

class Resolver(BaseResolver):
    """Answers SRV, by UDP truncated where the question allows less than 4,096 bytes."""

    def resolve(self, request, handler):
        reply = request.reply()
        asked.add(handler.protocol)
        if request.q.qtype == QTYPE.SRV:
            size = max([record.edns_len for record in request.ar if record.rtype == QTYPE.OPT], default=512)
            is_cut = handler.protocol == "udp" and size < 4096
            reply.header.tc = int(is_cut)
            for number in range(FITTING if is_cut else SERVERS):
                target = f"i{number}.web.test"
                reply.add_answer(RR(request.q.qname, QTYPE.SRV, ttl=5, rdata=SRV(1, 1, 8000 + number, target)))
                reply.add_ar(RR(target, QTYPE.A, ttl=5, rdata=A("127.0.0.1")))
        return reply

def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

port = free_port(socket.SOCK_DGRAM)
for tcp in (False, True):
    DNSServer(Resolver(), address="127.0.0.1", port=port, tcp=tcp, logger=DNSLogger(log="", logf=lambda _: None)).start_thread()

def command(text):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("control")
        client.sendall(text.encode() + b"\n")
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer.decode()

def statistics():
    lines = command("show resolvers").split("Resolvers section default")[0].splitlines()
    return {name.strip(): int(value) for name, _, value in (line.partition(":") for line in lines) if value.strip().isdigit()}

def servers(line):
    """How many places haproxy fills after its third valid answer, and its statistics."""
    with open("haproxy.cfg", "w") as file:
        file.write(f"""global
    stats socket unix@control
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
resolvers dns
    nameserver one 127.0.0.1:{port}
    {line}
listen web
    bind 127.0.0.1:{free_port(socket.SOCK_STREAM)}
    server-template s {SERVERS} _http._tcp.web.test resolvers dns init-addr none
""")
    haproxy = subprocess.Popen(["root/usr/sbin/haproxy", "-db", "-f", "haproxy.cfg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                counts = statistics()
                if counts.get("valid", 0) + counts.get("invalid", 0) + counts.get("truncated", 0) >= 3:
                    filled = [state for state in command("show servers state web").splitlines() if state.split()[4:5] == ["127.0.0.1"]]
                    return len(filled), counts["valid"] >= 3, counts["truncated"]
            except OSError:
                pass
            time.sleep(0.1)
        sys.exit("haproxy asks for no names")
    finally:
        haproxy.kill()
        haproxy.wait()

usual, larger = servers(""), servers("accepted_payload_size 8192")
if usual == (FITTING, True, 0) and larger == (SERVERS, True, 0) and asked == {"udp"}:
    print(f"seen: of {SERVERS} servers haproxy has {usual[0]} by a truncated answer, which it counts as valid, and {larger[0]} with accepted_payload_size 8192")
else:
    sys.exit(f"changed: {usual} {larger} by {asked}")
P
timeout 60 venv/bin/python seen.py
