"""Clients that add to counters while nodes are killed, stopped and cut off, and checkers of what the counters come to,
which share nothing with the code under test.

An addition that was acknowledged counts once, one that was refused never, and one in doubt once or never. The amounts
are random numbers of 46 bits, no two alike, so the sum of a counter tells which of those in doubt it holds: of a few
dozen hardly any two subsets come to the same. Where more are in doubt, the sum can only be told to lie within bounds.
"""

import collections
import random
import time

from harness import ReplyError, encode, eventually, replies
from history import FAILED, IN_DOUBT, OK, Load, Operation, outcome_of
from links import LinkedCluster
from soak import NODES, Nemesis
from test_partitions import figures

CLIENTS = 10
RATE = 400
PURE = [f"pure:{number}" for number in range(16)]  # which are added to and nothing else
MIXED = [f"mixed:{number}" for number in range(8)]  # which are also set, deleted and given a time to live
ONES = [f"ones:{number}" for number in range(2)]  # INCR alone
AMOUNT_BITS = 46  # and some ten thousand of them stay far from the ends of 64 bits
EXACT = 36  # subsets of so many can be looked through: twice 2^18 sums
SETTINGS = {"exchange-period-ms": 1000}
LIFETIME_S = 3600


# --- the load ---------------------------------------------------------------------------------------------------------

class Addition(Operation):
    """INCRBY or DECRBY; INCR where it is one."""

    def __init__(self, key, node, start, amount):
        super().__init__("INCR" if amount == 1 else "INCRBY" if amount > 0 else "DECRBY", key, node, start)
        self.amount = amount

    def take(self, reply):
        """The reply to it, where it was sent beside the load."""
        self.reply, self.outcome = reply, OK
        if isinstance(reply, ReplyError):
            self.outcome, self.detail = outcome_of(str(reply)), str(reply)


class Additions(Load):
    """Clients that add to the keys through any of the nodes that `nodes` names."""

    def __init__(self, cluster, seed, keys=(*PURE, *MIXED, *ONES), rate=RATE):
        self.keys = keys
        self.random = random.Random(seed)
        super().__init__(cluster, rate, workers=CLIENTS)

    def next_operation(self, number, node, due):
        key = self.random.choice(self.keys)
        amount = 1 if key in ONES else self.random.getrandbits(AMOUNT_BITS) + 2
        return Addition(key, node, due, -amount if amount > 1 and self.random.random() < 0.3 else amount)

    def ask(self, operation, connection):
        words = [] if operation.name == "INCR" else [abs(operation.amount)]
        return connection.command(operation.name, operation.key, *words)


# --- checkers ---------------------------------------------------------------------------------------------------------

def sums_of(amounts):
    """What the subsets come to, and of how many amounts."""
    found = {0: 0}
    for amount in amounts:
        found.update([(each + amount, count + 1) for each, count in found.items()])
    return found


def subset_size(amounts, total):
    """How many of the amounts come to the total; None when no subset does. From both halves, which meet in the middle."""
    middle = len(amounts) // 2
    left, right = sums_of(amounts[:middle]), sums_of(amounts[middle:])
    return next((count + right[total - each] for each, count in left.items() if total - each in right), None)


