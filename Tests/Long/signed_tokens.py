#!/usr/bin/env python3
"""Signs tokens with the libraries that clients use, and publishes keys as identity providers do, well and badly.

Usage: signed_tokens.py [--registry PATH] [--venv DIR] [CHECK ...]

PyJWT, Authlib and joserfc are PyPI's, and are installed into the virtual environment when they are not there yet. The
provider is a server of Python's own, with TLS by a certificate that is made here. Exits with 0 only when everything passed.
"""

import contextlib
import datetime
import http.client
import http.server
import ipaddress
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import venv
import warnings

import checks
from running_registry import RunningRegistry

REQUIREMENTS = ["PyJWT==2.15.1", "Authlib==1.9.10", "joserfc==1.8.0", "cryptography==50.0.2"]
SECONDS = 20
# Between two questions that tokens ask for (docs/tokens.md, J304).
GAP_SECONDS = 30
# Bad signatures a second, on so many connections, for so long.
BAD_RATE, BAD_CONNECTIONS, BAD_SECONDS = 10_000, 64, 10


def enter(path):
    """Runs this program with the Python of the virtual environment, which has the libraries."""
    python = path / "bin" / "python"
    if not python.exists():
        venv.create(path, symlinks=True, with_pip=True)
    marker = path / ".signed-tokens"
    if not marker.exists() or marker.read_text() != "\n".join(REQUIREMENTS):
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
        marker.write_text("\n".join(REQUIREMENTS))
    if pathlib.Path(sys.prefix).resolve() != path.resolve():
        os.execv(str(python), [str(python), *sys.argv])


class Key:
    """A key pair of a signer."""

    def __init__(self, algorithm, kid=None, bits=2048):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from joserfc import jwk
        self.algorithm, self.kid = algorithm, kid
        key = {"RS256": lambda: rsa.generate_private_key(65537, bits), "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
               "EdDSA": ed25519.Ed25519PrivateKey.generate}[algorithm]()
        self.private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
        self.public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        kind = {"RS256": jwk.RSAKey, "ES256": jwk.ECKey, "EdDSA": jwk.OKPKey}[algorithm]
        self.joserfc = kind.import_key(self.private)
        self.jwk = {**self.joserfc.as_dict(private=False), "use": "sig", **({"kid": kid} if kid else {})}

    def tokens(self, claims):
        """A token of each library, by the library's name."""
        import jwt
        from joserfc import jwt as joserfc_jwt
        header = {"kid": self.kid} if self.kid else {}
        made = {"PyJWT": jwt.encode(claims, self.private, algorithm=self.algorithm, headers=header)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from authlib.jose import JsonWebToken
            made["Authlib"] = JsonWebToken([self.algorithm]).encode(
                {"alg": self.algorithm, **header}, claims, self.private).decode()
            # joserfc 1.8 signs with Ed25519 by the name of RFC 9864, and warns of the other.
            for name in [self.algorithm] + (["Ed25519"] if self.algorithm == "EdDSA" else []):
                made[f"joserfc {name}"] = joserfc_jwt.encode(
                    {"alg": name, **header}, claims, self.joserfc, algorithms=[name])
        return made

    def token(self, claims):
        return self.tokens(claims)["PyJWT"]


def ask(port, token, connection=None, path="/api/v1/services"):
    """The status of a look-up with this token."""
    client = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    client.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = client.getresponse()
    answer.read()
    return answer.status


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found} and not {wanted}")


