#!/usr/bin/python3
"""Runs stock Redis clients against a cluster of three nodes: first each client's checks, a few clients at a time; then
the load of all at once, while nodes are killed and come back.

Usage: test_clients.py [--against gramme|redis] [--only TEXT] [--verbose]

  --against redis   the same against redis-server: the checks of what Gramme shares with it
  --only TEXT       only rows of the table that contain TEXT
  --verbose         every check, and every error that a client met

GRAMME names the binary; without it, build/release/gramme beside the sources. npm's clients are installed in
build/clients; GRAMME_TEST_KEEP=1 keeps the nodes' folders.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import servers
from servers import harness

HERE = os.path.dirname(os.path.abspath(__file__))
INSTALLED = os.path.join(harness.ROOT, "build", "clients")
INSTALL_S = 120
CHECKS_S = 30
STEADY_S = 15
RECOVERY_S = 20
OUTAGE_S = 1.5
FINISH_S = 20
CHECKED_AT_ONCE = 4
ALL_S = 165


# --- the rows of the table --------------------------------------------------------------------------------------------

class Row:
    """A client program: what it says arrives in a queue, lines of JSON."""

    def __init__(self, client, mode, protocol, command, library=None, tool=None, needs_node=0, one_node=False,
                 waits=False):
        self.client = client
        self.mode = mode
        self.protocol = protocol
        self.command = command
        self.library = library  # of npm
        self.tool = tool  # of Redis
        self.needs_node = needs_node
        self.is_bound = one_node or mode == "plain"  # knows one node only, and is out when that is down
        self.waits = waits  # for a dead node to come back, though it knows others
        self.process = None
        self.said = queue.Queue()
        self.errors = b""
        self.port = None
        self.checks = {}
        self.recoveries = {}  # milliseconds, by what happened
        self.problems = []
        self.skipped = None
        self.summary = None

    def name(self):
        return f"{self.client} {self.mode} RESP{self.protocol}"

    def problem(self, text):
        self.problems.append(text)

    def start(self, server, ports):
        self.port = ports[0]
        prefix = re.sub(r"[^a-z0-9]+", "-", f"{self.client}-{self.mode}-{self.protocol}".lower()) + ":"
        config = {"server": server, "mode": self.mode, "protocol": self.protocol, "ports": ports, "prefix": prefix,
                  "library": self.library, "tool": self.tool, "bound": self.is_bound, "waits": self.waits}
        environment = dict(os.environ, NODE_PATH=os.path.join(INSTALLED, "node_modules"))
        self.process = subprocess.Popen([*self.command, json.dumps(config)], stdin=subprocess.PIPE, env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        preexec_fn=harness.die_with_parent)
        threading.Thread(target=self._read_output, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def _read_output(self):
        for line in self.process.stdout:
            self.said.put(json.loads(line))
        self.said.put(["ended"])

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors = (self.errors + line)[-2000:]

    def tell(self, line):
        with contextlib.suppress(OSError):
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()

    def await_word(self, word, seconds):
        """The arguments of the word, once the program has said it; None, and a problem noted, when it doesn't."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None or not self.said.empty():
            try:
                said = self.said.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if said[0] == "check":
                self.checks[said[1]] = said[2:]
            if said[0] == word:
                return said[1:]
            if said[0] == "ended":
                break
        state = "is silent" if self.process.poll() is None else f"ended with status {self.process.poll()}"
        self.problem(f"no '{word}' within {seconds:.0f} s: it {state}\n{self.errors.decode(errors='replace')}".strip())
        self.stop()
        return None

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self.is_running():
            self.process.kill()
        if self.process is not None:
            self.process.wait()


def make_rows():
    rows = []

    def program(client, file, modes, protocols, **more):
        interpreter = "/usr/bin/python3" if file.endswith(".py") else "node"
        for mode in modes:
            for protocol in protocols:
                rows.append(Row(client, mode, protocol, [interpreter, os.path.join(HERE, file)], **more))

    def tool(client, name, mode, protocols=(2,), **more):
        program(client, "redis_tools.py", (mode,), protocols, tool=name, **more)

    both = ("plain", "cluster")
    program("redis-cli", "redis_cli.py", both, (2, 3), one_node=True)
    for name in ("--stat", "--latency", "--pipe"):
        tool(f"redis-cli {name}", name, "plain")
    tool("redis-cli --scan", "--scan", "cluster", (2, 3))
    tool("redis-cli --bigkeys", "--bigkeys", "cluster")
    # These two want to talk with every node that the ring names.
    tool("redis-cli --cluster check", "--cluster check", "cluster", waits=True)
    tool("redis-benchmark", "benchmark", "plain")
    tool("redis-benchmark", "benchmark", "cluster", waits=True)
    # It knows neither the cluster nor RESP3.
    program("hiredis 0.14", "through_hiredis.py", ("plain",), (2,))
    program("redis-py", "redis_py.py", both, (2,))
    program("ioredis 5", "ioredis.js", both, (2,), library="ioredis")
    program("ioredis 6", "ioredis.js", both, (2, 3), library="ioredis-6", needs_node=20)
    program("iovalkey", "ioredis.js", both, (2,), library="iovalkey")
    # It asks for the ring again when told MOVED, and for no other reason: what it sends to a dead node waits there.
    program("redis 4", "node_redis.js", ("plain",), (2,), library="redis-4")
    program("redis 4", "node_redis.js", ("cluster",), (2,), library="redis-4", waits=True)
    program("redis 5", "node_redis.js", ("plain",), (2, 3), library="redis")
    program("redis 5", "node_redis.js", ("cluster",), (2, 3), library="redis", waits=True)
    program("redis 6", "node_redis.js", both, (2, 3), library="redis-6", needs_node=20)
    return rows


