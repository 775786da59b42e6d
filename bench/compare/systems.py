"""The systems that are compared: how each is started, and how one knows that it is ready."""

import os
import shutil
import socket

import processes

LOOPBACK = "127.0.0.1"
READY_S = 30


def ask(port, *words):
    """One RESP command on a connection of its own; the raw answer's first 64 KiB, or b"" when nobody is there."""
    request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in
                                                  (word.encode() for word in words))
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(request)
            return connection.recv(65536)
    except OSError:
        return b""


class System:
    """One of the compared. `wait` is the number of replicas that a SET waits for by WAIT; 0 for none."""

    peer = None
    wait = 0

    def __init__(self, name, description, port):
        self.name = name
        self.description = description
        self.ports = [port]
        self.processes = []
        self.folder = None

    def missing(self):
        """Why it cannot be started here, or None."""
        return None

    def start(self, folder):
        """Starts it in a folder of its own; returns at once."""
        self.folder = folder
        os.makedirs(folder)

    def _run(self, command):
        self.processes.append(processes.start(command, os.path.join(self.folder, "log")))

    def is_ready(self):
        return ask(self.ports[0], "PING").startswith(b"+PONG")

    def await_ready(self):
        def check():
            for process in self.processes:
                if process.poll() is not None:
                    raise RuntimeError(f"{self.name} ended with {process.returncode}: {self.last_words()}")
            return self.is_ready()

        processes.await_true(check, READY_S, f"{self.name} ready")

    def last_words(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as file:
            return " / ".join(file.read().strip().splitlines()[-3:])

    def stop(self):
        for process in reversed(self.processes):
            processes.stop(process)
        self.processes = []

    def pids(self):
        return [process.pid for process in self.processes]


class Floor(System):
    def __init__(self, port, build):
        super().__init__("floor", "finds commands, answers fixed bytes, keeps nothing", port)
        self.binary = os.path.join(build, "resp-floor")

    def missing(self):
        return None if os.access(self.binary, os.X_OK) else f"{self.binary} is not built"

    def start(self, folder):
        super().start(folder)
        self._run([self.binary, str(self.ports[0])])


class Redis(System):
    """redis-server: alone, or with two replicas, each SET followed by WAIT 1."""

    def __init__(self, name, description, port, replicas=0, fsync=None):
        super().__init__(name, description, port)
        self.replicas = replicas
        self.fsync = fsync
        self.wait = 1 if replicas else 0

    def missing(self):
        return None if shutil.which("redis-server") else "redis-server is not installed"

    def start(self, folder):
        super().start(folder)
        for number in range(1 + self.replicas):
            port = self.ports[0] + number
            data = os.path.join(folder, str(number))
            os.makedirs(data)
            command = ["redis-server", "--bind", LOOPBACK, "--port", str(port), "--dir", data, "--save", "",
                       "--repl-diskless-sync-delay", "0", "--appendonly", "yes" if self.fsync else "no"]
            if self.fsync:
                command += ["--appendfsync", self.fsync]
            if number > 0:
                command += ["--replicaof", f"{LOOPBACK} {self.ports[0]}"]
            self._run(command)

    def is_ready(self):
        if not super().is_ready():
            return False
        # The master's own view: `state=online` is when a replica has the whole data set and is fed.
        return ask(self.ports[0], "INFO", "replication").count(b"state=online") == self.replicas


class Gramme(System):
    def __init__(self, name, description, port, build, nodes, peer, arguments=()):
        super().__init__(name, description, port)
        self.binary = os.path.join(build, "gramme")
        self.ports = [port + number for number in range(nodes)]
        self.arguments = list(arguments)
        self.peer = peer

    def missing(self):
        return None if os.access(self.binary, os.X_OK) else f"{self.binary} is not built"

    def start(self, folder):
        super().start(folder)
        self._run([self.binary, "dev", "--nodes", str(len(self.ports)), "--data", os.path.join(folder, "data"),
                   "--base-port", str(self.ports[0]), *self.arguments])

    def is_ready(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as file:
            if not any(line.strip() == "ready" for line in file):
                return False
        return all(ask(port, "PING").startswith(b"+PONG") for port in self.ports)


def all_systems(build, base_port, shards):
    """In the order of the tables. Each has twenty ports to itself."""
    ports = iter(range(base_port, base_port + 400, 20))
    shards = ["--shards", str(shards)]
    memory = ["--storage", "memory", *shards]
    rocksdb = ["--storage", "rocksdb", *shards]
    return [
        Floor(next(ports), build),
        Redis("redis", "redis-server alone, memory", next(ports)),
        Redis("redis-wait", "redis-server and 2 replicas, WAIT 1, memory", next(ports), 2),
        Redis("redis-wait-everysec", "the same, appendfsync everysec", next(ports), 2, "everysec"),
        Redis("redis-wait-always", "the same, appendfsync always", next(ports), 2, "always"),
        Gramme("gramme-1", "Gramme, 1 node, memory", next(ports), build, 1, "redis", memory),
        Gramme("gramme-3", "Gramme, N=3 R=W=2, memory", next(ports), build, 3, "redis-wait", memory),
        Gramme("gramme-3-interval", "Gramme, N=3 R=W=2, RocksDB, interval", next(ports), build, 3,
               "redis-wait-everysec", [*rocksdb, "--durability", "interval"]),
        Gramme("gramme-3-sync", "Gramme, N=3 R=W=2, RocksDB, sync", next(ports), build, 3,
               "redis-wait-always", [*rocksdb, "--durability", "sync"]),
    ]