def wait(what, condition, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(0.05)


# The libraries

def tokens_of_each_library_are_taken_from_pem_and_from_a_key_set(options):
    claims = {"sub": "x", "aud": ["registry", "other"], "realm_access": {"tenant": "shop"}, "exp": int(time.time()) + 600}
    keys = [Key(algorithm, kid) for algorithm in ("RS256", "ES256", "EdDSA") for kid in (None, f"{algorithm}-1")]
    strangers = [Key(key.algorithm, key.kid) for key in keys]
    with tempfile.TemporaryDirectory() as folder:
        pem, jwks = pathlib.Path(folder) / "keys.pem", pathlib.Path(folder) / "keys.json"
        pem.write_text("\n".join(key.public for key in keys))
        jwks.write_text(json.dumps({"keys": [key.jwk for key in keys]}))
        for path in (pem, jwks):
            settings = {"AUTH_MODE": "jwt", "JWT_KEYS": str(path), "JWT_AUDIENCE": "registry",
                        "JWT_NAMESPACE_CLAIM": "realm_access.tenant"}
            with RunningRegistry(options.registry, settings) as registry:
                for key, stranger in zip(keys, strangers):
                    for name, token in key.tokens(claims).items():
                        expect(f"{name} {key.algorithm} kid {key.kid} by {path.name}", ask(registry.port, token), 200)
                    for name, token in stranger.tokens(claims).items():
                        expect(f"a stranger's {name} {key.algorithm}", ask(registry.port, token), 401)
                    for other in ({**claims, "aud": "other"}, {**claims, "exp": 1}, {**claims, "realm_access": {}}):
                        expect(f"{key.algorithm} with {other}", ask(registry.port, key.token(other)), 401)


def a_claim_of_each_provider_makes_an_operator_and_a_shared_secret_never_does(options):
    import jwt
    secret = "s" * 32
    # As Keycloak, Okta and Dex, Entra, Cognito, Auth0 and a server of OAuth have it, and whom it is not for.
    claims = {
        "realm_access.roles=registry-operator": (
            {"realm_access": {"roles": ["offline_access", "registry-operator"]}}, {"realm_access": {"roles": ["uma"]}}),
        "resource_access.registry.roles=operator": (
            {"resource_access": {"registry": {"roles": ["operator"]}}}, {"resource_access": {"account": {"roles": ["operator"]}}}),
        "groups=Registry Admins": ({"groups": ["Everyone", "Registry Admins"]}, {"groups": ["Registry", "Admins"]}),
        "roles=Registry.Operator": ({"roles": ["Registry.Operator"]}, {"roles": []}),
        "cognito:groups=ops": ({"cognito:groups": ["ops"]}, {"cognito": {"groups": ["ops"]}}),
        "https://example.com/roles=ops": ({"https://example.com/roles": ["ops"]}, {"roles": ["ops"]}),
        "scope=registry:operate": ({"scope": "openid registry:operate"}, {"scope": "openid registry"}),
        "registry_operator": ({"registry_operator": True}, {"registry_operator": "true"}),
    }
    keys = [Key(algorithm) for algorithm in ("RS256", "ES256", "EdDSA")]
    with tempfile.TemporaryDirectory() as folder:
        pem = pathlib.Path(folder) / "keys.pem"
        pem.write_text("\n".join(key.public for key in keys))
        for claim, (operator, other) in claims.items():
            settings = {"AUTH_MODE": "jwt", "JWT_KEYS": str(pem), "JWT_SECRET": secret, "JWT_OPERATOR_CLAIM": claim}
            with RunningRegistry(options.registry, settings) as registry:
                for key in keys:
                    for name, token in key.tokens(operator).items():
                        what = f"{name} {key.algorithm} with {operator}"
                        expect(what, ask(registry.port, token, path="/api/v1/namespaces"), 200)
                        expect(what, ask(registry.port, token, path="/api/v1/services?namespace=shop"), 200)
                    tenant = key.token({**other, "namespace": "shop"})
                    expect(f"{other}", ask(registry.port, tenant, path="/api/v1/namespaces"), 403)
                    expect(f"{other}", ask(registry.port, tenant, path="/api/v1/services?namespace=other"), 403)
                    expect("a token of nobody's", ask(registry.port, key.token(other)), 401)
                shared = jwt.encode({**operator, "namespace": "shop"}, secret, algorithm="HS256")
                expect("a tenant's under the secret", ask(registry.port, shared), 200)
                expect("an operator's under the secret", ask(registry.port, shared, path="/api/v1/namespaces"), 403)


# The provider

class Provider:
    """An identity provider: its description and its keys, as a test has them now."""

    def __init__(self, tls=None):
        self.pages, self.asked, self.is_down = {}, [], False
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                provider.asked.append(self.path)
                status, body, headers = provider.pages.get(self.path, (404, b"", {}))
                if provider.is_down:
                    status, body, headers = 503, b"", {}
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls["certificate"], tls["key"])
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.issuer = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/realms/prod"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def put(self, path, body, status=200, headers=None):
        self.pages[path] = (status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers or {})

    def describe(self, **more):
        description = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **more}
        self.put("/realms/prod/.well-known/openid-configuration",
                 {name: value for name, value in description.items() if value is not None})

    def publish(self, *keys):
        self.put("/realms/prod/keys", {"keys": [key.jwk for key in keys]})


