#!/usr/bin/python3
"""What a user does first, on real nodes: set and get through any of them, with any client, and restart them."""

import contextlib
import random
import signal
import subprocess
import sys
import threading
import time

import redis
import redis.cluster

from harness import BINARY, Cluster, ReplyError, encode, eventually, run_tests


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False, **options)


def test_set_and_get_across_nodes():
    with Cluster(3) as cluster, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(node.connect()) for node in cluster.nodes]
        for number in range(200):
            writer = connections[number % 3]
            assert writer.command("SET", f"key{number}", f"value{number}") == "OK"
            for reader in connections:
                assert reader.command("GET", f"key{number}") == b"value%d" % number
        for number in range(0, 200, 2):
            assert connections[(number + 1) % 3].command("DEL", f"key{number}") == 1
        for number in range(200):
            expected = None if number % 2 == 0 else b"value%d" % number
            for reader in connections:
                assert reader.command("GET", f"key{number}") == expected
        assert connections[0].command("DEL", "never there") == 0


def test_five_nodes_of_which_three_own_a_key():
    with Cluster(5) as cluster, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(node.connect()) for node in cluster.nodes]
        for number in range(300):
            assert connections[number % 5].command("SET", f"key{number}", f"value{number}") == "OK"
            assert connections[(number + 1) % 5].command("GET", f"key{number}") == b"value%d" % number
        assert int(cluster.nodes[0].info("cluster")["gramme_forwarded"]) > 0


def test_shards_that_differ_between_nodes():
    settings = {0: {"shards": 1}, 1: {"shards": 2}, 2: {"shards": 3}}
    with Cluster(3, node_settings=settings) as cluster, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(node.connect()) for node in cluster.nodes for _ in range(3)]
        for number in range(300):
            assert connections[number % 9].command("SET", f"key{number}", f"value{number}") == "OK"
            assert connections[(number + 4) % 9].command("GET", f"key{number}") == b"value%d" % number
        keys = [f"key{number}" for number in range(300)]
        assert connections[8].command("MGET", *keys) == [b"value%d" % number for number in range(300)]


def test_addresses_may_be_names():
    with Cluster(3, host="localhost") as cluster:
        assert run("redis-cli", "-c", "-h", "localhost", "-p", str(cluster.nodes[0].port), "SET", "a", "b").stdout == "OK\n"
        assert run("redis-cli", "-c", "-h", "127.0.0.1", "-p", str(cluster.nodes[2].port), "GET", "a").stdout == "b\n"


def test_redis_cli_follows_the_cluster():
    with Cluster(3) as cluster:
        port = str(cluster.nodes[0].port)
        assert run("redis-cli", "-c", "-p", port, "SET", "greeting", "hello").stdout == "OK\n"
        for node in cluster.nodes:
            assert run("redis-cli", "-c", "-p", str(node.port), "GET", "greeting").stdout == "hello\n"
        assert "PONG" in run("redis-cli", "-p", port, "PING").stdout
        assert "gramme_ready:1" in run("redis-cli", "-p", port, "INFO").stdout
        listed = run("redis-cli", "-p", port, "CLUSTER", "NODES").stdout
        assert all(node.id in listed for node in cluster.nodes), listed
        settings = run("redis-cli", "-p", port, "CONFIG", "GET", "*").stdout.split("\n")
        for name in ("port", "bind", "maxclients", "save", "appendonly", "node-id", "replicas", "object-buffer"):
            assert name in settings, f"{name} is not in {settings}"
        assert cluster.secret not in settings


def test_redis_py_and_its_cluster_client():
    with Cluster(3) as cluster:
        plain = redis.Redis(port=cluster.nodes[1].port, socket_timeout=5)
        assert plain.ping()
        assert plain.set("plain", "value") and plain.get("plain") == b"value"
        with plain.pipeline(transaction=False) as pipeline:
            for number in range(1000):
                pipeline.set(f"key{number}", number)
            assert all(pipeline.execute())
        clustered = redis.cluster.RedisCluster(host="127.0.0.1", port=cluster.nodes[0].port, socket_timeout=5)
        for number in range(1000):
            assert clustered.get(f"key{number}") == b"%d" % number
            if number % 5 == 0:
                clustered.set(f"key{number}", "again")
        with plain.pipeline(transaction=False) as pipeline:
            for number in range(1000):
                pipeline.get(f"key{number}")
            for number, value in enumerate(pipeline.execute()):
                assert value == (b"again" if number % 5 == 0 else b"%d" % number)
        clustered.close()
        plain.close()


