#!/usr/bin/python3
"""The long runs on real processes that the promises of README.md rest on: too long for every `make test`, each with one
line of figures at the end. `make acceptance` runs all of them.

usage: acceptance.py [NAME...]

ACCEPTANCE_SECONDS (600) is how long `availability` lasts, STOPPED_SECONDS (120) how long the coordinator is stopped,
COUNTERS_SECONDS (300) how long `counters` lasts, with its faults drawn from COUNTERS_SEED (a random one),
PAIRS (5) how often `slow_owner` compares, MOVES (100) how many `moves_killed` makes, with everything drawn from SEED (1),
KEYS how many keys `deletes` (100,000), `million_keys` and `ring_changes` (1,000,000), `wiped` (100,000) and
`moves_killed` (20,000) have, RATE the operations a second of the two that change the members.
"""

import collections
import importlib.machinery
import importlib.util
import os
import random
import shutil
import statistics
import sys
import threading
import time

from counters import counters
from growing import growing
from harness import ROOT, Cluster, ReplyError, encode, eventually, pipelined, replies, run_each
from history import FAILED, IN_DOUBT, OK, Load, availability, outcome_of
from killing import killing
from links import LinkedCluster
from test_always_on import have_one_entry_each
from test_edited_disk import PERIOD_S, key, load, met_all, one_key_changed_and_one_removed, value
from test_partitions import check, errors_of, figures, settle


def number_of(name, otherwise):
    return int(os.environ.get(name, otherwise))


def put_all(node, keys, text):
    failed = [reply for reply in replies(node, [encode("SET", each, text) for each in keys], 60) if reply != "OK"]
    assert not failed, f"{len(failed)} failed, such as {failed[:3]}"


def get_all(node, keys):
    return replies(node, [encode("GET", each) for each in keys], 60)


def are_all_absent(node, keys):
    there = [(each, reply) for each, reply in zip(keys, get_all(node, keys)) if reply is not None]
    assert not there, f"through node {node.index} {len(there)} are back, such as {there[:5]}"


def wait_until_reaped(nodes, seconds):
    """No node has anything left that could be reaped or pruned."""
    eventually(lambda: not any(figures(nodes, "gramme_tombstone_partitions") +
                               figures(nodes, "gramme_tombstones_under_way")), seconds, "nothing is left to reap")


def hold_nothing(node, keys):
    """No owner of the keys holds a value, a tombstone or a vector of them."""
    held = [(each, replicas) for each, replicas in zip(keys, node.explain(keys))
            if any(replica["status"] != b"absent" for replica in replicas)]
    assert not held, f"{len(held)} are held, such as {held[:2]}"


# --- availability -----------------------------------------------------------------------------------------------------

def one_killed_and_the_rest_split(cluster, load_on, chance):
    """Each side of the cut has two nodes that live, which is W. The load learns of the death as any client does."""
    nodes = list(range(5))
    chance.shuffle(nodes)
    victim, side, other = nodes[0], nodes[1:3], nodes[3:]
    first, second = chance.sample(["kill", "cut"], 2)
    for what in (first, second):
        if what == "kill":
            cluster.nodes[victim].kill()
            load_on.lives[victim] += 1
            load_on.nodes = sorted(side + other)
        else:
            cluster.links.cut(side, other)
        time.sleep(chance.uniform(0, 2))
    time.sleep(chance.uniform(3, 6))
    cluster.links.heal()
    cluster.nodes[victim].start()
    cluster.wait_ready(30)
    healed = time.monotonic()
    load_on.nodes = [0, 1, 2, 3, 4]
    return healed


def availability_under_faults():
    """Five nodes under load, ever again one killed and the others cut in two: any two nodes are enough to write."""
    seed = int.from_bytes(os.urandom(4), "little")
    chance = random.Random(seed)
    cycles = 0
    with LinkedCluster(5) as cluster:
        load_on = Load(cluster, 300, retries=True)
        end = time.monotonic() + number_of("ACCEPTANCE_SECONDS", 600)
        while time.monotonic() < end:
            time.sleep(chance.uniform(2, 5))
            healed = one_killed_and_the_rest_split(cluster, load_on, chance)
            cycles += 1
        history = load_on.stop()
        home = settle(cluster, 30 - (time.monotonic() - healed))
        quiet = time.monotonic() - healed
        shown = [availability(history, name) for name in ("SET", "DEL")]
        at_first = collections.Counter(each.first_failure.split(" ")[0] for each in history if each.first_failure)
        print(f"     seed {seed}, {cycles} times; SET {shown[0]}; DEL {shown[1]}; hints home {home:.1f} s and exchange "
              f"quiet {quiet:.1f} s after the last healing; errors {dict(errors_of(history))}, of first tries "
              f"{dict(at_first)}")
        for each in shown:
            assert each["ok"] >= 0.9999 * (each["operations"] - each["in_doubt"]), each
        assert shown[0]["in_doubt"] < shown[0]["operations"] / 100 and shown[0]["longest_gap_s"] < 1.0, shown[0]
        check(cluster, history)


