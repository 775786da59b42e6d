#!/usr/bin/python3
"""A node's addresses change, and its id stays: told in its own configuration only, all others find it again."""

import sys

from harness import PEER_PORT_OFFSET, Cluster, eventually, run_tests


def nodes_text(node):
    with node.connect() as connection:
        return connection.command("CLUSTER", "NODES").decode()


def all_show(cluster, address):
    return all(address in nodes_text(node) for node in cluster.nodes)


def move(cluster, node, ports_on, configs):
    """Stops the node and starts it elsewhere; only these nodes' configurations say so."""
    old = f"{node.host}:{node.port}@"
    assert node.stop() == 0, node.log_text()[-1000:]
    node.port += ports_on
    node.peer_port = node.port + PEER_PORT_OFFSET
    for other in configs:
        cluster.write_config(other, {})
    return old, f"{node.host}:{node.port}@{node.peer_port}"


def check_all(cluster, old, new):
    cluster.wait_ready(30)
    eventually(lambda: all_show(cluster, new), 10, f"all show {new}")
    for node in cluster.nodes:
        assert old not in nodes_text(node)
        assert int(node.info("cluster")["gramme_members_reachable"]) == len(cluster.nodes)
        eventually(lambda: int(node.info("cluster")["gramme_records_known"]) == len(cluster.nodes), 5, "all records")


def use_all(cluster, value):
    for number, node in enumerate(cluster.nodes):
        with node.connect() as connection:
            assert connection.command("SET", f"key{number}", value) == "OK"
    for node in cluster.nodes:
        with node.connect() as connection:
            for number in range(len(cluster.nodes)):
                assert connection.command("GET", f"key{number}") == value.encode()


def by_id(cluster):
    return sorted(cluster.nodes, key=lambda node: node.id)


def move_and_restart_the_rest(place):
    """Whoever dials and whoever is dialed: the node with the least id, and the one with the greatest."""
    with Cluster(3, settings={"shards": 2}) as cluster:
        node = by_id(cluster)[place]
        use_all(cluster, "before")
        old, new = move(cluster, node, len(cluster.nodes), [node])
        node.start()
        check_all(cluster, old, new)
        use_all(cluster, "after")
        # The others' configurations are as they were: what they know now stands in their folders.
        for other in cluster.nodes:
            if other is not node:
                assert other.stop() == 0
                other.start()
                cluster.wait_ready(30)
        check_all(cluster, old, new)
        use_all(cluster, "restarted")


def test_the_greatest_id_moves():
    move_and_restart_the_rest(-1)


def test_the_least_id_moves():
    move_and_restart_the_rest(0)


def test_one_moves_while_all_are_down():
    with Cluster(3) as cluster:
        for node in cluster.nodes:
            assert node.stop() == 0
        node = by_id(cluster)[1]
        old = f"{node.host}:{node.port}@"
        node.port += len(cluster.nodes)
        node.peer_port = node.port + PEER_PORT_OFFSET
        cluster.write_config(node, {})
        for other in cluster.nodes:
            other.start()
        check_all(cluster, old, f"{node.host}:{node.port}@{node.peer_port}")
        use_all(cluster, "after")


def test_the_whole_cluster_moves():
    """Nobody is where anybody knew it, but the configurations of all are right."""
    with Cluster(3) as cluster:
        use_all(cluster, "before")
        for node in cluster.nodes:
            assert node.stop() == 0
        for node in cluster.nodes:
            node.port += len(cluster.nodes)
            node.peer_port = node.port + PEER_PORT_OFFSET
        for node in cluster.nodes:
            cluster.write_config(node, {})
            node.start()
        for node in cluster.nodes:
            check_all(cluster, f"{node.host}:{node.port - len(cluster.nodes)}@",
                      f"{node.host}:{node.port}@{node.peer_port}")
        use_all(cluster, "after")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
