"""What is measured of one system: throughput, CPU time, latency on a schedule, memory a key."""

import csv
import io
import json
import os
import subprocess
import time

import processes
from systems import LOOPBACK

VALUE_BYTES = 64
CONNECTIONS = 50

# name, command, pipeline
PHASES = [("set_p1", "set", 1), ("set_p16", "set", 16), ("get_p1", "get", 1), ("get_p16", "get", 16)]


class Plan:
    """How long and how much. `rate` is the schedule's operations a second."""

    def __init__(self, build, keys, rate, phase_s, rate_s, idle_s):
        self.load = os.path.join(build, "gramme-load")
        self.keys = keys
        self.rate = rate
        self.phase_s = phase_s
        self.rate_s = rate_s
        self.idle_s = idle_s


def run_load(plan, system, *arguments, limit_s=300):
    """gramme-load against every node of a system; its JSON."""
    command = [plan.load, "--json", "--target", ",".join(f"{LOOPBACK}:{port}" for port in system.ports),
               "--connections", str(CONNECTIONS), "--value-bytes", str(VALUE_BYTES), "--keys", str(plan.keys),
               "--wait", str(system.wait), "--pids", ",".join(map(str, system.pids())), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=limit_s)
    if not result.stdout:
        raise RuntimeError(f"{system.name}: {' '.join(command)} ended with {result.returncode}: {result.stderr}")
    return json.loads(result.stdout)


def run_redis_benchmark(plan, system, command, pipeline, count, limit_s=120):
    """Operations a second, by redis-benchmark; it speaks to one node only."""
    result = subprocess.run(
        ["redis-benchmark", "-h", LOOPBACK, "-p", str(system.ports[0]), "-t", command, "-n", str(count), "-d",
         str(VALUE_BYTES), "-c", str(CONNECTIONS), "-P", str(pipeline), "-r", str(plan.keys), "--csv"],
        capture_output=True, text=True, timeout=limit_s)
    rows = [row for row in csv.reader(io.StringIO(result.stdout)) if row and row[0] == command.upper()]
    if result.returncode != 0 or not rows:
        raise RuntimeError(f"{system.name}: redis-benchmark: {(result.stdout + result.stderr).strip()[-300:]}")
    return float(rows[0][1])


def throughput_by_redis_benchmark(plan, system, command, pipeline):
    # It takes a count, not a time: a short run says which count lasts about as long as the plan wants.
    rate = run_redis_benchmark(plan, system, command, pipeline, 2000 * pipeline)
    count = max(2000 * pipeline, int(rate * plan.phase_s))
    before = processes.CpuTime(system.pids())
    rate = run_redis_benchmark(plan, system, command, pipeline, count)
    after = processes.CpuTime(system.pids())
    return {"by": "redis-benchmark", "operations_per_second": rate,
            "cpu_us": (after.all_us - before.all_us) / count,
            "storage_cpu_us": (after.storage_us - before.storage_us) / count, "failed": 0}


def throughput_by_load(plan, system, command, pipeline):
    run_load(plan, system, "--mix", command, "--pipeline", pipeline, "--operations", 1000 * pipeline)
    told = run_load(plan, system, "--mix", command, "--pipeline", pipeline, "--seconds", plan.phase_s)
    return {"by": "gramme-load", "operations_per_second": told["operations_per_second"],
            "cpu_us": told["cpu_us_per_operation"], "storage_cpu_us": told["storage_cpu_us_per_operation"],
            "failed": told["failed"], "failures": told["failures"]}


def measure_throughput(plan, system, command, pipeline):
    # redis-benchmark cannot pair a SET with a WAIT.
    if command == "set" and system.wait:
        return throughput_by_load(plan, system, command, pipeline)
    return throughput_by_redis_benchmark(plan, system, command, pipeline)


def measure_schedule(plan, system, command):
    told = run_load(plan, system, "--mix", command, "--rate", plan.rate, "--seconds", plan.rate_s)
    latency = told["latency_us"]
    return {"by": "gramme-load", "p50_us": latency["p50"], "p99_us": latency["p99"], "p99.9_us": latency["p99.9"],
            "max_us": latency["max"], "late_p99_us": told["lateness_us"]["p99"],
            "cpu_us": told["cpu_us_per_operation"], "storage_cpu_us": told["storage_cpu_us_per_operation"],
            "failed": told["failed"], "failures": told["failures"], "misses": told["misses"],
            "unsent": told["unsent"]}


def measure_once(plan, system):
    """Before the rounds: what an idle system burns, and what a key takes in all the memory that it uses."""
    before = processes.CpuTime(system.pids())
    time.sleep(plan.idle_s)
    after = processes.CpuTime(system.pids())
    # Connections and their buffers come first, so that they aren't taken for keys.
    run_load(plan, system, "--mix", "get", "--operations", 5000)
    empty = processes.resident_bytes(system.pids())
    told = run_load(plan, system, "--mix", "set", "--in-order", "--operations", plan.keys)
    full = processes.resident_bytes(system.pids())
    return {"idle_cpu_percent": (after.all_us - before.all_us) / plan.idle_s / 1e4,
            "resident_bytes_empty": empty, "resident_bytes_full": full,
            "bytes_per_key": (full - empty) / plan.keys, "failed": told["failed"], "failures": told["failures"]}


def measure_round(plan, system):
    told = {name: measure_throughput(plan, system, command, pipeline) for name, command, pipeline in PHASES}
    for command in ("set", "get"):
        told[f"{command}_schedule"] = measure_schedule(plan, system, command)
    return told


def measure_fsync_us(folder, times=50):
    """What the disk under the systems asks for one small durable write, median."""
    took = []
    path = os.path.join(folder, "fsync-probe")
    file = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(times):
            os.write(file, b"x" * 4096)
            start = time.monotonic()
            os.fsync(file)
            took.append(time.monotonic() - start)
    finally:
        os.close(file)
        os.unlink(path)
    return sorted(took)[times // 2] * 1e6