# --- deletes ----------------------------------------------------------------------------------------------------------

def deletes():
    """All keys are deleted while an owner is down: none comes back with it, and all give their space back."""
    gone = [f"gone:{number}" for number in range(number_of("KEYS", 100_000))]
    living = [f"living:{number}" for number in range(3000)]
    with Cluster(3) as cluster:
        nodes = cluster.nodes
        for node in nodes * 2:  # each living key gets entries of six processes, and all of them end
            put_all(node, living, f"by {node.index}")
            node.stop()
            node.start()
            cluster.wait_ready()
        for node in nodes:
            put_all(node, gone[node.index::3], "v")
        nodes[2].kill()
        began = time.monotonic()
        deleted = replies(nodes[0], [encode("DEL", each) for each in gone], 60)
        assert deleted == [1] * len(gone), collections.Counter(map(str, deleted))
        took = time.monotonic() - began
        assert figures(nodes[:2], "gramme_tombstones_reaped") == [0, 0], "an owner has not proved anything"
        nodes[2].start()
        back = time.monotonic()
        cluster.wait_ready()
        for node in nodes[::-1]:
            are_all_absent(node, gone)
        wait_until_reaped(nodes, 300)
        reaped = time.monotonic() - back
        counts = figures(nodes, "gramme_tombstones_reaped")
        hold_nothing(nodes[0], gone)
        for node in nodes:
            are_all_absent(node, gone)
        eventually(lambda: have_one_entry_each(nodes[1], living), 60, "one entry is left in each living key's vector")
        pruned = time.monotonic() - back
        assert all(get_all(node, living) == [b"by 2"] * len(living) for node in nodes)
        print(f"     {len(gone)} deleted in {took:.1f} s; {reaped:.1f} s after the owner came back all were reaped, "
              f"{counts}, after {pruned:.1f} s each of {len(living)} living keys had one entry; pruned "
              f"{figures(nodes, 'gramme_vector_entries_pruned')}")


# --- a stopped coordinator --------------------------------------------------------------------------------------------

class Puts:
    """Pipelined SETs of keys of its own through one node, each key once; what was answered, as it came."""

    def __init__(self, node, prefix, count, patience_s):
        self.keys = [f"{prefix}:{number}" for number in range(count)]
        self.replies = []
        requests = [encode("SET", each, each) for each in self.keys]
        self.thread = threading.Thread(
            target=pipelined, args=(node, requests, lambda _, reply: self.replies.append(reply), patience_s),
            daemon=True)
        self.thread.start()

    def outcomes(self):
        """By key; what has no reply yet is in doubt."""
        found = dict.fromkeys(self.keys, IN_DOUBT)
        for each, reply in zip(self.keys, self.replies):
            found[each] = OK if reply == "OK" else outcome_of(str(reply))
        return found


def all_outcomes(puts):
    return {each: outcome for put in puts for each, outcome in put.outcomes().items()}


def delete_all(nodes, keys):
    """Through the nodes in turn. The reply to each, by key."""
    found = {}
    for turn, node in enumerate(nodes):
        share = keys[turn::len(nodes)]
        found.update(zip(share, replies(node, [encode("DEL", each) for each in share], 60)))
    return found


def check_stopped_puts(before, seen, deleted, after, final):
    """What a SET of the stopped coordinator may have come to.

    Acknowledged before the delete, or seen by a read or by the delete itself: the tombstone covers it, and it must stay
    deleted. A SET that was stamped and that the delete did not see is concurrent with it: deleting covers what was
    seen, so such a value may rightly survive, or not. But if it was answered OK later nothing covers it, and it must be
    there; and if it was answered that nothing was done, it must not."""
    survivors = 0
    for each, shown in final.items():
        assert not isinstance(deleted[each], ReplyError), (each, deleted[each])
        if before[each] == OK or each in seen:
            assert deleted[each] == 1, f"{each}: acknowledged or seen, and the delete did not find it"
        if deleted[each] == 1 or after[each] == FAILED:
            assert shown is None, f"{each} is {shown}: {before[each]}, deleted {deleted[each]}, {after[each]}"
        elif after[each] == OK:
            assert shown == each.encode(), f"{each} is lost"
        assert shown in (None, each.encode()), (each, shown)
        survivors += before[each] == IN_DOUBT and shown is not None
    return survivors


