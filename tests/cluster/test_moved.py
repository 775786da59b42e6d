#!/usr/bin/python3
"""The second port: a node answers MOVED there to who asks for keys that it does not own, so that clients of Redis Cluster
learn where keys lie, and learn it anew when that changes. The first port serves every key, as before."""

import logging
import subprocess
import sys

import redis
from redis.cluster import ClusterNode, RedisCluster

from harness import Cluster, ReplyError, Resp, eventually, run_tests

OFFSET = 8  # within the ports that the harness keeps for one cluster


class MovedCluster(Cluster):
    def __init__(self, nodes):
        super().__init__(nodes, settings={"moved-port-offset": OFFSET}, room=OFFSET)


def moved_port(node):
    return node.port + OFFSET


def ask(port, *words):
    """The reply, or where it moved: (slot, port)."""
    with Resp(port) as connection:
        try:
            return connection.command(*words)
        except ReplyError as error:
            kind, slot, address = str(error).split(" ")[:3]
            assert kind == "MOVED", error
            return int(slot), int(address.rpartition(":")[2])


def is_redirect(reply):
    return isinstance(reply, tuple)


def test_moved_names_a_node_that_serves():
    """Five nodes, three owners to a key: two of five redirect, to one that doesn't."""
    with MovedCluster(5) as cluster:
        ports = [moved_port(node) for node in cluster.nodes]
        for number in range(40):
            key = f"key{number}"
            assert ask(cluster.nodes[number % 5].port, "SET", key, str(number)) == "OK"
            replies = [ask(port, "GET", key) for port in ports]
            redirects = [reply for reply in replies if is_redirect(reply)]
            assert len(redirects) == 2, replies
            with cluster.nodes[0].connect() as connection:
                slot = connection.command("CLUSTER", "KEYSLOT", key)
            for told_slot, port in redirects:
                assert told_slot == slot and port in ports
                assert ask(port, "GET", key) == str(number).encode()
            assert all(ask(node.port, "GET", key) == str(number).encode() for node in cluster.nodes)
        print("     40 keys at 5 nodes: 3 serve each, 2 say who does")


def test_cluster_tells_of_the_port_that_was_asked():
    with MovedCluster(3) as cluster:
        node = cluster.nodes[0]
        for port, ports in ((node.port, {each.port for each in cluster.nodes}),
                            (moved_port(node), {moved_port(each) for each in cluster.nodes})):
            with Resp(port) as connection:
                slots = connection.command("CLUSTER", "SLOTS")
                nodes = connection.command("CLUSTER", "NODES").decode()
            assert {entry[2][1] for entry in slots} == ports
            assert {int(line.split()[1].partition("@")[0].rpartition(":")[2]) for line in nodes.splitlines()} == ports
        shown = subprocess.run(["redis-cli", "--cluster", "check", f"127.0.0.1:{moved_port(node)}"], capture_output=True,
                               text=True, timeout=20, check=False)
        assert shown.returncode == 0 and "All 16384 slots covered" in shown.stdout, shown.stdout + shown.stderr


def test_a_batch_that_moved_is_aborted():
    with MovedCluster(4) as cluster:
        key = next(key for key in (f"k{n}" for n in range(100))
                   if is_redirect(ask(moved_port(cluster.nodes[0]), "GET", key)))
        with Resp(moved_port(cluster.nodes[0])) as connection:
            assert connection.command("MULTI") == "OK"
            try:
                connection.command("SET", key, "v")
                raise AssertionError("it was queued")
            except ReplyError as error:
                assert str(error).startswith("MOVED "), error
            try:
                connection.command("EXEC")
                raise AssertionError("it ran")
            except ReplyError as error:
                assert str(error).startswith("EXECABORT"), error


def test_a_cluster_client_follows_a_death_and_a_return():
    """redis-py's cluster client goes by the map of the second port; a node dies and comes back."""
    with MovedCluster(4) as cluster:
        startup = [ClusterNode("127.0.0.1", moved_port(node)) for node in cluster.nodes]
        client = RedisCluster(startup_nodes=startup, socket_timeout=5, cluster_error_retry_attempts=10)
        keys = [f"user:{number}" for number in range(200)]
        for key in keys:
            assert client.set(key, key)
        cluster.nodes[3].kill()
        eventually(lambda: all(ask(moved_port(cluster.nodes[0]), "GET", key) is not None for key in keys[:20]), 20,
                   "another owner is named")

        def all_there():
            try:
                return all(client.get(key) == key.encode() for key in keys)
            except redis.RedisError:
                return False
        eventually(all_there, 30, "the client reads every key without the dead node")
        for key in keys:
            assert client.set(key, key.upper())
        cluster.nodes[3].start()
        cluster.wait_ready()
        eventually(lambda: all(client.get(key) == key.upper().encode() for key in keys), 30, "and with it again")
        client.close()


if __name__ == "__main__":
    logging.disable()  # redis-py tells of each connection that a dead node refuses
    sys.exit(run_tests(globals()))
