"""Runs real nodes on this machine for the tests of this folder: configurations in a temporary folder, free ports on
loopback, processes that are gone when the test is, however it ends.

GRAMME names the binary; without it, build/release/gramme beside the sources.
"""

import atexit
import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("GRAMME", os.path.join(ROOT, "build", "release", "gramme"))
PEER_PORT_OFFSET = 10000
PORTS_A_BLOCK = 32
WINDOW = 400  # requests under way on a connection
_clusters = []
_claims = []


# --- RESP over a plain socket -----------------------------------------------------------------------------------------

class ReplyError(Exception):
    """An error reply."""


def read_reply(file, errors_raise=True):
    """Error replies are raised, or returned like others."""
    line = file.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the connection ended within a reply")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest.decode()
    if kind == b"-":
        error = ReplyError(rest.decode(errors="replace"))
        if errors_raise:
            raise error
        return error
    if kind == b":":
        return int(rest)
    if kind == b"$":
        size = int(rest)
        if size < 0:
            return None
        data = file.read(size + 2)
        if len(data) != size + 2:
            raise ConnectionError("the connection ended within a bulk string")
        return data[:-2]
    if kind == b"*":
        count = int(rest)
        return None if count < 0 else [read_reply(file, errors_raise) for _ in range(count)]
    raise ValueError(f"not a reply: {line!r}")


