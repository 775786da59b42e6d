#!/usr/bin/python3
"""redis-cli, one process for each command: plain or following redirections (-c), in RESP2 or RESP3 (-3)."""

import subprocess

import program
from scenario import Skip

TIMEOUT_S = 10
CONNECTION_ERRORS = ("Could not connect", "Error: Connection reset", "Error: Server closed the connection",
                     "Error: Broken pipe", "Error: Protocol error", "Error: Success")


class CommandFailed(Exception):
    """redis-cli ended with an error."""


class Cli:
    # An argument can't hold a NUL.
    binary_key = bytes(range(1, 256))

    def __init__(self, config):
        self.is_strict = config["server"] == "gramme"
        self.is_cluster = config["mode"] == "cluster"
        self.arguments = ["redis-cli", "-h", "127.0.0.1", "-p", str(config["ports"][0]), "-e"]
        self.arguments += ["-c"] if self.is_cluster else []
        self.arguments += ["-3"] if config["protocol"] == 3 else []

    def close(self):
        pass

    def classify(self, exception):
        if not isinstance(exception, CommandFailed):
            return "bug"
        return "connection" if any(text in str(exception) for text in CONNECTION_ERRORS) else "reply"

    def _run(self, words, data=b""):
        done = subprocess.run(self.arguments + list(words), input=data, capture_output=True, timeout=TIMEOUT_S,
                              check=False)
        if done.returncode != 0:
            raise CommandFailed((done.stderr + done.stdout).decode(errors="replace").strip())
        return done.stdout[:-1] if done.stdout.endswith(b"\n") else done.stdout

    def raw(self, *words):
        return self._run(words)

    def _number(self, *words):
        return int(self._run(words))

    def protocol(self):
        words = self._run(("HELLO",)).split()
        return int(words[words.index(b"proto") + 1])

    def set(self, key, value):
        return self._run(("-x", "SET", key), value) == b"OK"

    def set_for(self, key, value, milliseconds):
        return self._run(("SET", key, value, "PX", str(milliseconds))) == b"OK"

    def set_if(self, key, value, condition):
        return self._run(("SET", key, value, condition)) == b"OK"

    def set_and_get(self, key, value):
        return self._run(("SET", key, value, "GET"))

    def getdel(self, key):
        return self._run(("GETDEL", key))

    def get(self, key):
        """Without a terminal, redis-cli shows null as an empty line: what it can't tell apart, EXISTS does."""
        value = self._run(("GET", key))
        return None if value == b"" and self.exists(key) == 0 else value

    def delete(self, *keys):
        return self._number("DEL", *keys)

    def exists(self, *keys):
        return self._number("EXISTS", *keys)

    def mset(self, values):
        return self._run(["MSET"] + [word for pair in values.items() for word in pair]) == b"OK"

    def mget(self, keys):
        return [value or None for value in self._run(["MGET", *keys]).split(b"\n")]

    def mset_across(self, values):
        self._only_gramme()
        self.mset(values)

    def mget_across(self, keys):
        return self.mget(keys)

    def _only_gramme(self):
        if self.is_cluster and not self.is_strict:
            raise Skip("a Redis Cluster refuses it")

    def expire(self, key, seconds):
        return self._number("EXPIRE", key, str(seconds)) == 1

    def ttl(self, key):
        return self._number("TTL", key)

    def persist(self, key):
        return self._number("PERSIST", key) == 1

    def incr(self, key):
        return self._number("INCR", key)

    def incrby(self, key, amount):
        return self._number("INCRBY", key, str(amount))

    def decr(self, key):
        return self._number("DECR", key)

    def decrby(self, key, amount):
        return self._number("DECRBY", key, str(amount))

    def pipeline(self, commands):
        """Commands from standard input, one a line: they go one after another over one connection."""
        lines = "".join(" ".join(words) + "\n" for words in commands).encode()
        replies = self._run((), lines).split(b"\n")
        return [reply for reply in replies if not reply.startswith(b"-> Redirected")]

    def transaction(self, commands):
        self._only_gramme()
        replies = self.pipeline([("MULTI",), *commands, ("EXEC",)])
        values = replies[1 + len(commands):]
        return values[:-1] + [int(values[-1])]

    def gramme_put(self, key, value, context=None):
        return self._run(["GRAMME.PUT", key, value] + (["CONTEXT", context] if context else []))

    def gramme_get(self, key):
        lines = self._run(("GRAMME.GET", key)).split(b"\n")
        return None if lines == [b""] else (lines[0], lines[1:])

    def gramme_delete(self, key, context):
        return self._run(("GRAMME.DEL", key, "CONTEXT", context))


if __name__ == "__main__":
    program.main(Cli)