class Told:
    """What clients were told of their additions since the counters' values were known."""

    def __init__(self):
        self.outcomes = collections.Counter()
        self.landed = self.inexact = 0

    def landed_of(self, key, before, after, history):
        """How many in doubt a counter holds that was `before`; fails when it holds anything else than it should."""
        mine = [operation for operation in history if operation.key == key]
        acknowledged = sum(operation.amount for operation in mine if operation.outcome == OK)
        doubts = [operation.amount for operation in mine if operation.outcome == IN_DOUBT]
        rest = after - before - acknowledged
        if len(set(doubts)) == 1:
            size = rest // doubts[0] if rest % doubts[0] == 0 and 0 <= rest // doubts[0] <= len(doubts) else None
        elif len(doubts) <= EXACT:
            size = subset_size(doubts, rest)
        else:
            self.inexact += 1
            least, most = (sum(filter(sign, doubts)) for sign in (lambda each: each < 0, lambda each: each > 0))
            size = 0 if least <= rest <= most else None
        refused = any(operation.outcome == FAILED and operation.amount == rest for operation in mine)
        assert size is not None, (f"{key} was {before} and is {after}: {rest} besides what was acknowledged is nothing "
                                  f"that the {len(doubts)} in doubt come to{', but was refused' if refused else ''}")
        return size

    def check(self, history, before, after):
        """Both by key."""
        strange = [operation.detail for operation in history if operation.detail.startswith(("ERR", "WRONGTYPE"))]
        assert not strange, f"{len(strange)} errors that no fault explains: {strange[:3]}"
        self.outcomes.update(operation.outcome for operation in history)
        for key, value in after.items():
            self.landed += self.landed_of(key, before[key], value, history)

    def __str__(self):
        inexact = f", {self.inexact} sums only within bounds" if self.inexact else ""
        return (f"{self.outcomes[OK]} acknowledged, {self.outcomes[FAILED]} refused, {self.outcomes[IN_DOUBT]} in "
                f"doubt of which {self.landed} count{inexact}")


# --- what is there ----------------------------------------------------------------------------------------------------

def described(value):
    named = dict(zip(value[::2], value[1::2]))
    return tuple(named.get(name) for name in (b"dot", b"type", b"adds", b"expires-at-ms", b"hash"))


def owners_of(replicas):
    """What each owner holds, and whether nobody else holds anything."""
    owners = [[described(value) for value in replica["values"]] for replica in replicas if replica["role"] == b"owner"]
    return owners, not any(replica["values"] for replica in replicas if replica["role"] != b"owner")


def agree(node, keys):
    """Whether the owners of each key hold the same values, and only they."""
    for replicas in node.explain(keys):
        owners, is_home = owners_of(replicas)
        if not is_home or any(owner != owners[0] for owner in owners):
            return False
    return True


def counts(node, key):
    """What each counter of a key adds, by its first owner; one that has expired stays beside those that have not."""
    (replicas,) = node.explain([key])
    now_ms = time.time() * 1000
    return [adds for _, kind, adds, expires_at_ms, _ in owners_of(replicas)[0][0]
            if kind == b"counter" and (expires_at_ms == 0 or expires_at_ms > now_ms)]


def settle(cluster, keys, seconds=60):
    """All that is under way has come to its end: hints are home and the owners agree, though nobody reads the keys."""
    eventually(lambda: sum(figures(cluster.nodes, "gramme_hints_held")) == 0, seconds, "hints come home")
    eventually(lambda: all(agree(node, keys) for node in cluster.nodes), seconds, "the owners of all counters agree")


def shown(node, keys):
    found = replies(node, [encode("GET", key) for key in keys])
    for key, reply in zip(keys, found):
        assert not isinstance(reply, ReplyError), (key, reply)
    return {key: 0 if reply is None else int(reply) for key, reply in zip(keys, found)}


def shown_by_all(cluster, keys, bases=None):
    """What every node shows, which is what the counters of each owner come to, on top of what was SET."""
    first = shown(cluster.nodes[0], keys)
    for node in cluster.nodes[1:]:
        assert shown(node, keys) == first, f"node {node.index} shows something else than node 0"
    for key in keys:
        added = sum(counts(cluster.nodes[0], key))
        base = (bases or {}).get(key, 0)
        assert base + added == first[key], f"{key} shows {first[key]}, but its counters add {added} to {base}"
    return first


def add_by_all(nodes, keys, rng):
    """Each node adds to each key once; the additions, with what was told of them."""
    done = []
    for node in nodes:
        mine = [Addition(key, node.index, 0.0, rng.getrandbits(AMOUNT_BITS) + 2) for key in keys]
        for operation, reply in zip(mine, replies(node, [encode("INCRBY", each.key, each.amount) for each in mine])):
            operation.take(reply)
        done += mine
    return done


# --- a run under faults -----------------------------------------------------------------------------------------------

