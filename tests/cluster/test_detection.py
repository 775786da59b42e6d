#!/usr/bin/python3
"""Verdicts on members that die, stop and come back, as every node tells them."""

import sys
import time

from harness import Cluster, eventually, run_tests


def verdicts(node):
    """State of each member by its address's port, and its incarnation."""
    found = {}
    for name, text in node.info("members").items():
        if name.startswith("member"):
            fields = dict(field.split("=", 1) for field in text.strip().split(","))
            found[int(fields["address"].rsplit(":", 1)[1])] = (fields["state"], int(fields["incarnation"]))
    return found


def all_say(observers, subject, state):
    return all(verdicts(node)[subject.port][0] == state for node in observers)


def test_a_killed_node_is_dead_within_five_seconds_and_comes_back():
    with Cluster(3, settings={"shards": 2}) as cluster:
        first, second, third = cluster.nodes
        eventually(lambda: verdicts(first)[third.port][1] > 0, 5, "the incarnation is known")
        incarnation = verdicts(first)[third.port][1]
        third.kill()
        eventually(lambda: all_say([first, second], third, "dead"), 5, "dead")
        with first.connect() as connection:
            line = [line for line in connection.command("CLUSTER", "NODES").decode().splitlines()
                    if f":{third.port}@" in line]
            assert "fail" in line[0].split()[2].split(","), line
        assert all_say([first], second, "alive") and all_say([second], first, "alive")
        third.start()
        eventually(lambda: all_say(cluster.nodes, third, "alive"), 10, "alive again")
        eventually(lambda: verdicts(first)[third.port][1] > incarnation, 5, "a greater incarnation")


def test_a_stopped_node_is_dead_and_blames_nobody_when_it_goes_on():
    with Cluster(3) as cluster:
        first, second, third = cluster.nodes
        third.pause()
        time.sleep(12)
        try:
            assert all_say([first, second], third, "dead")
        finally:
            third.resume()
        eventually(lambda: all_say(cluster.nodes, third, "alive"), 5, "alive again")
        time.sleep(3)
        assert all(all_say(cluster.nodes, node, "alive") for node in cluster.nodes)
        assert "member-dead" not in third.log_text() and "member-suspect" not in third.log_text()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
