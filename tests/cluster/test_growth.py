#!/usr/bin/python3
"""One node becomes three, five, eight and four while clients go on, and one that was killed for good is replaced."""

import sys
import time

from harness import Cluster, eventually, run_tests
from history import OK, Load, availability, lost_writes, phantoms, resurrections
from members import (assert_even, check, commit, grow, read_all, replace_dead, shrink, stage, told, wait_for_newcomers,
                     wait_settled)

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


def test_a_change_goes_on_through_crashes():
    """Each member and the newcomer is killed once and started again while one joins and another leaves."""
    with Cluster(4, room=1, settings=storage("rocksdb")) as cluster:
        members = list(cluster.nodes)
        growing = Growing(cluster)
        eventually(lambda: sum(operation.outcome == OK for operation in list(growing.load.history)) > 200, 20, "keys")
        newcomer = cluster.add_node(members[:2], newcomer_settings("rocksdb"))
        newcomer.start()
        wait_for_newcomers(members, [newcomer])
        leaver = members[3]
        stage(members[0], "join", newcomer.id)
        stage(members[0], "leave", leaver.id)
        growing.use(members[:3])
        version = commit(members[1])
        for node in (newcomer, members[0], leaver, members[1], members[2]):
            time.sleep(0.3)
            if not node.is_running():
                continue  # the leaver, if it was quick
            growing.use([member for member in members[:3] if member is not node])
            node.kill()
            growing.load.lives[node.index] += 1
            node.start()
            if node is not leaver:
                cluster.wait_ready(nodes=[node])
        members = members[:3] + [newcomer]
        wait_settled(members[0], version)
        assert leaver.process.wait(20) in (0, 3), leaver.log_text()[-1500:]
        cluster.wait_ready(nodes=members)
        growing.at_rest(members)
        growing.finish(members)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