# --- npm's clients ----------------------------------------------------------------------------------------------------

def _install_when_changed():
    sources = [os.path.join(HERE, name) for name in ("package.json", "package-lock.json", ".npmrc")]
    digest = hashlib.sha256(b"".join(open(path, "rb").read() for path in sources)).hexdigest()
    stamp = os.path.join(INSTALLED, "installed")
    if os.path.exists(stamp) and open(stamp, encoding="ascii").read() == digest:
        return
    for path in sources:
        shutil.copy(path, INSTALLED)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
                          cwd=INSTALLED, stdin=subprocess.DEVNULL, capture_output=True, timeout=INSTALL_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"npm ci failed in {INSTALLED}:\n{(done.stderr + done.stdout).decode(errors='replace')}")
    with open(stamp, "w", encoding="ascii") as file:
        file.write(digest)


def install_npm_clients():
    """The major version of Node. Two runs at once don't install over each other."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise RuntimeError("there is no node and npm here; Debian's packages are nodejs and npm")
    version = subprocess.run(["node", "--version"], capture_output=True, timeout=10, check=True).stdout.decode()
    os.makedirs(INSTALLED, exist_ok=True)
    with open(os.path.join(INSTALLED, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            _install_when_changed()
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"npm ci was not over after {INSTALL_S} s: is the registry within reach?") from None
    return int(version.strip().lstrip("v").split(".")[0])


def prepare_npm(rows):
    rows = [row for row in rows if row.library]
    if not rows:
        return
    try:
        node_major = install_npm_clients()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        for row in rows:
            row.problem(f"not run: {error}")
        return
    for row in rows:
        if node_major < row.needs_node:
            row.skipped = f"needs Node {row.needs_node}, here is {node_major}"


# --- the faults -------------------------------------------------------------------------------------------------------

def await_recovery(rows, node, what):
    """One after another, but all have been recovering since the fault."""
    deadline = time.monotonic() + RECOVERY_S
    for row in rows:
        words = row.await_word("recovered", max(1.0, deadline - time.monotonic()))
        if words is None:
            row.problem(f"did not recover after node {node.index} {what}")
        else:
            row.recoveries[node.index, what] = words[0]


def kill_and_restart(rows, node, always_on):
    """`always_on`: whoever isn't bound to the node must recover while it is down."""
    rows = [row for row in rows if row.is_running()]
    for row in rows:
        row.tell(f"killing {node.port}")
    for row in rows:
        row.await_word("prepared", RECOVERY_S)
    node.kill()
    for row in rows:
        row.tell(f"killed {node.port}")
    if always_on:
        survivors = [row for row in rows if not row.waits and (not row.is_bound or row.port != node.port)]
        await_recovery(survivors, node, "was killed")
    time.sleep(OUTAGE_S)
    began = time.monotonic()
    node.start()
    node.cluster.wait_ready()
    print(f"node {node.index} was ready {time.monotonic() - began:.1f} s after its start")
    rows = [row for row in rows if row.is_running()]
    for row in rows:
        row.tell(f"restarted {node.port}")
    await_recovery(rows, node, "came back")


def finish(rows):
    for row in rows:
        if not row.is_running():
            if not row.problems:
                row.problem(f"it ended with status {row.process.poll()}\n{row.errors.decode(errors='replace')}".strip())
            continue
        row.tell("finish")
        words = row.await_word("finished", FINISH_S)
        if words is None:
            continue
        row.summary = words[0]
        for failure in row.summary["failures"]:
            row.problem(failure)


def compare_nodes(rows, cluster):
    """What each client knows of its keys is what each node says now."""
    for node in cluster.nodes:
        with node.connect() as connection:
            for row in rows:
                for key, allowed in (row.summary or {"values": {}})["values"].items():
                    value = (connection.command("GET", key) or b"").decode()
                    if value not in allowed:
                        row.problem(f"WRONG VALUE at node {node.index} in the end: {key} is {value}, not of {allowed}")


def run_faults(rows, cluster, alone, server):
    for row in rows:
        row.tell("load")
    for row in rows:
        if row.is_running():
            row.await_word("steady", STEADY_S)
    for node in (cluster.nodes[1], cluster.nodes[0]):
        kill_and_restart(rows if server == "gramme" else [row for row in rows if row.mode == "cluster"], node,
                         server == "gramme")
    if alone is not cluster:
        kill_and_restart([row for row in rows if row.mode == "plain"], alone.nodes[0], False)
    finish(rows)
    if server == "gramme":
        compare_nodes(rows, cluster)


