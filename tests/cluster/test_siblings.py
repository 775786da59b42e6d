#!/usr/bin/python3
"""Writes with contexts while nodes die, networks part and disks are lost: no acknowledged value is missing, none that
was replaced comes back, and no key has more siblings than were written side by side."""

import shutil
import sys
import time

from harness import Cluster, eventually, run_tests
from history import FAILED, IN_DOUBT, OK, Load
from links import LinkedCluster
from siblings import (ContextOperation, SiblingLoad, check_siblings, crowded_keys, lost_siblings, phantom_siblings,
                      told, zombies)
from test_edited_disk import met_all
from test_partitions import check, settle

RATE = 200
PERIOD_S = 1  # of exchange
SETTINGS = {"durability": "sync", "exchange-period-ms": PERIOD_S * 1000}


def test_one_killed_and_a_cut_leave_the_siblings_that_they_should():
    with LinkedCluster(5, SETTINGS) as cluster:
        load = SiblingLoad(cluster, RATE)
        time.sleep(2)
        cluster.nodes[2].kill()
        load.lives[2] += 1
        load.nodes = [0, 1, 3, 4]
        cluster.links.cut([0, 1], [3, 4])
        time.sleep(4)
        cluster.links.heal()
        cluster.nodes[2].start()
        cluster.wait_ready()
        load.nodes = [0, 1, 2, 3, 4]
        time.sleep(1)
        history = load.stop()
        settle(cluster, period_s=PERIOD_S)
        values, keys = check_siblings(cluster, history)
        print(f"     {values} values of {keys} keys; {told(history)}")


def kill_all(cluster, loads):
    for node in cluster.nodes:
        node.process.kill()
    for node in cluster.nodes:
        node.process.wait()
        for load in loads:
            load.lives[node.index] += 1


def test_what_two_disks_of_three_keep_outlives_the_death_of_all_and_the_third_disk():
    """G14: at W=2 of N=3 one disk may go with the processes."""
    with Cluster(3, settings=SETTINGS) as cluster:
        loads = [SiblingLoad(cluster, RATE), Load(cluster, RATE)]
        time.sleep(2)
        kill_all(cluster, loads)
        cluster.start()
        eventually(lambda: all(met_all(node) for node in cluster.nodes), 30, "the owners met")
        time.sleep(1)
        kill_all(cluster, loads)
        shutil.rmtree(cluster.nodes[1].folder)
        cluster.start()
        histories = [load.stop() for load in loads]
        settle(cluster, period_s=PERIOD_S)
        eventually(lambda: all(met_all(node) for node in cluster.nodes), 30, "the wiped node is filled")
        values, keys = check_siblings(cluster, histories[0])
        check(cluster, histories[1])
        print(f"     {values} values of {keys} keys; {told(histories[0])}")


# --- the checkers catch what they are there for -----------------------------------------------------------------------

def put(value, over=(), outcome=OK):
    operation = ContextOperation("PUT", "k", 0, 0.0, 0, value)
    operation.covers, operation.outcome = frozenset(over), outcome
    return operation


def delete(over, outcome=OK):
    operation = ContextOperation("DEL", "k", 0, 0.0, 0)
    operation.covers, operation.outcome = frozenset(over), outcome
    return operation


def read(*shown):
    operation = ContextOperation("GET", "k", 0, 0.0, 0)
    operation.shown, operation.outcome = shown, OK
    return operation


def found(history, *values):
    """What each checker finds when the key has those values at the end: lost, zombies, phantoms, crowded."""
    final = {"k": list(values)}
    return tuple(checker(history, final) for checker in (lost_siblings, zombies, phantom_siblings, crowded_keys))


GOOD = ([], [], [], [])


def test_good_histories_are_let_pass():
    assert found([put("a"), put("b"), read("a", "b")], "a", "b") == GOOD
    assert found([put("a"), put("b"), put("c", "a")], "b", "c") == GOOD
    assert found([put("a"), delete("a"), put("b")], "b") == GOOD
    assert found([put("a"), put("b", "a", IN_DOUBT)], "a") == GOOD
    assert found([put("a"), put("b", "a", IN_DOUBT)], "b") == GOOD
    assert found([put("a"), delete("a", IN_DOUBT)]) == GOOD
    # Who was shown b, which was put over a, covers both.
    assert found([put("a"), put("b", "a", IN_DOUBT), put("c", "b")], "c") == GOOD


def test_planted_bad_histories_are_caught():
    assert found([put("a"), put("b")], "b")[0] == ["a"], "lost"
    assert found([put("a"), put("b", "a", FAILED)])[0] == ["a"], "one that failed replaces nothing"
    assert found([put("a"), put("b", "a")], "a", "b")[1] == ["a"], "replaced, and back"
    assert found([put("a"), delete("a")], "a")[1] == ["a"], "deleted, and back"
    assert found([put("a"), put("b", "a", IN_DOUBT), put("c", "b")], "a", "c")[1] == ["a"], "replaced two puts ago"
    assert found([put("a"), put("b", "a", IN_DOUBT)], "a", "b")[1] == ["a"], "beside what was put over it"
    assert found([put("a", (), FAILED)], "a")[2] == ["a"], "failed, and there"
    assert found([put("a")], "a", "z")[2] == ["z"], "written by nobody"
    assert found([put("a"), read("a", "z")], "a")[2] == ["z"], "read, and written by nobody"
    assert found([put("a")], "a", "a")[3] == ["k"], "twice the same"
    assert found([put("a"), put("b", "a")], "a", "b")[3] == ["k"], "more than were put side by side"
    assert found([put("a"), read("a", "a")], "a")[3] == ["k"], "twice the same in a read"


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
