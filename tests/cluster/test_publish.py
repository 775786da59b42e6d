#!/usr/bin/python3
"""SUBSCRIBE and PUBLISH across real nodes, by redis-py and by hand."""

import sys
import threading
import time

import redis
from redis.cluster import ClusterNode, RedisCluster

from harness import Cluster, ReplyError, eventually, run_tests


class Listener:
    """A redis-py pub/sub connection, and what it was told."""

    def __init__(self, node, channels=(), patterns=()):
        self.client = redis.Redis(node.host, node.port)
        self.pubsub = self.client.pubsub(ignore_subscribe_messages=True)
        self.told = []
        self.subscribed = 0
        if channels:
            self.pubsub.subscribe(*channels)
        if patterns:
            self.pubsub.psubscribe(*patterns)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        try:
            for message in self.pubsub.listen():
                self.told.append((message["channel"], message["data"]))
        except (redis.RedisError, OSError, ValueError, AttributeError):
            pass  # closed, or its node is gone

    def close(self):
        try:
            self.pubsub.close()
        except AttributeError:  # redis-py 4.3, of a connection that has ended
            pass
        self.client.close()


def is_heard(nodes, listeners, channel):
    """A first message has reached all: their subscriptions are there."""
    with nodes[0].connect() as connection:
        connection.command("PUBLISH", channel, "are you there")
    return all(listener.told for listener in listeners)


def test_whoever_listens_at_any_node_is_told():
    for shards in (1, 2):
        with Cluster(3, settings={"storage": "memory", "partitions": 16, "shards": shards}) as cluster:
            nodes = cluster.nodes
            listeners = [Listener(node, ["news"]) for node in nodes for _ in range(4)]
            by_pattern = [Listener(node, patterns=["n*s"]) for node in nodes]
            deaf = Listener(nodes[1], ["other"])
            eventually(lambda: is_heard(nodes, listeners + by_pattern, "news"), 10, "all listen")
            time.sleep(0.2)
            for listener in listeners + by_pattern:
                listener.told.clear()
            for index in range(300):
                with nodes[index % 3].connect() as connection:
                    connection.command("PUBLISH", "news", str(index))
            with nodes[2].connect() as connection:
                for index in range(1000):
                    connection.send(b"PUBLISH news in-order-%d\r\n" % index)
                connection.command("PUBLISH", "news", "big" * 1_000_000)
                connection.command("PUBLISH", "news", "end")
            everything = {str(index).encode() for index in range(300)}
            for listener in listeners + by_pattern:
                eventually(lambda: len(listener.told) >= 1302, 10, "all messages come")
                data = [what for _, what in listener.told]
                assert len(data) == 1302, len(data)
                # Of several connections at several nodes in any order, of one in its own.
                assert {what for what in data if what.isdigit()} == everything
                of_one = [what for what in data if not what.isdigit()]
                assert of_one[:1000] == [b"in-order-%d" % index for index in range(1000)]
                assert of_one[1000:] == [b"big" * 1_000_000, b"end"]
            assert not deaf.told
            for listener in [*listeners, *by_pattern, deaf]:
                listener.close()


def test_a_node_that_dies_takes_only_its_own_listeners():
    with Cluster(3, settings={"storage": "memory", "partitions": 16}) as cluster:
        nodes = cluster.nodes
        stay = [Listener(node, ["news"]) for node in nodes[:2]]
        goes = Listener(nodes[2], ["news"])
        eventually(lambda: is_heard(nodes, [*stay, goes], "news"), 10, "all listen")
        nodes[2].kill()
        for listener in stay:
            listener.told.clear()
        with nodes[0].connect() as connection:
            for index in range(100):
                connection.command("PUBLISH", "news", str(index))
        for listener in stay:
            eventually(lambda: len([what for _, what in listener.told if what != b"are you there"]) == 100, 10, "all come")
        nodes[2].start()
        cluster.wait_ready()
        back = Listener(nodes[2], ["news"])
        eventually(lambda: is_heard(nodes, [back], "news"), 10, "it is told again")
        for listener in [*stay, goes, back]:
            listener.close()


def test_a_listener_that_does_not_read_is_closed_and_harms_nobody():
    with Cluster(2, settings={"storage": "memory", "partitions": 16, "replicas": 2}) as cluster:
        first, second = cluster.nodes
        with second.connect() as lazy, first.connect() as connection:
            assert lazy.command("SUBSCRIBE", "flood") == [b"subscribe", b"flood", 1]
            for _ in range(150):
                connection.command("PUBLISH", "flood", "x" * 1_000_000)
            eventually(lambda: second.info("clients")["connected_clients"] == "1", 10, "the lazy one is closed")
            assert connection.command("SET", "a", "1") == "OK"
        with second.connect() as connection:
            assert connection.command("GET", "a") == b"1"


def test_cluster_clients_publish_and_listen():
    with Cluster(3, settings={"storage": "memory", "partitions": 16}) as cluster:
        nodes = cluster.nodes
        client = RedisCluster(startup_nodes=[ClusterNode(nodes[0].host, nodes[0].port)])
        listener = client.pubsub(node=ClusterNode(nodes[1].host, nodes[1].port), host=nodes[1].host, port=nodes[1].port)
        listener.subscribe("news")
        assert listener.get_message(timeout=5)["type"] == "subscribe"
        client.publish("news", "hello")
        message = listener.get_message(timeout=5)
        assert message["type"] == "message" and message["data"] == b"hello", message
        listener.close()
        client.close()


def test_what_a_listener_may_not():
    with Cluster(1, settings={"storage": "memory", "partitions": 16}) as cluster, \
            cluster.nodes[0].connect() as connection:
        assert connection.command("SUBSCRIBE", "a") == [b"subscribe", b"a", 1]
        try:
            connection.command("GET", "a")
            raise AssertionError("a listener may not GET in RESP2")
        except ReplyError as error:
            assert "Can't execute 'get'" in str(error), error
        assert connection.command("PING") == [b"pong", b""]
        assert connection.command("UNSUBSCRIBE") == [b"unsubscribe", b"a", 0]
        assert connection.command("GET", "a") is None


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
