#!/usr/bin/python3
"""Generated commands to redis-server 7.0 and to Gramme, side by side: the replies must be the same, errors included, but
for what is documented to differ.

Usage: differential.py [--commands N] [--seed S] [--nodes N]

  --commands N  so many, 50,000 unless told
  --seed S      of the first batch; a batch that differs says its seed
  --nodes N     of Gramme, 1 unless told: commands of one batch go to one of them, the next batch to another

Each batch is one connection's, begins with no keys, and is sent in one go. It ends with a look at everything there is.
"""

import argparse
import random
import sys
import time

from servers import RedisCluster, harness

BATCH = 400
NEVER_MS = 10_000_000  # what expires, expires long after the test or has expired already
CLOSE_MS = 30_000  # two clocks are read, one after the other: so far apart at most are times to live

KEYS = ["a", "b", "c", "{t}1", "{t}2", "", "k\x00\r\n", "Key", "key"]
PATTERNS = ["*", "?", "k*", "[a-b]", "[^a]", "K*", "\\*", "{t}?", "*y", "", "a", "[b-a]", "k\x00*"]
VALUES = ["", "0", "1", "-1", "10", "007", " 1", "1.5", "value", "9223372036854775807", "x" * 44, "x" * 45, "y" * 300,
          "\x00\xff", "-", "3 "]
NUMBERS = ["0", "1", "-1", "2", "3", "5", "-3", "100", "-100", "44", "x", "", "1.0", "9223372036854775807",
           "-9223372036854775808", "9223372036854775808", " 1", "+1", "01"]


LISTING = ("KEYS", "SCAN", "DBSIZE", "RANDOMKEY")  # of several nodes each tells of its part


