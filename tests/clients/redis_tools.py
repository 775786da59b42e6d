#!/usr/bin/python3
"""redis-benchmark, and those modes of redis-cli that do one thing as a whole. What each prints is compared with what the
nodes hold. After each fault each runs until one run succeeds."""

import contextlib
import queue
import re
import signal
import subprocess
import threading
import time

import load
import program
from servers import harness

TIMEOUT_S = 15
AGAIN_TIMEOUT_S = 4
KEYS = 100
PAUSE_S = 0.5
SILENCE_S = 3.0
CONNECTION_ERRORS = re.compile(r"could not connect|connection re|server closed|broken pipe|I/O error|reading from the server"
                               r"|can't connect|writing to the server|LOADING", re.IGNORECASE)


class Failed(Exception):
    """The tool ended with an error, or told part of what it should: as it may while a node that it talks with dies, or is
    away. A wrong answer is another thing."""


def require(is_so, what, output):
    if not is_so:
        raise AssertionError(f"{what}: {output[-1500:]}")


def ask(port, *words):
    with harness.Resp(port) as connection:
        return connection.command(*words)


class Tool:
    # Asks every node for its part, so what it prints is whole again only when all agree again who is there. While a node
    # comes back that ends at some moment of which the driver does not know.
    asks_all = False

    def __init__(self, config):
        self.ports = config["ports"]
        self.prefix = config["prefix"]
        self.protocol = config["protocol"]
        self.is_cluster = config["mode"] == "cluster"

    def close(self):
        pass

    def prepare(self):
        """Writes what it will look for."""

    def classify(self, exception):
        return "connection" if isinstance(exception, (Failed, OSError)) else "bug"

    def run(self, *arguments, data=b"", timeout_s=TIMEOUT_S):
        try:
            done = subprocess.run(arguments, input=data, capture_output=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired as expired:
            # redis-benchmark drops a connection that ended under its writes, and waits for ever when it has none left.
            raise Failed(str(expired)) from None
        output = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode != 0 or CONNECTION_ERRORS.search(output):
            complaint = done.stderr.decode(errors="replace")
            raise Failed(f"status {done.returncode}: {complaint[-300:] or output[-1000:]}")
        return output

    def cli(self, port, *arguments, data=b""):
        return self.run("redis-cli", "-p", str(port), *(["-3"] if self.protocol == 3 else []), *arguments, data=data)

    def of_each_node(self, *arguments):
        """What the tool prints at each node that is there."""
        outputs = []
        for port in self.ports:
            with contextlib.suppress(Failed):
                outputs.append(self.cli(port, *arguments))
        if not outputs:
            raise Failed("no node is there")
        return outputs


class Benchmark(Tool):
    """With --cluster it takes errors for successes, so the servers are asked how many there were."""

    TESTS = {"ping": ["PING_INLINE", "PING_MBULK"], "set": ["SET"], "get": ["GET"], "incr": ["INCR"],
             "mset": ["MSET (10 keys)"]}
    REQUESTS = 2000

    def benchmark(self, tests, requests, timeout_s=TIMEOUT_S):
        output = self.run("redis-benchmark", "-p", str(self.ports[0]), "-t", ",".join(tests), "-n", str(requests), "-c",
                          "20", "-P", "4", "-r", str(KEYS), "-d", "64", "--csv", *(["--cluster"] if self.is_cluster else []),
                          timeout_s=timeout_s)
        rates = dict(re.findall(r'^"([A-Z][^"]*)","([0-9.]+|inf)"', output, re.MULTILINE))
        complaints = [line for line in output.splitlines() if re.search("error|warning|could not", line, re.IGNORECASE)]
        expected = sorted(name for test in tests for name in self.TESTS[test])
        if complaints or sorted(rates) != expected or not all(float(rate) > 0 for rate in rates.values()):
            raise Failed(f"{complaints} {output[-1000:]}")

    def count_errors(self):
        return sum(int(re.search(rb"total_error_replies:(\d+)", ask(port, "INFO", "stats"))[1]) for port in self.ports)

    def sum_counters(self):
        with harness.Resp(self.ports[-1]) as connection:
            return sum(int(connection.command("GET", f"counter:{number:012d}") or 0) for number in range(KEYS))

    def check(self):
        errors, counted = self.count_errors(), 0 if self.is_cluster else self.sum_counters()
        self.benchmark(self.TESTS, self.REQUESTS)
        require(self.count_errors() == errors, "error replies", f"{self.count_errors() - errors}")
        if not self.is_cluster:  # with --cluster its keys have other names, as the slots are
            self.look_at_keys()
            counted = self.sum_counters() - counted
            require(counted == self.REQUESTS, f"after {self.REQUESTS} INCRs the sum has grown by", f"{counted}")

    def look_at_keys(self):
        with harness.Resp(self.ports[-1]) as connection:
            sizes = [len(connection.command("GET", f"key:{number:012d}") or b"") for number in range(KEYS)]
        require(sizes.count(64) >= KEYS * 9 // 10 and not set(sizes) - {0, 64}, f"of {KEYS} keys of 64 bytes it left",
                f"{sizes.count(64)}, and sizes {sorted(set(sizes))}")

    def again(self):
        # Without INCR: one that was forwarded to the node that dies is in doubt, and an error, since it can't be sent twice.
        self.benchmark(["ping", "set", "get"], 200, AGAIN_TIMEOUT_S)


class Pipe(Tool):
    """--pipe: a file of requests, sent as fast as they go."""

    def insert(self, count, value):
        data = b"".join(harness.encode("SET", f"{self.prefix}{number}", f"{value} {number}") for number in range(count))
        output = self.cli(self.ports[0], "--pipe", data=data)
        require(f"errors: 0, replies: {count}" in output, "replies", output)
        with harness.Resp(self.ports[-1]) as connection:
            values = connection.command("MGET", *(f"{self.prefix}{number}" for number in range(count)))
        wrong = [pair for pair in enumerate(values) if pair[1] != b"%s %d" % (value.encode(), pair[0])]
        require(not wrong, "wrong values", f"{wrong[:5]}")

    def check(self):
        self.insert(5000, "value")

    def again(self):
        self.insert(200, f"at {time.monotonic()}")


class ClusterCheck(Tool):
    """--cluster check: it reads CLUSTER NODES of each node and compares."""

    asks_all = True

    def look(self):
        output = self.run("redis-cli", "--cluster", "check", f"127.0.0.1:{self.ports[0]}")
        for words in ("[OK] All nodes agree about slots configuration.", "[OK] All 16384 slots covered."):
            if words not in output:
                raise Failed(f"it does not say '{words}': {output[:300]}")
        return output

    def check(self):
        output = self.look()
        keys = sum(ask(port, "DBSIZE") for port in self.ports)
        require(f"[OK] {keys} keys in {len(self.ports)} masters." in output, f"it does not find {keys} keys", output)

    again = look


class Scan(Tool):
    """--scan: each node tells the keys that it shows, so that all tell each key once."""

    COUNT = 200
    asks_all = True

    def __init__(self, config):
        super().__init__(config)
        self.keys = sorted(f"{self.prefix}{number}" for number in range(self.COUNT))

    def prepare(self):
        self.cli(self.ports[0], "-c", data="".join(f"SET {key} value\n" for key in self.keys).encode())

    def check(self):
        found = self.scan()
        require(found == self.keys, f"instead of {self.COUNT} keys it found", self.difference(found))

    def scan(self):
        outputs = self.of_each_node("--scan", "--pattern", f"{self.prefix}*")
        return sorted(line for output in outputs for line in output.splitlines())

    def difference(self, found):
        return f"{len(found)}, of which {len(set(found))} differ; missing {sorted(set(self.keys) - set(found))[:5]}"

    def again(self):
        found = self.scan()
        if found != self.keys:
            raise Failed(self.difference(found))


class BigKeys(Tool):
    """--bigkeys: SCAN, and TYPE and STRLEN of each key."""

    SIZE = 2 << 20  # more than any other key has
    asks_all = True

    def look(self):
        """How many keys it sampled, and how many nodes named the biggest."""
        outputs = self.of_each_node("--bigkeys")
        named = f"Biggest string found '\"{self.prefix}big\"' has {self.SIZE} bytes"
        sampled = sum(int(re.search(r"Sampled (\d+) keys in the keyspace!", output)[1]) for output in outputs)
        return sampled, sum(named in output for output in outputs), outputs

    def prepare(self):
        self.cli(self.ports[0], "-c", "-x", "SET", self.prefix + "big", data=b"x" * self.SIZE)

    def check(self):
        sampled, named, outputs = self.look()
        require(named == 1, f"{named} nodes named the biggest key", "\n".join(outputs))
        keys = sum(ask(port, "DBSIZE") for port in self.ports)
        require(sampled == keys, f"{sampled} keys instead of {keys}", "\n".join(outputs))

    def again(self):
        _, named, outputs = self.look()
        if named != 1:
            raise Failed(f"{named} nodes named the biggest key: " + "\n".join(outputs)[-1000:])


class Latency(Tool):
    """--latency: PINGs for a while; without a terminal it prints one line."""

    def check(self):
        output = self.cli(self.ports[0], "--latency", "-i", "0.3")
        if "Reconnecting" in output:
            raise Failed(output)
        match = re.fullmatch(r"(\d+) (\d+) (\d+\.\d+) (\d+)\n", output)
        require(match is not None, "not 'least most average samples'", output)
        least, most, average, samples = map(float, match.groups())
        require(least <= average <= most and samples >= 1, "figures", output)

    again = check


class Stat(Tool):
    """--stat: a line of figures for each moment, from INFO; one process for all the time, which connects again itself."""

    # keys, memory, clients, blocked, requests (and how many more), connections.
    LINE = re.compile(r"(\d+) +([0-9.]+[BKMG]) +(\d+) +(\d+) +(\d+) \(\+(\d+)\) +(\d+)")

    def __init__(self, config):
        super().__init__(config)
        self.process = None
        self.lines = None
        self.start()

    def start(self):
        # Otherwise nothing of what it prints to a pipe is there when it is interrupted.
        self.process = subprocess.Popen(["stdbuf", "-oL", "redis-cli", "-p", str(self.ports[0]), "--stat", "-i", "0.2"],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                        preexec_fn=harness.die_with_parent)
        self.lines = queue.Queue()
        threading.Thread(target=self.read_lines, args=(self.process.stdout, self.lines), daemon=True).start()

    @staticmethod
    def read_lines(output, lines):
        for line in output:
            lines.put(line)
        lines.put(None)

    def close(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def next_line(self):
        """The figures of the next line that has some."""
        told = ""
        while True:
            try:
                line = self.lines.get(timeout=SILENCE_S)
            except queue.Empty:
                raise Failed(f"silence, behind {told!r}") from None
            require(line is not None, "it ended", told)
            match = self.LINE.search(line)
            if match:
                return match
            told += line

    def check(self):
        first, *lines = [self.next_line() for _ in range(4)]
        keys = ask(self.ports[0], "DBSIZE")
        require(int(lines[-1][1]) == keys, f"{keys} keys", lines[-1][0])
        requests = int(first[5])
        for line in lines:
            require(int(line[6]) >= 1 and int(line[5]) == requests + int(line[6]), "requests", line[0])
            require(int(line[3]) >= 1 and not line[2].startswith("0"), "clients or memory", line[0])
            requests = int(line[5])
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=5)
        require(status == -signal.SIGINT, "after an interrupt it ended with", str(status))
        self.start()

    def again(self):
        with contextlib.suppress(queue.Empty):
            while self.lines.get_nowait() is not None:  # what it said before this moment
                pass
        self.next_line()


class Runs(load.Load):
    """The tool again and again, in place of writes and reads."""

    def __init__(self, tool, config, say):
        super().__init__(tool, config, say)
        self.keys = [load.Key("run")]
        tool.prepare()

    def _error_is_forgiven(self, kind):
        is_unsettled = self.adapter.asks_all and self.phase == "killed" and kind == "connection"
        return is_unsettled or super()._error_is_forgiven(kind)

    def turn(self, number):
        """Once before the faults, and until it has recovered from each: more would take the processors from the clients."""
        since = self.since
        if since is None and number > 0:
            time.sleep(PAUSE_S / 5)
            return
        is_ok, _ = self._try("run", self.adapter.again)
        if is_ok and since == self.since:
            self._note_recovery(self.keys[0])
        time.sleep(PAUSE_S)

    def finish(self):
        self._try("run", self.adapter.again)
        return dict(self.summary(), values={})


TOOLS = {"benchmark": Benchmark, "--pipe": Pipe, "--cluster check": ClusterCheck, "--scan": Scan, "--bigkeys": BigKeys,
         "--latency": Latency, "--stat": Stat}


def knows_keys(port):
    """A node that has just started says LOADING while it asks the others what it may lack."""
    try:
        return ask(port, "DBSIZE") >= 0
    except harness.ReplyError as error:
        if "LOADING" in str(error):
            return False
        raise


def run_check(tool, config, say):
    try:
        for port in config["ports"]:
            harness.eventually(lambda port=port: knows_keys(port), 10, f"{port} knows its keys")
        tool.prepare()
        tool.check()
    except Exception as exception:
        say("check", "run", "FAILED", f"{type(exception).__name__}: {exception}")
    else:
        say("check", "run", "ok")


if __name__ == "__main__":
    program.main(lambda config: TOOLS[config["tool"]](config), run_check, Runs)
