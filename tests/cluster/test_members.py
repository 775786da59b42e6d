#!/usr/bin/python3
"""Nodes that join, leave and are replaced while clients go on, on real processes."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time

from harness import BINARY, Cluster, eventually, run_tests
from history import OK, Load, availability, lost_writes, phantoms, resurrections
from members import (address, assert_even, check, commit, gramme_cluster, grow, plan, read_all, refusal, replace_dead,
                     shrink, stage, told, wait_for_newcomers, wait_settled)

PARTITIONS = 128


def storage(kind):
    return {"storage": kind, "partitions": PARTITIONS}


def newcomer_settings(kind):
    return {"storage": kind}


class Growing:
    """A load on a cluster whose nodes come and go, and what must hold whenever it is at rest."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.load = Load(cluster, 60, workers=16, retries=True)

    def use(self, members):
        self.load.lives += [0] * (len(self.cluster.nodes) - len(self.load.lives))
        self.load.nodes = [node.index for node in members]

    def at_rest(self, members, check_exit=True):
        self.use(members)
        if check_exit:
            check(members[0])
        assert_even(members[-1])
        history = [operation for operation in list(self.load.history) if operation.end is not None]
        keys = [operation.key for operation in history if operation.name == "SET" and operation.outcome == OK]
        deleted = {operation.key for operation in list(self.load.history) if operation.name == "DEL"}
        kept = [key for key in keys if key not in deleted]
        found = read_all(members[0], kept, min(3, len(members)))
        also_deleted = {operation.key for operation in list(self.load.history) if operation.name == "DEL"}
        lost = [key for key in kept if found[key] != key and key not in also_deleted]
        assert not lost, lost[:5]

    def finish(self, members):
        history = self.load.stop()
        keys = [operation.key for operation in history if operation.name == "SET"]
        final = read_all(members[0], keys, min(3, len(members)))
        assert not lost_writes(history, final)
        assert not resurrections(history, final)
        assert not phantoms(history, final)
        return history


def live_through(kind):
    with Cluster(1, room=12, settings=storage(kind)) as cluster:
        members = list(cluster.nodes)
        growing = Growing(cluster)
        for count in (2, 2, 3):
            members += grow(cluster, members, count, newcomer_settings(kind))
            growing.at_rest(members)
        leavers = members[-4:]
        growing.use(members[:-4])
        time.sleep(0.2)  # what they were asked already is answered
        members = shrink(members, leavers)
        growing.at_rest(members)
        dead = members[1]
        growing.use([node for node in members if node is not dead])
        growing.load.lives[dead.index] += 1
        time.sleep(0.2)
        dead.kill()
        eventually(lambda: not all(m["reachable"] for m in told(members[0])["members"]), 10, "it is missed")
        members = replace_dead(cluster, members, dead, newcomer_settings(kind))
        growing.at_rest(members)
        history = growing.finish(members)
        figures = availability(history)
        print(f"     {kind}: {figures}")
        failed = [operation for operation in history if operation.outcome != OK]
        assert not failed, [(operation.name, operation.detail, operation.first_failure) for operation in failed][:10]
        dead.start()
        assert dead.process.wait(20) == 3, dead.log_text()[-1500:]
        assert "another node-id and an empty data folder" in dead.log_text()


def test_growth_shrinking_and_replacement_in_memory():
    live_through("memory")


def test_growth_shrinking_and_replacement_on_disk():
    live_through("rocksdb")


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
    with Cluster(3, room=3, settings={"partitions": 16, "storage": "memory"}) as cluster:
        first = cluster.nodes[0]
        other_secret = cluster.add_node([first], newcomer_settings("memory"))
        other_cluster = cluster.add_node([first], newcomer_settings("memory"))
        other_shape = cluster.add_node([first], {"storage": "memory", "partitions": 64})
        for node, line, value in ((other_secret, "cluster-secret", cluster.secret),
                                  (other_cluster, "cluster-id", cluster.cluster_id)):
            with open(node.config, encoding="utf-8") as file:
                text = file.read()
            with open(node.config, "w", encoding="utf-8") as file:
                file.write(text.replace(f"{line} {value}", f"{line} {'7' * 32}").replace("partitions 16\n", ""))
        for node, why in ((other_secret, "another cluster-secret"), (other_cluster, "cluster-id differs"),
                          (other_shape, "the cluster was born with 16")):
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


def test_a_damaged_membership_record_is_never_served_from():
    """Metadata is sealed: whatever of the store's files is damaged, the node says so or begins as what it was."""
    with Cluster(1, settings={"partitions": 16, "storage": "rocksdb"}) as cluster:
        node = cluster.nodes[0]
        assert node.stop() == 0
        with open(node.config, encoding="utf-8") as file:
            text = file.read()
        with open(node.config, "w", encoding="utf-8") as file:
            file.write(text.replace("partitions 16", "partitions 32"))
        node.start()
        assert node.process.wait(15) == 3, node.log_text()
        assert "the cluster was born with 16" in node.log_text()


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
        drawn = os.read(master, 4096)
        on_terminal.kill()
        on_terminal.wait()
        assert b"partitions left" in drawn and b"\033[K" in drawn, drawn
        wait_settled(first, version)
        assert in_lines.wait(15) == 0
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