class Generator:
    def __init__(self, seed, lists):
        self.lists = lists
        self.random = random.Random(seed)
        self.now_ms = int(time.time() * 1000)

    def any(self, words):
        return self.random.choice(words)

    def key(self):
        return self.any(KEYS[:4]) if self.random.random() < 0.7 else self.any(KEYS)

    def value(self):
        return self.any(VALUES)

    def number(self):
        return self.any(NUMBERS)

    def time(self, unit_ms, absolute):
        """Long, past, or nonsense; now and then the bounds of what fits."""
        draw = self.random.random()
        if draw < 0.15:
            return self.any(["", "x", "1.0", " 7", "01", "0", "-5", "9223372036854775807", "-9223372036854775807",
                             "9223372036854775", "9223372036854775808"])
        ms = NEVER_MS + self.random.randrange(10**6) * 60_000  # no two are equal
        if self.random.random() < 0.15:
            ms = -NEVER_MS
        return str((ms + (self.now_ms if absolute else 0)) // unit_ms)

    def case(self, word):
        return word.lower() if self.random.random() < 0.3 else word

    def expiry_option(self):
        option = self.any(["EX", "PX", "EXAT", "PXAT"])
        unit = 1000 if option.startswith("EX") else 1
        return [self.case(option), self.time(unit, option.endswith("AT"))]

    def set_options(self):
        words = []
        while self.random.random() < 0.45 and len(words) < 5:
            draw = self.random.random()
            words += self.expiry_option() if draw < 0.4 else [self.case(self.any(["NX", "XX", "GET", "KEEPTTL", "FOO"]))]
        return words

    def pairs(self):
        words = []
        for _ in range(self.random.randint(1, 3)):
            words += [self.key(), self.value()]
        return words

    def keys(self):
        return [self.key() for _ in range(self.random.randint(1, 4))]

    def expire_options(self):
        return [self.case(self.any(["NX", "XX", "GT", "LT", "BAR"]))
                for _ in range(self.any([0, 0, 0, 1, 1, 2]))]

    def command(self):
        key, draw = self.key, self.any
        forms = {
            "SET": lambda: [key(), self.value(), *self.set_options()],
            "GET": lambda: [key()],
            "SETNX": lambda: [key(), self.value()],
            "SETEX": lambda: [key(), self.time(1000, False), self.value()],
            "PSETEX": lambda: [key(), self.time(1, False), self.value()],
            "GETSET": lambda: [key(), self.value()],
            "GETDEL": lambda: [key()],
            "GETEX": lambda: [key(), *draw([[], self.expiry_option(), ["PERSIST"], ["PERSIST", "EX", "5"], ["FOO"]])],
            "STRLEN": lambda: [key()],
            "MGET": self.keys,
            "MSET": self.pairs,
            "APPEND": lambda: [key(), self.value()],
            "INCR": lambda: [key()],
            "DECR": lambda: [key()],
            "INCRBY": lambda: [key(), self.number()],
            "DECRBY": lambda: [key(), self.number()],
            "SETRANGE": lambda: [key(), self.number() if self.random.random() < 0.5 else str(self.random.randint(0, 60)),
                                 self.value()],
            "GETRANGE": lambda: [key(), self.number(), self.number()],
            "SUBSTR": lambda: [key(), self.number(), self.number()],
            "DEL": self.keys,
            "UNLINK": self.keys,
            "EXISTS": self.keys,
            "TOUCH": self.keys,
            "TYPE": lambda: [key()],
            "TTL": lambda: [key()],
            "PTTL": lambda: [key()],
            "EXPIRETIME": lambda: [key()],
            "PEXPIRETIME": lambda: [key()],
            "EXPIRE": lambda: [key(), self.time(1000, False), *self.expire_options()],
            "PEXPIRE": lambda: [key(), self.time(1, False), *self.expire_options()],
            "EXPIREAT": lambda: [key(), self.time(1000, True), *self.expire_options()],
            "PEXPIREAT": lambda: [key(), self.time(1, True), *self.expire_options()],
            "PERSIST": lambda: [key()],
            "DBSIZE": lambda: [],
            "KEYS": lambda: [draw(PATTERNS)],
            "SCAN": lambda: ["0", "COUNT", "1000", *draw([[], ["MATCH", draw(PATTERNS)], ["TYPE", "string"],
                                                          ["TYPE", "hash"], ["FOO"], ["COUNT"]])],
            "RANDOMKEY": lambda: [],
            "OBJECT": lambda: [draw(["ENCODING", "REFCOUNT", "IDLETIME", "FREQ", "FOO"]), key()],
            "ECHO": lambda: [self.value()],
            "PING": lambda: draw([[], [self.value()]]),
            "SELECT": lambda: [draw(["0", "x", ""])],
        }
        name = draw([name for name in forms if self.lists or name not in LISTING])
        words = forms[name]()
        draw_arity = self.random.random()
        if draw_arity < 0.01:
            words = words[:-1]
        elif draw_arity < 0.02:
            words = words + [self.value()]
        return [self.case(name), *words]

    def batch(self):
        commands = []
        while len(commands) < BATCH:
            if self.random.random() < 0.02:
                inner = [self.command() for _ in range(self.random.randint(0, 5))]
                commands += [["MULTI"], *inner, [self.any(["EXEC", "EXEC", "EXEC", "DISCARD"])]]
            else:
                commands.append(self.command())
        for key in KEYS:
            commands += [["GET", key], ["PTTL", key], ["TYPE", key]]
        return commands + ([["KEYS", "*"], ["DBSIZE"]] if self.lists else [])


# --- what may differ --------------------------------------------------------------------------------------------------

def are_close(ours, theirs, most):
    return isinstance(ours, int) and isinstance(theirs, int) and ours > 0 and theirs > 0 and abs(ours - theirs) <= most


def sorted_keys(reply):
    return sorted(reply) if isinstance(reply, list) else reply


def is_same(command, ours, theirs):
    """Or documented: in the table of commands, and here."""
    name = command[0].upper()
    if not isinstance(ours, harness.ReplyError) and ours == theirs:
        return True
    if isinstance(theirs, harness.ReplyError) or isinstance(ours, harness.ReplyError):
        # Redis cuts an argument that it quotes at its first zero byte.
        return isinstance(ours, type(theirs)) and str(ours).split("\0")[0] == str(theirs).split("\0")[0]
    if name in ("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"):
        seconds = name in ("TTL", "EXPIRETIME")
        return ours == theirs or are_close(ours, theirs, CLOSE_MS // 1000 if seconds else CLOSE_MS)
    if name == "DBSIZE":
        return ours >= theirs  # what has expired is counted until its space is given back
    if name == "KEYS":
        return sorted_keys(ours) == sorted_keys(theirs)
    if name == "SCAN" and isinstance(ours, list):
        is_end = ours[0] == b"0" and theirs[0] == b"0"  # with a small COUNT each goes its own way
        return not is_end or sorted(ours[1]) == sorted(theirs[1])
    if name == "RANDOMKEY":
        return (ours is None) == (theirs is None)
    if name == "OBJECT" and ours is not None and theirs is not None:
        # Redis keeps what APPEND and SETRANGE made as `raw`, and shares small numbers; it remembers reads.
        encodings = (b"int", b"embstr", b"raw")
        return (ours in encodings and theirs in encodings) or (isinstance(ours, int) and isinstance(theirs, int))
    return ours == theirs


def differences(commands, ours, theirs):
    inside = []
    for at, (command, our, their) in enumerate(zip(commands, ours, theirs)):
        name = command[0].upper()
        if name == "MULTI":
            inside = []
        elif name == "EXEC" and isinstance(their, list) and isinstance(our, list) and len(our) == len(their):
            yield from ((at, inner, a, b) for inner, a, b in zip(inside, our, their) if not is_same(inner, a, b))
            continue
        elif their == "QUEUED":
            inside.append(command)
        if not is_same(command, our, their):
            yield at, command, our, their


# --- the run ----------------------------------------------------------------------------------------------------------

def ask(port, commands):
    encoded = b"".join(harness.encode(*[word.encode("latin-1") for word in command]) for command in commands)
    with harness.Resp(port, 30) as connection:
        connection.send(encoded)
        return [connection.read_reply(errors_raise=False) for _ in commands]


def compare(seed, redis_port, gramme_port, lists):
    """What differs in one batch, as lines."""
    commands = Generator(seed, lists).batch()
    theirs = ask(redis_port, [["FLUSHALL"], *commands])[1:]
    ours = ask(gramme_port, [["FLUSHALL"], *commands])[1:]
    return len(commands), [f"seed {seed}, command {at}: {command}\n    gramme {our!r}\n    redis  {their!r}"
                           for at, command, our, their in differences(commands, ours, theirs)]


def run(count, seed, nodes, most_told=20):
    """The number of commands, and lines that tell of differences."""
    sent, told = 0, []
    with harness.Cluster(nodes, settings={"storage": "memory", "partitions": 16}) as gramme:
        redis = RedisCluster(1)
        try:
            while sent < count and len(told) < most_told:
                port = gramme.nodes[seed % nodes].port
                commands, lines = compare(seed, redis.nodes[0].port, port, nodes == 1)
                sent += commands
                told += lines
                seed += 1
        finally:
            redis.close()
    return sent, told[:most_told]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nodes", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    sent, told = run(arguments.commands, arguments.seed, arguments.nodes)
    for line in told:
        print(line)
    print(f"{sent} commands in {time.monotonic() - began:.1f} s, {len(told)} replies that differ and are not documented")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
