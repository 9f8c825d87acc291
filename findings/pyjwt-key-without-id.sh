#!/usr/bin/env bash
# PyJWT 2.15.1 finds no key on a page of keys whose only key has no `kid`.
#
# One would guess: `kid` is optional in RFC 7517 (4.5), and a page with one key needs none; a token without `kid` is verified with that one, as by a key
# that is given as a file.
# Seen: the client for such pages passes over every key without `kid`, and says that the page has no keys for signatures. A token without `kid` fails as
# well where the key has one: it looks for the key that is named "None".
# Why it matters here: the registry takes a page with such a key, and tokens without `kid`, so a provider can seem to work with the registry and fail with
# the programs beside it. Its documentation advises to give every key a `kid`.
set -euo pipefail
readonly packages=(pyjwt==2.15.1 cryptography==50.0.2)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
timeout 60 "$folder/venv/bin/python" - <<'P'
import http.server, json, sys, threading
import jwt
from cryptography.hazmat.primitives.asymmetric import ec

key = ec.generate_private_key(ec.SECP256R1())
public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        keys = [public | {"kid": "a"}] if self.path == "/named" else [public]
        body = json.dumps({"keys": keys}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
tokens = {"named": jwt.encode({"a": 1}, key, algorithm="ES256", headers={"kid": "a"}), "unnamed": jwt.encode({"a": 1}, key, algorithm="ES256")}

def verifies(page, token):
    client = jwt.PyJWKClient(f"http://127.0.0.1:{server.server_port}/{page}")
    try:
        return jwt.decode(token, client.get_signing_key_from_jwt(token).key, algorithms=["ES256"]) == {"a": 1}
    except jwt.PyJWKClientError:
        return False

seen = {(page, name): verifies(page, token) for page in ("named", "unnamed") for name, token in tokens.items()}
if seen != {("named", "named"): True, ("named", "unnamed"): False, ("unnamed", "named"): False, ("unnamed", "unnamed"): False}:
    sys.exit(f"changed: {seen}")
print("seen: of a page with one key, a token is verified only where the key and the token have the same kid")
P
