"""Moves one after the other under load, and in each of them somebody is killed at a moment drawn at random."""

import random
import time

from growing import change, joins, read_all, settled, value
from harness import Cluster, eventually
from history import FAILED, Load, availability
from members import told, wait_for_newcomers
from test_edited_disk import load
from test_partitions import check, errors_of, figures

FOUNDERS = 4
SETTLE_S = 120


class Moves:
    """The cluster, who is a member now, and who was killed when."""

    def __init__(self, cluster, load_on, seed):
        self.cluster, self.load_on = cluster, load_on
        self.random = random.Random(seed)
        self.members = list(cluster.nodes)
        self.killed = []

    def use(self, nodes):
        self.load_on.nodes = [node.index for node in nodes]

    def weigh(self):
        """A member gets another weight; whoever takes part in it."""
        node = self.random.choice(self.members)
        weights = {each["id"]: each["weight"] for each in told(self.members[0])["members"]}
        weight = self.random.choice([number for number in (1, 2, 3) if number != weights[node.id]])
        change(self.random.choice(self.members), "WEIGHT", node.id, str(weight))
        return self.members, self.members

    def exchange_nodes(self):
        """One joins and another leaves, or its place is taken; whoever takes part in it, and who stays."""
        leaver = self.random.choice(self.members)
        stay = [node for node in self.members if node is not leaver]
        newcomer = self.cluster.add_node(stay[:2])
        self.load_on.lives.append(0)
        newcomer.start()
        wait_for_newcomers(self.members, [newcomer])
        self.use(stay)
        time.sleep(0.2)  # what the leaver was asked already is answered
        words = joins([newcomer])
        if self.random.random() < 0.5:
            change(self.random.choice(stay), "REPLACE", leaver.id, *words[1:])
        else:
            change(self.random.choice(stay), *words, "LEAVE", leaver.id)
        return self.members + [newcomer], stay + [newcomer]

    def kill_one(self, nodes):
        node = self.random.choice(nodes)
        if not node.is_running():
            return  # it has left already
        self.use([each for each in self.members if each is not node and each.is_ready()])
        phase = told(next(each for each in self.members if each is not node))["phase"]
        node.kill()
        self.killed.append(phase)
        self.load_on.lives[node.index] += 1
        time.sleep(self.random.uniform(0, 1))
        node.start()

    def one(self):
        taking_part, after = self.exchange_nodes() if self.random.random() < 0.3 else self.weigh()
        for _ in range(self.random.choice((1, 1, 1, 2))):
            time.sleep(self.random.expovariate(1))
            self.kill_one(taking_part)
        gone = [node for node in taking_part if node not in after]
        self.members = after
        eventually(lambda: settled(after) and all(node.is_ready() for node in after), SETTLE_S, "the move is over")
        for node in gone:
            assert node.process.wait(30) in (0, 3), node.log_text()[-1500:]
        self.use(after)


def killing(count, keys, rate, seed):
    with Cluster(FOUNDERS, room=count, settings={"read-quorum": 2, "write-quorum": 2}) as cluster:
        load(cluster, keys, value)
        load_on = Load(cluster, rate, retries=True)
        moves = Moves(cluster, load_on, seed)
        began = time.monotonic()
        for number in range(1, count + 1):
            moves.one()
            if number % 10 == 0:
                print(f"     {number} moves, {len(moves.killed)} killed, {time.monotonic() - began:.0f} s", flush=True)
        time.sleep(2)
        history = load_on.stop()
        phases = {phase: moves.killed.count(phase) for phase in sorted(set(moves.killed))}
        print(f"     killed in {phases}; SET {availability(history, 'SET')}; DEL {availability(history, 'DEL')}; "
              f"errors {dict(errors_of(history))}")
        read_all(moves.members, keys)
        cluster.nodes, everybody = moves.members, cluster.nodes
        check(cluster, history)
        cluster.nodes = everybody
        assert figures(moves.members, "gramme_partitions_to_bring_home") == [0] * len(moves.members)
        failed = [(each.name, each.first_failure, each.detail) for each in history if each.outcome == FAILED]
        assert len(failed) <= len(history) / 10000, f"{len(failed)} of {len(history)} failed: {failed[:5]}"
