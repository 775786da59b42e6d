"""The servers that clients are run against: Gramme, and Redis itself, which shows whether a check asks for what Redis
gives."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cluster"))
# pylint: disable=wrong-import-position
import harness


class RedisNode(harness.Node):
    """redis-server 7.0, a member of a Redis Cluster unless it is alone."""

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        alone = len(self.cluster.nodes) == 1
        arguments = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder]
        arguments += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        arguments += ["--cluster-enabled", "no" if alone else "yes"]
        if not alone:
            arguments += ["--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=harness.die_with_parent)

    def is_ready(self):
        try:
            with self.connect() as connection:
                if len(self.cluster.nodes) == 1:
                    return connection.command("PING") == "PONG"
                return b"cluster_state:ok" in connection.command("CLUSTER", "INFO")
        except (OSError, harness.ReplyError, ValueError):
            return False

    def is_listening(self):
        try:
            with self.connect() as connection:
                return connection.command("PING") == "PONG"
        except (OSError, harness.ReplyError, ValueError):
            return False


class RedisCluster(harness.Cluster):
    def __init__(self, nodes=3):
        super().__init__(nodes=0, start=False)
        self.base_port = harness.free_ports(nodes)
        self.nodes = [RedisNode(self, index) for index in range(nodes)]
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            harness.eventually(node.is_listening, 10, f"redis-server listens: {node.log}")
        if nodes > 1:
            addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
            subprocess.run(["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"], check=True, timeout=30,
                           stdout=subprocess.DEVNULL)
        self.wait_ready()


def ports(cluster):
    return [node.port for node in cluster.nodes]


def start_gramme():
    """The cluster for cluster-aware clients, and the one for others: the same, since any node takes any request."""
    cluster = harness.Cluster(nodes=3)
    return cluster, cluster


def start_redis():
    return RedisCluster(3), RedisCluster(1)
