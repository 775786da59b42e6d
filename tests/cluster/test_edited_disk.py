#!/usr/bin/python3
"""A stopped node's data is changed behind its back: among many keys one is damaged and one is gone, or bytes of its files
are flipped. Exchange finds and mends it without a read, and nobody is ever given what is wrong, or told that it is absent.

KEYS=1000000 makes it a million keys; 60,000 otherwise."""

import os
import random
import subprocess
import sys
import time

from harness import ROOT, Cluster, ReplyError, encode, eventually, replies, run_tests

KEYS = int(os.environ.get("KEYS", "60000"))
PERIOD_S = 2  # of exchange


def key(number):
    return f"key:{number:09d}"


def value(number):
    return b"value %d of this key" % number


def load(cluster, count, value_of=value):
    requests = [encode("SET", key(number), value_of(number)) for number in range(count)]
    failed = [reply for reply in replies(cluster.nodes[0], requests, 60) if reply != "OK"]
    assert not failed, failed[:3]


def info(node, *names):
    figures = node.info("cluster")
    return [int(figures[name]) for name in names]


def met_all(node):
    """And has looked at all that it holds since it was started: a tree kept from the last stop knows nothing of an edit."""
    met, owned, doubt, unread = info(node, "gramme_partitions_met", "gramme_partitions_owned", "gramme_trees_in_doubt",
                                     "gramme_trees_unread")
    return met == owned and doubt == 0 and unread == 0


def edit_store(cluster, node, *edits):
    tool = os.path.join(cluster.folder, "edit_store")
    if not os.path.exists(tool):
        source = os.path.join(ROOT, "tests", "cluster", "edit_store.c")
        subprocess.run(["cc", "-O1", "-o", tool, source, "-lrocksdb"], check=True)
    words = [word for edit in edits for word in edit]
    done = subprocess.run([tool, os.path.join(node.folder, "db"), *words], check=True, capture_output=True, text=True)
    sizes = [int(line) for line in done.stdout.split()]
    assert len(sizes) == len(edits) and all(sizes), (edits, sizes)


def one_key_changed_and_one_removed(count):
    """Seconds from the start of the node until it is ready, until it knows what it holds, and until nothing differs any
    more; and the bytes exchanged meanwhile."""
    with Cluster(3, settings={"exchange-period-ms": PERIOD_S * 1000}) as cluster:
        nodes = cluster.nodes
        changed, removed = count // 3, count // 2
        load(cluster, count)
        eventually(lambda: all(met_all(node) for node in nodes), 300, "all owners met")
        nodes[2].stop()
        edit_store(cluster, nodes[2], ("flip", key(changed)), ("remove", key(removed)))
        before = sum(sum(info(node, "gramme_exchange_bytes")) for node in nodes[:2])
        nodes[2].start()
        began = time.monotonic()
        eventually(nodes[2].is_ready, 60, "the node is ready")
        ready = time.monotonic() - began
        eventually(lambda: info(nodes[2], "gramme_trees_unread") == [0], 120, "all of its partitions were read")
        read = time.monotonic() - began
        eventually(lambda: met_all(nodes[2]), 120, "it met the other owners of every partition")
        mended = time.monotonic() - began
        for replicas in nodes[0].explain([key(changed), key(removed)]):
            held = [replica["values"] for replica in replicas]
            assert held[0] and held == [held[0]] * 3, held
        spent = sum(sum(info(node, "gramme_exchange_bytes")) for node in nodes) - before
        nodes[0].kill()
        nodes[1].kill()
        with nodes[2].connect() as connection:
            for number in (changed, removed, 0, count - 1):
                assert connection.command("GRAMME.GET", key(number), "R", "1")[1] == value(number)
        print(f"     {count} keys: ready after {ready:.1f} s, read after {read:.1f} s, equal after {mended:.1f} s; "
              f"{spent} bytes exchanged, {spent // 2} for each of the two")
        return read, mended, spent


def test_one_key_changed_and_one_removed_among_many():
    one_key_changed_and_one_removed(KEYS)


def test_flipped_bytes_in_its_files_are_served_to_nobody():
    with Cluster(3, settings={"exchange-period-ms": PERIOD_S * 1000}) as cluster:
        nodes = cluster.nodes
        count = min(KEYS, 30000)
        requests = [encode("SET", key(number), value(number) * 20) for number in range(count)]
        replies(nodes[0], requests, 60)
        nodes[2].stop()  # the WAL goes into tables with the next start
        nodes[2].start()
        cluster.wait_ready()
        nodes[2].stop()
        folder = os.path.join(nodes[2].folder, "db")
        tables = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".sst")]
        table = max(tables, key=os.path.getsize)
        with open(table, "r+b") as file:
            for _ in range(3):
                at = random.randrange(os.path.getsize(table) // 2)
                file.seek(at)
                byte = file.read(1)
                file.seek(at)
                file.write(bytes([byte[0] ^ 0x10]))
        nodes[2].start()
        time.sleep(1)
        served = refused = 0
        for node in nodes:
            if not node.is_running():
                continue  # it may rather end than serve
            with node.connect(20) as connection:
                for number in range(0, count, 50):
                    try:
                        assert connection.command("GET", key(number)) == value(number) * 20, (node.index, number)
                        served += 1
                    except ReplyError as error:
                        refused += 1
                        assert str(error).split()[0] in ("IOERR", "NOQUORUM", "NOREPLICAS"), error
        with nodes[0].connect(20) as connection:
            assert connection.command("SET", "goes", "on") == "OK"
        print(f"     {served} right, {refused} refused, none wrong; the node "
              f"{'serves' if nodes[2].is_running() else 'ended'}")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
