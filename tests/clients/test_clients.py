#!/usr/bin/python3
"""Runs stock Redis clients against a cluster of three nodes: first each client's checks, one client after another; then
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
BENCHMARK_S = 40
ALL_S = 165


# --- the rows of the table --------------------------------------------------------------------------------------------

class Row:
    def __init__(self, client, mode, protocol):
        self.client = client
        self.mode = mode
        self.protocol = protocol
        self.checks = {}
        self.recoveries = []
        self.problems = []
        self.notes = []
        self.skipped = None
        self.summary = None

    def name(self):
        return f"{self.client} {self.mode} RESP{self.protocol}"

    def problem(self, text):
        self.problems.append(text)


class ProgramRow(Row):
    """A client program: what it says arrives in a queue, lines of JSON."""

    def __init__(self, client, mode, protocol, command, library=None, needs_node=0, one_node=False,
                 waits=False):
        super().__init__(client, mode, protocol)
        self.command = command
        self.library = library
        self.needs_node = needs_node
        self.is_bound = one_node or mode == "plain"  # knows one node only, and is out when that is down
        self.waits = waits  # for a dead node to come back, though it knows others
        self.process = None
        self.said = queue.Queue()
        self.errors = b""
        self.port = None

    def start(self, server, ports):
        self.port = ports[0]
        prefix = re.sub(r"[^a-z0-9]+", "-", f"{self.client}-{self.mode}-{self.protocol}".lower()) + ":"
        config = {"server": server, "mode": self.mode, "protocol": self.protocol, "ports": ports, "prefix": prefix,
                  "library": self.library, "bound": self.is_bound, "waits": self.waits}
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


def count_errors(ports):
    """Error replies of all nodes so far."""
    count = 0
    for port in ports:
        with harness.Resp(port) as connection:
            count += int(re.search(rb"total_error_replies:(\d+)", connection.command("INFO", "stats"))[1])
    return count


class BenchmarkRow(Row):
    """redis-benchmark. With --cluster it counts errors as successes, so the servers are asked how many there were, and
    what it does under faults proves nothing."""

    TESTS = ["PING_INLINE", "PING_MBULK", "SET", "GET", "MSET (10 keys)"]

    def run(self, server, ports):
        arguments = ["redis-benchmark", "-p", str(ports[0]), "-t", "ping,set,get,mset", "-n", "4000", "-c", "20", "-P",
                     "4", "-r", "1000", "-d", "64", "--csv"]
        arguments += ["--cluster"] if self.mode == "cluster" else []
        errors_before = count_errors(ports)
        try:
            done = subprocess.run(arguments, capture_output=True, timeout=BENCHMARK_S, check=False)
        except subprocess.TimeoutExpired:
            self.problem(f"not over within {BENCHMARK_S} s")
            return
        output = (done.stdout + done.stderr).decode(errors="replace")
        errors = count_errors(ports) - errors_before
        rates = dict(re.findall(r'^"([A-Z][^"]*)","([0-9.]+)"', output, re.MULTILINE))
        complaints = [line for line in output.splitlines() if re.search("error|warning|could not", line, re.IGNORECASE)]
        if done.returncode != 0 or complaints or errors or sorted(rates) != sorted(self.TESTS):
            self.problem(f"status {done.returncode}, {errors} error replies\n{output[-1500:]}")
            return
        self.checks = {name: ["ok"] for name in rates}
        self.notes.append(", ".join(f"{name.split()[0]} {float(rate):.0f}/s" for name, rate in rates.items()))
        if self.mode == "plain":
            self.look_at_keys(ports[-1])

    def look_at_keys(self, port):
        with harness.Resp(port) as connection:
            sizes = [len(connection.command("GET", f"key:{number:012d}") or b"") for number in range(1000)]
        if sizes.count(64) < 900 or set(sizes) - {0, 64}:
            self.problem(f"of 1000 keys it left {sizes.count(64)} of 64 bytes, and sizes {sorted(set(sizes))}")


class PipeRow(Row):
    """redis-cli --pipe: a file of requests, sent as fast as they go."""

    COUNT = 10000

    def run(self, server, ports):
        data = b"".join(harness.encode("SET", f"pipe:{number}", f"value {number}") for number in range(self.COUNT))
        try:
            done = subprocess.run(["redis-cli", "-p", str(ports[0]), "--pipe"], input=data, capture_output=True,
                                  timeout=BENCHMARK_S, check=False)
        except subprocess.TimeoutExpired as expired:
            self.problem(f"not over within {BENCHMARK_S} s: {expired.stdout} {expired.stderr}")
            return
        output = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode != 0 or f"errors: 0, replies: {self.COUNT}" not in output:
            self.problem(f"status {done.returncode}: {output}")
            return
        with harness.Resp(ports[-1]) as connection:
            for number in range(0, self.COUNT, 97):
                value = connection.command("GET", f"pipe:{number}")
                if value != f"value {number}".encode():
                    self.problem(f"pipe:{number} is {value!r}")
        self.checks["pipe"] = ["ok"]


class ClusterCheckRow(Row):
    """redis-cli --cluster check: it reads CLUSTER NODES of each node and compares."""

    def run(self, server, ports):
        try:
            done = subprocess.run(["redis-cli", "--cluster", "check", f"127.0.0.1:{ports[0]}"], capture_output=True,
                                  timeout=BENCHMARK_S, check=False)
        except subprocess.TimeoutExpired as expired:
            self.problem(f"not over within {BENCHMARK_S} s: {expired.stdout} {expired.stderr}")
            return
        output = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode != 0 or "[OK] All 16384 slots covered." not in output:
            self.problem(f"status {done.returncode}: {output[-1500:]}")
        self.checks["slots"] = ["ok"]


def make_rows():
    python, node = ["/usr/bin/python3"], ["node"]
    rows = []

    def program(client, file, modes, protocols, **more):
        interpreter = python if file.endswith(".py") else node
        for mode in modes:
            for protocol in protocols:
                rows.append(ProgramRow(client, mode, protocol, [*interpreter, os.path.join(HERE, file)], **more))

    both = ("plain", "cluster")
    program("redis-cli", "redis_cli.py", both, (2, 3), one_node=True)
    rows.append(PipeRow("redis-cli --pipe", "plain", 2))
    rows.append(ClusterCheckRow("redis-cli --cluster check", "cluster", 2))
    rows.extend(BenchmarkRow("redis-benchmark", mode, 2) for mode in both)
    program("redis-py", "redis_py.py", both, (2,))
    program("ioredis 5", "ioredis.js", both, (2,), library="ioredis")
    program("ioredis 6", "ioredis.js", both, (2, 3), library="ioredis-6", needs_node=20)
    program("redis 5", "node_redis.js", ("plain",), (2, 3), library="redis")
    # It asks for the ring again when told MOVED, and for no other reason: what it sends to a dead node waits there.
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
    rows = [row for row in rows if isinstance(row, ProgramRow) and row.library]
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

def await_recovery(rows, what):
    """One after another, but all have been recovering since the fault."""
    deadline = time.monotonic() + RECOVERY_S
    for row in rows:
        words = row.await_word("recovered", max(1.0, deadline - time.monotonic()))
        if words is None:
            row.problem(f"did not recover after {what}")
        else:
            row.recoveries.append(words[0])


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
        await_recovery(survivors, f"node {node.index} was killed")
    time.sleep(OUTAGE_S)
    began = time.monotonic()
    node.start()
    node.cluster.wait_ready()
    print(f"node {node.index} was ready {time.monotonic() - began:.1f} s after its start")
    rows = [row for row in rows if row.is_running()]
    for row in rows:
        row.tell(f"restarted {node.port}")
    await_recovery(rows, f"node {node.index} came back")


def finish(rows):
    for row in rows:
        if not row.is_running():
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
    rows = [row for row in rows if row.is_running()]
    for row in rows:
        row.tell("load")
    for row in rows:
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

def run_checks(row, server, ports):
    if isinstance(row, ProgramRow):
        row.start(server, ports)
        row.await_word("checked", CHECKS_S)
    else:
        row.run(server, ports)
    for name, (verdict, *why) in row.checks.items():
        if verdict == "FAILED":
            row.problem(f"{name}: {' '.join(why)}")


def run_rows(rows, server):
    cluster, alone = servers.start_gramme() if server == "gramme" else servers.start_redis()
    with cluster, alone:
        began = time.monotonic()
        for row in rows:
            if row.skipped is None and not row.problems:
                run_checks(row, server, servers.ports(cluster if row.mode == "cluster" else alone))
        checked = time.monotonic()
        programs = [row for row in rows if isinstance(row, ProgramRow)]
        try:
            run_faults(programs, cluster, alone, server)
        finally:
            for row in programs:
                row.stop()
        print(f"checks {checked - began:.0f} s, faults {time.monotonic() - checked:.0f} s")


COLUMNS = {"client": 27, "mode": 9, "RESP": 6, "checks": 28, "errors": 8, "slowest ms": 12, "recovered after ms": 22}


def count_checks(row):
    verdicts = [check[0] for check in row.checks.values()]
    counts = ((verdicts.count(verdict), verdict) for verdict in ("ok", "skipped", "FAILED"))
    return ", ".join(f"{count} {verdict}" for count, verdict in counts if count)


def print_table(rows, is_verbose):
    print("".join(title.ljust(width) for title, width in COLUMNS.items()))
    for row in rows:
        cells = [row.client, row.mode, row.protocol, count_checks(row)]
        cells += ["", ""] if row.summary is None else [row.summary["errors"], max(row.summary["slowest_ms"].values())]
        cells.append(" ".join(map(str, row.recoveries)))
        result = "skipped: " + row.skipped if row.skipped else "FAILED" if row.problems else "ok"
        print("".join(str(cell).ljust(width) for cell, width in zip(cells, COLUMNS.values())) + result)
        for text in dict.fromkeys(row.problems):
            print("    " + text.replace("\n", "\n    "))
        if is_verbose:
            print_details(row)


def print_details(row):
    for name, check in row.checks.items():
        print(f"    {name}: {' '.join(check)}")
    for note in row.notes:
        print(f"    {note}")
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
