"""The processes under test: how each is started, measured through /proc, and ended.

Every server is a child of the driver, pinned with `taskset`, killed by the kernel should the driver die, and otherwise
ended by its own pid. Every wait has a deadline that says what it waited for. All of them listen on loopback only.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

START_DEADLINE_SECONDS = 10.0
STOP_DEADLINE_SECONDS = 10.0
PORT_ATTEMPTS = 5
LONG_LEASES = {"MIN_TTL": "10s", "DEFAULT_TTL": "10m", "MAX_TTL": "1h"}
INHERITED_ENVIRONMENT = ("PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR", "LANG")


class BenchError(Exception):
    """Something that makes a figure impossible or untrue; its text is what the person running the benchmark reads."""


def wait_until(what, condition, deadline_seconds, pause_seconds=0.005):
    """Polls until `condition()` is true and returns what it returned; says what was awaited when it never is."""
    deadline = time.monotonic() + deadline_seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise BenchError(f"waited {deadline_seconds:g} s in vain for {what}")
        time.sleep(pause_seconds)


def free_port():
    """A port that was free a moment ago. Another process may take it first: callers retry."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def pinned(command, cores):
    """The command, pinned to `cores` (text such as "0" or "0,1") and killed by the kernel when the driver dies.

    Both wrappers exec, so the pid that is started is the server's own.
    """
    return ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", cores, *command]


class Server:
    """One running server process.

    Invariant: `process` is set from the moment the child exists until `stop` has reaped it.
    """

    def __init__(self, name, work, cores="0"):
        self.name = name
        self.work = Path(work)
        self.cores = cores
        self.process = None
        self.port = None
        self.scheme = "http"
        self.log = self.work / f"{name}.log"

    # Starting and ending

    def start(self):
        """Starts the process and returns once it accepts connections."""
        self._launch()
        return self

    def _launch(self):
        raise NotImplementedError

    def _spawn(self, command, environment=None, pin=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                pinned(command, self.cores) if pin else command,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def _alive_or_raise(self):
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace").strip().splitlines()[-5:]
            raise BenchError(f"{self.name} ended with {self.process.returncode} while starting: " + " | ".join(tail))

    def stop(self):
        process = self.process
        if process is None:
            return
        try:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_DEADLINE_SECONDS)
                except subprocess.TimeoutExpired:
                    print(f"{self.name} did not end within {STOP_DEADLINE_SECONDS:g} s of SIGTERM: killed", flush=True)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            self.process = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    # Measuring

    def cpu_seconds(self):
        """CPU time, user and system, of all threads that are or were. Nanosecond resolution.

        Linux gives every process a clock whose id is made from its pid (clock_getcpuclockid); its value is what
        utime + stime in /proc/PID/stat show in hundredths of a second.
        """
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def run_delay_seconds(self):
        """How long the living threads have stood runnable without a core: the share that others took from them."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[1])
            except (OSError, IndexError, ValueError):
                pass  # the thread has ended, or the kernel keeps no such figures
        return total / 1e9

    def _status_kilobytes(self, key):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise BenchError(f"/proc/{self.process.pid}/status has no {key}")

    def api_cpu_seconds(self):
        """CPU time of the registry's API loops alone, which are threads named api-N: what its requests cost, without
        what it does for its peers meanwhile. 0 for a server that has no such threads."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                if (task / "comm").read_text().startswith("api-"):
                    total += int((task / "schedstat").read_text().split()[0])
            except (OSError, IndexError, ValueError):
                pass
        return total / 1e9

    def resident_bytes(self):
        return self._status_kilobytes("VmRSS") * 1024

    def peak_resident_bytes(self):
        return self._status_kilobytes("VmHWM") * 1024


class PortFileServer(Server):
    """A server that takes port 0 and tells the port it got in a file: the registry and the floor."""

    def __init__(self, name, work, command, environment, cores="0"):
        super().__init__(name, work, cores)
        self.command = command
        self.start_deadline = START_DEADLINE_SECONDS
        plain = {key: os.environ[key] for key in INHERITED_ENVIRONMENT if key in os.environ}
        self.environment = {**plain, "API_PORT": "0", **environment}
        self.port_file = self.work / f"{name}.ports"

    def _launch(self):
        self.port_file.unlink(missing_ok=True)
        self._spawn([*self.command, "--port_file", str(self.port_file)], self.environment)
        self.port = wait_until(f"{self.name} to write its port to {self.port_file}", self._told_port, self.start_deadline)
        wait_until(f"{self.name} to accept connections on port {self.port}", lambda: accepts(self.port), self.start_deadline)

    def _told_port(self):
        self._alive_or_raise()
        try:
            return port_in(self.port_file.read_text())
        except OSError:
            return None

    def launch_on(self, port):
        """Starts on a given port, unpinned, without waiting: for timing the start itself."""
        self.port_file.unlink(missing_ok=True)
        self.port = port
        self._spawn([*self.command, "--port_file", str(self.port_file)],
                    {**self.environment, "API_PORT": str(port)}, pin=False)


