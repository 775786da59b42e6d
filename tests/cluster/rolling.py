"""A load as applications make it: plain SETs and GETs over kept connections, by any node, be it one that is being
restarted. What failed, or was cut off without an answer, is sent once more, to another node."""

import queue
import random
import subprocess

from harness import BINARY, ReplyError
from history import IN_DOUBT, OK, Load, Operation, availability, lost_writes, phantoms


class RetryingLoad(Load):
    def __init__(self, cluster, rate, workers=16):
        self.readable = queue.SimpleQueue()
        super().__init__(cluster, rate, workers)

    def next_operation(self, number, node, due):
        if number % 2 == 1 and not self.readable.empty():
            return Operation("GET", self.readable.get(), node, due)
        return Operation("SET", f"load:{number}", node, due)

    def perform(self, operation, connections):
        super().perform(operation, connections)
        if operation.outcome != OK:
            operation.first_failure, operation.detail = operation.detail, ""
            operation.node = random.choice([node for node in self.nodes if node != operation.node])
            operation.outcome = IN_DOUBT
            super().perform(operation, connections)

    def ask(self, operation, connection):
        reply = connection.command(operation.name, operation.key, *([operation.key] if operation.name == "SET" else []))
        if operation.name == "SET":
            self.readable.put(operation.key)
        elif reply is None or reply.decode() != operation.key:
            raise ReplyError(f"read {reply!r}")
        return reply


def wait_healthy(node, seconds=60):
    """By the command that an operator has; what it says."""
    done = subprocess.run([BINARY, "cluster", "wait-healthy", "--timeout", str(seconds), f"{node.host}:{node.port}"],
                          capture_output=True, text=True, timeout=seconds + 30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def read_all(cluster, keys):
    """What is there of each key, by a node that is not asked for all of them."""
    final = {}
    for index, node in enumerate(cluster.nodes):
        with node.connect() as connection:
            for key in keys[index::len(cluster.nodes)]:
                value = connection.command("GET", key)
                final[key] = None if value is None else value.decode()
    return final


def check_history(cluster, history):
    """No error after one retry, no acknowledged write lost, nothing there that nobody wrote."""
    failed = [f"{operation.name} {operation.key}: {operation.first_failure}, then {operation.detail}"
              for operation in history if operation.outcome != OK]
    assert not failed, f"{len(failed)} of {len(history)} failed though they were tried twice: {failed[:5]}"
    final = read_all(cluster, [operation.key for operation in history if operation.name == "SET"])
    assert not lost_writes(history, final), lost_writes(history, final)[:5]
    assert not phantoms(history, final), phantoms(history, final)[:5]
    told = availability(history)
    slowest = max(operation.end - operation.start for operation in history)
    print(f"{len(history)} operations, {sum(bool(operation.first_failure) for operation in history)} tried twice, "
          f"the slowest {slowest * 1000:.0f} ms, SETs: {told}")
