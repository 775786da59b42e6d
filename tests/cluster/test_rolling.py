#!/usr/bin/python3
"""Nodes that are stopped and started one after the other under a load: clients that ask again once see no error."""

import json
import signal
import subprocess
import sys
import threading
import time

import redis
import redis.cluster

from harness import BINARY, Cluster, encode, eventually, replies, run_tests
from history import lost_writes
from rolling import RetryingLoad, check_history, read_all, wait_healthy

SETTINGS = {"exchange-period-ms": 1000}


def restart_each(cluster):
    for node in cluster.nodes:
        began = time.monotonic()
        assert node.stop() == 0, node.log_text()[-1000:]
        stopped_s = time.monotonic() - began
        node.start()
        cluster.wait_ready(30, [node])
        ready_s = time.monotonic() - began
        print(f"node {node.index}: stopped in {stopped_s:.2f} s, ready after {ready_s:.2f} s, "
              f"{wait_healthy(node)}", flush=True)
        assert node.info("cluster")["gramme_started_clean"] == "1"


def test_a_rolling_restart_of_five():
    with Cluster(5, settings=SETTINGS) as cluster:
        wait_healthy(cluster.nodes[0])
        load = RetryingLoad(cluster, 500)
        eventually(lambda: len(load.history) > 500, 10, "it runs")
        restart_each(cluster)
        check_history(cluster, load.stop())
        for node in cluster.nodes:
            assert "requests-cut" not in node.log_text(), node.log_text()[-1000:]
            assert "event=drained" in node.log_text() and "event=draining" in node.log_text()


def test_a_rolling_restart_of_three_with_shards():
    with Cluster(3, settings={**SETTINGS, "shards": 2}) as cluster:
        wait_healthy(cluster.nodes[0])
        load = RetryingLoad(cluster, 300)
        eventually(lambda: len(load.history) > 300, 10, "it runs")
        restart_each(cluster)
        check_history(cluster, load.stop())


def test_peers_do_not_wait_for_the_silence_of_one_that_leaves():
    """Operations through the others while one stops: none is slower than silence would make it."""
    with Cluster(5, settings=SETTINGS) as cluster:
        wait_healthy(cluster.nodes[0])
        leaving = cluster.nodes[4]
        load = RetryingLoad(cluster, 400)
        load.nodes = [0, 1, 2, 3]
        eventually(lambda: len(load.history) > 400, 10, "it runs")
        assert leaving.stop() == 0
        count = len(load.history)
        eventually(lambda: len(load.history) > count + 400, 10, "it goes on")
        history = load.stop()
        check_history(cluster_of(cluster, 4), history)
        slowest = max(operation.end - operation.start for operation in history)
        assert slowest < 0.3, f"{slowest:.2f} s"
        for node in cluster.nodes[:4]:
            assert "event=peer-leaving" in node.log_text() and "event=peer-silent" not in node.log_text()


def cluster_of(cluster, count):
    """The same, without its last nodes, for who reads from all."""
    class Part:
        nodes = cluster.nodes[:count]
    return Part


def test_commands_that_came_are_answered_and_idle_clients_are_sent_away_at_once():
    with Cluster(3, settings=SETTINGS) as cluster:
        node = cluster.nodes[0]
        with node.connect() as idle, node.connect() as busy, node.connect() as half:
            assert idle.command("PING") == "PONG"
            half.send(b"*3\r\n$3\r\nSET\r\n$1\r\nh\r\n")
            busy.send(b"".join(encode("SET", f"key{number}", "x") for number in range(2000)))
            node.signal(signal.SIGTERM)
            began = time.monotonic()
            half.send(b"$1\r\nv\r\n")
            assert half.read_reply() == "OK"
            assert idle.closed_within(2)
            assert time.monotonic() - began < 0.5
            assert [busy.read_reply() for _ in range(2000)] == ["OK"] * 2000
            assert busy.closed_within(2)
        assert node.process.wait(10) == 0
        with cluster.nodes[1].connect() as reader:
            assert reader.command("GET", "key1999") == b"x" and reader.command("GET", "h") == b"v"


def test_a_client_that_never_pauses_is_answered_for_all_that_was_read():
    """Its replies are not torn up by what it goes on sending."""
    with Cluster(3, settings=SETTINGS) as cluster:
        node = cluster.nodes[0]
        wait_healthy(node)
        connection = node.connect(10)
        sent = []
        over = threading.Event()

        def send():
            try:
                while not over.is_set():
                    connection.send(encode("SET", f"key{len(sent)}", "x"))
                    sent.append(1)
            except OSError:
                pass
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        answered = 0
        try:
            while True:
                assert connection.read_reply() == "OK"
                answered += 1
                if answered == 500:
                    node.signal(signal.SIGTERM)
        except (ConnectionError, OSError) as error:
            assert isinstance(error, ConnectionError) and not isinstance(error, ConnectionResetError), error
        over.set()
        sender.join(5)
        assert node.process.wait(10) == 0
        connection.close()
        assert answered > 500
        found = replies(cluster.nodes[1], [encode("GET", f"key{number}") for number in range(len(sent))])
        assert found[:answered] == [b"x"] * answered
        assert not any(found[answered:]), f"{len(found) - answered} without an answer, some of them were done"