def make_certificates(folder):
    """An authority, and the certificate of a server at 127.0.0.1."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(name, key, issuer, signer, *extensions):
        builder = x509.CertificateBuilder(
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]),
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key.public_key(), x509.random_serial_number(),
            now - datetime.timedelta(hours=1), now + datetime.timedelta(hours=1))
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, is_critical)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    paths = {name: folder / f"{name}.pem" for name in ("ca", "certificate", "key")}
    paths["ca"].write_bytes(certificate(
        "ca", authority, "ca", authority, (x509.BasicConstraints(True, 0), True)))
    paths["certificate"].write_bytes(certificate(
        "provider", server, "ca", authority,
        (x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)))
    paths["key"].write_bytes(server.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return {name: str(path) for name, path in paths.items()}


def a_provider_is_found_changes_its_keys_fails_and_comes_back(options):
    with tempfile.TemporaryDirectory() as folder:
        tls = make_certificates(pathlib.Path(folder))
        with Provider(tls) as provider:
            old, new, later = Key("ES256", "old"), Key("RS256", "new"), Key("EdDSA", "later")
            claims = {"namespace": "shop", "iss": provider.issuer}
            provider.describe()
            provider.publish(old)
            settings = {"AUTH_MODE": "jwt", "JWT_ISSUER": provider.issuer, "JWT_CA": tls["ca"], "LOG_LEVEL": "info"}
            with RunningRegistry(options.registry, settings) as registry:
                expect("a token of the provider's", ask(registry.port, old.token(claims)), 200)
                expect("one of another issuer", ask(registry.port, old.token({**claims, "iss": "https://other"})), 401)
                expect("pages", provider.asked, ["/realms/prod/.well-known/openid-configuration", "/realms/prod/keys"])

                # The key is changed; the first token under it waits for the provider and is good.
                time.sleep(GAP_SECONDS + 1)
                provider.publish(old, new)
                began = time.monotonic()
                expect("the first token of a new key", ask(registry.port, new.token(claims)), 200)
                print(f"  a new key is known after {1000 * (time.monotonic() - began):.0f} ms")
                expect("questions", len(provider.asked), 4)

                # Anybody's tokens do not have it asked again and again.
                for number in range(50):
                    expect("a key that nobody has", ask(registry.port, Key("ES256", f"x{number}").token(claims)), 401)
                expect("questions", len(provider.asked), 4)

                # It is down: the keys stay, and a new one is not known.
                provider.is_down = True
                time.sleep(GAP_SECONDS + 1)
                began = time.monotonic()
                expect("a new key while the provider is down", ask(registry.port, later.token(claims)), 401)
                if time.monotonic() - began > 2:
                    raise AssertionError("a token waited for more than a second")
                expect("an old key while the provider is down", ask(registry.port, old.token(claims)), 200)
                wait("the line of the log", lambda: "the old ones stay in service" in registry.last_words(100))
                provider.is_down = False
                provider.publish(later)
                wait("the new key", lambda: ask(registry.port, later.token(claims)) == 200, GAP_SECONDS + SECONDS)
                expect("a key that is published no more", ask(registry.port, old.token(claims)), 401)
                code, _ = registry.stop()
                expect("the exit status", code, 0)


def what_is_no_good_answer_is_named_and_a_good_one_is_taken_later(options):
    with tempfile.TemporaryDirectory() as folder:
        tls = make_certificates(pathlib.Path(folder))
        key, twin = Key("ES256", "1"), Key("ES256", "1")
        page = "/realms/prod/keys"
        cases = {
            "it is neither PEM nor a JSON Web Key Set": lambda provider: provider.put(page, b"<html>keys</html>"),
            "the answer is longer than 1048576 bytes": lambda provider: provider.put(page, b" " * (1 << 20) + b"x"),
            "it has more than 100 keys": lambda provider: provider.put(
                page, {"keys": [{**key.jwk, "kid": str(number)} for number in range(1000)]}),
            "two of its keys have the kid": lambda provider: provider.publish(key, twin),
            "is of the type oct": lambda provider: provider.put(page, {"keys": [key.jwk, {"kty": "oct", "k": "c2VjcmV0"}]}),
            "an RSA key of 1024 bits": lambda provider: provider.publish(key, Key("RS256", "weak", bits=1024)),
            "it is a private key": lambda provider: provider.put(page, {"keys": [key.joserfc.as_dict(private=True)]}),
            "redirects to another server": lambda provider: provider.put(
                page, b"", 302, {"Location": f"https://localhost:{provider.port}{page}"}),
            "it answered 500": lambda provider: provider.put(page, b"", 500),
            "is at another host": lambda provider: provider.describe(jwks_uri=f"https://localhost:{provider.port}{page}"),
            "it must begin with https://": lambda provider: provider.describe(jwks_uri="http://id.example/keys"),
            "is the description of the issuer": lambda provider: provider.describe(issuer="https://evil.example"),
            "it has no jwks_uri": lambda provider: provider.describe(jwks_uri=None),
        }
        for sentence, spoil in cases.items():
            with Provider(tls) as provider:
                claims = {"namespace": "shop", "iss": provider.issuer}
                provider.describe()
                provider.publish(key)
                spoil(provider)
                settings = {"AUTH_MODE": "jwt", "JWT_ISSUER": provider.issuer, "JWT_CA": tls["ca"], "SYNC_TIMEOUT": "0s"}
                with RunningRegistry(options.registry, settings) as registry:
                    wait(f"a line with: {sentence}", lambda: sentence in registry.last_words(100))
                    expect(f"a token while {sentence}", ask(registry.port, key.token(claims)), 503)
                    provider.describe()
                    provider.publish(key)
                    wait(f"a good answer after: {sentence}", lambda: ask(registry.port, key.token(claims)) == 200)


def a_provider_without_the_right_certificate_is_not_believed(options):
    with tempfile.TemporaryDirectory() as folder:
        first, second = pathlib.Path(folder) / "1", pathlib.Path(folder) / "2"
        first.mkdir(), second.mkdir()
        tls, other = make_certificates(first), make_certificates(second)
        with Provider(tls) as provider:
            key = Key("ES256", "1")
            provider.publish(key)
            settings = {"AUTH_MODE": "jwt", "JWT_JWKS_URL": f"{provider.issuer}/keys", "SYNC_TIMEOUT": "0s"}
            for authority in ({"JWT_CA": other["ca"]}, {}):
                with RunningRegistry(options.registry, {**settings, **authority}) as registry:
                    wait("a line of the log", lambda: "keys cannot be had" in registry.last_words(100))
                    expect("a token", ask(registry.port, key.token({"namespace": "shop"})), 503)
            expect("pages", provider.asked, [])
            with RunningRegistry(options.registry, {**settings, "JWT_CA": tls["ca"]}) as registry:
                wait("a good token", lambda: ask(registry.port, key.token({"namespace": "shop"})) == 200)


# The cost

def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Flood:
    """Sends tokens with distinct bad signatures, each on its connection as soon as the last was answered."""

    def __init__(self, port, header_and_claims, signature_bytes):
        self.counts, self.stopped = [0] * BAD_CONNECTIONS, False
        self.threads = [
            threading.Thread(target=self.run, args=(index, port, header_and_claims, signature_bytes), daemon=True)
            for index in range(BAD_CONNECTIONS)]
        for thread in self.threads:
            thread.start()

    def run(self, index, port, signed, signature_bytes):
        import base64
        import socket
        connection = socket.create_connection(("127.0.0.1", port))
        period = BAD_CONNECTIONS / BAD_RATE
        due = time.monotonic()
        while not self.stopped:
            # As many as are due by now, at once: they are served one after the other.
            now = time.monotonic()
            number = min(64, int((now - due) / period))
            if number == 0:
                time.sleep(period)
                continue
            due += number * period
            heads = []
            for _ in range(number):
                signature = base64.urlsafe_b64encode(os.urandom(signature_bytes)).rstrip(b"=")
                heads.append(b"GET /api/v1/services HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + signed + b"." + signature + b"\r\n\r\n")
            connection.sendall(b"".join(heads))
            answers = b""
            while answers.count(b"HTTP/1.1 401") < number:
                received = connection.recv(65536)
                if not received:
                    return
                answers += received
            self.counts[index] += number

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join(timeout=SECONDS)
        return sum(self.counts)


def heartbeats(port, token, path, seconds):
    """Latencies in milliseconds, and how many a second."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    latencies, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        client.request("PUT", path, headers={"Authorization": f"Bearer {token}"})
        answer = client.getresponse()
        answer.read()
        expect("a heartbeat", answer.status, 200)
        latencies.append(1000 * (time.monotonic() - began))
    return sorted(latencies), len(latencies) / seconds


