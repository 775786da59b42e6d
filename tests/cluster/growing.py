"""One node grows to three, five and eight under load, shrinks to four, and one that was killed for good is replaced."""

import collections
import hashlib
import os
import random
import statistics
import threading
import time

from harness import Cluster, ReplyError, encode, eventually, replies
from history import FAILED, IN_DOUBT, OK, Load, availability, go_first
from members import told
from test_edited_disk import key, load
from test_partitions import check, errors_of, figures


def value(number):
    """Nothing that compressing would shorten."""
    return hashlib.blake2b(b"%d" % number, digest_size=64).digest()


def change(node, *words):
    """An answer in doubt is looked up, as an operator would."""
    before = told(node)["version"]
    try:
        with node.connect(10) as connection:
            assert connection.command("GRAMME.MEMBERS", "CHANGE", *words) == "OK"
    except ReplyError as error:
        assert str(error).startswith("NOREPLICAS"), error
        eventually(lambda: told(node)["version"] > before, 10, "it was chosen after all")


def settled(nodes):
    """All of them have come to the same end."""
    try:
        status = [told(node) for node in nodes]
    except OSError:
        return False  # a newcomer is still on its way
    versions = {each["version"] for each in status}
    return len(versions) == 1 and all(each["settled"] for each in status)


def joins(nodes):
    words = []
    for node in nodes:
        words += ["JOIN", node.id, node.zone, str(node.weight), f"{node.host}:{node.port}",
                  f"{node.host}:{node.peer_port}"]
    return words


class Step:
    """What one change of the members moved, and how long it took; and how the load went in that time and before."""

    def __init__(self, name, cluster, load_on, members_after, act):
        self.name = name
        self.quiet_from = time.monotonic()
        time.sleep(QUIET_S)
        self.quiet_to = time.monotonic()
        nodes = [node for node in cluster.nodes if node.is_running()]
        self.last = {}
        self.sample(cluster)
        before = dict(self.last)
        owned = {each["id"]: each["replicas"] for each in told(nodes[0])["members"]}
        act()
        living = [node for node in cluster.nodes if node in members_after]
        load_on.nodes = [node.index for node in living if node in nodes and node.is_ready()]
        self.phases = []
        eventually(lambda: self.watch(living) and self.sample(cluster) and settled(living), 1800, f"{name}: it is over")
        self.over = time.monotonic()
        load_on.nodes = [node.index for node in living]
        now = told(living[0])["members"]
        self.gained = sum(max(0, each["replicas"] - owned.get(each["id"], 0)) for each in now)
        self.balance = sorted(each["first-owned"] for each in now)
        self.sample(cluster)
        self.bytes = {kind: sum(sent[kind] - before.get(each, {}).get(kind, 0) for each, sent in self.last.items())
                      for kind in KINDS}

    def watch(self, living):
        """When each phase was seen first."""
        try:
            phase = told(living[0])["phase"]
        except OSError:
            return True
        if not self.phases or self.phases[-1][0] != phase:
            self.phases.append((phase, time.monotonic()))
        return True

    def sample(self, cluster):
        """What each node has sent, as far as it could tell: those who leave end by themselves."""
        for node in cluster.nodes:
            try:
                info = node.info("cluster") if node.is_running() else None
            except (OSError, ValueError):
                info = None
            if info is not None:
                self.last[node.id] = {kind: int(info[f"gramme_{kind}_bytes"]) for kind in KINDS}
        return True


KINDS = ("filling", "exchange", "farewell")
QUIET_S = float(os.environ.get("QUIET_S", 8))


# What an object of one value is beside it (version/object_codec.c): context, dot, time, hash.
OBJECT_BYTES = 46


def latencies(history, begin, end):
    return sorted((each.end - each.start) * 1000 for each in history
                  if each.end is not None and begin <= each.start < end and each.outcome == OK)


def percentile(times, share):
    return times[min(len(times) - 1, int(len(times) * share))] if times else float("nan")


class Reader(threading.Thread):
    """Keys that were there before must be there at every moment, at R=2: `rate` reads a second, begun when they are due
    or as soon after as the one before has ended."""

    def __init__(self, cluster, load_on, count, rate):
        super().__init__(daemon=True)
        self.cluster, self.load_on, self.count, self.rate = cluster, load_on, count, rate
        self.seen = collections.Counter()
        self.times = []  # of each that was answered: when it began, and seconds until it ended
        self.is_over = threading.Event()
        self.random = random.Random(1)

    def run(self):
        go_first()
        begin, done = time.monotonic(), 0
        while not self.is_over.is_set():
            node = self.cluster.nodes[self.random.choice(self.load_on.nodes)]
            try:
                with node.connect(3) as connection:
                    for _ in range(50):
                        time.sleep(max(0.0, begin + done / self.rate - time.monotonic()))
                        done += 1
                        self.read(connection)
            except ReplyError as error:
                self.seen[str(error).split()[0]] += 1
            except OSError:
                time.sleep(0.01)

    def read(self, connection):
        number = self.random.randrange(self.count)
        start = time.monotonic()
        shown = connection.command("GET", key(number))
        self.times.append((start, time.monotonic() - start))
        self.seen["right" if shown == value(number) else f"wrong: {shown}"] += 1

    def latencies(self, begin, end):
        return sorted(took * 1000 for start, took in list(self.times) if begin <= start < end)