# --- the run ----------------------------------------------------------------------------------------------------------

def await_checks(row):
    row.await_word("checked", CHECKS_S)
    for name, (verdict, *why) in row.checks.items():
        if verdict == "FAILED":
            row.problem(f"{name}: {' '.join(why)}")


def run_checks(rows, server, ports_of, at_once):
    """All from this thread: a program dies with the thread that started it."""
    for index, row in enumerate(rows):
        row.start(server, ports_of(row))
        if index >= at_once - 1:
            await_checks(rows[index - at_once + 1])
    for row in rows[max(0, len(rows) - at_once + 1):]:
        await_checks(row)


def flush(nodes):
    """Or the tools that pass over all keys would take their time, and everybody else's, under faults."""
    for node in nodes:
        with node.connect() as connection:
            connection.command("FLUSHALL")


def run_rows(rows, server):
    cluster, alone = servers.start_gramme() if server == "gramme" else servers.start_redis()
    rows = [row for row in rows if row.skipped is None and not row.problems]

    def ports_of(row):
        return servers.ports(cluster if row.mode == "cluster" else alone)

    with cluster, alone:
        try:
            began = time.monotonic()
            # Redis' tools first and each alone, since they count keys and errors.
            run_checks([row for row in rows if row.tool], server, ports_of, 1)
            run_checks([row for row in rows if not row.tool], server, ports_of, CHECKED_AT_ONCE)
            flush({*cluster.nodes, *alone.nodes})
            checked = time.monotonic()
            run_faults(rows, cluster, alone, server)
        finally:
            for row in rows:
                row.stop()
        print(f"checks {checked - began:.0f} s, faults {time.monotonic() - checked:.0f} s")


COLUMNS = {"client": 27, "mode": 9, "RESP": 6, "checks": 18, "1 killed": 10, "1 back": 10, "0 killed": 10, "0 back": 10,
           "errors": 8, "slowest": 9, "result": 0}
FAULTS = ((1, "was killed"), (1, "came back"), (0, "was killed"), (0, "came back"))
LEGEND = """
"1 killed", "1 back" and so on: how long after that had happened to the node the client still met errors; "-", where it
can only wait for the node. "errors": how many, all of lost connections, and none but then. "slowest": of its operations.
"""


def count_checks(row):
    verdicts = [check[0] for check in row.checks.values()]
    counts = ((verdicts.count(verdict), verdict) for verdict in ("ok", "skipped", "FAILED"))
    return ", ".join(f"{count} {verdict}" for count, verdict in counts if count)


def in_seconds(milliseconds):
    return "-" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


def print_table(rows, is_verbose):
    print("\n" + "".join(title.ljust(width) for title, width in COLUMNS.items()))
    for row in rows:
        cells = [row.client, row.mode, row.protocol, count_checks(row)]
        cells += [in_seconds(row.recoveries.get(fault)) for fault in FAULTS]
        summary = row.summary or {"errors": "", "slowest_ms": {}}
        cells += [summary["errors"], in_seconds(max(summary["slowest_ms"].values(), default=None))]
        cells.append("skipped: " + row.skipped if row.skipped else "FAILED" if row.problems else "ok")
        print("".join(str(cell).ljust(width) for cell, width in zip(cells, COLUMNS.values())))
        for text in dict.fromkeys(row.problems):
            print("    " + text.replace("\n", "\n    "))
        if is_verbose:
            print_details(row)
    print(LEGEND)


def print_details(row):
    for name, check in row.checks.items():
        print(f"    {name}: {' '.join(check)}")
    if row.summary:
        slowest = ", ".join(f"{phase} {value}" for phase, value in row.summary["slowest_ms"].items())
        print(f"    {row.summary['operations']} operations under faults; the slowest by phase, in ms: {slowest}")
        for text, count in row.summary["messages"].items():
            print(f"    {count} times {text}")


class Overtime(Exception):
    """The run took too long as a whole."""


def stop_run(_number, _frame):
    raise Overtime


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--against", choices=("gramme", "redis"), default="gramme")
    parser.add_argument("--only", default="")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    rows = [row for row in make_rows() if options.only in row.name()]
    if options.against == "gramme" and not os.access(harness.BINARY, os.X_OK):
        print(f"there is no binary {harness.BINARY}: build it, or name one in GRAMME")
        print(f"0 passed, {len(rows)} failed")
        return 1
    signal.signal(signal.SIGALRM, stop_run)
    signal.alarm(ALL_S)
    try:
        prepare_npm(rows)
        run_rows(rows, options.against)
    except Overtime:
        for row in rows:
            row.problem(f"the run was not over after {ALL_S} s")
    signal.alarm(0)
    print_table(rows, options.verbose)
    rows = [row for row in rows if row.skipped is None]
    failed = sum(1 for row in rows if row.problems)
    print(f"{len(rows) - failed} passed, {failed} failed")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
