"""The compose files as plain values, and what the compose specification and the house ask of them."""

import json
import pathlib
import subprocess
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REQUIREMENT = "PyYAML>=6,<7"
# Of members that keep everything themselves, and of members without state of their own.
CLUSTERS = ("docker-compose.yml", "docker-compose.dns.yml")
OVER_REDIS = ("docker-compose.redis.yml", "docker-compose.redis-sentinel.yml", "docker-compose.redis-cluster.yml")
# Keys of the compose specification (https://github.com/compose-spec/compose-spec) that the files may use.
KEYS = {"networks", "secrets", "services", "volumes"}
SERVICE_KEYS = {
    "build", "cap_drop", "command", "depends_on", "deploy", "environment", "healthcheck", "image", "logging", "networks", "ports", "read_only", "restart",
    "secrets", "security_opt", "stop_grace_period", "user", "volumes"}
# What the images' own users may do is theirs to say: Redis' would begin as root, which needs what the files take from every container.
USERS = {"redis": "redis"}


def read_yaml(path, directory):
    """The file as plain values. PyYAML lives in the virtual environment and may not be importable here."""
    python = directory / "bin" / "python"
    if not python.exists():
        venv.create(directory, symlinks=True, with_pip=True)
    program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"
    for attempt in range(2):
        read = subprocess.run([python, "-c", program, path], capture_output=True, text=True)
        if read.returncode == 0:
            return json.loads(read.stdout)
        if attempt == 0 and "No module named 'yaml'" in read.stderr:
            subprocess.run([directory / "bin" / "pip", "install", "--quiet", REQUIREMENT], check=True)
    raise AssertionError(f"{path}: {read.stderr}")


def members(document):
    """The services that are registries."""
    return [content for content in document["services"].values() if content["image"].startswith("a8registry:")]


def check_form(name, document):
    """Raises AssertionError where an engine would not take the file, or a container would get more than it needs."""
    unknown = {key for key in document if not key.startswith("x-")} - KEYS
    assert not unknown, f"{name}: {unknown}"
    addresses = []
    for service, content in document["services"].items():
        assert set(content) <= SERVICE_KEYS, f"{name}: {service} has {set(content) - SERVICE_KEYS}"
        assert content["healthcheck"]["test"][0] == "CMD", f"{name}: {service} has no health check"
        for other in content.get("depends_on", []):
            assert other in document["services"], f"{name}: {service} depends on {other}"
        for volume in content.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), f"{name}: there is no {source}"
                assert volume.endswith(":ro"), f"{name}: {service} may write to {source}"
            else:
                assert source in document.get("volumes", {}), f"{name}: there is no volume {source}"
        for secret in content.get("secrets", []):
            assert secret in document.get("secrets", {}), f"{name}: there is no secret {secret}"
        for key, value in content.get("environment", {}).items():
            assert isinstance(value, str), f"{name}: {key} is no string and would be rewritten by the engine"
            assert key.startswith("A8_"), f"{name}: {key} could be another program's; settings in containers have the prefix"
            if value.startswith("/run/secrets/"):
                assert value.removeprefix("/run/secrets/") in content.get("secrets", []), f"{name}: {service} is not given {value}"
        assert content["read_only"] and content["cap_drop"] == ["ALL"] and content["logging"]["options"]["max-size"], f"{name}: {service}"
        image = content["image"].split(":")[0]
        assert content.get("user") == USERS.get(image), f"{name}: {service} runs as {content.get('user')}"
        if image == "a8registry":
            assert content["stop_grace_period"] == "30s", f"{name}: {service} is killed before it has left"
        networks = content.get("networks", {})
        addresses += [networks["default"]["ipv4_address"]] if "ipv4_address" in networks.get("default", {}) else []
    assert len(set(addresses)) == len(addresses), f"{name}: two containers have one address: {addresses}"
