#!/usr/bin/python3
"""SCAN, KEYS, DBSIZE and RANDOMKEY on real nodes: each key is told of once, whoever asks all nodes."""

import subprocess
import sys
import time

import redis
from redis.cluster import ClusterNode, RedisCluster

from harness import Cluster, ReplyError, encode, eventually, replies, run_tests

KEYS = 5000


def scan(node, *options):
    """All that a node tells from cursor 0 to cursor 0, and how many answers that took."""
    found, cursor, answers = [], b"0", 0
    with node.connect() as connection:
        while True:
            cursor, keys = connection.command("SCAN", cursor, *options)
            found += keys
            answers += 1
            if cursor == b"0":
                return found, answers


def count(nodes):
    total = 0
    for node in nodes:
        with node.connect() as connection:
            total += connection.command("DBSIZE")
    return total


def count_or_loading(nodes):
    """None while one of them says that it may lack data."""
    try:
        return count(nodes)
    except ReplyError as error:
        assert "LOADING" in str(error), error
        return None


def fill(node, keys):
    assert all(reply == "OK" for reply in replies(node, [encode("SET", key, "v") for key in keys], timeout=60))


def told_once(nodes, keys):
    """By SCAN in steps of any size, by KEYS, and counted."""
    for options in (("COUNT", 7), ("COUNT", 1000), ()):
        found = [key for node in nodes for key in scan(node, *options)[0]]
        assert len(found) == len(set(found)), "a key was told of twice"
        assert set(found) == {key.encode() for key in keys}, len(found)
    listed = []
    for node in nodes:
        with node.connect() as connection:
            listed += connection.command("KEYS", "*")
    assert sorted(listed) == sorted(key.encode() for key in keys)
    assert count(nodes) == len(keys)


def live_through(kind):
    with Cluster(4, settings={"storage": kind, "partitions": 256}) as cluster:
        nodes = cluster.nodes
        keys = [f"key:{index}" for index in range(KEYS)]
        fill(nodes[0], keys)
        eventually(lambda: count_or_loading(nodes) == KEYS, 10, "every owner has every key")
        told_once(nodes, keys)
        shown = [scan(node)[0] for node in nodes]
        assert all(len(part) > KEYS / 8 for part in shown), [len(part) for part in shown]
        assert scan(nodes[0], "MATCH", "key:1?", "COUNT", 500)[0] == \
            [key for key in scan(nodes[0])[0] if len(key) == 6 and key.startswith(b"key:1")]
        assert scan(nodes[0], "TYPE", "hash")[0] == []
        with nodes[0].connect() as connection:
            drawn = {connection.command("RANDOMKEY") for _ in range(200)}
        assert len(drawn) > 50 and drawn <= set(shown[0]), len(drawn)

        client = RedisCluster(startup_nodes=[ClusterNode(nodes[0].host, nodes[0].port)])
        assert client.dbsize(target_nodes=RedisCluster.PRIMARIES) == KEYS
        assert len(list(client.scan_iter(count=200))) == KEYS
        assert len(client.keys("*", target_nodes=RedisCluster.PRIMARIES)) == KEYS
        client.close()
        plain = redis.Redis(nodes[1].host, nodes[1].port)
        assert sorted(plain.scan_iter(count=100)) == sorted(shown[1])
        plain.close()

        gone, kept = keys[:1000], keys[1000:]
        for node, part in ((nodes[1], gone[:500]), (nodes[2], gone[500:])):
            assert sum(replies(node, [encode("DEL", key) for key in part], timeout=60)) == len(part)
        eventually(lambda: count(nodes) == len(kept), 10, "deletions are counted everywhere")
        told_once(nodes, kept)

        nodes[3].kill()
        eventually(lambda: count_or_loading(nodes[:3]) == len(kept), 15, "others show what it showed")
        told_once(nodes[:3], kept)
        if kind == "rocksdb":
            nodes[3].start()
            cluster.wait_ready()
            eventually(lambda: count_or_loading(nodes) == len(kept), 15, "it shows its part again")
            told_once(nodes, kept)
            for node in nodes:
                assert node.stop() == 0
            for node in nodes:
                node.start()
            cluster.wait_ready()
            eventually(lambda: count_or_loading(nodes) == len(kept), 15, "counts outlive a stop")
            told_once(nodes, kept)
            with nodes[0].connect() as connection:
                assert connection.command("FLUSHALL") == "OK"
            told_once(nodes, [])


def test_on_a_disk():
    live_through("rocksdb")


def test_in_memory():
    live_through("memory")


def test_what_stays_is_told_whatever_comes_and_goes():
    """Keys that are there throughout a scan are in it, under a load of others."""
    with Cluster(3, settings={"storage": "memory", "partitions": 256}) as cluster:
        stay = [f"stay:{index}" for index in range(2000)]
        fill(cluster.nodes[0], stay)
        eventually(lambda: count_or_loading(cluster.nodes) == len(stay), 10, "every owner has every key")
        load = subprocess.Popen(["redis-benchmark", "-p", str(cluster.nodes[1].port), "-t", "set", "-r", "5000", "-n",
                                 "100000000", "-c", "4", "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            for _ in range(5):
                found = [key for node in cluster.nodes for key in scan(node, "COUNT", 100)[0]]
                assert {key.encode() for key in stay} <= set(found)
        finally:
            load.kill()
            load.wait()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
