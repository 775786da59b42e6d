"""More than real nodes can do: what is beyond their bounds is turned away, and overload passes when its cause does."""

import subprocess
import sys
import threading
import time

from harness import Cluster, ReplyError, eventually, run_tests

BURST_S = 5
MB = 1 << 20


class Steady(threading.Thread):
    """One client that writes a key a hundred times a second, as long as it is let: what became of each, in order."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node = node
        self.outcomes = []
        self.is_over = threading.Event()

    def run(self):
        connection = self.node.connect(30)
        while not self.is_over.wait(0.01):
            began = time.monotonic()
            try:
                connection.command("SET", f"steady:{len(self.outcomes) % 100}", "v" * 100)
                outcome = "ok"
            except ReplyError as error:
                outcome = str(error).split()[0]
            self.outcomes.append((began, time.monotonic() - began, outcome))

    def since(self, moment):
        return [outcome for began, _, outcome in self.outcomes if began >= moment]


def burst(node, clients, pipelined):
    return subprocess.Popen(["redis-benchmark", "-p", str(node.port), "-c", str(clients), "-P", str(pipelined), "-n",
                             "1000000000", "-r", "100000", "-d", "500", "-t", "set", "-q"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_burst_passes_when_its_cause_does():
    with Cluster(3, settings={"memory-limit": "800mb"}) as cluster:
        steady = [Steady(node) for node in cluster.nodes]
        for client in steady:
            client.start()
        time.sleep(1)
        began = time.monotonic()
        bursts = [burst(node, 700, 16) for node in cluster.nodes]
        most = 0
        while time.monotonic() < began + BURST_S:
            time.sleep(0.1)
            most = max(most, *(node.resident_bytes() for node in cluster.nodes))
        for process in bursts:
            process.kill()
            process.wait()
        over = time.monotonic()
        eventually(lambda: all(len(client.since(over)) > 100 for client in steady), 10, "the others are served again")
        for client in steady:
            client.is_over.set()
        for client in steady:
            client.join()
        outcomes = [outcome for client in steady for outcome in client.since(began)]
        assert set(outcomes) <= {"ok", "BUSY"}, {name: outcomes.count(name) for name in set(outcomes)}
        slowest = max(took for client in steady for at, took, _ in client.outcomes if at >= began)
        assert most < 800 * MB, most
        turned_away = sum(int(node.info()["gramme_requests_turned_away"]) for node in cluster.nodes)
        print(f"     {len(outcomes)} beside the burst, {outcomes.count('BUSY')} turned away of {turned_away}, slowest "
              f"{slowest * 1000:.0f} ms; at most {most // MB} MB resident")


def test_thousands_of_clients_at_once_get_an_answer_each():
    """More than may be under way: some are turned away at once, none waits for its deadline in vain."""
    with Cluster(3, settings={"max-requests": 64}) as cluster:
        node = cluster.nodes[0]
        connections = [node.connect(10) for _ in range(400)]
        for number, connection in enumerate(connections):
            connection.send(b"*3\r\n$3\r\nSET\r\n$4\r\nk%03d\r\n$1\r\nv\r\n" % number)
        replies = [connection.read_reply(errors_raise=False) for connection in connections]
        words = {str(reply).split()[0] for reply in replies}
        assert words <= {"OK", "BUSY"} and "OK" in words, words
        for connection in connections:
            connection.close()
        with node.connect() as connection:
            assert connection.command("SET", "k", "v") == "OK"


def test_without_memory_values_are_refused_and_deletions_are_not():
    limit = 120 * MB
    with Cluster(1, settings={"storage": "memory", "replicas": 1, "memory-limit": limit}) as cluster:
        node = cluster.nodes[0]
        written = 0
        with node.connect(30) as connection:
            try:
                while written < 1000:
                    connection.command("SET", f"k:{written}", "v" * (256 * 1024))
                    written += 1
                    time.sleep(0.002)  # what is resident is looked at ten times a second
            except ReplyError as error:
                assert str(error).startswith("BUSY"), error
            assert 100 < written < 1000, written
            assert node.info("memory")["gramme_memory_is_short"] == "1"
            assert node.resident_bytes() < limit * 2
            assert connection.command("GET", "k:0") == b"v" * (256 * 1024)
            for number in range(written):
                assert connection.command("DEL", f"k:{number}") == 1
            eventually(lambda: node.info("memory")["gramme_memory_is_short"] == "0", 30, "deleting gives memory back")
            assert connection.command("SET", "k:0", "again") == "OK"
        assert "memory-short" in node.log_text() and "memory-enough" in node.log_text()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