def bad_signatures_hold_up_no_other_client(options):
    keys = {algorithm: Key(algorithm) for algorithm in ("RS256", "ES256", "EdDSA")}
    secret = "s" * 32
    with tempfile.TemporaryDirectory() as folder:
        pem = pathlib.Path(folder) / "keys.pem"
        pem.write_text("\n".join(key.public for key in keys.values()))
        settings = {"AUTH_MODE": "jwt", "JWT_KEYS": str(pem), "JWT_SECRET": secret, "LOOPS": "2", "LOG_LEVEL": "error"}
        with RunningRegistry(options.registry, settings) as registry:
            import jwt
            claims = {"namespace": "shop"}
            tokens = {"HS256": jwt.encode(claims, secret, algorithm="HS256"), **{name: key.token(claims) for name, key in keys.items()}}
            client = registry.connect()
            client.request("POST", "/api/v1/instances", json.dumps(
                {"service_name": "s", "endpoint": {"type": "tcp", "value": "10.0.0.1:1"}, "ttl": 300}),
                {"Authorization": f"Bearer {tokens['HS256']}", "Content-Type": "application/json"})
            path = "/api/v1/instances/" + json.loads(client.getresponse().read())["id"] + "/heartbeat"

            # Remembered tokens: rounds in turn, so that what else the machine does concerns all alike.
            rates = {name: 0 for name in tokens}
            for _ in range(5):
                for name, token in tokens.items():
                    rates[name] += heartbeats(registry.port, token, path, 1)[1]
            for name, rate in rates.items():
                print(f"  heartbeats with {name}: {rate / 5:.0f} a second, {rate / rates['HS256']:.2f} of HS256")

            for name, count in (("RS256", 256), ("ES256", 64), ("EdDSA", 64)):
                before, _ = heartbeats(registry.port, tokens[name], path, 3)
                used = processor_seconds(registry.process.pid)
                flood = Flood(registry.port, tokens[name].rpartition(".")[0].encode(), count)
                began = time.monotonic()
                during, _ = heartbeats(registry.port, tokens[name], path, BAD_SECONDS)
                bad = flood.stop()
                rate = bad / (time.monotonic() - began)
                cost = (processor_seconds(registry.process.pid) - used) / max(1, bad + len(during))
                p99 = {when: latencies[len(latencies) * 99 // 100] for when, latencies in (("before", before), ("during", during))}
                print(f"  {name}: {rate:.0f} bad signatures a second, {1e6 * cost:.0f} us of CPU each; a heartbeat's p99 is "
                      f"{p99['during']:.1f} ms, and {p99['before']:.1f} ms without them")
                if p99["during"] > 20 + p99["before"]:
                    raise AssertionError(f"heartbeats took {p99['during']:.1f} ms")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    arguments = sys.argv[1:]
    path = pathlib.Path(arguments[arguments.index("--venv") + 1]) if "--venv" in arguments else checks.ROOT / ".build" / "venv"
    enter(path.absolute())
    sys.exit(checks.run([
        tokens_of_each_library_are_taken_from_pem_and_from_a_key_set,
        a_claim_of_each_provider_makes_an_operator_and_a_shared_secret_never_does,
        a_provider_is_found_changes_its_keys_fails_and_comes_back,
        what_is_no_good_answer_is_named_and_a_good_one_is_taken_later,
        a_provider_without_the_right_certificate_is_not_believed,
        bad_signatures_hold_up_no_other_client,
    ], __doc__))
