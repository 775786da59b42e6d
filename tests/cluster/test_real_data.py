#!/usr/bin/python3
"""Real data: every package that this machine's package lists know, by name and version. Loaded and read back through
every node, byte for byte; then again while all nodes are killed in the middle of it: what was acknowledged is there.
"""

import subprocess
import sys
import threading

from harness import Cluster, ReplyError, encode, pipelined, run_tests

_stanzas = {}


def stanzas():
    """Key to bytes. The installed packages, where there are no lists of available ones."""
    if not _stanzas:
        text = subprocess.run(["apt-cache", "dumpavail"], check=False, capture_output=True).stdout
        if text.count(b"\nPackage: ") < 1000:
            with open("/var/lib/dpkg/status", "rb") as file:
                text = file.read()
        for stanza in text.split(b"\n\n"):
            fields = dict(line.split(b": ", 1) for line in stanza.split(b"\n") if b": " in line and line[:1] != b" ")
            if b"Package" in fields and b"Version" in fields:
                _stanzas[fields[b"Package"] + b":" + fields[b"Version"]] = stanza
        assert len(_stanzas) >= 100, "no package lists on this machine"
    return _stanzas


def load(cluster, keys, acknowledged, on_progress=None):
    """SETs the keys through all nodes at once. Adds those acknowledged; the errors that came instead."""
    data = stanzas()
    errors = []
    lock = threading.Lock()

    def load_share(node, share):
        def on_reply(number, reply):
            with lock:
                if reply == "OK":
                    acknowledged.add(share[number])
                else:
                    errors.append(reply)
                count = len(acknowledged)
            if on_progress:
                on_progress(count)

        pipelined(node, [encode("SET", key, data[key]) for key in share], on_reply)

    run_threads([threading.Thread(target=load_share, args=(node, keys[node.index::len(cluster.nodes)]), daemon=True)
                 for node in cluster.nodes])
    return errors


def run_threads(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def check_read_back(cluster, keys, must_be_there, nodes=None):
    """Reads the keys through each of the nodes. What is there is what was written; what must be there is."""
    data = stanzas()
    problems = []

    def read_all(node):
        def on_reply(number, reply):
            key = keys[number]
            if isinstance(reply, ReplyError):
                problems.append((node.index, key, str(reply)))
            elif reply is None:
                if key in must_be_there:
                    problems.append((node.index, key, "lost"))
            elif reply != data[key]:
                problems.append((node.index, key, "differs"))

        answered = pipelined(node, [encode("GET", key) for key in keys], on_reply)
        if answered != len(keys):
            problems.append((node.index, b"", f"{answered} of {len(keys)} answers"))

    run_threads([threading.Thread(target=read_all, args=(node,), daemon=True) for node in nodes or cluster.nodes])
    assert not problems, f"{len(problems)} problems, such as {problems[:5]}"


def test_redis_cli_loads_all_packages_and_each_node_gives_them_back():
    data = stanzas()
    print(f"{len(data)} packages, {sum(map(len, data.values()))} bytes")
    with Cluster(3) as cluster:
        requests = b"".join(encode("SET", key, value) for key, value in data.items())
        loader = subprocess.run(["redis-cli", "-p", str(cluster.nodes[0].port), "--pipe", "--pipe-timeout", "30"],
                                input=requests, capture_output=True, timeout=120, check=False)
        assert b"errors: 0, replies: %d" % len(data) in loader.stdout, loader.stdout + loader.stderr
        check_read_back(cluster, list(data), set(data))


def load_the_rest(cluster, keys, acknowledged):
    """What an application does: says again what it has no answer to. On a machine that is busy with other things a
    request may take longer than its deadline."""
    for _ in range(10):
        errors = load(cluster, [key for key in keys if key not in acknowledged], acknowledged)
        check_errors(errors)
        if not errors:
            break
        print(f"{len(errors)} to be said again, such as {errors[0]}")
    assert len(acknowledged) == len(keys), f"{len(acknowledged)} of {len(keys)} acknowledged"


def check_errors(errors):
    assert all(str(error).startswith(("NOREPLICAS", "INDOUBT", "NOQUORUM", "BUSY")) for error in errors), errors[:5]


def load_with_all_killed(nodes, share, kills):
    """Loads one in `share` of the packages; all nodes are killed together `kills` times on the way."""
    data = stanzas()
    keys = list(data)[::share]
    with Cluster(nodes) as cluster:
        acknowledged = set()
        for kill in range(1, kills + 1):
            threshold = len(keys) * kill // (kills + 1)
            killed = threading.Event()

            def kill_all(count, threshold=threshold, killed=killed):
                if count >= threshold and not killed.is_set():
                    killed.set()
                    for node in cluster.nodes:
                        node.process.kill()

            errors = load(cluster, [key for key in keys if key not in acknowledged], acknowledged, kill_all)
            # Nodes don't die in the same instant: who lives a moment longer may say that its peers are out of reach.
            check_errors(errors)
            assert killed.is_set()
            for node in cluster.nodes:
                node.process.wait()
            cluster.start()
            print(f"killed all after {len(acknowledged)} of {len(keys)} acknowledged, {len(errors)} errors")
            check_read_back(cluster, keys, acknowledged)
        load_the_rest(cluster, keys, acknowledged)
        check_read_back(cluster, keys, acknowledged)


def test_what_three_nodes_acknowledged_outlives_the_death_of_all():
    load_with_all_killed(nodes=3, share=1, kills=2)


def test_what_five_nodes_acknowledged_outlives_the_death_of_all():
    load_with_all_killed(nodes=5, share=3, kills=1)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
