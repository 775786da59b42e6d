"""Writes and reads while nodes die and come back, for the clients that Python drives; load.js is its twin for Node's.

Each key has this one writer. A read must show the last acknowledged value, or one whose write is in doubt (it ended
with an error) and is younger than that. An error is forgiven from the moment a node is killed until this client has
recovered, which is when it wrote and read each of its keys without one; and only if it tells of a lost connection, and
the client may have one to the dead node. Waiting is forgiven to a client that knows this node alone, or asks no other
for its keys.
"""

import time

KEYS = 12
PAUSE_S = 0.025
SLOW_S = 15.0


class Key:
    def __init__(self, name):
        self.name = name
        self.written = 0
        self.allowed = {None}

    def value(self):
        return f"{self.name}={self.written}".encode()


class Load:
    def __init__(self, adapter, config, say):
        self.adapter = adapter
        self.say = say
        self.is_strict = config["server"] == "gramme"
        self.is_bound = config["bound"]  # to this port
        self.port = config["ports"][0]
        self.keys = [Key(f"{config['prefix']}load-{index}") for index in range(KEYS)]
        self.operations = self.errors = 0
        self.slowest_ms = {}  # by phase
        self.failures = []
        self.messages = {}
        self.phase = "before"
        self.victim = None     # the port of the node that the last fault was about
        self.since = None      # not recovered, since this time
        self.last_error = None
        self.is_counting = False  # recovery, from when the fault has happened
        self.covered = set()

    # --- what the driver says -----------------------------------------------------------------------------------------

    def node_killing(self, port):
        self.victim = port
        self.phase = "killing"
        self._expect_recovery()
        self.is_counting = False
        self.say("prepared")

    def node_killed(self, _port):
        self.phase = "killed"
        self._expect_recovery()

    def node_restarted(self, _port):
        self.phase = "restarted"
        self._expect_recovery()

    def _expect_recovery(self):
        self.since = self.last_error = time.monotonic()
        self.is_counting = True
        self.covered = set()

    # --- operations ---------------------------------------------------------------------------------------------------

    def _failed(self, text):
        if len(self.failures) < 20:
            self.failures.append(text)

    def _when(self):
        recovered = "" if self.since is not None else " and recovered"
        return f" (node {self.phase}{recovered})"

    def _error_is_forgiven(self, kind):
        if not self.is_strict:
            return self.since is not None and kind != "bug"
        may_reach_victim = not self.is_bound or self.victim == self.port
        return self.since is not None and kind == "connection" and may_reach_victim

    def _took_error(self, operation, exception):
        kind = self.adapter.classify(exception)
        text = f"{operation}: {kind} error {type(exception).__name__}: {exception}"[:300] + self._when()
        self.errors += 1
        self.messages[text] = self.messages.get(text, 0) + 1
        if not self._error_is_forgiven(kind):
            self._failed(text)
        self.last_error = time.monotonic()
        self.covered = set()

    def _try(self, operation, function, *words):
        """(True, reply), or (False, None)."""
        began = time.monotonic()
        self.operations += 1
        try:
            return True, function(*words)
        except Exception as exception:
            self._took_error(operation, exception)
            return False, None
        finally:
            took_s = time.monotonic() - began
            self.slowest_ms[self.phase] = max(self.slowest_ms.get(self.phase, 0), round(took_s * 1000))
            if took_s > SLOW_S and not (self.is_bound and self.victim == self.port):
                self._failed(f"{operation} took {took_s:.1f} s")

    def write(self, key):
        key.written += 1
        value = key.value()
        is_ok, reply = self._try("SET", self.adapter.set, key.name, value)
        if not is_ok:
            key.allowed.add(value)
            return False
        key.allowed = {value}
        if reply is not True:
            self._failed(f"SET was answered {reply!r}")
        return True

    def read(self, key):
        is_ok, value = self._try("GET", self.adapter.get, key.name)
        if is_ok and value not in key.allowed:
            self._failed(f"WRONG VALUE of {key.name}: {value!r}, not of {sorted(map(repr, key.allowed))}")
        return is_ok

    def _note_recovery(self, key):
        if self.since is None or not self.is_counting:
            return
        self.covered.add(key.name)
        if len(self.covered) == len(self.keys):
            self.say("recovered", round((self.last_error - self.since) * 1000))
            self.since = None

    def turn(self, number):
        """One write and one read, of two keys in turn; over two rounds each key is read behind its own write too."""
        key = self.keys[number % KEYS]
        since = self.since
        is_ok = self.write(key)
        is_ok = self.read(self.keys[(number * 5 + number // KEYS) % KEYS]) and is_ok
        is_ok = self.read(key) and is_ok
        if is_ok and since == self.since:
            self._note_recovery(key)
        time.sleep(PAUSE_S)

    def finish(self):
        for key in self.keys:
            self.read(key)
        return self.summary()

    def summary(self):
        return {"operations": self.operations, "errors": self.errors, "failures": self.failures,
                "messages": self.messages, "slowest_ms": self.slowest_ms,
                "values": {key.name: sorted("" if value is None else value.decode() for value in key.allowed)
                           for key in self.keys}}