def test_a_transaction_that_was_begun_is_let_finish():
    with Cluster(3, settings=SETTINGS) as cluster:
        node = cluster.nodes[0]
        with node.connect() as connection:
            assert connection.command("MULTI") == "OK"
            assert connection.command("SET", "a", "1") == "QUEUED"
            node.signal(signal.SIGTERM)
            time.sleep(0.05)
            assert connection.command("EXEC") == ["OK"]
            assert connection.closed_within(2)
        assert node.process.wait(10) == 0


def test_clients_of_libraries_see_a_rolling_restart_only_as_a_retry():
    """redis-py's client of clusters."""
    with Cluster(3, settings=SETTINGS) as cluster:
        wait_healthy(cluster.nodes[0])
        clustered = redis.cluster.RedisCluster(host="127.0.0.1", port=cluster.nodes[0].port, socket_timeout=5,
                                               cluster_error_retry_attempts=3)
        stopping = threading.Event()
        problems, counts = [], [0]

        def work():
            while not stopping.is_set():
                try:
                    key = f"key{counts[0]}"
                    assert clustered.set(key, key) and clustered.get(key) == key.encode()
                    counts[0] += 1
                except Exception as error:  # every kind of it would be the application's
                    problems.append(repr(error))
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        eventually(lambda: counts[0] > 200, 10, "it runs")
        restart_each(cluster)
        stopping.set()
        thread.join(10)
        clustered.close()
        assert not problems, problems[:3]
        print(f"{counts[0]} pairs of SET and GET")


def test_a_node_that_took_its_leave_alarms_nobody():
    with Cluster(3, settings=SETTINGS) as cluster:
        wait_healthy(cluster.nodes[0])
        assert cluster.nodes[2].stop() == 0
        cluster.nodes[1].kill()
        log = cluster.nodes[0].log_text
        peers = [f"peer={node.peer_host}:{node.peer_port}" for node in cluster.nodes]
        eventually(lambda: "level=error event=member-dead " + peers[1] in log(), 20, "the killed one is dead")
        eventually(lambda: "level=info event=member-dead " + peers[2] in log(), 20, "the stopped one is gone")


def test_all_stop_at_once_under_a_load():
    """Nobody to go to: errors say so, but what was acknowledged is there afterwards, and no stop is cut short."""
    with Cluster(3, settings=SETTINGS) as cluster:
        wait_healthy(cluster.nodes[0])
        load = RetryingLoad(cluster, 500)
        eventually(lambda: len(load.history) > 500, 10, "it runs")
        for node in cluster.nodes:
            node.signal(signal.SIGTERM)
        for node in cluster.nodes:
            assert node.process.wait(10) == 0, node.log_text()[-1000:]
            assert "requests-cut" not in node.log_text()
        history = load.stop()
        cluster.start()
        final = read_all(cluster, [operation.key for operation in history if operation.name == "SET"])
        assert not lost_writes(history, final), lost_writes(history, final)[:5]
        print({outcome: sum(operation.outcome == outcome for operation in history)
               for outcome in {operation.outcome for operation in history}})


def gramme(*words):
    return subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=60, check=False)


def test_wait_healthy_says_what_it_waits_for():
    with Cluster(3, settings=SETTINGS) as cluster:
        address = f"127.0.0.1:{cluster.nodes[0].port}"
        done = gramme("cluster", "wait-healthy", "--json", address)
        told = json.loads(done.stdout)
        assert done.returncode == 0 and told["healthy"] and told["members"] == 3, done
        assert "healthy: 3 members" in gramme("cluster", "wait-healthy", address).stdout
        cluster.nodes[2].kill()
        done = gramme("cluster", "wait-healthy", "--timeout", "1", address)
        assert done.returncode == 1 and "not healthy after 1 s" in done.stderr, done
        assert "does not reach 1 of the members" in done.stderr or "cannot be asked" in done.stderr, done
        told = json.loads(gramme("cluster", "wait-healthy", "--timeout", "0", "--json", address).stdout)
        assert not told["healthy"] and told["waits_for"], told
        cluster.nodes[2].start()
        assert gramme("cluster", "wait-healthy", "--timeout", "60", address).returncode == 0
        cluster.nodes[0].stop()
        assert gramme("cluster", "wait-healthy", "--timeout", "0", address).returncode == 4
        assert gramme("cluster", "wait-healthy", "nowhere").returncode == 2
        assert gramme("cluster", "status", "--timeout", "3").returncode == 2


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
