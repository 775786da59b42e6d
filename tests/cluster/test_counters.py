#!/usr/bin/python3
"""Counters while nodes are killed and networks parted: each addition that was acknowledged counts once, on every node,
and none that was refused."""

import random
import sys

from counters import (AMOUNT_BITS, LIFETIME_S, NODES, SETTINGS, Addition, Told, add_by_all, counters, counts, settle,
                      shown_by_all, subset_size)
from harness import Cluster, encode, eventually, replies, run_tests
from history import FAILED, IN_DOUBT, OK
from links import LinkedCluster
from rolling import wait_healthy
from test_backup import Folder, back_up, restore
from test_partitions import figures

KEYS = [f"key:{number}" for number in range(30)]
LOOSE = [f"loose:{number}" for number in range(30)]  # of which one owner is enough to read


def test_additions_under_kills_and_cuts_count_once():
    told, faults = counters(9, 4, random.randrange(1 << 32))
    assert told.outcomes[OK] > 500 and faults.kinds["kill"] > 0 and faults.kinds["cut"] > 0


class Sums:
    """What the counters of a cluster held when that was last known, and what was told of additions since."""

    def __init__(self, cluster, keys=tuple(KEYS)):
        self.cluster, self.random = cluster, random.Random(7)
        self.values = dict.fromkeys(keys, 0)
        self.bases = {}
        self.history = []

    def add(self, nodes):
        """Each node to each key; the keys of which it was acknowledged."""
        done = add_by_all(nodes, list(self.values), self.random)
        self.history += done
        return {operation.key for operation in done if operation.outcome == OK}

    def set(self, node, keys):
        """To what is 0 for the additions, which come on top."""
        self.bases.update((key, self.random.getrandbits(AMOUNT_BITS)) for key in keys)
        assert replies(node, [encode("SET", key, self.bases[key]) for key in keys]) == ["OK"] * len(keys)
        self.values.update((key, self.bases[key]) for key in keys)

    def check(self):
        """All of it through all nodes, which then is what is known."""
        settle(self.cluster, list(self.values))
        told = Told()
        after = shown_by_all(self.cluster, list(self.values), self.bases)
        told.check(self.history, self.values, after)
        self.values, self.history = after, []
        return told

    def most_counters(self):
        return max(len(counts(self.cluster.nodes[0], key)) for key in self.values)


# --- halves -----------------------------------------------------------------------------------------------------------

class Halves:
    """Five nodes, of which one is down and the others are parted, two and two. Each half has W nodes. An addition reads
    first, so of KEYS, which ask two owners, one half at most can add to each; of LOOSE most often both."""

    def __enter__(self):
        self.cluster = LinkedCluster(NODES, SETTINGS)
        self.one, self.other = self.cluster.nodes[:2], self.cluster.nodes[3:]
        wait_healthy(self.cluster.nodes[0])
        with self.cluster.nodes[0].connect() as connection:
            assert connection.command("GRAMME.KEYSPACE", "SET", "loose:", "read-quorum", 1) == "OK"
        return self

    def __exit__(self, kind, *rest):
        self.cluster.__exit__(kind, *rest)

    def part(self):
        self.cluster.nodes[2].kill()
        self.cluster.links.cut([0, 1], [3, 4])
        eventually(lambda: figures(self.one + self.other, "gramme_members_reachable") == [2] * 4, 20,
                   "both halves know that they are alone")

    def heal(self):
        self.cluster.links.heal()
        self.cluster.nodes[2].start()
        self.cluster.wait_ready()


def test_what_two_halves_add_counts_when_they_meet():
    with Halves() as halves:
        sums = Sums(halves.cluster, KEYS + LOOSE)
        assert len(sums.add(halves.cluster.nodes)) == len(KEYS + LOOSE)
        sums.check()
        halves.part()
        by_one, by_other = sums.add(halves.one), sums.add(halves.other)
        halves.heal()
        print(f"     {sums.check()}; one half added to {len(by_one)} keys, the other to {len(by_other)}, both to "
              f"{len(by_one & by_other)}")
        assert by_one & set(KEYS) and by_other & set(KEYS) and by_one & by_other
        assert not by_one & by_other & set(KEYS)


def test_what_was_added_beyond_a_cut_outlives_a_set_and_a_delete():
    """They replace what they have seen, and no more: where none of the key's owners is in their half, nothing."""
    with Halves() as halves:
        sums = Sums(halves.cluster, LOOSE)
        sums.add(halves.cluster.nodes)
        sums.check()
        ports = {key: {int(replica["address"].rsplit(b":", 1)[1]) for replica in replicas if replica["role"] == b"owner"}
                 for key, replicas in zip(LOOSE, halves.one[0].explain(LOOSE))}
        seen = {key for key in LOOSE if ports[key] & {node.port for node in halves.one}}
        halves.part()
        beyond = sums.add(halves.other)
        set_there, deleted_there = LOOSE[::2], LOOSE[1::2]
        values = dict(sums.values)
        sums.set(halves.one[0], set_there)
        deleted = replies(halves.one[1], [encode("DEL", key) for key in deleted_there])
        assert all(isinstance(reply, int) for reply in deleted), deleted
        for key in LOOSE:
            sums.values[key] = (0 if key in seen else values[key]) + (sums.bases[key] if key in set_there else 0)
        halves.heal()
        print(f"     {sums.check()}; of {len(LOOSE)} keys {len(seen)} were seen by what replaced them")
        assert beyond & seen & set(set_there) and beyond & seen & set(deleted_there), (beyond, seen)


