#!/usr/bin/python3
"""What an operator may do with the members, and what he is told when he may not, on real processes."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time

from harness import BINARY, Cluster, eventually, run_tests
from members import (address, check, commit, gramme_cluster, grow, plan, read_all, refusal, shrink, stage, told,
                     wait_for_newcomers, wait_settled)
from test_edited_disk import edit_store


def newcomer_settings(kind):
    return {"storage": kind}


def test_staged_changes_are_known_everywhere_and_commits_want_what_was_seen():
    with Cluster(3, room=2, settings={"partitions": 16, "storage": "memory"}) as cluster:
        first, second, third = cluster.nodes
        fourth, fifth = (cluster.add_node([first], newcomer_settings("memory")) for _ in range(2))
        fourth.start()
        wait_for_newcomers(cluster.nodes[:3], [fourth])
        assert refusal("join", fifth.id, address(first))[0] == 1
        stage(second, "join", fourth.id[:6])
        stage(third, "weight", address(first), "2")
        for node in cluster.nodes[:3]:
            eventually(lambda: len(told(node)["staged"]) == 2, 5, "staged everywhere")
            assert plan(node)["digest"] == plan(first)["digest"]
        old = plan(first)
        stage(third, "weight", address(first), "3")
        eventually(lambda: plan(first)["digest"] != old["digest"], 5, "another digest")
        code, text = refusal("commit", old["digest"], address(first))
        assert code == 1 and "look at the plan again" in text, text
        gramme_cluster("abort", address(second))
        for node in cluster.nodes[:3]:
            eventually(lambda: not told(node)["staged"], 5, "nothing is staged any more")
        assert refusal("abort", address(first))[0] == 1
        # A list that a node that was away has not got is told when its link comes up.
        stage(first, "join", fourth.id)
        third.stop()
        third.start()
        cluster.wait_ready(nodes=[third])
        eventually(lambda: len(told(third)["staged"]) == 1, 5, "told again")
        version = commit(third)
        wait_settled(first, version)
        assert refusal("join", fourth.id, address(first))[0] == 1
        with first.connect() as connection:
            words = ["JOIN", fourth.id, "z", 1, "127.0.0.1:1", "127.0.0.1:2"]
            for command in (["STAGE"], ["CHANGE"]):
                connection.send(b"")
                try:
                    connection.command("GRAMME.MEMBERS", *command, *words)
                    raise AssertionError("a node joined twice")
                except Exception as error:  # a reply that says so
                    assert "already" in str(error), error
        fourth.process.send_signal(signal.SIGTERM)
        assert fourth.process.wait(15) == 0


def test_an_aborted_change_leaves_all_as_it_was():
    with Cluster(3, room=1, settings={"partitions": 64, "storage": "memory"}) as cluster:
        first = cluster.nodes[0]
        with first.connect() as connection:
            for number in range(2000):
                connection.command("SET", f"key{number}", f"value{number}")
        newcomer = cluster.add_node([first], newcomer_settings("memory"))
        newcomer.start()
        wait_for_newcomers([first], [newcomer])
        stage(first, "join", newcomer.id)
        before = {m["id"]: m["first-owned"] for m in told(first)["members"]}
        newcomer.pause()
        version = commit(first)
        assert told(first)["phase"] in ("gathering", "joint")
        gramme_cluster("abort", address(first))
        newcomer.resume()
        wait_settled(first, version + 1)
        assert {m["id"]: m["first-owned"] for m in told(first)["members"]} == before
        keys = [f"key{number}" for number in range(2000)]
        found = read_all(first, keys, 3)
        assert all(found[key] == key.replace("key", "value") for key in keys)
        check(first)
        assert newcomer.process.wait(20) in (0, 3), newcomer.log_text()[-1500:]


def test_who_may_not_join_is_told_why():
    with Cluster(3, room=4, settings={"partitions": 16, "storage": "memory"}) as cluster:
        first = cluster.nodes[0]
        other_keyspaces = cluster.add_node([first], {"storage": "memory", "conflict": "lww"})
        other_secret = cluster.add_node([first], newcomer_settings("memory"))
        other_cluster = cluster.add_node([first], newcomer_settings("memory"))
        other_shape = cluster.add_node([first], {"storage": "memory", "partitions": 64})
        for node, line, value in ((other_secret, "cluster-secret", cluster.secret),
                                  (other_cluster, "cluster-id", cluster.cluster_id)):
            node.rewrite_config((f"{line} {value}", f"{line} {'7' * 32}"), ("partitions 16\n", ""))
        for node, why in ((other_secret, "another cluster-secret"), (other_cluster, "cluster-id differs"),
                          (other_shape, "the cluster was born with 16"),
                          (other_keyspaces, "keyspaces in this configuration are not")):
            node.start()
            assert node.process.wait(15) == 3, node.log_text()
            assert why in node.log_text(), node.log_text()


def test_one_that_joins_and_dies_on_the_way_can_be_given_up():
    with Cluster(3, room=1, settings={"partitions": 16, "storage": "memory"}) as cluster:
        first = cluster.nodes[0]
        newcomer = cluster.add_node([first], newcomer_settings("memory"))
        newcomer.start()
        wait_for_newcomers([first], [newcomer])
        stage(first, "join", newcomer.id)
        version = plan(first)["version"]
        newcomer.pause()
        commit(first)
        newcomer.kill()
        gramme_cluster("abort", address(first))
        time.sleep(1)
        assert not told(first)["settled"], "it is awaited until it was declared dead"
        stage(first, "mark-down", newcomer.id)
        commit(first)
        wait_settled(first, version + 2)
        check(first)


def test_a_waiting_node_ends_when_it_is_told_to():
    with Cluster(1, room=1, settings={"partitions": 16, "storage": "memory"}) as cluster:
        newcomer = cluster.add_node(cluster.nodes, newcomer_settings("memory"))
        newcomer.start()
        wait_for_newcomers(cluster.nodes[:1], [newcomer])
        assert newcomer.stop() == 0
        assert "waiting-to-join" in newcomer.log_text()
        eventually(lambda: not told(cluster.nodes[0])["waiting"], 15, "it is forgotten")


def test_a_wiped_member_learns_who_it_was():
    with Cluster(3, room=1, settings={"partitions": 32, "storage": "rocksdb"}) as cluster:
        first = cluster.nodes[0]
        members = cluster.nodes[:3]
        newcomer = grow(cluster, members, 1, newcomer_settings("rocksdb"))[0]
        with first.connect() as connection:
            for number in range(500):
                connection.command("SET", f"key{number}", f"value{number}")
        newcomer.kill()
        shutil.rmtree(newcomer.folder)
        newcomer.start()
        cluster.wait_ready(nodes=[newcomer])
        assert told(newcomer)["version"] == told(first)["version"]
        gramme_cluster("wait-healthy", address(first))
        keys = [f"key{number}" for number in range(500)]
        assert read_all(newcomer, keys, 3) == {key: key.replace("key", "value") for key in keys}
        check(newcomer)


def test_a_wiped_founder_learns_what_it_missed():
    """Its file still tells of the cluster's birth."""
    with Cluster(3, room=1, settings={"partitions": 32, "storage": "memory"}) as cluster:
        members = list(cluster.nodes)
        keys = [f"key{number}" for number in range(300)]
        with members[1].connect() as connection:
            for key in keys:
                connection.command("SET", key, key)
        members += grow(cluster, members, 1, newcomer_settings("memory"))
        members = shrink(members, [members[1]])
        founder = members[0]
        founder.kill()
        founder.start()
        cluster.wait_ready(nodes=[founder])
        assert told(founder)["version"] == told(members[1])["version"]
        with founder.connect() as connection:
            assert all(connection.command("GET", key) == key.encode() for key in keys)
        gramme_cluster("wait-healthy", address(founder))
        assert read_all(founder, keys, 3) == {key: key for key in keys}
        check(founder)


