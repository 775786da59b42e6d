#!/usr/bin/python3
"""Faults cost neither a write nor a value: fallbacks stand in and bring home what they kept, and a node that lost its
disk is filled again without anybody reading, believed by nobody before."""

import shutil
import sys
import time

from harness import Cluster, ReplyError, encode, eventually, run_tests

KEYS = 2000


def cluster_info(node, name):
    return int(node.info("cluster")[name])


def figures_of(nodes, name):
    return [cluster_info(node, name) for node in nodes]


def hints(nodes):
    return sum(cluster_info(node, "gramme_hints_held") for node in nodes)


def answers(node):
    try:
        with node.connect() as connection:
            return connection.command("PING") == "PONG"
    except (OSError, ReplyError):
        return False


def set_all(node, prefix, count=KEYS, deadline_s=60):
    """Every SET must succeed; the longest wait for one is returned, in seconds."""
    longest = 0.0
    with node.connect() as connection:
        for number in range(count):
            began = time.monotonic()
            assert connection.command("SET", f"{prefix}:{number}", f"value {number}") == "OK"
            longest = max(longest, time.monotonic() - began)
    return longest


def test_writes_go_on_while_any_two_nodes_are_left_and_hints_come_home():
    with Cluster(5) as cluster:
        nodes = cluster.nodes
        set_all(nodes[0], "before", 200)
        nodes[4].kill()
        longest = set_all(nodes[0], "one-down")
        nodes[3].pause()
        nodes[2].pause()
        # Of some keys no owner is left: fallbacks alone take these.
        longest = max(longest, set_all(nodes[1], "three-down", 300))
        print(f"longest wait for a SET: {longest * 1000:.0f} ms")
        assert longest < 1.0
        assert hints(nodes[:2]) > 0
        nodes[2].resume()
        nodes[3].resume()
        nodes[4].start()
        cluster.wait_ready()
        eventually(lambda: hints(nodes) == 0, 30, "hints come home")
        with nodes[4].connect() as connection:
            for number in range(0, KEYS, 7):
                assert connection.command("GET", f"one-down:{number}") == b"value %d" % number
            for number in range(300):
                assert connection.command("GET", f"three-down:{number}") == b"value %d" % number


def test_a_restarted_fallback_finds_the_hints_it_kept():
    with Cluster(5) as cluster:
        nodes = cluster.nodes
        nodes[4].kill()
        set_all(nodes[0], "kept", 500)
        assert hints(nodes[:4]) > 0
        for node in nodes[:4]:
            node.kill()
        for node in nodes[:4]:
            node.start()
        for node in nodes[:4]:
            eventually(lambda: answers(node), 20, "the node answers")
        eventually(lambda: all(cluster_info(node, "gramme_hints_uncounted_partitions") == 0 for node in nodes[:4]),
                   20, "hints are counted")
        assert hints(nodes[:4]) > 0
        nodes[4].start()
        cluster.wait_ready()
        eventually(lambda: hints(nodes) == 0, 30, "hints come home")


def test_strict_quorums_refuse_what_sloppy_ones_take():
    with Cluster(5) as cluster:
        nodes = cluster.nodes
        for node in nodes[2:]:
            node.kill()
        with nodes[0].connect() as connection:
            refused = 0
            for number in range(60):
                assert connection.command("SET", f"sloppy:{number}", "v") == "OK"
                try:
                    connection.command("GRAMME.PUT", f"strict:{number}", "v", "PW", "2")
                except ReplyError as error:
                    assert "NOREPLICAS" in str(error), error
                    refused += 1
            assert refused > 0


def test_a_wiped_node_is_filled_by_exchange_and_its_absences_count_for_nothing():
    with Cluster(3) as cluster:
        first, second, third = cluster.nodes
        set_all(first, "k")
        # Everything is everywhere before the disk goes: an owner that was slow is not what is tried here.
        eventually(lambda: cluster_info(third, "gramme_partitions_met") == cluster_info(third, "gramme_partitions_owned"),
                   30, "the owners met")
        third.kill()
        shutil.rmtree(third.folder)
        third.start()
        cluster.wait_ready()
        with third.connect() as connection:
            for number in range(0, KEYS, 3):
                assert connection.command("GET", f"k:{number}") == b"value %d" % number
        eventually(lambda: cluster_info(third, "gramme_partitions_met") == cluster_info(third, "gramme_partitions_owned"),
                   60, "the wiped node is filled")
        first.kill()
        second.kill()
        with third.connect() as connection:
            for number in range(0, KEYS, 3):
                assert connection.command("GRAMME.GET", f"k:{number}", "R", "1")[1] == b"value %d" % number


