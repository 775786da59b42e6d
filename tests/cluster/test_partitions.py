#!/usr/bin/python3
"""Nodes killed and networks parted under a steady open-loop load: nothing acknowledged is lost, nothing deleted comes
back, and the cluster is whole again soon after."""

import collections
import sys
import time

from harness import ReplyError, encode, eventually, replies, run_tests
from history import Load, Operation, FAILED, IN_DOUBT, OK, availability, lost_writes, phantoms, resurrections
from links import LinkedCluster

RATE = 300


def figures(nodes, name):
    return [int(node.info("cluster")[name]) for node in nodes]


def final_values(node, history):
    """Every key as a GET shows it through that node."""
    keys = sorted({operation.key for operation in history})
    final = {}
    for key, value in zip(keys, replies(node, [encode("GET", key) for key in keys])):
        if isinstance(value, ReplyError):
            raise value
        final[key] = value if value is None else value.decode()
    return final


def check(cluster, history):
    for node in cluster.nodes:
        final = final_values(node, history)
        assert not (lost := lost_writes(history, final)), f"lost through node {node.index}: {lost[:5]}"
        assert not (back := resurrections(history, final)), f"back through node {node.index}: {back[:5]}"
        assert not (made_up := phantoms(history, final)), f"phantoms through node {node.index}: {made_up[:5]}"


def settle(cluster, seconds=30, period_s=5):
    """Hints home, and the next exchange of every pair repairs nothing, all within the seconds given. Returns how long
    the hints took."""
    began = time.monotonic()
    eventually(lambda: sum(figures(cluster.nodes, "gramme_hints_held")) == 0, seconds, "hints come home")
    home = time.monotonic() - began

    def is_quiet():
        before = figures(cluster.nodes, "gramme_exchange_repairs")
        rounds = figures(cluster.nodes, "gramme_exchange_rounds")
        time.sleep(period_s + 1)
        assert all(now > then for now, then in zip(figures(cluster.nodes, "gramme_exchange_rounds"), rounds))
        return figures(cluster.nodes, "gramme_exchange_repairs") == before
    eventually(is_quiet, seconds - home, "exchange finds nothing to repair")
    return home


def errors_of(history):
    return collections.Counter(operation.detail.split(" ")[0] for operation in history if operation.outcome != OK)


def test_one_killed_and_two_cut_off_and_all_come_back():
    with LinkedCluster(5) as cluster:
        load = Load(cluster, RATE)
        time.sleep(3)
        load.nodes = [0, 1, 3, 4]  # a client finds no killed node to ask
        time.sleep(0.5)
        cluster.nodes[2].kill()
        load.lives[2] += 1
        time.sleep(4)
        cluster.links.cut([0, 1], [3, 4])
        time.sleep(8)
        cluster.links.heal()
        cluster.nodes[2].start()
        cluster.wait_ready()
        load.nodes = [0, 1, 2, 3, 4]
        time.sleep(3)
        history = load.stop()
        seconds = settle(cluster)
        shown = availability(history)
        print(f"SET {shown}, DEL {availability(history, 'DEL')}, hints home after {seconds:.1f} s, "
              f"errors {dict(errors_of(history))}")
        assert shown["failed"] == 0 and shown["in_doubt"] < shown["operations"] / 100
        assert shown["longest_gap_s"] < 1.0
        check(cluster, history)


def test_a_one_way_cut_and_a_bridge_lose_nothing():
    with LinkedCluster(5) as cluster:
        load = Load(cluster, RATE)
        time.sleep(2)
        cluster.links.cut([0], [1, 2, 3, 4], one_way=True)
        time.sleep(4)
        cluster.links.heal()
        time.sleep(1)
        cluster.links.cut([0, 1], [3, 4])  # node 2 reaches both sides
        time.sleep(4)
        cluster.links.heal()
        time.sleep(2)
        history = load.stop()
        seconds = settle(cluster)
        print(f"SET {availability(history)}, hints home after {seconds:.1f} s, errors {dict(errors_of(history))}")
        check(cluster, history)


# --- the checkers catch what they are there for ------------------------------------------------------------------------

def past(name, key, outcome=OK, reply="OK"):
    operation = Operation(name, key, 0, 0.0)
    operation.outcome, operation.reply, operation.end = outcome, reply, 0.0
    return operation


def test_planted_bad_histories_are_caught():
    history = [past("SET", "a"), past("SET", "b"), past("DEL", "b", OK, 1), past("SET", "c", FAILED),
               past("SET", "d", IN_DOUBT), past("SET", "e"), past("DEL", "e", IN_DOUBT, None)]
    good = {"a": "a", "b": None, "c": None, "d": "d", "e": None}
    assert not lost_writes(history, good) and not resurrections(history, good) and not phantoms(history, good)
    assert lost_writes(history, {**good, "a": None}) == ["a"]
    assert resurrections(history, {**good, "b": "b"}) == ["b"]
    assert phantoms(history, {**good, "c": "c"}) == ["c"]
    assert phantoms(history, {**good, "d": "a"}) == ["d"]


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
