#!/usr/bin/python3
"""Nodes that die, stop or come back, under clients of the others: no error, and nobody waits for a second."""

import signal
import sys
import threading
import time

from harness import Cluster, Resp, eventually, run_tests


class Workload(threading.Thread):
    """Writes and reads its own keys through one node, one request after the other. A read gives the value that was
    written last."""

    def __init__(self, name, port):
        super().__init__(daemon=True)
        self.name = name
        self.port = port
        self.done = threading.Event()
        self.written = {}
        self.requests = 0
        self.slowest_s = 0.0
        self.slowest_what = ""
        self.problem = None

    def request(self, connection, *words):
        began = time.monotonic()
        reply = connection.command(*words)
        took_s = time.monotonic() - began
        self.requests += 1
        if took_s > self.slowest_s:
            self.slowest_s = took_s
            self.slowest_what = f"{words[0]} {words[1]}"
        return reply

    def run(self):
        try:
            with Resp(self.port) as connection:
                while not self.done.is_set():
                    key = f"{self.name}:{self.requests % 211}"
                    value = b"%s %d" % (self.name.encode(), self.requests)
                    assert self.request(connection, "SET", key, value) == "OK"
                    self.written[key] = value
                    reply = self.request(connection, "GET", key)
                    assert reply == value, f"{key} is {reply}, not {value}"
        except Exception as error:
            self.problem = error

    def finish(self):
        self.done.set()
        self.join(10)
        assert self.problem is None, f"{self.name} after {self.requests} requests: {self.problem!r}"
        assert self.requests > 100, f"{self.name}: {self.requests} requests only"


def start_workloads(nodes, each=2):
    workloads = [Workload(f"w{node.index}-{number}", node.port) for node in nodes for number in range(each)]
    for workload in workloads:
        workload.start()
    return workloads


def let_pass(workloads, count):
    """Waits until each of them has made so many more requests."""
    goals = [(workload, workload.requests + count) for workload in workloads]
    eventually(lambda: all(workload.requests >= goal or workload.problem is not None for workload, goal in goals), 30,
               f"{count} more requests of each")


def finish_workloads(workloads, limit_s=1.0):
    for workload in workloads:
        workload.finish()
    slowest = max(workloads, key=lambda workload: workload.slowest_s)
    print(f"{sum(workload.requests for workload in workloads)} requests, the slowest {slowest.slowest_s * 1000:.0f} ms "
          f"({slowest.slowest_what} of {slowest.name})")
    assert slowest.slowest_s < limit_s, f"a request took {slowest.slowest_s:.2f} s"


def check_everywhere(cluster, workloads, nodes=None):
    """All that was acknowledged last is read back from each node."""
    for node in nodes or cluster.nodes:
        with node.connect() as connection:
            for workload in workloads:
                for key, value in workload.written.items():
                    reply = connection.command("GET", key)
                    assert reply == value, f"node {node.index}: {key} is {reply}, not {value}"


def one_killed(nodes):
    with Cluster(nodes) as cluster:
        victim = cluster.nodes[-1]
        workloads = start_workloads(cluster.nodes[:-1])
        let_pass(workloads, 200)
        victim.kill()
        let_pass(workloads, 500)
        victim.start()
        cluster.wait_ready(20, [victim])
        # Its clock begins where its last bound was: what it stamps moves the clocks of the others.
        workloads += start_workloads([victim])
        let_pass(workloads, 200)
        finish_workloads(workloads)
        check_everywhere(cluster, workloads)


def test_one_of_three_killed_and_back():
    one_killed(3)


def test_one_of_five_killed_and_back():
    one_killed(5)


def one_paused(nodes):
    with Cluster(nodes) as cluster:
        victim = cluster.nodes[0]
        workloads = start_workloads(cluster.nodes[1:])
        let_pass(workloads, 200)
        victim.pause()
        paused_at = time.monotonic()
        let_pass(workloads, 300)
        while time.monotonic() - paused_at < 3:
            let_pass(workloads, 50)
        victim.resume()
        let_pass(workloads, 300)
        finish_workloads(workloads)
        cluster.wait_ready(10, [victim])
        check_everywhere(cluster, workloads)


def test_one_of_three_paused_and_back():
    one_paused(3)


def test_one_of_five_paused_and_back():
    one_paused(5)


def test_clean_restart_of_each_in_turn():
    """A rolling restart under load: clients of a node that stops are answered before it goes, the others see nothing."""
    with Cluster(3) as cluster:
        workloads = start_workloads(cluster.nodes[:1])
        for node in cluster.nodes[1:]:
            let_pass(workloads, 200)
            assert node.stop() == 0, node.log_text()[-1000:]
            let_pass(workloads, 200)
            node.start()
            cluster.wait_ready(20, [node])
            assert node.info("cluster")["gramme_started_clean"] == "1"
        finish_workloads(workloads)
        check_everywhere(cluster, workloads)


def test_without_a_majority_there_is_an_answer_in_time():
    """Two of three gone: W=2 cannot be met, and every request is told so within its deadline."""
    with Cluster(3) as cluster:
        with cluster.nodes[0].connect() as connection:
            assert connection.command("SET", "before", "1") == "OK"
            cluster.nodes[1].kill()
            cluster.nodes[2].pause()
            refused = set()
            for number in range(10):
                began = time.monotonic()
                connection.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n%d\r\n" % number)
                refused.add(str(connection.read_reply(errors_raise=False)).split()[0])
                took_s = time.monotonic() - began
                assert took_s < 2, f"an answer took {took_s:.2f} s"
            assert refused <= {"NOREPLICAS", "INDOUBT"}, refused
            connection.send(b"*2\r\n$3\r\nGET\r\n$6\r\nbefore\r\n")
            assert str(connection.read_reply(errors_raise=False)).startswith("NOQUORUM")
            cluster.nodes[2].resume()
            cluster.nodes[1].start()
            cluster.wait_ready(20)
            assert connection.command("GET", "before") == b"1"
            assert connection.command("SET", "after", "2") == "OK"


def figures(node, *names):
    told = node.info("cluster")
    return [int(told[f"gramme_{name}"]) for name in names]


def is_read_and_equal(node):
    met, owned, doubt, unread = figures(node, "partitions_met", "partitions_owned", "trees_in_doubt", "trees_unread")
    return met == owned and doubt == 0 and unread == 0


def test_a_stop_under_load_be_it_cut_short_leaves_no_tree_that_is_not_of_its_data():
    with Cluster(3, settings={"exchange-period-ms": 1000}) as cluster:
        third = cluster.nodes[2]
        eventually(lambda: is_read_and_equal(third), 60, "it is settled")
        for cut_after_s in (None, 0.0, 0.03, 0.06, None):
            workloads = start_workloads(cluster.nodes[:2])
            let_pass(workloads, 100)
            third.signal(signal.SIGTERM)
            if cut_after_s is not None:
                time.sleep(cut_after_s)
                third.kill()
            was_whole = third.process.wait(15) == 0
            third.start()
            cluster.wait_ready()
            kept, owned = figures(third, "trees_kept", "partitions_owned")
            assert kept in (0, owned) and (kept == owned or not was_whole), (cut_after_s, was_whole, kept, owned)
            let_pass(workloads, 100)
            finish_workloads(workloads, 5.0)
            eventually(lambda: is_read_and_equal(third), 60, "it was read, and met the owners")
            assert figures(third, "trees_diverged") == [0], third.log_text()[-2000:]


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
