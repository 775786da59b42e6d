#!/usr/bin/python3
"""Strangers at the door: malformed and oversized requests, clients that stop half-way or never read, garbage between
nodes. Each time: the node answers as it should or closes, its memory stays bounded, and its other clients notice nothing.
"""

import contextlib
import os
import random
import resource
import socket
import sys
import threading
import time

from harness import Cluster, ReplyError, Resp, encode, eventually, run_tests

MIB = 1024 * 1024
SEED = 20260101


class Bystander(threading.Thread):
    """A client that minds its own business on a node, and writes down errors and the longest wait."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.done = threading.Event()
        self.rounds = 0
        self.longest_s = 0.0
        self.problem = None

    def run(self):
        try:
            with Resp(self.port) as connection:
                while not self.done.is_set():
                    began = time.monotonic()
                    value = b"v%d" % self.rounds
                    key = f"bystander{self.port}:{self.rounds % 50}"
                    assert connection.command("SET", key, value) == "OK"
                    assert connection.command("GET", key) == value
                    self.longest_s = max(self.longest_s, time.monotonic() - began)
                    self.rounds += 1
                    time.sleep(0.002)
        except Exception as error:
            self.problem = error

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        goal = self.rounds + 20
        eventually(lambda: self.rounds > goal or self.problem is not None, 10, "20 more rounds of a bystander")
        self.done.set()
        self.join(10)
        if kind is None:
            self.check()

    def check(self):
        assert self.problem is None, f"a bystander was hurt: {self.problem!r}"
        print(f"a bystander's longest wait: {self.longest_s * 1000:.0f} ms of {self.rounds} rounds")
        assert self.longest_s < 1.0, f"a bystander waited {self.longest_s:.2f} s"


@contextlib.contextmanager
def bounded_memory(node, growth_bytes):
    before = node.resident_bytes()
    most = before
    done = threading.Event()

    def watch():
        nonlocal most
        while not done.is_set():
            most = max(most, node.resident_bytes())
            time.sleep(0.02)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    assert most - before <= growth_bytes, f"memory grew by {(most - before) // 1024} KiB, {growth_bytes // 1024} at most"


@contextlib.contextmanager
def one_node_of_three():
    with Cluster(3, settings={"storage": "memory", "durability": "none"}) as cluster:
        with Bystander(cluster.nodes[0].port), Bystander(cluster.nodes[1].port):
            yield cluster.nodes[0]
        for node in cluster.nodes:
            assert node.is_running(), f"node {node.index} is gone"


REFUSED = [
    b"*2147483648\r\n",
    b"*9223372036854775807\r\n",
    b"*99999999999999999999999999\r\n",
    b"*1048577\r\n",
    b"*a\r\n",
    b"*\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$-2147483648\r\n",
    b"*1\r\n$2147483648\r\n",
    b"*1\r\n$9223372036854775807\r\n",
    b"*1\r\n$99999999999999999999\r\n",
    b"*1\r\n$x\r\n",
    b"*1\r\n:1\r\n",
    b"*2\r\n$4\r\nPING\r\n+OK\r\n",
    b"*1\r\n*1\r\n$4\r\nPING\r\n",
    b"*1" + b"0" * 70000,
    b"*1\r\n$" + b"0" * 70000,
    b"A" * 70000,
    b"SET \"open quote\r\n",
]

HARMLESS = [b"*-1\r\n", b"*0\r\n", b"\r\n", b"*-2147483648\r\n", b"   \r\n"]

ODD = [
    b"*1\r\n$0\r\n\r\n",
    b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n",
    b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n",
    b"\x00\x01\x02\xff\r\n",
    b"*1\r\n$7\r\nPI\r\nNG!\r\n",
]


def test_malformed_requests_end_in_an_error_and_nothing_else():
    with one_node_of_three() as node:
        for data in REFUSED:
            with node.connect() as stranger:
                stranger.send(data)
                reply = stranger.read_reply(errors_raise=False)
                assert isinstance(reply, ReplyError) and "Protocol error" in str(reply), (data[:40], reply)
                assert stranger.closed_within(3), data[:40]
        for data in HARMLESS:
            with node.connect() as stranger:
                stranger.send(data + encode("PING"))
                assert stranger.read_reply() == "PONG", data
        for data in ODD:
            with node.connect() as stranger:
                stranger.send(data + encode("PING"))
                stranger.read_reply(errors_raise=False)
                assert stranger.read_reply(errors_raise=False) == "PONG", data


def test_garbage_and_mutated_requests():
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    seeds = [encode("SET", "key", "value"), encode("GET", "key"), encode("MGET", "a", "b", "c"), encode("HELLO", "3"),
             encode("GRAMME.GET", "key"), encode("GRAMME.PUT", "key", "value", "CONTEXT", "x"), encode("INFO"),
             encode("CLUSTER", "SLOTS"), encode("EXPIRE", "key", "10"), b"PING\r\n"]
    with one_node_of_three() as node:
        for _ in range(400):
            data = bytearray(b"".join(rng.choice(seeds) for _ in range(rng.randrange(1, 6))))
            for _ in range(rng.randrange(1, 8)):
                position = rng.randrange(len(data))
                mutation = rng.randrange(3)
                if mutation == 0:
                    data[position] = rng.randrange(256)
                elif mutation == 1:
                    del data[position]
                else:
                    data.insert(position, rng.randrange(256))
                if not data:
                    data = bytearray(b"\n")
            with node.connect() as stranger, contextlib.suppress(OSError):
                for begin in range(0, len(data), 7):
                    stranger.send(bytes(data[begin:begin + 7]))
        for _ in range(100):
            with node.connect() as stranger, contextlib.suppress(OSError):
                stranger.send(rng.randbytes(rng.randrange(1, 20000)))
        with node.connect() as connection:
            assert connection.command("PING") == "PONG"


def test_announced_lengths_claim_no_memory():
    with one_node_of_three() as node, contextlib.ExitStack() as stack:
        with bounded_memory(node, 64 * MIB):
            strangers = [stack.enter_context(node.connect()) for _ in range(300)]
            for index, stranger in enumerate(strangers):
                if index % 3 == 0:
                    stranger.send(b"*1048576\r\n")
                elif index % 3 == 1:
                    stranger.send(b"*1048576\r\n" + b"$1\r\na\r\n" * 100)
                else:
                    stranger.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$16777216\r\n" + b"x" * 1000)
            time.sleep(0.5)
            for stranger in strangers[:3]:
                assert not stranger.closed_within(0.05)


def test_a_million_arguments_that_do_come():
    with one_node_of_three() as node, bounded_memory(node, 400 * MIB):
        with node.connect(timeout=60) as stranger:
            count = 1024 * 1024
            stranger.send(b"*%d\r\n$4\r\nEVAL\r\n" % count + b"$1\r\na\r\n" * (count - 1))
            assert isinstance(stranger.read_reply(errors_raise=False), ReplyError)
            assert stranger.command("PING") == "PONG"


def test_values_over_the_limit_are_refused():
    with one_node_of_three() as node:
        with node.connect(timeout=30) as connection:
            most = b"x" * (16 * MIB)
            assert connection.command("SET", "largest", most) == "OK"
            assert connection.command("GET", "largest") == most
            connection.send(encode("SET", "too-large", most + b"x"))
            assert isinstance(connection.read_reply(errors_raise=False), ReplyError)
        with node.connect() as connection:
            assert connection.command("GET", "too-large") is None
            connection.send(encode("SET", b"k" * 65537, "v"))
            assert isinstance(connection.read_reply(errors_raise=False), ReplyError)
            assert connection.command("SET", b"k" * 65536, "v") == "OK"


def test_half_a_request_and_silence():
    with one_node_of_three() as node, contextlib.ExitStack() as stack:
        strangers = [stack.enter_context(node.connect()) for _ in range(200)]
        for stranger in strangers:
            stranger.send(b"*3\r\n$3\r\nSET\r\n$5\r\nhal")
        with node.connect() as connection:
            for _ in range(200):
                assert connection.command("PING") == "PONG"
        strangers[0].send(b"f1\r\n$1\r\nv\r\n")
        assert strangers[0].read_reply() == "OK"


def test_a_client_that_never_reads():
    with one_node_of_three() as node, bounded_memory(node, 260 * MIB):
        with node.connect(timeout=30) as connection:
            assert connection.command("SET", "big", b"x" * MIB) == "OK"
        with node.connect() as stranger:
            stranger.socket.settimeout(2)
            with contextlib.suppress(OSError):
                for _ in range(2000):
                    stranger.send(encode("GET", "big") * 10)
            time.sleep(0.5)
            with node.connect() as connection:
                assert connection.command("PING") == "PONG"
    # Small answers, so many that they fill whatever there is: the node stops to read instead.
    with one_node_of_three() as node, bounded_memory(node, 260 * MIB):
        with node.connect() as stranger:
            stranger.socket.settimeout(2)
            with contextlib.suppress(OSError):
                for _ in range(3000):
                    stranger.send(encode("INFO") * 50)


def test_a_slow_reader_gets_everything():
    with one_node_of_three() as node:
        with node.connect(timeout=30) as connection:
            value = os.urandom(64 * 1024)
            assert connection.command("SET", "slow", value) == "OK"
            sender = threading.Thread(target=lambda: connection.send(encode("GET", "slow") * 1000), daemon=True)
            sender.start()
            for index in range(1000):
                assert connection.read_reply() == value
                if index % 100 == 0:
                    time.sleep(0.02)
            sender.join()


def connect_admitted(node):
    """A connection that has its place: that of whoever looked whether the node was ready may just be getting free."""
    admitted = []

    def try_once():
        client = node.connect()
        client.send(encode("PING"))
        if client.read_reply(errors_raise=False) == "PONG":
            admitted.append(client)
            return True
        client.close()
        return False

    eventually(try_once, 5, "the node lets a client in")
    return admitted[0]


def test_more_clients_than_allowed():
    with Cluster(1, settings={"storage": "memory", "max-clients": 20, "replicas": 1, "shards": 2}) as cluster:
        node = cluster.nodes[0]
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(connect_admitted(node)) for _ in range(20)]
            for client in clients:
                assert client.command("PING") == "PONG"
            for _ in range(5):
                with node.connect() as stranger:
                    reply = stranger.read_reply(errors_raise=False)
                    assert str(reply) == "ERR max number of clients reached", reply
                    assert stranger.closed_within(2)
            for client in clients:
                assert client.command("PING") == "PONG"

        def is_welcome():
            with node.connect() as client:
                client.send(encode("PING"))
                return client.read_reply(errors_raise=False) == "PONG"

        eventually(is_welcome, 5, "places are free again")


def test_two_thousand_idle_clients():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192) if hard != resource.RLIM_INFINITY else 8192, hard))
    try:
        with one_node_of_three() as node, bounded_memory(node, 100 * MIB), contextlib.ExitStack() as stack:
            for _ in range(2000):
                stack.enter_context(contextlib.closing(socket.create_connection(("127.0.0.1", node.port), 5)))
            with node.connect() as connection:
                for _ in range(100):
                    assert connection.command("PING") == "PONG"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def peer_connect(node):
    return socket.create_connection(("127.0.0.1", node.peer_port), 5)


def test_garbage_between_nodes():
    rng = random.Random(SEED)
    with one_node_of_three() as node, bounded_memory(node, 32 * MIB):
        for data in [b"GET / HTTP/1.0\r\n\r\n", encode("PING"), b"\x00" * 16, b"\xff" * 600, b"\xff\xff\xff\x7f" + b"\x01" * 12,
                     b"\x00\x00\x10\x00\x01\x00\x00\x00" + b"\x00" * 8]:
            with peer_connect(node) as stranger:
                stranger.sendall(data)
        for _ in range(300):
            with peer_connect(node) as stranger, contextlib.suppress(OSError):
                stranger.sendall(rng.randbytes(rng.randrange(1, 5000)))
        with node.connect() as connection:
            assert connection.command("PING") == "PONG"


def test_strangers_who_say_nothing_keep_no_peer_out():
    with Cluster(3, settings={"storage": "memory", "durability": "none"}) as cluster, contextlib.ExitStack() as stack:
        node = cluster.nodes[0]
        with bounded_memory(node, 32 * MIB):
            for _ in range(500):
                stranger = stack.enter_context(peer_connect(node))
                with contextlib.suppress(OSError):
                    stranger.sendall(b"\x60\x00")
            other = cluster.nodes[1]
            other.kill()
            other.start()
            cluster.wait_ready(5, [other])
            with node.connect() as connection:
                assert connection.command("SET", "after", "all") == "OK"

        def all_dropped():
            with open(f"/proc/{node.process.pid}/net/tcp", encoding="ascii") as file:
                wanted = f":{node.peer_port:04X} "
                return sum(1 for line in file if wanted in line[6:20] and line.split()[3] == "01") < 50

        eventually(all_dropped, 6, "silent strangers are dropped")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
