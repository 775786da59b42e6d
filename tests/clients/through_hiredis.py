#!/usr/bin/python3
"""hiredis, as Debian has it: a program in C that does what it is told here. It knows one node, and RESP2."""

import os
import subprocess

import program
from servers import harness

HERE = os.path.dirname(os.path.abspath(__file__))
BUILT = os.path.join(harness.ROOT, "build", "clients", "through_hiredis")


class ConnectionFailed(Exception):
    """What hiredis says when it has lost its connection, or got none."""


def build():
    """Under a name of its own until it is whole: two runs at once use the same folder."""
    os.makedirs(os.path.dirname(BUILT), exist_ok=True)
    mine = f"{BUILT}-{os.getpid()}"
    subprocess.run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O1", "-o", mine,
                    os.path.join(HERE, "through_hiredis.c"), "-lhiredis"], check=True, timeout=60)
    os.replace(mine, BUILT)


class Hiredis(program.Versions):
    binary_key = bytes(range(256))

    def __init__(self, config):
        build()
        self.process = subprocess.Popen([BUILT, str(config["ports"][0])], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        preexec_fn=harness.die_with_parent)

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def classify(self, exception):
        if isinstance(exception, harness.ReplyError):
            return "reply"
        return "connection" if isinstance(exception, ConnectionFailed) else "bug"

    def pipeline(self, commands):
        request = b"".join(harness.encode(*words) for words in commands)
        self.process.stdin.write(b"*%d\r\n%s" % (len(commands), request))
        self.process.stdin.flush()
        replies = harness.read_reply(self.process.stdout, errors_raise=False)
        if isinstance(replies, harness.ReplyError):
            raise ConnectionFailed(str(replies))
        for reply in replies:
            if isinstance(reply, harness.ReplyError):
                raise reply
        return replies

    def transaction(self, commands):
        return self.pipeline([("MULTI",), *commands, ("EXEC",)])[-1]

    def raw(self, *words):
        return self.pipeline([words])[0]

    def protocol(self):
        reply = self.raw("HELLO")
        return reply[reply.index(b"proto") + 1]

    def set(self, key, value):
        return self.raw("SET", key, value) == "OK"

    def set_for(self, key, value, milliseconds):
        return self.raw("SET", key, value, "PX", milliseconds) == "OK"

    def set_if(self, key, value, condition):
        return self.raw("SET", key, value, condition) == "OK"

    def set_and_get(self, key, value):
        return self.raw("SET", key, value, "GET")

    def getdel(self, key):
        return self.raw("GETDEL", key)

    def get(self, key):
        return self.raw("GET", key)

    def delete(self, *keys):
        return self.raw("DEL", *keys)

    def exists(self, *keys):
        return self.raw("EXISTS", *keys)

    def mset(self, values):
        return self.raw("MSET", *(word for pair in values.items() for word in pair)) == "OK"

    def mget(self, keys):
        return self.raw("MGET", *keys)

    mset_across = mset
    mget_across = mget

    def expire(self, key, seconds):
        return self.raw("EXPIRE", key, seconds) == 1

    def ttl(self, key):
        return self.raw("TTL", key)

    def persist(self, key):
        return self.raw("PERSIST", key) == 1

    def incr(self, key):
        return self.raw("INCR", key)

    def incrby(self, key, amount):
        return self.raw("INCRBY", key, amount)

    def decr(self, key):
        return self.raw("DECR", key)

    def decrby(self, key, amount):
        return self.raw("DECRBY", key, amount)


if __name__ == "__main__":
    program.main(Hiredis)
