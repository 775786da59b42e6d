#!/usr/bin/python3
"""The checkers of the acceptance runs catch what they are there for."""

import sys

from acceptance import check_stopped_puts
from harness import run_tests
from history import FAILED, IN_DOUBT, OK


def is_refused(before, seen, deleted, after, shown):
    """Whether the checker finds fault with what became of one SET of the stopped coordinator."""
    try:
        check_stopped_puts({"k": before}, {"k"} if seen else set(), {"k": deleted}, {"k": after}, {"k": shown})
    except AssertionError:
        return True
    return False


def test_what_a_stopped_coordinator_put_is_judged_by_what_the_delete_saw():
    assert not is_refused(OK, True, 1, OK, None)
    assert not is_refused(IN_DOUBT, False, 0, IN_DOUBT, b"k")  # concurrent: it may survive, or not
    assert not is_refused(IN_DOUBT, False, 0, IN_DOUBT, None)
    assert not is_refused(IN_DOUBT, False, 0, OK, b"k")
    assert is_refused(OK, True, 1, OK, b"k"), "acknowledged, deleted, and back"
    assert is_refused(IN_DOUBT, True, 1, IN_DOUBT, b"k"), "seen, deleted, and back"
    assert is_refused(OK, False, 0, OK, b"k"), "acknowledged, and the delete found nothing"
    assert is_refused(IN_DOUBT, True, 0, IN_DOUBT, None), "read, and the delete found nothing"
    assert is_refused(IN_DOUBT, False, 0, OK, None), "acknowledged after the delete, and lost"
    assert is_refused(IN_DOUBT, False, 0, FAILED, b"k"), "failed for certain, and there"
    assert is_refused(IN_DOUBT, False, 0, IN_DOUBT, b"other"), "written by nobody"


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
