#!/usr/bin/python3
"""Eight nodes in three zones: each partition has an owner in every zone, and a zone that is lost as a whole takes no
availability along. SECONDS says how long each zone is gone; 6 otherwise."""

import json
import os
import sys
import time

from harness import Cluster, encode, eventually, replies, run_tests
from history import FAILED, IN_DOUBT, OK, Load, availability
from members import address, check, gramme_cluster, read_all, told
from test_always_on import hints
from test_partitions import errors_of

NODES, ZONES, KEYS = 8, 3, 3000
SECONDS = float(os.environ.get("SECONDS", 6))


def assert_zones_apart(cluster):
    """As the operator is shown it."""
    zone_of = {node.id: node.zone for node in cluster.nodes}
    ring = json.loads(gramme_cluster("ring", "--json", address(cluster.nodes[0])))
    assert len(ring["owners"]) == 1024
    for partition, owners in enumerate(ring["owners"]):
        assert len(owners) == 3 and len({zone_of[each] for each in owners}) == ZONES, (partition, owners)


def lose(cluster, load, zone):
    """All of a zone's nodes are killed at one moment, stay away for a while and come back: what happened meanwhile."""
    lost = [node for node in cluster.nodes if node.zone == zone]
    left = [node for node in cluster.nodes if node.zone != zone]
    began = time.monotonic()
    for node in lost:
        node.signal(9)
    load.nodes = [node.index for node in left]  # who finds nobody where a node was asks one of these
    for node in lost:
        node.process.wait()
        load.lives[node.index] += 1
    number = 0
    while time.monotonic() < began + SECONDS:
        node = left[number % len(left)]
        number += 1
        requests = [encode("GET", f"before:{index}") for index in range(number % 7, KEYS, 7)]
        for index, reply in zip(range(number % 7, KEYS, 7), replies(node, requests)):
            assert reply == b"value %d" % index, (zone, index, reply)
    over = time.monotonic()
    for node in lost:
        node.start()
    cluster.wait_ready(nodes=lost)
    load.nodes = [node.index for node in cluster.nodes]
    return [operation for operation in list(load.history) if began <= operation.start < over]


def test_a_lost_zone_costs_no_availability():
    with Cluster(NODES, zones=ZONES) as cluster:
        assert sorted({node.zone for node in cluster.nodes}) == [f"zone-{zone}" for zone in range(ZONES)]
        assert all(member["first-owned"] == 128 for member in told(cluster.nodes[0])["members"])
        assert_zones_apart(cluster)
        requests = [encode("SET", f"before:{index}", f"value {index}") for index in range(KEYS)]
        assert set(replies(cluster.nodes[0], requests)) == {"OK"}
        load = Load(cluster, 150, workers=16, retries=True)
        time.sleep(1)
        for zone in sorted({node.zone for node in cluster.nodes}):
            meanwhile = lose(cluster, load, zone)
            time.sleep(1)
            wrong = [(each.name, each.detail) for each in meanwhile if each.outcome == FAILED]
            in_doubt = sum(each.outcome == IN_DOUBT for each in meanwhile)
            print(f"     {zone} lost: SET {availability(meanwhile)}; DEL {availability(meanwhile, 'DEL')}; "
                  f"errors {dict(errors_of(meanwhile))}", flush=True)
            assert not wrong, wrong[:5]
            assert in_doubt <= 10, in_doubt  # those that a killed node had in hand
            assert sum(each.outcome == OK for each in meanwhile) > 100 * (SECONDS - 2)
        history = load.stop()
        eventually(lambda: hints(cluster.nodes) == 0, 60, "all hints came home")
        check(cluster.nodes[0])
        deleted = {each.key for each in history if each.name == "DEL"}
        kept = [each.key for each in history if each.name == "SET" and each.outcome == OK and each.key not in deleted]
        found = read_all(cluster.nodes[5], kept, 3)
        assert not [key for key in kept if found[key] != key]


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