def port_in(text, name="api"):
    """A listener's port in a port file: the last number of a line that names it, or a lone number."""
    for line in text.splitlines():
        words = line.replace("=", " ").replace(":", " ").split()
        if words and words[-1].isdigit() and (len(words) == 1 or name in words[0].lower()):
            return int(words[-1])
    return None


def registry(work, command, name="registry", loops=1, access_log="off", cores="0", environment=None):
    """The registry, with leases long enough to outlive any benchmark and quiet unless asked otherwise."""
    return PortFileServer(name, work, command, {
        "LOOPS": str(loops), "LOG_LEVEL": "error", "ACCESS_LOG": access_log, "EVENT_LOG": "off",
        **LONG_LEASES, **(environment or {})}, cores)


class TLSRegistry(PortFileServer):
    """The registry with a certificate: `port` is that of HTTPS, `plain_port` that of HTTP."""

    def __init__(self, work, command, certificate, key, core):
        super().__init__("registry", work, command, {
            "LOOPS": "1", "LOG_LEVEL": "error", "ACCESS_LOG": "off", "EVENT_LOG": "off", **LONG_LEASES,
            "TLS_CERT": str(certificate), "TLS_KEY": str(key), "HTTPS_PORT": "0"}, core)
        self.scheme = "https"
        self.plain_port = None

    def _launch(self):
        super()._launch()
        text = self.port_file.read_text()
        self.plain_port, self.port = port_in(text), port_in(text, "https")
        if self.port is None:
            raise BenchError(f"the registry's port file names no HTTPS port: {text!r}")


def development_certificate(work, command):
    """A new ECDSA certificate of the registry's own making: the files of the certificate and of its key."""
    folder = Path(work) / "certificates"
    shutil.rmtree(folder, ignore_errors=True)  # it never overwrites a file
    made = subprocess.run([*command, "dev-cert", str(folder)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=START_DEADLINE_SECONDS)
    if made.returncode != 0:
        raise BenchError(f"dev-cert ended with {made.returncode}: {(made.stdout + made.stderr).strip()[-300:]}")
    return folder / "server.pem", folder / "server-key.pem"


def floor(work, binary, canned, core, name="floor", certificate=None, key=None, under=()):
    """The floor with the answers of the file `canned`; `under` is a program to run it under, such as valgrind."""
    tls = ["--tls_cert", str(certificate), "--tls_key", str(key)] if certificate else []
    server = PortFileServer(name, work, [*under, str(binary), "--canned", str(canned), *tls], {}, core)
    server.scheme = "https" if certificate else "http"
    return server


def epoll(work, binary, answer, core):
    """The bare epoll loop, answering everything with the bytes in the file `answer`."""
    return PortFileServer("epoll", work, [str(binary), "--answer", str(answer)], {}, core)


class ChosenPortServer(Server):
    """A server that cannot take port 0: it is given one that was free a moment ago, and another if that was taken."""

    def _launch(self):
        for attempt in range(PORT_ATTEMPTS):
            self.port = free_port()
            self._spawn(self._command())
            try:
                wait_until(f"{self.name} to accept connections on port {self.port}", self._ready,
                           START_DEADLINE_SECONDS)
                return
            except BenchError:
                self.stop()
                if attempt + 1 == PORT_ATTEMPTS:
                    raise

    def _ready(self):
        self._alive_or_raise()
        return accepts(self.port)

    def _command(self):
        raise NotImplementedError


class Nginx(ChosenPortServer):
    """nginx answering every request with an empty 200: what a mature server makes of the same connections.

    One process without a master, so that its pid is the one that does the work.
    """

    def __init__(self, work, core, certificate=None, key=None):
        super().__init__("nginx", work, core)
        self.certificate, self.key = certificate, key
        self.scheme = "https" if certificate else "http"

    def _tls(self):
        """What the registry speaks: its versions, ciphers and groups, tickets and no cache of sessions."""
        return "" if not self.certificate else f"""
        ssl_certificate {self.certificate};
        ssl_certificate_key {self.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256;
        ssl_ecdh_curve X25519:P-256:P-384;
        ssl_prefer_server_ciphers off;
        ssl_session_cache off;
        ssl_session_tickets on;
        ssl_session_timeout 12h;"""

    def _command(self):
        folder = self.work / "nginx"
        folder.mkdir(exist_ok=True)
        configuration = folder / "nginx.conf"
        configuration.write_text(f"""\
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    tcp_nodelay on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{self.port}{" ssl" if self.certificate else ""};{self._tls()}
        location / {{ return 200; }}
    }}
}}
""")
        return ["nginx", "-p", str(folder), "-c", str(configuration), "-e", "stderr"]


class Redis(ChosenPortServer):
    """Redis without persistence: an anchor for what renewing a lease costs over another protocol."""

    def __init__(self, work, core):
        super().__init__("redis", work, core)

    def _command(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", str(self.work)]
