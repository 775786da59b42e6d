#!/usr/bin/python3
"""A cluster is upgraded to the next version of the protocol node by node, and back, under a load: builds of both run side
by side, and links between them speak what both know."""

import os
import sys

from harness import BINARY, Cluster, eventually, run_tests
from rolling import RetryingLoad, check_history, wait_healthy

NEXT = os.path.join(os.path.dirname(BINARY), "gramme-next")
SETTINGS = {"exchange-period-ms": 1000}


def spoken(node):
    """What this node says of the protocol of its links to each node, and of its own."""
    members = [dict(field.split("=", 1) for field in value.split(",")) for name, value in node.info("members").items()
               if name.startswith("member")]
    by_id = {member["id"]: int(member["protocol"]) for member in members}
    return [by_id[other.id] for other in node.cluster.nodes]


def protocol_of(binary):
    return 3 if binary == NEXT else 2


def check_links(cluster):
    for node in cluster.nodes:
        own = protocol_of(node.binary)
        expected = [own if other is node else min(own, protocol_of(other.binary)) for other in cluster.nodes]
        assert spoken(node) == expected, f"node {node.index}: {spoken(node)}, not {expected}"


def change_each(cluster, nodes, binary):
    for node in nodes:
        assert node.stop() == 0, node.log_text()[-1000:]
        node.binary = binary
        node.start()
        cluster.wait_ready(30, [node])
        told = wait_healthy(node)
        assert f"protocol={protocol_of(binary)}" in node.log_text()
        check_links(cluster)
        print(f"node {node.index} is {os.path.basename(binary)}: {told}", flush=True)


def test_up_and_down_under_a_load():
    with Cluster(5, settings=SETTINGS) as cluster:
        wait_healthy(cluster.nodes[0])
        check_links(cluster)
        load = RetryingLoad(cluster, 300)
        eventually(lambda: len(load.history) > 300, 10, "it runs")
        change_each(cluster, cluster.nodes, NEXT)
        change_each(cluster, cluster.nodes[::-1], BINARY)
        check_history(cluster, load.stop())
        for node in cluster.nodes:
            assert "event=refused" not in node.log_text(), node.log_text()[-2000:]


def test_a_mixed_cluster_loses_a_node_and_mends():
    """Halfway is a state in which a cluster may stay: hints and exchange work between versions."""
    with Cluster(5, settings=SETTINGS) as cluster:
        wait_healthy(cluster.nodes[0])
        change_each(cluster, cluster.nodes[:2], NEXT)
        load = RetryingLoad(cluster, 300)
        eventually(lambda: len(load.history) > 300, 10, "it runs")
        for victim in (cluster.nodes[1], cluster.nodes[4]):
            load.nodes = [node.index for node in cluster.nodes if node is not victim]
            count = len(load.history)
            eventually(lambda: len(load.history) > count + 60, 10, "its last operations are over")  # pylint: disable=cell-var-from-loop
            victim.kill()
            count = len(load.history)
            eventually(lambda: len(load.history) > count + 300, 10, "it goes on")  # pylint: disable=cell-var-from-loop
            victim.start()
            cluster.wait_ready(30, [victim])
            wait_healthy(victim)
        check_history(cluster, load.stop())


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