def check_fence_stands(others, seconds):
    """Nothing passes, and nothing is reaped, as long as a member may still know of older things."""
    names = ("gramme_fence_passed", "gramme_tombstones_reaped")
    before = [figures(others, name) for name in names]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(1)
        assert [figures(others, name) for name in names] == before, "a fence passed without a stopped member"
    return before[0]


def stopped_coordinator():
    """A coordinator stops in mid-put for two minutes while what it put is deleted: it brings nothing back."""
    stopped_s = number_of("STOPPED_SECONDS", 120)
    with Cluster(3) as cluster:
        first, *others = nodes = cluster.nodes
        early = [f"early:{number}" for number in range(6000)]
        for node in nodes:
            put_all(node, early[node.index::3], "v")
        # Until the owners of a new cluster met, an absence counts for nothing, and a DEL that can't be sure says 1.
        eventually(lambda: all(met_all(node) for node in nodes), 60, "the owners met")
        load_on = Load(cluster, 100)
        deleted = delete_all(nodes, early[::2])
        eventually(lambda: all(heard > passed for heard, passed in zip(figures(nodes, "gramme_fence_heard"),
                                                                       figures(nodes, "gramme_fence_passed"))),
                   60, "a fence is under way that the node will be missed at")
        puts = [Puts(first, f"mid:{number}", 10_000, stopped_s + 60) for number in range(4)]
        eventually(lambda: sum(len(put.replies) for put in puts) > 4000, 60, "it is in the middle of its puts")
        first.pause()
        paused = time.monotonic()
        load_on.nodes = [1, 2]
        time.sleep(2)  # what it had said has arrived by now, and is heard no more
        before = all_outcomes(puts)
        mid = list(before)
        read = dict(zip(mid, get_all(others[0], mid)))
        assert all(reply in (None, each.encode()) for each, reply in read.items()), collections.Counter(read.values())
        seen = {each for each, reply in read.items() if reply is not None}
        deleted.update(delete_all(others, early[1::2] + mid))
        assert all(deleted[each] == 1 for each in early), collections.Counter(str(deleted[each]) for each in early)
        fence = check_fence_stands(others, stopped_s - (time.monotonic() - paused))
        waited_for = {node.info("cluster").get("gramme_fence_waits_for", "").rsplit(":", 1)[-1] for node in others}
        assert waited_for == {str(first.port)}, waited_for
        first.resume()
        resumed = time.monotonic()
        shown = get_all(first, early)  # it may say that it reaches nobody yet
        assert not any(isinstance(reply, bytes) for reply in shown), "it shows what was deleted meanwhile"
        cluster.wait_ready(30)
        load_on.nodes = [0, 1, 2]
        for put in puts:
            put.thread.join(120)
        time.sleep(2)
        history = load_on.stop()
        settle(cluster)
        check(cluster, history)
        after = all_outcomes(puts)
        final = dict(zip(mid, get_all(first, mid)))
        survivors = check_stopped_puts(before, seen, deleted, after, final)
        wait_until_reaped(nodes, 300)
        reaped = time.monotonic() - resumed
        for node in nodes:
            are_all_absent(node, early)
            assert dict(zip(mid, get_all(node, mid))) == final, f"node {node.index} shows something else"
        check(cluster, history)
        hold_nothing(first, early + [each for each in mid if final[each] is None])
        counts = collections.Counter(before[each] for each in mid)
        undone = sum(deleted[each] for each in mid if before[each] != OK)
        print(f"     stopped for {stopped_s} s: {counts[OK]} put and {len(seen)} seen before the delete stay deleted; "
              f"of {counts[IN_DOUBT]} more, begun or not, {undone} were deleted and {survivors} are there, acknowledged "
              f"when it went on or concurrent with the delete; fence {fence} meanwhile; {reaped:.1f} s after it went on "
              f"all were reaped, {figures(nodes, 'gramme_tombstones_reaped')}; SET beside it {availability(history)}")


# --- a million keys ---------------------------------------------------------------------------------------------------

def million_keys():
    """Of a million records one is changed and one removed on a stopped node's disk: both are repaired at once."""
    read, mended, spent = one_key_changed_and_one_removed(number_of("KEYS", 1_000_000))
    # What a node holds is known once it was read; then it is the next exchange that finds what differs.
    assert mended - read < PERIOD_S + 1, f"repaired {mended - read:.1f} s after all partitions were read"
    assert spent < 2 * 64 * 1024, f"{spent} bytes exchanged"


# --- a wiped node -----------------------------------------------------------------------------------------------------

