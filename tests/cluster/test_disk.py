#!/usr/bin/python3
"""One node's disk fails, fills up or dawdles under load: the others lose nothing and serve on, and once the disk works
again a restart brings the node back with all that was acknowledged."""

import os
import subprocess
import sys
import time

from harness import ROOT, Cluster, eventually, run_tests
from history import Load, FAILED, IN_DOUBT, OK
from test_partitions import check, settle

RATE = 200


class FailingDisk:
    """Makes one node's disk do as it is told, from the node's next start."""

    def __init__(self, cluster, node):
        library = os.path.join(cluster.folder, "failing_disk.so")
        source = os.path.join(ROOT, "tests", "cluster", "failing_disk.c")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        self.control = os.path.join(cluster.folder, "failing-disk")
        node.environment = {"LD_PRELOAD": library, "FAILING_DISK": self.control}

    def does(self, how):
        with open(self.control, "w", encoding="ascii") as file:
            file.write(how)


def restarted_on(cluster, node):
    disk = FailingDisk(cluster, node)
    node.stop()
    node.start()
    eventually(node.is_ready, 20, "the node is ready with a disk that can fail")
    return disk


def outcomes(history):
    return {outcome: sum(operation.outcome == outcome for operation in history) for outcome in (OK, FAILED, IN_DOUBT)}


def a_disk_fails_under_load(how):
    with Cluster(3) as cluster:
        node = cluster.nodes[0]
        disk = restarted_on(cluster, node)
        load = Load(cluster, RATE)
        time.sleep(2)
        load.nodes = [1, 2]
        time.sleep(1)
        began = len(load.history)
        disk.does(how)
        time.sleep(4)
        assert "store-failed" in node.log_text(), "the node says that its store has failed"
        with node.connect() as connection:
            for number in range(20):  # it hands them on
                assert connection.command("SET", f"handed-on:{number}", "v") == "OK"
                assert connection.command("DEL", f"handed-on:{number}") == 1
        history = load.stop()
        counts = outcomes(history[began:])
        # The writes that were under way when it failed may be in doubt, and one for each shard that found out.
        assert counts[FAILED] == 0 and counts[IN_DOUBT] < 20 and counts[OK] > RATE * 3, f"{how}: {counts}"
        disk.does("work")
        node.kill()
        node.start()
        eventually(node.is_ready, 20, "the node is ready with a disk that works again")
        seconds = settle(cluster)
        check(cluster, history)
        print(f"     {how}: through the others {counts}; hints home {seconds:.1f} s after the restart")


def test_fsync_errors_stop_one_node_and_lose_nothing():
    a_disk_fails_under_load("eio")


def test_a_full_disk_stops_one_node_and_loses_nothing():
    a_disk_fails_under_load("enospc")


def test_a_slow_disk_fails_nothing():
    with Cluster(3) as cluster:
        disk = restarted_on(cluster, cluster.nodes[0])
        load = Load(cluster, RATE)
        time.sleep(2)
        began = len(load.history)
        disk.does("slow")
        with cluster.nodes[1].connect() as connection:
            asked = time.monotonic()
            connection.command("GRAMME.PUT", "all-three", "v", "W", "3")
            assert time.monotonic() - asked > 0.05, "the slow disk is one of the three"
        time.sleep(5)
        history = load.stop()
        disk.does("work")
        counts = outcomes(history[began:])
        assert counts[FAILED] == 0 and counts[OK] > RATE * 4, counts
        check(cluster, history)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