def siblings_of(connection, key):
    """Values and context of GRAMME.GET."""
    context, *values = connection.command("GRAMME.GET", key)
    return values, context


def test_two_clients_make_siblings_and_a_third_ends_them():
    with Cluster(3) as cluster:
        a, b, c = (node.connect() for node in cluster.nodes)
        with a, b, c:
            assert a.command("SET", "cart", "empty") == "OK"
            values_a, context_a = siblings_of(a, "cart")
            values_b, context_b = siblings_of(b, "cart")
            assert values_a == values_b == [b"empty"]
            a.command("GRAMME.PUT", "cart", "milk", "CONTEXT", context_a)
            b.command("GRAMME.PUT", "cart", "bread", "CONTEXT", context_b)
            for connection in (a, b, c):
                values, context = siblings_of(connection, "cart")
                assert sorted(values) == [b"bread", b"milk"], values
            c.command("GRAMME.PUT", "cart", "bread and milk", "CONTEXT", context)
            for connection in (a, b, c):
                assert siblings_of(connection, "cart")[0] == [b"bread and milk"]
                assert connection.command("GET", "cart") == b"bread and milk"
            c.send(encode("GRAMME.PUT", "another", "x", "CONTEXT", context))
            assert isinstance(c.read_reply(errors_raise=False), ReplyError), "a context of another key"


def test_the_last_set_wins_whatever_the_clocks():
    with Cluster(3, clock_offsets_ms=(50, 0, -50)) as cluster, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(node.connect()) for node in cluster.nodes]
        for number in range(200):
            for index in (0, 1, 2, 0, 2):
                value = b"%d by %d" % (number, index)
                assert connections[index].command("SET", f"key{number}", value) == "OK"
                assert connections[2 - index].command("GET", f"key{number}") == value
            values, _ = siblings_of(connections[1], f"key{number}")
            assert values == [b"%d by 2" % number], values


def test_expiry_hides_everywhere():
    with Cluster(3, clock_offsets_ms=(50, 0, -50)) as cluster, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(node.connect()) for node in cluster.nodes]
        assert connections[0].command("SET", "short", "x", "PX", "700") == "OK"
        assert 0 < connections[1].command("PTTL", "short") <= 800
        assert connections[2].command("GET", "short") == b"x"
        for connection in connections:
            eventually(lambda: connection.command("GET", "short") is None, 2, "expired")  # pylint: disable=cell-var-from-loop


def test_pipelines_run_in_order():
    """What a client says of a key happens in the order in which it says it, through owners and others, however much it
    says before it listens."""
    for nodes in (3, 5):
        with Cluster(nodes, settings={"shards": 2}) as cluster:
            pipeline_in_order(cluster)


def pipeline_in_order(cluster):
    rng = random.Random(7)
    with cluster.nodes[0].connect() as connection:
        expected = []
        requests = []
        state = {}
        for _ in range(5000):
            key = f"key{rng.randrange(50)}"
            choice = rng.randrange(3)
            if choice == 0:
                state[key] = rng.randbytes(rng.randrange(2000))
                requests.append(encode("SET", key, state[key]))
                expected.append("OK")
            elif choice == 1:
                requests.append(encode("GET", key))
                expected.append(state.get(key))
            else:
                requests.append(encode("ECHO", key))
                expected.append(key.encode())
        sender = threading.Thread(target=lambda: connection.send(b"".join(requests)), daemon=True)
        sender.start()
        for number, value in enumerate(expected):
            reply = connection.read_reply()
            assert reply == value, (number, requests[number][:60], reply, value)
        sender.join()


