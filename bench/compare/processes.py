"""Processes and what /proc tells of them: CPU time, resident memory. See proc(5)."""

import ctypes
import os
import signal
import subprocess
import time

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
STORAGE_THREADS = ("rocks", "gramme-store", "writer")
PR_SET_PDEATHSIG = 1


def _die_with_parent():
    """A benchmark killed outright must leave no server behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start(command, log_path):
    log = open(log_path, "ab")
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent)
    finally:
        log.close()


def stop(process, patience_s=10):
    """Asks first. Kills what doesn't go, and the children it left, each by its id."""
    children = tree(process.pid)[1:]
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pid, started in children:
        # The same id may be another process by now; its starting time tells.
        if _started(pid) == started:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def _stat(path):
    """(name, fields from the third on) of a stat file, or None when its process is gone."""
    try:
        with open(path) as file:
            text = file.read()
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    return name, rest.split()


def _started(pid):
    stat = _stat(f"/proc/{pid}/stat")
    return stat[1][19] if stat and stat[1][0] != "Z" else None


def _tasks(pid):
    try:
        return [f"/proc/{pid}/task/{task}" for task in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def tree(pid):
    """(pid, starting time) of a process and of all that descend from it."""
    found = [(pid, _started(pid))]
    for parent, _ in found:
        for task in _tasks(parent):
            try:
                with open(f"{task}/children") as file:
                    found += [(int(child), _started(child)) for child in file.read().split()]
            except OSError:
                pass
    return found


class CpuTime:
    """User and system microseconds of process trees so far; of it, those of threads that serve storage."""

    def __init__(self, pids):
        self.all_us = 0.0
        self.storage_us = 0.0
        for root in pids:
            for pid, _ in tree(root):
                stat = _stat(f"/proc/{pid}/stat")
                if stat:
                    # utime, stime, and those of the children it waited for: fields 14 to 17.
                    self.all_us += sum(int(field) for field in stat[1][11:15]) * TICK_US
                for task in _tasks(pid):
                    stat = _stat(f"{task}/stat")
                    if stat and stat[0].startswith(STORAGE_THREADS):
                        self.storage_us += (int(stat[1][11]) + int(stat[1][12])) * TICK_US


def resident_bytes(pids):
    total = 0
    for root in pids:
        for pid, _ in tree(root):
            try:
                with open(f"/proc/{pid}/statm") as file:
                    total += int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except OSError:
                pass
    return total


def await_true(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.02)
