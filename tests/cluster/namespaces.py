#!/usr/bin/python3
"""Five nodes, each in a network namespace of its own, parted by unplugging their links: real TCP connections go silent,
with no proxy between them and nobody who closes them. `make namespaces`, or namespaces.py [TEST...]; it needs root.

    all in one namespace that ends with the test                      10.77.0.254: this test
      bridge `clients`  --- c0 c1 c2 c3 c4 ---> 10.77.0.1 to .5, where nodes serve clients: never cut
      bridge `left`     --- p0 p1 p2 p3 p4 ---> 10.77.1.1 to .5, where nodes talk to each other
      bridge `right`    --- where the other side of a parted network is plugged in

Nodes know each other's hardware addresses from the start: a host that can't be found would be an error that the kernel
tells, and what is tried here is silence.
"""

import os
import subprocess
import sys
import time

from harness import Cluster, ReplyError, die_with_parent, eventually, run_tests
from history import Load, availability
from siblings import SiblingLoad, check_siblings, told
from test_detection import all_say
from test_partitions import check, errors_of, figures, settle

NODES = 5
RATE = 300
NOT_RUN = 3
INSIDE = "--inside"


def run_ip(lines, inside=()):
    """Commands of ip(8), in the namespace that this test is in or in another."""
    subprocess.run([*inside, "ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


class Namespace:
    """A network namespace that lasts as long as a process in it."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], preexec_fn=die_with_parent)
        eventually(lambda: self.identity() not in ("", os.readlink("/proc/self/ns/net")), 5, "the namespace is there")
        self.enter = ["nsenter", f"--net=/proc/{self.process.pid}/ns/net"]

    def identity(self):
        try:
            return os.readlink(f"/proc/{self.process.pid}/ns/net")
        except OSError:
            return ""

    def close(self):
        self.process.kill()
        self.process.wait()


class Network:
    def __init__(self, count):
        self.namespaces = [Namespace() for _ in range(count)]
        run_ip([line for bridge in ("clients", "left", "right")
                for line in (f"link add {bridge} type bridge", f"link set {bridge} up")])
        run_ip(["addr add 10.77.0.254/24 dev clients"])
        for index in range(count):
            self.plug_in(index)

    def plug_in(self, index):
        namespace = self.namespaces[index]
        for bridge, name in (("clients", f"c{index}"), ("left", f"p{index}")):
            run_ip([f"link add {name} type veth peer name inner netns {namespace.process.pid}",
                    f"link set {name} master {bridge}", f"link set {name} up"])
            run_ip([f"link set inner name {bridge}"], namespace.enter)
        run_ip(["link set lo up", f"addr add 10.77.0.{index + 1}/24 dev clients", "link set clients up",
                f"link set left address {hardware(index)}", f"addr add 10.77.1.{index + 1}/24 dev left",
                "link set left up"], namespace.enter)
        run_ip([f"neigh add 10.77.1.{other + 1} lladdr {hardware(other)} dev left nud permanent"
                for other in range(len(self.namespaces)) if other != index], namespace.enter)

    def silence(self, index):
        run_ip([f"link set p{index} down"])

    def part(self, side):
        """These nodes reach each other, and none of the others."""
        run_ip([f"link set p{index} master right" for index in side])

    def heal(self):
        run_ip([line for index in range(len(self.namespaces))
                for line in (f"link set p{index} master left", f"link set p{index} up")])

    def close(self):
        # A namespace that nobody is in goes when the kernel has time for it, and its ends of the wires with it; their
        # names are wanted again at once.
        run_ip([f"link del {kind}{index}" for index in range(len(self.namespaces)) for kind in "cp"])
        for namespace in self.namespaces:
            namespace.close()
        run_ip([f"link del {bridge}" for bridge in ("clients", "left", "right")])


def hardware(index):
    return f"02:00:00:00:01:{index + 1:02x}"


class NamespacedCluster(Cluster):
    """A cluster whose nodes live in namespaces of their own."""

    def __init__(self, nodes=NODES):
        super().__init__(nodes, start=False, settings={"insecure-bind": "yes-i-know"})
        self.network = Network(nodes)
        for node in self.nodes:
            node.host, node.peer_host = f"10.77.0.{node.index + 1}", f"10.77.1.{node.index + 1}"
            node.begin_with = self.network.namespaces[node.index].enter
        for node in self.nodes:
            self.write_config(node, {})
        self.start()

    def close(self):
        super().close()
        self.network.close()


def wait_until_reached(nodes, counts):
    """Each of the nodes reaches so many members, itself among them: the network is parted as it should be."""
    eventually(lambda: figures(nodes, "gramme_members_reachable") == counts, 5, f"the nodes reach {counts} members")


def check_what_is_left(cluster, load, history):
    """What the load with contexts left is looked at, too. Prints the figures."""
    with_contexts = load.stop()
    home = settle(cluster)
    shown = availability(history)
    print(f"     SET {shown}, DEL {availability(history, 'DEL')}, hints home after {home:.1f} s, errors "
          f"{dict(errors_of(history))}; with contexts {told(with_contexts)}")
    assert shown["failed"] == 0 and shown["in_doubt"] < shown["operations"] / 100, shown
    assert shown["longest_gap_s"] < 1.0, shown
    check(cluster, history)
    check_siblings(cluster, with_contexts)


def test_both_sides_of_a_parted_network_go_on_and_become_one():
    with NamespacedCluster() as cluster:
        loads = [Load(cluster, RATE), SiblingLoad(cluster, RATE / 6)]
        time.sleep(3)
        cluster.network.part([0, 1])
        wait_until_reached(cluster.nodes, [2, 2, 3, 3, 3])
        time.sleep(8)
        cluster.network.heal()
        time.sleep(3)
        check_what_is_left(cluster, loads[1], loads[0].stop())


def test_one_killed_and_the_others_parted_and_all_come_back():
    with NamespacedCluster() as cluster:
        loads = [Load(cluster, RATE), SiblingLoad(cluster, RATE / 6)]
        time.sleep(2)
        for load in loads:
            load.nodes = [0, 1, 3, 4]  # a client finds no killed node to ask
        time.sleep(0.5)
        cluster.nodes[2].kill()
        time.sleep(2)
        cluster.network.part([0, 1])
        wait_until_reached([cluster.nodes[index] for index in (0, 1, 3, 4)], [2, 2, 2, 2])
        time.sleep(6)
        cluster.network.heal()
        cluster.nodes[2].start()
        cluster.wait_ready()
        time.sleep(3)
        check_what_is_left(cluster, loads[1], loads[0].stop())


def test_a_node_that_falls_silent_is_missed_says_so_and_comes_back():
    with NamespacedCluster() as cluster:
        *others, silent = cluster.nodes
        loads = [Load(cluster, RATE), SiblingLoad(cluster, RATE / 6)]
        time.sleep(3)
        for load in loads:
            load.nodes = [node.index for node in others]
        time.sleep(0.5)
        cluster.network.silence(silent.index)
        began = time.monotonic()
        eventually(lambda: all_say(others, silent, "dead"), 9, "the others miss it")
        missed = time.monotonic() - began
        with silent.connect() as connection:
            try:
                connection.command("SET", "alone", "v")
                assert False, "one node is not two"
            except ReplyError as error:
                assert str(error).startswith("NOREPLICAS"), error
        time.sleep(max(0.0, 10 - (time.monotonic() - began)))
        assert all("nothing heard for too long" in node.log_text() for node in others), "silence, and not an error"
        cluster.network.heal()
        began = time.monotonic()
        eventually(lambda: all_say(cluster.nodes, silent, "alive"), 20, "it is back")
        print(f"     dead after {missed:.1f} s, alive {time.monotonic() - began:.1f} s after the healing")
        for load in loads:
            load.nodes = [node.index for node in cluster.nodes]
        time.sleep(3)
        check_what_is_left(cluster, loads[1], loads[0].stop())


def main():
    if sys.argv[1:2] == [INSIDE]:
        del sys.argv[1]
        run_ip(["link set lo up"])
        return run_tests(globals())
    probe = "ip link add probe type bridge"
    if os.geteuid() != 0 or subprocess.run(["unshare", "--net", *probe.split()], check=False,
                                           capture_output=True).returncode != 0:
        print("not run: needs root and network namespaces")
        return NOT_RUN
    os.execvp("unshare", ["unshare", "--net", sys.executable, os.path.abspath(__file__), INSIDE, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