def start_and_see(node):
    """Starts the node; the figures that it first tells."""
    node.start()
    eventually(lambda: answers(node), 20, "the node answers")
    return {name: int(value) for name, value in node.info("cluster").items()
            if name.startswith(("gramme_trees_", "gramme_partitions_"))}


def has_met_and_read_all(node):
    met, owned, doubt, unread = (cluster_info(node, name) for name in (
        "gramme_partitions_met", "gramme_partitions_owned", "gramme_trees_in_doubt", "gramme_trees_unread"))
    return met == owned and doubt == 0 and unread == 0


def test_a_node_that_was_stopped_cleanly_keeps_its_trees_and_one_that_was_killed_has_none():
    with Cluster(3, settings={"exchange-period-ms": 2000}) as cluster:
        first, second, third = cluster.nodes
        set_all(first, "before")
        eventually(lambda: all(has_met_and_read_all(node) for node in cluster.nodes), 60, "the owners met")
        assert third.stop() == 0
        set_all(first, "while-away")  # there is no fallback, so exchange alone can bring these
        seen = start_and_see(third)
        assert seen["gramme_trees_kept"] == seen["gramme_partitions_owned"] > 0, seen
        assert seen["gramme_trees_in_doubt"] == 0, seen
        eventually(lambda: has_met_and_read_all(third), 60, "it is equal, and was read")
        assert cluster_info(third, "gramme_trees_built") == 0 and cluster_info(third, "gramme_trees_diverged") == 0
        third.kill()
        seen = start_and_see(third)
        assert seen["gramme_trees_kept"] == 0 and seen["gramme_trees_unread"] == 0, seen
        eventually(lambda: has_met_and_read_all(third), 60, "its trees are built, and it met the owners")
        assert cluster_info(third, "gramme_trees_built") == seen["gramme_partitions_owned"]
        assert third.stop() == 0 and third.log_text().count("clean=yes") == 3  # stopped twice, and once started so
        cluster.write_config(third, {"shards": 2})
        seen = start_and_see(third)  # of one of its two shards
        assert seen["gramme_trees_kept"] == seen["gramme_partitions_owned"] < 1024, seen
        eventually(lambda: has_met_and_read_all(third), 60, "it met the owners")
        first.kill()
        second.kill()
        with third.connect() as connection:
            for number in range(0, KEYS, 7):
                for prefix in ("before", "while-away"):
                    assert connection.command("GRAMME.GET", f"{prefix}:{number}", "R", "1")[1] == b"value %d" % number


def test_deletes_while_an_owner_is_down_stay_and_give_their_space_back():
    with Cluster(3) as cluster:
        nodes = cluster.nodes
        set_all(nodes[0], "k")
        nodes[2].kill()
        with nodes[0].connect() as connection:
            for number in range(KEYS):
                assert connection.command("DEL", f"k:{number}") == 1
        assert sum(figures_of(nodes[:2], "gramme_tombstones_reaped")) == 0
        assert max(figures_of(nodes[:2], "gramme_tombstones_oldest_ms")) > 0
        nodes[2].start()
        cluster.wait_ready()
        eventually(lambda: figures_of(nodes, "gramme_tombstones_reaped") == [KEYS] * 3, 60, "every owner reaps every tombstone")
        eventually(lambda: sum(figures_of(nodes, "gramme_tombstone_partitions")) == 0, 30, "nothing is left to reap")
        assert sum(figures_of(nodes, "gramme_tombstones_oldest_ms")) == 0
        for node in nodes:
            with node.connect() as connection:
                for number in range(KEYS):
                    assert connection.command("GET", f"k:{number}") is None
        set_all(nodes[1], "k", 100)
        with nodes[2].connect() as connection:
            assert connection.command("GET", "k:7") == b"value 7"


