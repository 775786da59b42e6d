"""An open-loop load that records what it did, and checkers of the record that share nothing with the code under test.

Each operation has an intended start, and its time counts from there: a client that waits for a slow answer would hide
what the others had to wait. Every key is written once and deleted once at most, so what must be there at the end follows
from the outcomes alone.
"""

import os
import queue
import random
import threading
import time

from harness import ReplyError

OK, FAILED, IN_DOUBT = "ok", "failed", "in doubt"


class Operation:
    def __init__(self, name, key, node, start):
        self.name, self.key, self.node, self.start = name, key, node, start
        self.end = None
        self.outcome = IN_DOUBT
        self.detail = ""
        self.first_failure = ""  # what the first node said, where another was asked then
        self.reply = None


def outcome_of(error):
    """Errors that say that nothing was done; everything else may have been."""
    return FAILED if error.startswith(("NOREPLICAS", "BUSY", "NOQUORUM")) else IN_DOUBT


def go_first():
    """This thread is a client, which in life has a machine of its own: what it measures is not to be how long it waited
    for a processor that the nodes have. Without the right to that, it goes on as it is."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -10)
    except PermissionError:
        pass


class Load:
    """`rate` operations a second for as long as it runs: SETs of new keys, and DELs of some that were acknowledged, by
    any of the nodes that `nodes` names at that time. One that retries asks another node, once, when it was told that
    certainly nothing was done; its time goes on counting."""

    def __init__(self, cluster, rate, workers=32, retries=False):
        self.cluster = cluster
        self.nodes = list(range(len(cluster.nodes)))
        self.lives = [0] * len(cluster.nodes)  # how often each was killed: connections to an earlier life are dead
        self.rate = rate
        self.retries = retries
        self.history = []
        self.work = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.deletable = queue.SimpleQueue()
        self.threads = [threading.Thread(target=self.serve, daemon=True) for _ in range(workers)]
        self.threads.append(threading.Thread(target=self.schedule, daemon=True))
        for thread in self.threads:
            thread.start()

    def schedule(self):
        go_first()
        start = time.monotonic()
        for number in range(1 << 30):
            due = start + number / self.rate
            while (wait := due - time.monotonic()) > 0:
                if self.stopping.wait(min(wait, 0.1)):
                    break
            if self.stopping.is_set():
                break
            operation = self.next_operation(number, self.nodes[number % len(self.nodes)], due)
            self.history.append(operation)
            self.work.put(operation)
        for _ in self.threads:
            self.work.put(None)

    def next_operation(self, number, node, due):
        if number % 5 == 4 and not self.deletable.empty():
            return Operation("DEL", self.deletable.get(), node, due)
        return Operation("SET", f"load:{number}", node, due)

    def serve(self):
        go_first()
        connections = {}
        while (operation := self.work.get()) is not None:
            self.perform(operation, connections)
            others = [node for node in self.nodes if node != operation.node]
            if self.retries and operation.outcome == FAILED and others:
                operation.first_failure, operation.detail = operation.detail, ""
                operation.node, operation.outcome = random.choice(others), IN_DOUBT
                self.perform(operation, connections)
            operation.end = time.monotonic()

    def perform(self, operation, connections):
        try:
            life = self.lives[operation.node]
            connection = connections.pop((operation.node, life), None)
            connection = connection or self.cluster.nodes[operation.node].connect(3.0)
            operation.reply = self.ask(operation, connection)
            operation.outcome = OK
            connections[operation.node, life] = connection
        except ReplyError as error:
            operation.outcome, operation.detail = outcome_of(str(error)), str(error)
            connections[operation.node, life] = connection
        except ConnectionRefusedError:
            operation.outcome, operation.detail = FAILED, "no connection"
        except (OSError, ConnectionError) as error:
            operation.detail = f"{type(error).__name__}: {error}"

    def ask(self, operation, connection):
        if operation.name == "DEL":
            return connection.command("DEL", operation.key)
        reply = connection.command("SET", operation.key, operation.key)
        self.deletable.put(operation.key)
        return reply

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        return self.history


def lost_writes(history, final):
    """G1: SETs that were acknowledged, of keys that nobody tried to delete, and that are not there."""
    deleted = {operation.key for operation in history if operation.name == "DEL"}
    return [operation.key for operation in history
            if operation.name == "SET" and operation.outcome == OK and operation.key not in deleted
            and final.get(operation.key) != operation.key]


def resurrections(history, final):
    """G6: keys whose DEL was acknowledged as having deleted them, and that are there."""
    return [operation.key for operation in history
            if operation.name == "DEL" and operation.outcome == OK and operation.reply == 1
            and final.get(operation.key) is not None]


def phantoms(history, final):
    """G3: values that nobody wrote, or whose write was said to have failed for certain."""
    written = {operation.key for operation in history if operation.name == "SET" and operation.outcome != FAILED}
    return [key for key, value in final.items() if value is not None and (key not in written or value != key)]


def availability(history, name="SET"):
    """Share of operations that ended ok, those in doubt counted apart, and the longest time in which none did."""
    chosen = [operation for operation in history if operation.name == name]
    certain = [operation for operation in chosen if operation.outcome != IN_DOUBT]
    ends = sorted(operation.end for operation in chosen if operation.outcome == OK)
    gap = max((later - earlier for earlier, later in zip(ends, ends[1:])), default=0.0)
    return {
        "operations": len(chosen),
        "ok": sum(operation.outcome == OK for operation in certain),
        "failed": sum(operation.outcome == FAILED for operation in certain),
        "in_doubt": len(chosen) - len(certain),
        "retried": sum(bool(operation.first_failure) for operation in chosen),
        "longest_gap_s": round(gap, 3),
    }