def read_all(nodes, count):
    """Through each of them a share, with every owner asked."""
    for turn, node in enumerate(nodes):
        numbers = range(turn, count, len(nodes))
        owners = min(3, len(nodes))
        requests = [encode("GRAMME.GET", key(number), "R", owners) for number in numbers]
        for number, reply in zip(numbers, replies(node, requests, 120)):
            assert isinstance(reply, list) and reply[1:] == [value(number)], (number, reply)


def growing(count, rate):
    with Cluster(1, room=8, settings={"read-quorum": 2, "write-quorum": 2}) as cluster:
        first = cluster.nodes[0]
        load(cluster, count, value)
        load_on = Load(cluster, rate, retries=True)
        reader = Reader(cluster, load_on, count, rate)
        reader.start()
        steps = []

        def add(number):
            newcomers = [cluster.add_node([first]) for _ in range(number)]
            load_on.lives += [0] * number
            for node in newcomers:
                node.start()
            return newcomers

        def grow(name, number):
            newcomers = add(number)
            time.sleep(1)
            now = [node for node in cluster.nodes if node.is_running()]
            steps.append(Step(name, cluster, load_on, now, lambda: change(first, *joins(newcomers))))

        grow("1 -> 3", 2)
        grow("3 -> 5", 2)
        grow("5 -> 8", 3)
        leavers = cluster.nodes[4:8]
        staying = cluster.nodes[:4]
        steps.append(Step("8 -> 4", cluster, load_on, staying,
                          lambda: change(first, *[word for node in leavers for word in ("LEAVE", node.id)])))
        eventually(lambda: not any(node.is_running() for node in leavers), 60, "those who left have ended")
        assert all(node.process.wait() == 0 for node in leavers)
        victim = staying[1]
        load_on.nodes = [0, 2, 3]
        victim.kill()
        load_on.lives[1] += 1
        replacement, = add(1)
        time.sleep(3)
        living = [first, staying[2], staying[3], replacement]
        change(first, "DEAD", victim.id)

        def replace():
            change(first, "REPLACE", victim.id, *joins([replacement])[1:])

        steps.append(Step("replace", cluster, load_on, living, replace))
        time.sleep(2)
        reader.is_over.set()
        reader.join(30)
        history = load_on.stop()
        report(steps, history, reader, count)
        read_all(living, count)
        check_all(cluster, living, history, steps, reader)


def report(steps, history, reader, count):
    record = statistics.mean(len(key(number)) + len(value(number)) for number in range(0, count, max(1, count // 1000)))
    for step in steps:
        quiet = latencies(history, step.quiet_from, step.quiet_to)
        moving = latencies(history, step.quiet_to, step.over)
        wanted = step.gained / 1024 * count * record
        stored = step.gained / 1024 * count * (record + OBJECT_BYTES)
        sent = sum(step.bytes.values())
        reads = [percentile(reader.latencies(*between), .99)
                 for between in ((step.quiet_to, step.over), (step.quiet_from, step.quiet_to))]
        print(f"     {step.name}: {step.over - step.quiet_to:.1f} s, {step.gained} replicas gained of {stored / 1e6:.1f} MB, "
              f"keys and values {wanted / 1e6:.1f} MB; sent {sent / 1e6:.1f} MB, {sent / stored:.2f} times that: "
              f"{', '.join(f'{kind} {sent / 1e6:.1f}' for kind, sent in step.bytes.items())}; "
              f"p99 {percentile(moving, .99):.1f} ms, quiet {percentile(quiet, .99):.1f} ms, "
              f"of reads {reads[0]:.1f} and {reads[1]:.1f}; first-owned {step.balance}", flush=True)
        ends = [begun for _, begun in step.phases[1:]] + [step.over]
        for (phase, begun), end in zip(step.phases, ends):
            times = latencies(history, begun, end)
            reads = reader.latencies(begun, end)
            print(f"       {phase}: {end - begun:.1f} s, p50 {percentile(times, .5):.1f} ms, p99 {percentile(times, .99):.1f} ms, of reads "
                  f"{percentile(reads, .5):.1f} and {percentile(reads, .99):.1f}", flush=True)
    shown = [availability(history, name) for name in ("SET", "DEL")]
    for step in steps:
        print(f"     {step.name}: begun {step.quiet_to - steps[0].quiet_to:.1f} s, over {step.over - steps[0].quiet_to:.1f} s")
    print(f"     SET {shown[0]}; DEL {shown[1]}; reads {dict(reader.seen)}; errors {dict(errors_of(history))}")


def check_all(cluster, living, history, steps, reader):
    wrong = {what: times for what, times in reader.seen.items() if what.startswith("wrong")}
    assert not wrong, wrong
    failed = [(each.name, each.first_failure, each.detail, round(each.start - steps[0].quiet_to, 2)) for each in history
              if each.outcome == FAILED]
    assert not failed, f"{len(failed)} operations failed on two nodes, such as {failed[:5]}"
    for step in steps:
        assert step.balance[-1] - step.balance[0] <= 1, (step.name, step.balance)
    former = cluster.nodes
    cluster.nodes = living
    check(cluster, history)
    cluster.nodes = former
    assert figures(living, "gramme_partitions_to_bring_home") == [0] * len(living)
    in_doubt = sum(each.outcome == IN_DOUBT for each in history)
    assert in_doubt < len(history) / 100, in_doubt