def test_flushall_empties_every_node_and_needs_all_of_them():
    with Cluster(3, settings={"shards": 2}) as cluster:
        nodes = cluster.nodes
        set_all(nodes[0], "k")
        with nodes[1].connect() as connection:
            connection.send(encode("SET", "before", "v") + encode("FLUSHALL") + encode("GET", "before") +
                            encode("SET", "after", "w"))
            assert [connection.read_reply() for _ in range(4)] == ["OK", "OK", None, "OK"]
        for node in nodes:
            with node.connect() as connection:
                assert all(connection.command("GET", f"k:{number}") is None for number in range(0, KEYS, 7))
                assert connection.command("GET", "after") == b"w"
        eventually(lambda: all(figures_of(nodes, "gramme_flush_swept")), 30, "the space is swept")
        assert min(figures_of(nodes, "gramme_flush_dropped")) > KEYS / 4  # each tells of one of its two shards
        for node in nodes:  # after a restart too, which sees nothing of the flush but its floor
            node.kill()
        for node in nodes:
            node.start()
        cluster.wait_ready()
        with nodes[2].connect() as connection:
            assert connection.command("GET", "k:1") is None and connection.command("GET", "after") == b"w"
            nodes[0].kill()
            eventually(lambda: cluster_info(nodes[2], "gramme_members_reachable") == 2, 10, "it is missed")
            try:
                connection.command("FLUSHALL", "SYNC")
                assert False, "a flush without a member"
            except ReplyError as error:
                assert str(error).startswith("NOREPLICAS"), error
            assert connection.command("GET", "after") == b"w"


def keyspaces(node):
    with node.connect() as connection:
        told = connection.command("GRAMME.KEYSPACES")
    tables = [dict(zip(table[::2], table[1::2])) for table in told[1:]]
    return told[0], {table[b"prefix"].decode(): table for table in tables}


def test_keyspaces_are_changed_on_every_node_and_outlive_it():
    with Cluster(3, settings={"shards": 2}) as cluster:
        nodes = cluster.nodes
        with nodes[1].connect() as connection:
            assert connection.command("GRAMME.KEYSPACE", "SET", "last:", "conflict", "lww", "write-quorum", 3) == "OK"
            assert connection.command("GRAMME.KEYSPACE", "SET", "gone:") == "OK"
            assert connection.command("GRAMME.KEYSPACE", "DEL", "gone:") == "OK"
        for node in nodes:
            version, tables = keyspaces(node)
            assert version == 3 and set(tables) == {"", "last:"}, (version, tables)
            assert tables["last:"][b"conflict"] == b"lww" and tables["last:"][b"write-quorum"] == 3
        with nodes[0].connect() as one, nodes[2].connect() as other:
            one.command("GRAMME.PUT", "last:k", "a")
            other.command("GRAMME.PUT", "last:k", "b")  # neither has seen the other's
            assert len(one.command("GRAMME.GET", "last:k", "R", "3")) == 2  # the context, and one value
        nodes[2].kill()
        shutil.rmtree(nodes[2].folder)  # it is told again, though its configuration says nothing of it
        nodes[2].start()
        cluster.wait_ready()
        assert keyspaces(nodes[2])[0] == 3
        for node in nodes:
            node.kill()
        for node in nodes:
            node.start()
        cluster.wait_ready()
        assert [keyspaces(node)[0] for node in nodes] == [3, 3, 3]
        with nodes[0].connect() as connection:
            nodes[1].kill()
            eventually(lambda: cluster_info(nodes[0], "gramme_members_reachable") == 2, 10, "it is missed")
            for command in (("SET", "x", "read-quorum", "2"), ("SET", "x", "read-quorum", "9"), ("DEL", "")):
                try:
                    connection.command("GRAMME.KEYSPACE", *command)
                    assert False, command
                except ReplyError:
                    pass
            assert keyspaces(nodes[0])[0] == 3


def have_one_entry_each(node, keys):
    """All replicas of the keys have vectors of one entry: that of the process that wrote the value."""
    return all(replica["context-entries"] == 1 for replicas in node.explain(keys) for replica in replicas)


def test_entries_of_ended_processes_leave_the_vectors_of_living_keys():
    with Cluster(3) as cluster:
        nodes = cluster.nodes
        for node in nodes * 2:
            with node.connect() as connection:
                for number in range(200):
                    connection.command("SET", f"k:{number}", "by %d" % node.index)
            node.stop()
            node.start()
            cluster.wait_ready()
        last = [f"k:{number}" for number in range(200)]
        eventually(lambda: have_one_entry_each(nodes[0], last), 60, "one entry is left of each key's six")
        assert len(set(figures_of(nodes, "gramme_vector_entries_pruned"))) == 1
        eventually(lambda: sum(figures_of(nodes, "gramme_tombstone_partitions")) == 0, 30, "nothing is left to prune")
        with nodes[1].connect() as connection:
            assert all(connection.command("GET", key) == b"by 2" for key in last)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
