#!/usr/bin/python3
"""A node's folder is put back to what it was some time ago: the others remember better, and it does not serve from it."""

import shutil
import sys
import time

from harness import Cluster, eventually, run_tests

KEYS = 300
REMEMBERED_S = 13  # by then the others have heard of a later bound and written it down


def write(node, name):
    with node.connect() as connection:
        for number in range(KEYS):
            assert connection.command("SET", f"{name}:{number}", f"{name} {number}") == "OK"


def cluster_info(node, name):
    return int(node.info("cluster")[name])


def has_met_all(node):
    return cluster_info(node, "gramme_partitions_met") == cluster_info(node, "gramme_partitions_owned")


def put_back(cluster):
    """The third node runs on a copy that lacks half of the keys, and holds some that were deleted since."""
    first, _, third = cluster.nodes
    write(first, "early")
    write(first, "deleted")
    eventually(lambda: all(has_met_all(node) for node in cluster.nodes), 30, "the owners met")
    assert third.stop() == 0
    shutil.copytree(third.folder, third.folder + "-copy")
    third.start()
    cluster.wait_ready()
    write(first, "late")
    with first.connect() as connection:
        for number in range(KEYS):
            assert connection.command("DEL", f"deleted:{number}") == 1
    time.sleep(REMEMBERED_S)
    third.kill()
    shutil.rmtree(third.folder)
    shutil.move(third.folder + "-copy", third.folder)


def values_through(node, name):
    with node.connect(20) as connection:
        return [connection.command("GET", f"{name}:{number}") for number in range(KEYS)]


def all_of(name):
    return [b"%s %d" % (name.encode(), number) for number in range(KEYS)]


def test_a_node_that_was_put_back_stops_and_says_what_to_do():
    with Cluster(3) as cluster:
        third = cluster.nodes[2]
        put_back(cluster)
        third.start()
        assert third.process.wait(20) == 1
        assert "event=data-rolled-back" in third.log_text() and "move the data folder away" in third.log_text()
        third.start()  # it knows by itself now
        assert third.process.wait(5) == 1
        assert third.log_text().count("event=data-rolled-back") == 2
        for node in cluster.nodes[:2]:
            assert values_through(node, "deleted") == [None] * KEYS
        shutil.rmtree(third.folder)
        third.start()
        cluster.wait_ready()
        eventually(lambda: has_met_all(third), 60, "it is filled by the others")
        for name in ("early", "late"):
            assert values_through(third, name) == all_of(name)
        assert values_through(third, "deleted") == [None] * KEYS


def test_older_data_can_be_accepted_and_is_believed_in_nothing():
    with Cluster(3) as cluster:
        third = cluster.nodes[2]
        put_back(cluster)
        cluster.write_config(third, {"accept-older-data": "yes-i-know"})
        third.start()
        cluster.wait_ready()
        assert values_through(third, "late") == all_of("late")  # not one absence, from the first moment
        eventually(lambda: has_met_all(third), 60, "it is filled by the others")
        cluster.write_config(third, {})
        assert third.stop() == 0
        third.start()  # and from now on it is as any other
        cluster.wait_ready()
        for name in ("early", "late"):
            assert values_through(third, name) == all_of(name)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
