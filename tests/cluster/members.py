"""Changes of the members of real clusters, by the command that an operator uses."""

import json
import subprocess
import time

from harness import BINARY, ReplyError, encode, eventually, replies

MOVE_SECONDS = 90


class Refused(Exception):
    """The command failed: its exit code and what it said."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


def address(node):
    return f"{node.host}:{node.port}"


def gramme_cluster(*words, seconds=60):
    """What `gramme cluster` prints."""
    done = subprocess.run([BINARY, "cluster", *words], capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise Refused(done.returncode, done.stderr + done.stdout)
    return done.stdout


def refusal(*words):
    """Exit code and words of a command that must fail."""
    try:
        said = gramme_cluster(*words)
    except Refused as error:
        return error.code, error.text
    raise AssertionError(f"{words} was not refused: {said}")


def told(node):
    """The status as a node tells it."""
    with node.connect() as connection:
        return json.loads(connection.command("GRAMME.MEMBERS"))


def is_waiting(node, newcomer):
    return any(record["id"] == newcomer.id for record in told(node)["waiting"])


def wait_for_newcomers(nodes, newcomers):
    for node in nodes:
        eventually(lambda: all(is_waiting(node, newcomer) for newcomer in newcomers), 15, "newcomers wait everywhere")


def plan(node):
    return json.loads(gramme_cluster("plan", "--json", address(node)))


def commit(node):
    """What is staged; the version that the change begins from."""
    planned = plan(node)
    gramme_cluster("commit", planned["digest"], address(node))
    return planned["version"]


def wait_settled(node, version, seconds=MOVE_SECONDS):
    """Until a later version than that is at rest; seconds that it took."""
    began = time.monotonic()

    def is_over():
        status = told(node)
        return status["version"] > version and status["settled"] and status["phase"] == "rest"

    eventually(is_over, seconds, "the change is over")
    return round(time.monotonic() - began, 1)


def stage(node, *words):
    gramme_cluster(*words, address(node))


def grow(cluster, members, count, settings=None):
    """The new nodes, once all is settled."""
    newcomers = [cluster.add_node(members[:2], settings) for _ in range(count)]
    for newcomer in newcomers:
        newcomer.start()
    wait_for_newcomers(members, newcomers)
    for newcomer in newcomers:
        stage(members[-1], "join", newcomer.id)
    version = commit(members[0])
    wait_settled(members[0], version)
    cluster.wait_ready(nodes=newcomers)
    return newcomers


def shrink(members, leavers):
    """Once all is settled and the leavers ended by themselves."""
    stay = [node for node in members if node not in leavers]
    for leaver in leavers:
        stage(stay[0], "leave", address(leaver))
    version = commit(stay[-1])
    wait_settled(stay[0], version)
    for leaver in leavers:
        assert leaver.process.wait(15) == 0, leaver.log_text()[-1500:]
        assert "event=left" in leaver.log_text()
    return stay


def replace_dead(cluster, members, dead, settings=None):
    """A new node in the place of one that is gone for good."""
    stay = [node for node in members if node is not dead]
    newcomer = cluster.add_node(stay[:2], settings)
    newcomer.start()
    wait_for_newcomers(stay, [newcomer])
    code, text = refusal("leave", address(dead), address(stay[0]))
    assert code == 1 and "out of reach" in text, text
    code, text = refusal("replace", address(dead), newcomer.id, address(stay[0]))
    assert code == 1 and "--dead" in text, text
    stage(stay[0], "replace", address(dead), newcomer.id[:8], "--dead")
    version = commit(stay[0])
    wait_settled(stay[0], version + 1)
    cluster.wait_ready(nodes=[newcomer])
    return stay + [newcomer]


def check(node):
    found = json.loads(gramme_cluster("check", "--json", address(node)))
    assert found["ok"], found
    return found


def assert_even(node):
    """First-owned partitions differ by one at most, per unit of weight, and nobody holds what it is not to hold."""
    members = told(node)["members"]
    total, weights = sum(m["first-owned"] for m in members), sum(m["weight"] for m in members)
    for member in members:
        share = total * member["weight"] / weights
        assert share - 1 < member["first-owned"] < share + 1, (member, share)
        assert member["former"] == 0 and member["to-fill"] == 0, member


def read_all(node, keys, quorum):
    """Each key's value, read from that many of its owners."""
    requests = [encode("GRAMME.GET", key, "R", quorum, "PR", quorum) for key in keys]
    found = {}
    for key, reply in zip(keys, replies(node, requests, timeout=60)):
        if isinstance(reply, ReplyError):
            raise AssertionError(f"{key}: {reply}")
        values = (reply or [])[1:]
        assert len(values) < 2, (key, values)
        found[key] = values[0].decode() if values else None
    return found