class Faults(Nemesis):
    """Random ones, counted. The clients learn that a node was killed when it is dead, as they do in life."""

    def __init__(self, cluster, seed):
        super().__init__(cluster, [], seed)
        self.kinds = collections.Counter()

    def log(self, what):
        self.kinds[what.split(" ")[0]] += 1

    def kill(self):
        living = [index for index in range(NODES) if index not in self.killed | self.paused]
        index = self.random.choice(living)
        self.log("kill")
        self.cluster.nodes[index].kill()
        self.killed.add(index)
        for load in self.loads:
            load.lives[index] += 1
        self.ask_only_the_living()

    def strike_for(self, seconds):
        """A kill and a cut at least, in either order, and what comes then."""
        end = time.monotonic() + seconds
        for strike in self.random.sample([self.kill, self.cut], 2):
            time.sleep(self.random.uniform(0.3, 1))
            strike()
        while time.monotonic() < end:
            time.sleep(self.random.uniform(0.3, 1.5))
            self.strike()
        self.heal()
        self.bring_back()
        self.cluster.wait_ready(60)

    def __str__(self):
        return f"{self.kinds['kill']} kills, {self.kinds['cut']} cuts, {self.kinds['stop']} stops"


class Mixed:
    """The keys that one client also sets, deletes and lets expire while nobody adds; what is known of each then."""

    def __init__(self, cluster, seed):
        self.cluster, self.random = cluster, random.Random(seed)
        self.bases = dict.fromkeys(MIXED, 0)
        self.lasting = set()  # those that are to have a time to live

    def tell(self, *words):
        with self.random.choice(self.cluster.nodes).connect() as connection:
            return connection.command(*words)

    def change(self, values):
        """Each key by one command; `values` are what they show, and become what they are to show."""
        for key in MIXED:
            what = self.random.choice((self.set, self.delete, self.expire, self.let_expire))
            what(key, values)

    def set(self, key, values):
        self.bases[key] = values[key] = self.random.getrandbits(AMOUNT_BITS)
        assert self.tell("SET", key, values[key]) == "OK"
        self.lasting.discard(key)

    def delete(self, key, values):
        self.tell("DEL", key)
        self.bases[key] = values[key] = 0
        self.lasting.discard(key)

    def expire(self, key, _values):
        if self.tell("EXPIRE", key, LIFETIME_S) == 1:
            self.lasting.add(key)

    def let_expire(self, key, values):
        self.tell("PEXPIRE", key, 20)
        eventually(lambda: self.tell("GET", key) is None, 5, f"{key} expires")
        self.bases[key] = values[key] = 0
        self.lasting.discard(key)

    def check(self):
        """What was added since has changed no time to live."""
        for node in self.cluster.nodes:
            for key, left_ms in zip(MIXED, replies(node, [encode("PTTL", key) for key in MIXED])):
                is_right = left_ms > 0 if key in self.lasting else left_ms in (-1, -2)
                assert is_right, f"{key} has {left_ms} ms left by node {node.index}"


def counters(seconds, fault_s, seed):
    """Faults for so long at a time, and each time, when all is well again, what the counters hold is decided."""
    keys = [*PURE, *MIXED, *ONES]
    with LinkedCluster(NODES, SETTINGS) as cluster:
        faults, told, mixed = Faults(cluster, seed), Told(), Mixed(cluster, seed)
        values = dict.fromkeys(keys, 0)
        began, rounds, lost = time.monotonic(), 0, 0
        while rounds == 0 or time.monotonic() - began < seconds:
            rounds += 1
            load = Additions(cluster, f"{seed} {rounds}")
            faults.loads = [load]
            faults.strike_for(fault_s)
            history = load.stop()
            lost += sum(operation.outcome == IN_DOUBT and not operation.detail.startswith("INDOUBT")
                        for operation in history)
            settle(cluster, keys)
            after = shown_by_all(cluster, keys, mixed.bases)
            told.check(history, values, after)
            mixed.check()
            values = after
            mixed.change(values)
        most = max(len(counts(cluster.nodes[0], key)) for key in PURE)
        print(f"     seed {seed}, {rounds} times {fault_s} s of faults: {told} ({lost} for a lost connection); {faults}; "
              f"at most {most} counters of one key", flush=True)
        return told, faults