def test_a_damaged_membership_record_is_never_served_from():
    with Cluster(3, room=1, settings={"partitions": 16, "storage": "rocksdb"}) as cluster:
        newcomer = grow(cluster, cluster.nodes[:3], 1, newcomer_settings("rocksdb"))[0]
        assert newcomer.stop() == 0
        edit_store(cluster, newcomer, ("flip-metadata", "membership"))
        newcomer.start()
        assert newcomer.process.wait(15) == 1, newcomer.log_text()
        assert "level=error" in newcomer.log_text()
        edit_store(cluster, newcomer, ("remove-metadata", "membership"))
        newcomer.start()
        cluster.wait_ready(nodes=[newcomer])  # its seeds told it
        assert told(newcomer)["version"] == told(cluster.nodes[0])["version"]
        check(newcomer)


def test_the_shape_of_a_cluster_cannot_be_configured_away():
    with Cluster(1, settings={"partitions": 16, "storage": "rocksdb"}) as cluster:
        node = cluster.nodes[0]
        assert node.stop() == 0
        node.rewrite_config(("partitions 16", "partitions 32"))
        node.start()
        assert node.process.wait(15) == 3, node.log_text()
        assert "the cluster was born with 16" in node.log_text()


def read_until(descriptor, wanted, seconds):
    """What a terminal was given until `wanted` stood in it."""
    drawn = b""
    deadline = time.monotonic() + seconds
    while wanted not in drawn:
        assert select.select([descriptor], [], [], max(0, deadline - time.monotonic()))[0], drawn
        drawn += os.read(descriptor, 4096)
    return drawn


def test_watching_changes_nothing():
    with Cluster(3, room=1, settings={"partitions": 64, "storage": "memory"}) as cluster:
        first = cluster.nodes[0]
        newcomer = cluster.add_node([first], newcomer_settings("memory"))
        newcomer.start()
        wait_for_newcomers([first], [newcomer])
        stage(first, "join", newcomer.id)
        version = commit(first)
        master, slave = pty.openpty()
        on_terminal = subprocess.Popen([BINARY, "cluster", "watch", address(first)], stdout=slave, stderr=slave)
        in_lines = subprocess.Popen([BINARY, "cluster", "watch", address(first)], stdout=subprocess.PIPE, text=True)
        os.close(slave)
        try:
            drawn = read_until(master, b"partitions left", 15)
            assert b"\033[K" in drawn, drawn
            on_terminal.kill()  # the terminal is gone: the change goes on
            wait_settled(first, version)
            assert in_lines.wait(15) == 0
        finally:
            for watcher in (on_terminal, in_lines):
                watcher.kill()
                watcher.wait()
        lines = in_lines.stdout.read().splitlines()
        assert any("joint" in line for line in lines) and "rest" in lines[-1], lines
        os.close(master)
        check(first)


def test_check_finds_what_is_wrong():
    with Cluster(3, settings={"partitions": 16, "storage": "memory"}) as cluster:
        first, second, third = cluster.nodes
        check(first)
        third.kill()
        code, text = refusal("check", "--json", address(first))
        found = json.loads(text)
        assert code == 1 and not found["ok"] and any("out of reach" in line for line in found["findings"]), text
        assert refusal("status", address(third))[0] == 4
        assert refusal("status", "nonsense")[0] == 2
    with Cluster(1, settings={"partitions": 16, "storage": "memory"}) as cluster:
        assert "too few members" in refusal("check", address(cluster.nodes[0]))[1]


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
