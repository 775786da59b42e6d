#!/usr/bin/python3
"""A slice of the soak, with faults of its own each time; the seed is printed first."""

import os
import sys

from harness import run_tests
from soak import soak


def test_random_faults_for_a_minute():
    soak(60, int.from_bytes(os.urandom(4), "little"))


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