def test_a_client_that_sends_and_shuts_is_still_answered():
    with Cluster(3) as cluster, cluster.nodes[0].connect() as connection:
        connection.send(b"".join(encode("SET", f"key{number}", "x") for number in range(300)))
        connection.socket.shutdown(1)
        for _ in range(300):
            assert connection.read_reply() == "OK"
        assert connection.closed_within(2)
    with Cluster(1, settings={"replicas": 1}) as cluster, cluster.nodes[0].connect() as connection:
        connection.send(encode("PING") + encode("QUIT"))
        assert connection.read_reply() == "PONG" and connection.read_reply() == "OK"
        assert connection.closed_within(2)


def test_a_clean_stop_answers_first_and_keeps_everything():
    with Cluster(3) as cluster:
        connection = cluster.nodes[0].connect()
        connection.send(b"".join(encode("SET", f"key{number}", "x" * 100) for number in range(20000)))
        assert connection.read_reply() == "OK"
        cluster.nodes[0].signal(signal.SIGTERM)
        acknowledged = 1
        with contextlib.suppress(ConnectionError):
            while True:
                assert connection.read_reply() == "OK"
                acknowledged += 1
        assert cluster.nodes[0].process.wait(10) == 0, cluster.nodes[0].log_text()
        for node in cluster.nodes[1:]:
            assert node.stop() == 0, node.log_text()
        cluster.start()
        for node in cluster.nodes:
            assert node.info("cluster")["gramme_started_clean"] == "1"
            with node.connect() as reader:
                for number in range(0, acknowledged, 97):
                    assert reader.command("GET", f"key{number}") == b"x" * 100
        print(f"{acknowledged} acknowledged before the stop")


def test_a_second_signal_is_heeded_at_once():
    with Cluster(3) as cluster:
        node = cluster.nodes[0]
        with node.connect() as connection:
            cluster.nodes[1].kill()
            cluster.nodes[2].kill()
            connection.send(encode("SET", "stuck", "x"))
            node.signal(signal.SIGTERM)
            with contextlib.suppress(OSError):
                node.signal(signal.SIGINT)
            began = time.monotonic()
            assert node.process.wait(10) in (0, 1)
            assert time.monotonic() - began < 3


def test_what_is_wrong_is_said_and_the_exit_code_says_it_too():
    with Cluster(1, settings={"replicas": 1}) as cluster:
        node = cluster.nodes[0]
        # The ports are taken.
        second = run(BINARY, "server", "--config", node.config)
        assert second.returncode == 1 and "listen-failed" in second.stderr, second
        assert node.stop() == 0
        # The data is another node's.
        old, node.id = node.id, "0123456789abcdef0123456789abcdef"
        cluster.write_config(node, {})
        foreign = run(BINARY, "server", "--config", node.config)
        assert foreign.returncode == 3 and "foreign-data" in foreign.stderr, foreign
        node.id = old
        cluster.write_config(node, {"no-such-setting": "1"})
        assert run(BINARY, "server", "--config", node.config).returncode == 3
        # The data folder can't be made.
        node.rewrite_config((f"data {node.folder}", "data /proc/nowhere"), ("no-such-setting 1\n", ""))
        unusable = run(BINARY, "server", "--config", node.config)
        assert unusable.returncode == 1 and "data-unusable" in unusable.stderr, unusable


def test_gramme_dev_runs_a_cluster():
    with Cluster(3, start=False) as cluster:
        port = cluster.base_port
        dev = subprocess.Popen([BINARY, "dev", "--nodes", "3", "--data", cluster.folder + "/dev", "--base-port", str(port)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            for line in dev.stdout:
                if line.strip() == "ready":
                    break
            else:
                raise AssertionError("gramme dev ended before it was ready")
            assert run("redis-cli", "-c", "-p", str(port), "SET", "a", "b").stdout == "OK\n"
            assert run("redis-cli", "-c", "-p", str(port + 2), "GET", "a").stdout == "b\n"
            dev.send_signal(signal.SIGINT)
            assert dev.wait(20) == 0
        finally:
            dev.kill()
            dev.wait()
            dev.stdout.close()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
