#!/usr/bin/python3
"""A slice of what `make differential` does: generated commands to redis-server and to Gramme, side by side."""

import sys

import differential
from differential import harness


def agree(count, nodes):
    sent, told = differential.run(count, 1, nodes)
    print(f"     {sent} commands, {nodes} nodes, {len(told)} replies that differ")
    assert sent >= count and not told, "\n".join(told)


def test_one_node_says_what_redis_says():
    agree(60_000, 1)


def test_three_nodes_say_what_redis_says():
    agree(40_000, 3)


def test_a_planted_difference_is_found():
    error = harness.ReplyError
    commands = [["SET", "a", "1"], ["GET", "a"], ["TTL", "a"], ["KEYS", "*"], ["MULTI"], ["GET", "a"], ["EXEC"]]
    right = ["OK", b"1", 1000, [b"a", b"b"], "OK", "QUEUED", [b"1"]]
    same = ["OK", b"1", 999, [b"b", b"a"], "OK", "QUEUED", [b"1"]]
    assert not list(differential.differences(commands, same, right))
    for at, wrong in ((0, error("ERR x")), (1, b"2"), (1, None), (2, -1), (2, 900), (3, [b"a"]), (6, [b"2"]), (6, None)):
        ours = list(same)
        ours[at] = wrong
        found = list(differential.differences(commands, ours, right))
        assert len(found) == 1 and found[0][0] == at, (at, wrong, found)


if __name__ == "__main__":
    sys.exit(harness.run_tests(globals()))
