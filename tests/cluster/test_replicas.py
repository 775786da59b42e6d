#!/usr/bin/python3
"""N is raised and lowered while clients go on: `gramme cluster replicas`."""

import json
import sys
import time

from harness import Cluster, eventually, run_tests
from history import OK, Load, availability, lost_writes, phantoms, resurrections
from members import (address, assert_even, check, commit, gramme_cluster, grow, plan, read_all, refusal, stage, told,
                     wait_settled)

PARTITIONS = 64


def raise_quorums(node, quorum):
    with node.connect() as connection:
        assert connection.command("GRAMME.KEYSPACE", "SET", "", "read-quorum", quorum, "write-quorum", quorum) == "OK"


def change_replicas(members, count):
    """By way of the last of them; seconds that it took."""
    stage(members[-1], "replicas", str(count))
    version = commit(members[0])
    return wait_settled(members[0], version)


def assert_copies(node, keys, count):
    """Each key has so many owners, and each of them holds it."""
    for key, replicas in zip(keys, node.explain(keys)):
        assert len(replicas) == count, (key, replicas)
        assert all(replica["status"] == b"ok" and replica["role"] == b"owner" for replica in replicas), (key, replicas)


def live_through(kind):
    with Cluster(5, room=1, settings={"storage": kind, "partitions": PARTITIONS}) as cluster:
        members = list(cluster.nodes)
        load = Load(cluster, 60, workers=16, retries=True)
        time.sleep(1)
        stage(members[1], "replicas", "5")
        said = gramme_cluster("plan", address(members[2]))
        assert "replicas of each partition: 5" in said and "a read may miss the last write" in said, said
        gramme_cluster("abort", address(members[2]))
        raise_quorums(members[0], 3)
        for count in (5, 3, 4):
            stage(members[1], "replicas", str(count))
            planned = plan(members[2])
            had = told(members[0])["replicas"]
            assert planned["replicas-moved"] == max(0, count - had) * PARTITIONS, planned
            assert planned["replicas-dropped"] == max(0, had - count) * PARTITIONS, planned
            assert planned["keyspaces-without-overlap"] == [], planned
            took = wait_settled(members[0], commit(members[3]))
            print(f"     {kind}: {had} -> {count} replicas of {PARTITIONS} partitions: {took} s")
            assert all(told(node)["replicas"] == count for node in members)
            assert_even(members[-1])
            check(members[0])
            known = [operation.key for operation in list(load.history)
                     if operation.name == "SET" and operation.outcome == OK and operation.end is not None]
            deleted = {operation.key for operation in list(load.history) if operation.name == "DEL"}
            eventually(lambda: copies_hold(members[0], [key for key in known if key not in deleted][:300], count), 20,
                       "every owner holds what was written before")
        history = load.stop()
        keys = [operation.key for operation in history if operation.name == "SET"]
        final = read_all(members[0], keys, 4)
        assert not lost_writes(history, final)
        assert not resurrections(history, final)
        assert not phantoms(history, final)
        figures = availability(history)
        print(f"     {kind}: {figures}")
        assert figures["failed"] == 0, figures
        if kind == "rocksdb":
            all_start_again(cluster, keys, final)
            assert [node.index for node in grow(cluster, members, 1, {"storage": kind})] == [5]
            assert told(cluster.nodes[5])["replicas"] == 4
            assert read_all(cluster.nodes[5], keys, 4) == final


def copies_hold(node, keys, count):
    try:
        assert_copies(node, keys, count)
    except AssertionError:
        return False
    return True


def all_start_again(cluster, keys, final):
    """What they keep tells of N as it is, though their configuration tells with what the cluster was born."""
    for node in cluster.nodes:
        assert node.stop() == 0
    for node in cluster.nodes:
        node.start()
    cluster.wait_ready()
    assert told(cluster.nodes[0])["replicas"] == 4
    assert read_all(cluster.nodes[0], keys, 4) == final


def test_on_a_disk():
    live_through("rocksdb")


def test_in_memory():
    live_through("memory")


def test_what_is_refused():
    with Cluster(3, settings={"storage": "memory", "partitions": 16}) as cluster:
        first = cluster.nodes[0]
        for nonsense in ("0", "8", "three"):
            code, text = refusal("replicas", nonsense, address(first))
            assert code == 2 and "1 to 7" in text, text
        code, text = refusal("replicas", "3", address(first))
        assert code == 1 and "so already" in text, text
        stage(first, "replicas", "2")
        stage(cluster.nodes[1], "replicas", "1")  # instead
        staged = json.loads(gramme_cluster("status", "--json", address(cluster.nodes[2])))["staged"]
        assert staged == [{"change": "replicas", "replicas": 1}], staged
        assert "staged: replicas 1" in gramme_cluster("status", address(first))
        gramme_cluster("abort", address(first))
        with first.connect() as connection:
            for index in range(50):
                connection.command("SET", f"key-{index}", f"key-{index}")
        keys = [f"key-{index}" for index in range(50)]
        assert change_replicas(cluster.nodes, 5) < 60  # more than there are members: a wish for later
        assert_copies(first, keys, 3)
        assert change_replicas(cluster.nodes, 1) < 60
        assert_copies(first, keys, 1)
        assert read_all(first, keys, 1) == {key: key for key in keys}


def test_one_dies_in_the_middle():
    """It comes back, and the change goes on."""
    with Cluster(4, settings={"storage": "rocksdb", "partitions": PARTITIONS}) as cluster:
        first, second = cluster.nodes[:2]
        keys = [f"key-{index}" for index in range(2000)]
        with first.connect() as connection:
            for key in keys:
                connection.command("SET", key, key)
        raise_quorums(first, 3)
        stage(first, "replicas", "4")
        version = commit(first)
        second.kill()
        time.sleep(1)
        assert told(first)["phase"] != "rest"
        second.start()
        wait_settled(first, version)
        cluster.wait_ready()
        check(first)
        assert read_all(second, keys, 4) == {key: key for key in keys}


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