class Reader(threading.Thread):
    """Reads keys that are there through one node, from the moment that it answers at all."""

    def __init__(self, node, numbers, is_over):
        super().__init__(daemon=True)
        self.node, self.numbers, self.is_over = node, numbers, is_over
        self.seen = collections.Counter()

    def run(self):
        while not self.is_over.is_set():
            try:
                with self.node.connect() as connection:
                    while not self.is_over.is_set():
                        self.read(connection, random.choice(self.numbers))
            except OSError:  # it is not there yet
                time.sleep(0.01)

    def read(self, connection, number):
        try:
            if random.random() < 0.5:
                shown = connection.command("GET", key(number))
            else:
                shown = (connection.command("GRAMME.GET", key(number), "R", 2) or [None, None])[1]
            self.seen["absent" if shown is None else "right" if shown == value(number) else "wrong"] += 1
        except ReplyError as error:
            self.seen[str(error).split()[0]] += 1


def wiped():
    """A node loses its disk under readers: nobody is told an absence by it, and exchange alone fills it again."""
    count = number_of("KEYS", 100_000)
    with Cluster(3) as cluster:
        third = cluster.nodes[2]
        load(cluster, count)
        # Everything is everywhere before the disk goes: an owner that was slow is not what is tried here.
        eventually(lambda: all(met_all(node) for node in cluster.nodes), 120, "the owners met")
        third.kill()
        shutil.rmtree(third.folder)
        is_over = threading.Event()
        # The reads repair what they find missing, so there are keys that nobody reads.
        readers = [Reader(third, range(0, count, 2), is_over) for _ in range(4)]
        for reader in readers:
            reader.start()
        third.start()
        began = time.monotonic()
        eventually(lambda: third.is_ready() and met_all(third), 300, "the wiped node is filled")
        filled = time.monotonic() - began
        is_over.set()
        for reader in readers:
            reader.join()
        seen = sum((reader.seen for reader in readers), collections.Counter())
        for node in cluster.nodes[:2]:
            node.kill()
        requests = [encode("GRAMME.GET", key(number), "R", 1) for number in range(count)]
        for number, reply in enumerate(replies(third, requests, 60)):
            assert isinstance(reply, list) and reply[1:] == [value(number)], (number, reply)
        print(f"     {count} keys back after {filled:.1f} s; reads meanwhile {dict(seen)}")
        assert seen["right"] > 100 and not seen["absent"] and not seen["wrong"], seen


# --- a slow owner -----------------------------------------------------------------------------------------------------

def slow_owner():
    """One owner's disk is slow: p99.9 of SETs is at most twice what it is when all are healthy."""
    path = os.path.join(ROOT, "bench", "slow-owner")
    loader = importlib.machinery.SourceFileLoader("slow_owner", path)
    bench = importlib.util.module_from_spec(importlib.util.spec_from_loader("slow_owner", loader))
    loader.exec_module(bench)
    ratios = {}
    for name, pairs in bench.measure(number_of("PAIRS", 5), 8, 300):
        ratios[name] = statistics.median(slow / healthy for healthy, slow in pairs)
        print(f"     through {name}: {ratios[name]:.2f} times; ms healthy/slow "
              f"{', '.join(f'{healthy:.0f}/{slow:.0f}' for healthy, slow in pairs)}", flush=True)
    assert max(ratios.values()) <= 2, ratios


# --- a ring that changes ----------------------------------------------------------------------------------------------

def ring_changes():
    """One node grows to three, five and eight under load, shrinks to four, and one that was killed is replaced."""
    growing(number_of("KEYS", 1_000_000), number_of("RATE", 300))


def moves_killed():
    """A hundred moves under load, and in each somebody is killed and started again at a random moment."""
    killing(number_of("MOVES", 100), number_of("KEYS", 20_000), number_of("RATE", 200), number_of("SEED", 1))


# --- counters ---------------------------------------------------------------------------------------------------------

def counters_under_faults():
    """Ten clients add to counters while nodes are killed and parted: what was acknowledged counts once, ever again."""
    seed = number_of("COUNTERS_SEED", int.from_bytes(os.urandom(4), "little"))
    counters(number_of("COUNTERS_SECONDS", 300), 15, seed)


RUNS = {"availability": availability_under_faults, "deletes": deletes, "stopped_coordinator": stopped_coordinator,
        "million_keys": million_keys, "wiped": wiped, "slow_owner": slow_owner,
        "ring_changes": ring_changes, "moves_killed": moves_killed,
        "counters": counters_under_faults}


def main():
    words = sys.argv[1:]
    if any(word not in RUNS for word in words):
        is_help = words == ["--help"]
        print(__doc__.strip(), "", *(f"{name}: {run.__doc__}" for name, run in RUNS.items()), sep="\n",
              file=sys.stdout if is_help else sys.stderr)
        return 0 if is_help else 2
    return run_each({name: RUNS[name] for name in words or RUNS})


if __name__ == "__main__":
    sys.exit(main())
