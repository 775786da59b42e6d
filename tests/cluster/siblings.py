"""An open-loop load of clients that read and write with contexts, on few keys that they share, and checkers of what
came of it that share nothing with the code under test.

Every put writes a text that nobody else writes. A context *covers* the values that were shown with it, and what those
were put over: a put or a delete with that context replaces all of it, and nothing else. So the history alone tells
which values must be there at the end, which may, and which must not.
"""

import collections
import random

from harness import ReplyError, encode, replies
from history import FAILED, OK, Load, Operation


class ContextOperation(Operation):
    """GET, PUT or DEL by one of the clients."""

    def __init__(self, name, key, node, start, client, value=None):
        super().__init__(name, key, node, start)
        self.client, self.value = client, value
        self.covers = frozenset()  # PUT, DEL: what was shown with the context that it came with
        self.shown = ()  # GET

    def replaces(self):
        return self.name in ("PUT", "DEL") and self.outcome != FAILED


class SiblingLoad(Load):
    """Clients read a key, and write it with the context that they remember: of a read, or of their own last write. It
    may be old, and sometimes they have none: that is what makes siblings."""

    def __init__(self, cluster, rate, keys=200, clients=8, workers=16):
        self.keys, self.clients = keys, clients
        self.random = random.Random(int(rate))
        self.remembered = {}  # by client and key: a context, and what it covers
        super().__init__(cluster, rate, workers)

    def next_operation(self, number, node, due):
        client = self.random.randrange(self.clients)
        name = self.random.choices(("GET", "PUT", "DEL"), (45, 45, 10))[0]
        return ContextOperation(name, f"siblings:{self.random.randrange(self.keys)}", node, due, client,
                                f"{client}:{number}" if name == "PUT" else None)

    def ask(self, operation, connection):
        if operation.name == "GET":
            return self.read(operation, connection)
        context, operation.covers = self.remembered.get((operation.client, operation.key), (None, frozenset()))
        words = [operation.key] if operation.name == "DEL" else [operation.key, operation.value]
        context = connection.command(f"GRAMME.{operation.name}", *words, *(("CONTEXT", context) if context else ()))
        covers = operation.covers | ({operation.value} if operation.value else set())
        self.remembered[operation.client, operation.key] = context, covers
        return context

    def read(self, operation, connection):
        reply = connection.command("GRAMME.GET", operation.key)
        if reply is not None:
            operation.shown = tuple(value.decode() for value in reply[1:])
            self.remembered[operation.client, operation.key] = reply[0], frozenset(operation.shown)
        return reply


# --- checkers ---------------------------------------------------------------------------------------------------------
# `history` is of one or more keys; `final` the values of each key at the end, as a list.

def covered(history, operations):
    """All that the contexts of these operations cover: what was shown with them, what that was put over, and so on."""
    puts = {operation.value: operation for operation in history if operation.name == "PUT"}
    found = set()
    waiting = [value for operation in operations for value in operation.covers]
    while waiting:
        value = waiting.pop()
        if value not in found:
            found.add(value)
            waiting += puts[value].covers if value in puts else ()
    return found


def certain_writes(history, final):
    """Those that were acknowledged, and those whose value is there for all to see."""
    shown = {value for values in final.values() for value in values}
    return [operation for operation in history if operation.replaces() and
            (operation.outcome == OK or operation.value in shown)]


def lost_siblings(history, final):
    """G1: values whose put was acknowledged, that are not there and that nobody wrote over, as far as one can know."""
    replaced = covered(history, [operation for operation in history if operation.replaces()])
    return [operation.value for operation in history
            if operation.name == "PUT" and operation.outcome == OK and operation.value not in replaced and
            operation.value not in final.get(operation.key, ())]


def zombies(history, final):
    """G2: values that are there although a write covered them that was acknowledged, or whose own value is there."""
    replaced = covered(history, certain_writes(history, final))
    return [value for values in final.values() for value in values if value in replaced]


def phantom_siblings(history, final):
    """G3: values that nobody wrote there, or whose put was said to have failed for certain; at the end or in a read."""
    written = {(operation.key, operation.value) for operation in history
               if operation.name == "PUT" and operation.outcome != FAILED}
    reads = [(operation.key, operation.shown) for operation in history]
    return [value for key, values in [*final.items(), *reads] for value in values if (key, value) not in written]


def crowded_keys(history, final):
    """G17: keys with more values than puts that no other context covers, or where one stands twice; in reads, too."""
    replaced = covered(history, certain_writes(history, final))
    rooms = collections.Counter(operation.key for operation in history if operation.name == "PUT" and
                                operation.outcome != FAILED and operation.value not in replaced)
    doubled = [operation.key for operation in history if len(set(operation.shown)) < len(operation.shown)]
    return doubled + [key for key, values in final.items() if len(values) > rooms[key] or
                      len(set(values)) < len(values)]


# --- what is there ----------------------------------------------------------------------------------------------------

def final_siblings(node, keys):
    """The values of each key that a read of all owners shows through that node."""
    final = {}
    for key, reply in zip(keys, replies(node, [encode("GRAMME.GET", key, "R", 3) for key in keys])):
        if isinstance(reply, ReplyError):
            raise reply
        final[key] = sorted(value.decode() for value in (reply or [b""])[1:])
    return final


def check_siblings(cluster, history):
    """All of it through every node, which all show the same. Returns how many values there are of so many keys."""
    refused = [operation.detail for operation in history if operation.detail.startswith("ERR")]
    assert not refused, f"{len(refused)} that no fault explains: {refused[:3]}"
    keys = sorted({operation.key for operation in history})
    first = final_siblings(cluster.nodes[0], keys)
    for node in cluster.nodes:
        final = final_siblings(node, keys)
        for checker in (lost_siblings, zombies, phantom_siblings, crowded_keys):
            assert not (found := checker(history, final)), f"{checker.__name__} through node {node.index}: {found[:5]}"
        assert final == first, f"node {node.index} shows something else than node 0"
    return sum(map(len, first.values())), len(keys)


def told(history):
    """A line about what the load did."""
    outcomes = collections.Counter(f"{operation.name} {operation.outcome}" for operation in history)
    most = max((len(operation.shown) for operation in history), default=0)
    return f"{dict(sorted(outcomes.items()))}, at most {most} siblings in a read"
