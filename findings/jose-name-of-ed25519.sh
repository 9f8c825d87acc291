#!/usr/bin/env bash
# A token signed with Ed25519 has two names for its algorithm, and PyJWT 2.15.1 and joserfc 1.8.0 know different ones by default.
#
# One would guess: what one library signs with an Ed25519 key as a JSON Web Token, the other verifies with the public half, as with RS256.
# Seen: RFC 9864 has replaced the name "EdDSA" by "Ed25519". PyJWT signs and verifies "EdDSA" alone and takes "Ed25519" for an unknown algorithm;
# joserfc knows both and refuses each, unless its caller names it, since neither is on its list of recommended algorithms.
# Why it matters here: the registry has to take both names for one kind of key, since the library of whoever signs decides which one comes, and a
# test that signs with one library only would see half of them.
set -euo pipefail
readonly packages=(pyjwt==2.15.1 joserfc==1.8.0 cryptography==50.0.2)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
timeout 60 "$folder/venv/bin/python" -W ignore - <<'P'
import sys
import jwt as pyjwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwk, jwt

private = Ed25519PrivateKey.generate()
pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
public = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
key = jwk.OKPKey.import_key(pem)

def outcome(work):
    try:
        work()
        return "yes"
    except Exception as error:
        return type(error).__name__

seen = {}
for name in ("EdDSA", "Ed25519"):
    token = jwt.encode({"alg": name}, {"a": 1}, key, algorithms=[name])
    seen[name] = {
        "PyJWT signs": outcome(lambda: pyjwt.encode({"a": 1}, private, algorithm=name)),
        "PyJWT verifies": outcome(lambda: pyjwt.decode(token, public, algorithms=[name])),
        "joserfc verifies": outcome(lambda: jwt.decode(token, key)),
        "joserfc verifies when told": outcome(lambda: jwt.decode(token, key, algorithms=[name])),
    }
for name, outcomes in seen.items():
    print(f"{name}: {outcomes}")
good = {"PyJWT signs": "yes", "PyJWT verifies": "yes", "joserfc verifies when told": "yes"}
as_told = (
    all(seen["EdDSA"][what] == "yes" for what in good)
    and seen["Ed25519"]["PyJWT signs"] == "NotImplementedError" and seen["Ed25519"]["PyJWT verifies"] != "yes"
    and seen["Ed25519"]["joserfc verifies when told"] == "yes"
    and all(seen[name]["joserfc verifies"] != "yes" for name in seen))
if not as_told:
    print("changed: see above")
    sys.exit(1)
print("seen: PyJWT knows EdDSA and not Ed25519; joserfc knows both, and takes neither without being told")
P