# --- restarts, backups ------------------------------------------------------------------------------------------------

def test_restarts_of_all_nodes_between_additions_keep_the_sums():
    """One after the other, cleanly; then all at once, killed."""
    with Cluster(3, settings=SETTINGS) as cluster:
        wait_healthy(cluster.nodes[0])
        sums = Sums(cluster)
        for node in cluster.nodes:
            assert len(sums.add(cluster.nodes)) == len(KEYS)
            assert node.stop() == 0
            others = [other for other in cluster.nodes if other is not node]
            assert len(sums.add(others)) == len(KEYS)
            node.start()
            cluster.wait_ready()
            wait_healthy(node)
        told = sums.check()
        assert told.outcomes[OK] == 15 * len(KEYS), told
        sums.add(cluster.nodes)
        for node in cluster.nodes:
            node.process.kill()
        for node in cluster.nodes:
            node.process.wait()
        cluster.start()
        wait_healthy(cluster.nodes[0])
        sums.add(cluster.nodes)
        again = sums.check()
        assert again.outcomes[OK] == 6 * len(KEYS), again
        print(f"     {told}; killed all at once: {again}; at most {sums.most_counters()} counters of one key")


def test_counters_survive_backup_and_restore():
    """With what was set under them and deleted before them, and with their time to live; restored twice they count once."""
    with Folder() as folder:
        with Cluster(3, settings=SETTINGS) as old:
            wait_healthy(old.nodes[0])
            sums = Sums(old)
            sums.add(old.nodes)
            sums.check()
            old.nodes[0].stop()
            sums.add(old.nodes[1:])  # to counters of others than before
            old.nodes[0].start()
            old.wait_ready()
            wait_healthy(old.nodes[0])
            sums.check()
            sums.set(old.nodes[1], KEYS[:5])
            assert replies(old.nodes[2], [encode("DEL", key) for key in KEYS[5:10]]) == [1] * 5
            sums.values.update(dict.fromkeys(KEYS[5:10], 0))
            sums.add(old.nodes)
            assert replies(old.nodes[0], [encode("EXPIRE", key, LIFETIME_S) for key in KEYS[10:15]]) == [1] * 5
            paths = back_up(old, folder)
            told = sums.check()
            assert told.outcomes[OK] == 3 * len(KEYS), told
            most = sums.most_counters()
        for size in (1, 5):
            restore_into(size, paths, sums)
        print(f"     at most {most} counters of one key")


def restore_into(size, paths, sums):
    with Cluster(size, settings={**SETTINGS, "replicas": min(size, 3)}) as new:
        wait_healthy(new.nodes[0])
        restored = Sums(new)
        restored.values, restored.bases = dict(sums.values), dict(sums.bases)
        for _ in range(2):
            told = restore(new, paths, size - 1)
            assert told["restored"] == told["verified"] == told["verified_of"] == len(KEYS), told
            restored.check()
        assert len(restored.add(new.nodes)) == len(KEYS)
        restored.check()
        left_ms = replies(new.nodes[0], [encode("PTTL", key) for key in KEYS])
        assert [left > 0 for left in left_ms] == [key in KEYS[10:15] for key in KEYS], left_ms


# --- the checkers catch what they are there for -----------------------------------------------------------------------

def addition(amount, outcome=OK):
    operation = Addition("k", 0, 0.0, amount)
    operation.outcome = outcome
    return operation


def is_refused(before, after, *history):
    try:
        Told().check(list(history), {"k": before}, {"k": after})
    except AssertionError:
        return True
    return False


def test_good_sums_are_let_pass():
    assert not is_refused(0, 0)
    assert not is_refused(5, 12, addition(3), addition(4))
    assert not is_refused(5, 2, addition(-3), addition(9, FAILED))
    for after in (3, 103, 3 - 1000, 103 - 1000):
        assert not is_refused(0, after, addition(3), addition(100, IN_DOUBT), addition(-1000, IN_DOUBT))
    assert not is_refused(0, 2, addition(1), addition(1, IN_DOUBT), addition(1, IN_DOUBT))
    many = [addition(3 ** number, IN_DOUBT) for number in range(36)]
    assert not is_refused(0, sum(3 ** number for number in range(0, 36, 5)), *many)
    assert subset_size([each.amount for each in many], 3 ** 7 + 3 ** 30) == 2
    assert subset_size([], 0) == 0


def test_planted_bad_sums_are_caught():
    assert is_refused(0, 3, addition(3), addition(4)), "lost"
    assert is_refused(0, 11, addition(3), addition(4)), "counted twice"
    assert is_refused(0, 12, addition(3), addition(9, FAILED)), "refused, and counts"
    assert is_refused(0, 203, addition(3), addition(100, IN_DOUBT)), "in doubt, and counts twice"
    assert is_refused(0, 4, addition(3)), "of nobody"
    assert is_refused(7, 3, addition(3)), "what was there before is lost"
    assert is_refused(0, 0, addition(1), addition(1, IN_DOUBT)), "an INCR is lost"
    assert is_refused(0, 3, addition(1), addition(1, IN_DOUBT)), "one INCR too many"
    many = [addition(3 ** number, IN_DOUBT) for number in range(36)]
    assert is_refused(0, 2 * 3 ** 20, *many), "one of many counts twice"
    many = [addition(3 ** number, IN_DOUBT) for number in range(38)]
    assert is_refused(0, 3 ** 38, *many), "more than all in doubt come to"


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
