#!/usr/bin/python3
"""Random faults on real nodes for as long as one likes: `make soak`, or soak.py [SECONDS [SEED]].

Nodes are killed and started, stopped and continued, and links are cut, one fault after the other and some at once, but
never more than two nodes away at a time; meanwhile two open-loop loads record what they did, one of plain commands and
one of clients with contexts. Then everything heals, hints come home, exchange finds nothing more, and the checkers of
history.py and siblings.py look at every key through every node.
"""

import os
import random
import sys
import time

from history import Load, availability
from links import LinkedCluster
from siblings import SiblingLoad, check_siblings, told
from test_partitions import check, errors_of, figures, settle

NODES = 5


class Nemesis:
    def __init__(self, cluster, loads, seed):
        self.cluster, self.loads, self.random = cluster, loads, random.Random(seed)
        self.killed, self.paused = set(), set()
        self.faults = 0

    def log(self, what):
        self.faults += 1
        print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)

    def ask_only_the_living(self):
        for load in self.loads:
            load.nodes = [index for index in range(NODES) if index not in self.killed | self.paused]

    def kill(self):
        index = self.random.choice([index for index in range(NODES) if index not in self.killed | self.paused])
        self.log(f"kill node {index}")
        self.killed.add(index)
        self.ask_only_the_living()
        self.cluster.nodes[index].kill()
        for load in self.loads:
            load.lives[index] += 1

    def pause(self):
        index = self.random.choice([index for index in range(NODES) if index not in self.killed | self.paused])
        self.log(f"stop node {index}")
        self.paused.add(index)
        self.ask_only_the_living()
        self.cluster.nodes[index].pause()

    def bring_back(self):
        for index in sorted(self.killed):
            self.log(f"start node {index}")
            self.cluster.nodes[index].start()
        for index in sorted(self.paused):
            self.log(f"continue node {index}")
            self.cluster.nodes[index].resume()
        self.killed, self.paused = set(), set()
        self.ask_only_the_living()

    def cut(self):
        nodes = list(range(NODES))
        self.random.shuffle(nodes)
        size = self.random.randint(1, 2)
        one_way = self.random.random() < 0.3
        self.log(f"cut {sorted(nodes[:size])} off{', one way' if one_way else ''}")
        self.cluster.links.cut(nodes[:size], nodes[size:], one_way)

    def heal(self):
        self.log("heal the links")
        self.cluster.links.heal()

    def strike(self):
        away = len(self.killed) + len(self.paused)
        choices = [self.cut, self.heal, self.bring_back]
        choices += [self.kill, self.pause] * 2 if away < 2 else []
        self.random.choice(choices)()


def soak(seconds, seed, rate=200):
    print(f"seed {seed}, {seconds} s", flush=True)
    with LinkedCluster(NODES) as cluster:
        loads = [Load(cluster, rate), SiblingLoad(cluster, rate / 2)]
        nemesis = Nemesis(cluster, loads, seed)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(nemesis.random.uniform(0.5, 4))
            nemesis.strike()
        nemesis.heal()
        nemesis.bring_back()
        cluster.wait_ready(60)
        time.sleep(2)
        history, with_contexts = (load.stop() for load in loads)
        home = settle(cluster)
        check(cluster, history)
        values, keys = check_siblings(cluster, with_contexts)
        print(f"{nemesis.faults} faults; SET {availability(history)}; DEL {availability(history, 'DEL')}; "
              f"hints home after {home:.1f} s; tombstones reaped {figures(cluster.nodes, 'gramme_tombstones_reaped')}; "
              f"errors {dict(errors_of(history))}; with contexts {told(with_contexts)}, {values} values of {keys} keys "
              f"at the end")


if __name__ == "__main__":
    soak(float(sys.argv[1]) if len(sys.argv) > 1 else 600,
         int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4), "little"))