class Resp:
    """A connection that speaks RESP2, or whatever bytes a test wants to say."""

    def __init__(self, port, timeout=5.0, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb", 1 << 16)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read_reply(self, errors_raise=True):
        return read_reply(self.file, errors_raise)

    def command(self, *words):
        self.send(encode(*words))
        return self.read_reply()

    def closed_within(self, seconds):
        """True when the other end closes; what it sends before is read and dropped."""
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                self.socket.settimeout(max(0.01, deadline - time.monotonic()))
                if not self.socket.recv(1 << 16):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True
        return False


def encode(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        if not isinstance(word, bytes):
            word = str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def pipelined(node, requests, on_reply, timeout=30):
    """Sends the requests, at most WINDOW ahead of their replies; on_reply(n, reply) in order. Ends at the end of the
    requests or of the connection; how many were answered."""
    answered = 0
    try:
        with node.connect(timeout) as connection:
            room = threading.Semaphore(WINDOW)
            over = threading.Event()

            def send():
                batch = []
                try:
                    for request in requests:
                        if not room.acquire(blocking=False):
                            connection.send(b"".join(batch))
                            batch = []
                            room.acquire()
                        if over.is_set():
                            return
                        batch.append(request)
                        if len(batch) == 100:
                            connection.send(b"".join(batch))
                            batch = []
                    connection.send(b"".join(batch))
                except OSError:
                    pass

            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            try:
                while answered < len(requests):
                    on_reply(answered, connection.read_reply(errors_raise=False))
                    answered += 1
                    room.release()
            finally:
                over.set()
                room.release(WINDOW)
                sender.join(10)
    except OSError:
        pass
    return answered


def replies(node, requests, timeout=30):
    """The reply to each of the requests; errors are among them."""
    found = []
    answered = pipelined(node, requests, lambda _, reply: found.append(reply), timeout)
    assert answered == len(requests), f"node {node.index}: {answered} of {len(requests)} answers"
    return found


# --- nodes ------------------------------------------------------------------------------------------------------------

def die_with_parent():
    ctypes.CDLL("libc.so.6").prctl(1, signal.SIGKILL)


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _claim(port):
    """False when another process of tests has the block of ports that begins there. The claim ends with this one."""
    claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        claim.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def free_ports(count):
    """The first of `count` ports in a row that are free, as are those PEER_PORT_OFFSET above them. They lie below the
    range from which the kernel gives ports to clients."""
    for _ in range(200):
        base = random.randrange(11000, 22000 - PORTS_A_BLOCK, PORTS_A_BLOCK)
        ports = range(base, base + count)
        if _claim(base) and all(_is_free(port) and _is_free(port + PEER_PORT_OFFSET) for port in ports):
            return base
    raise RuntimeError("no free ports")


def _named(reply):
    return {name.decode(): value for name, value in zip(reply[::2], reply[1::2])}


class Node:
    def __init__(self, cluster, index):
        self.zone = f"zone-{index % cluster.zones if cluster.zones else index}"
        self.weight = 1
        self.cluster = cluster
        self.index = index
        self.port = cluster.base_port + index
        self.peer_port = self.port + PEER_PORT_OFFSET
        self.host = self.peer_host = cluster.host
        self.begin_with = []  # the words of a command that runs the binary elsewhere
        self.binary = BINARY
        self.id = os.urandom(16).hex()
        self.folder = os.path.join(cluster.folder, f"node-{index}")
        self.config = os.path.join(cluster.folder, f"node-{index}.conf")
        self.log = os.path.join(cluster.folder, f"node-{index}.log")
        self.environment = {}
        self.process = None

    def start(self):
        environment = dict(os.environ, **self.environment)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.begin_with, self.binary, "server", "--config", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                            preexec_fn=die_with_parent)

    def rewrite_config(self, *changes):
        """Each change is what stands there, and what is to stand there instead."""
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        for before, after in changes:
            text = text.replace(before, after)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=15):
        """A clean stop; its exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def connect(self, timeout=5.0):
        return Resp(self.port, timeout, self.host)

    def info(self, section="all"):
        with self.connect() as connection:
            text = connection.command("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))

    def is_ready(self):
        try:
            return self.info("cluster").get("gramme_ready") == "1"
        except (OSError, ReplyError, ValueError):
            return False

    def explain(self, keys):
        """For each key what each of its replicas holds, by the names that GRAMME.EXPLAIN gives. A replica that has to ask
        its disk says that it is busy, which tells nothing: it knows when it is asked again."""
        found = {}
        deadline = time.monotonic() + 30
        while waiting := [key for key in keys if key not in found]:
            assert time.monotonic() < deadline, f"replicas are busy for {len(waiting)} keys"
            for key, reply in zip(waiting, replies(self, [encode("GRAMME.EXPLAIN", key) for key in waiting])):
                replicas = [_named(replica) for replica in _named(reply)["replicas"]]
                if all(replica["status"] != b"busy" for replica in replicas):
                    found[key] = replicas
        return [found[key] for key in keys]

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()


class Cluster:
    """Nodes with configurations of their own. `settings` are lines of the configuration, name to value; `node_settings`
    are those of single nodes, by index; `clock_offsets_ms` makes their clocks differ; there are ports for `room` nodes
    that may come later. Each node is in a zone of its own, or they take turns in so many `zones`."""

    def __init__(self, nodes=3, start=True, settings=None, node_settings=None, clock_offsets_ms=(), host="127.0.0.1",
                 room=0, zones=0):
        self.zones = zones
        self.folder = tempfile.mkdtemp(prefix="gramme-test-")
        self.base_port = free_ports(nodes + room)
        self.cluster_id = os.urandom(16).hex()
        self.secret = os.urandom(16).hex()
        self.host = host
        self.settings = {"shards": 1, **(settings or {})}
        self.nodes = [Node(self, index) for index in range(nodes)]
        for index, offset_ms in enumerate(clock_offsets_ms):
            self.nodes[index].environment["GRAMME_CLOCK_OFFSET_MS"] = str(offset_ms)
        for node in self.nodes:
            self.write_config(node, (node_settings or {}).get(node.index, {}))
        _clusters.append(self)
        if start:
            self.start()

    def add_node(self, seeds, settings=None):
        """One that is to join by those nodes; it is not started yet."""
        node = Node(self, len(self.nodes))
        self.nodes.append(node)
        self.write_config(node, settings or {}, seeds)
        return node

    def write_config(self, node, settings, seeds=()):
        lines = [f"cluster-id {self.cluster_id}", f"cluster-secret {self.secret}", f"node-id {node.id}",
                 f"data {node.folder}"]
        for other in [node] if seeds else self.nodes:
            lines.append(f"member {other.id} {other.zone} {other.weight} {other.host}:{other.port} "
                         f"{other.peer_host}:{other.peer_port}")
        lines += [f"seed {seed.host}:{seed.port}" for seed in seeds]
        lines += [f"{name} {value}" for name, value in {**self.settings, **settings}.items()]
        with open(node.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def start(self):
        for node in self.nodes:
            node.start()
        self.wait_ready()

    def wait_ready(self, seconds=20, nodes=None):
        deadline = time.monotonic() + seconds
        waiting = list(self.nodes if nodes is None else nodes)
        while waiting:
            waiting = [node for node in waiting if not node.is_ready()]
            for node in waiting:
                if not node.is_running():
                    raise RuntimeError(f"node {node.index} ended: {node.log_text()[-2000:]}")
            if waiting and time.monotonic() > deadline:
                raise RuntimeError(f"not ready in time: {[node.index for node in waiting]}: "
                                   f"{waiting[0].log_text()[-2000:]}")
            time.sleep(0.02)

    def close(self):
        for node in self.nodes:
            if node.is_running():
                node.process.kill()
        for node in self.nodes:
            if node.process is not None:
                node.process.wait()
        if os.environ.get("GRAMME_TEST_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self in _clusters:
            _clusters.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            for node in self.nodes:
                with contextlib.suppress(OSError):
                    print(f"--- the end of the log of node {node.index}\n{node.log_text()[-1500:]}")
        self.close()


def _close_all():
    for cluster in list(_clusters):
        cluster.close()


atexit.register(_close_all)
for _number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(_number, lambda number, _frame: sys.exit(128 + number))


# --- tests ------------------------------------------------------------------------------------------------------------

def eventually(condition, seconds, what):
    """Waits for a state, not for a time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def run_tests(names):
    """Runs every test_... of the module whose globals() these are, or those that the command line names; the exit
    status."""
    chosen = sys.argv[1:]
    return run_each({name: function for name, function in names.items() if name.startswith("test_") and
                     callable(function) and (not chosen or name in chosen)})


def run_each(functions):
    """Runs them, by name, and counts; the exit status."""
    passed = failed = 0
    for name, function in functions.items():
        began = time.monotonic()
        try:
            function()
            passed += 1
            print(f"ok   {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception:  # whatever it is, the other tests are still worth running
            failed += 1
            print(f"FAIL {name} ({time.monotonic() - began:.1f} s)\n{traceback.format_exc()}", flush=True)
        finally:
            _close_all()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
