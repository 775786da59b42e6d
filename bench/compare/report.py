"""Medians of the rounds, and the tables that a person reads."""

import statistics

THROUGHPUT = [("set_p1", "SET P1"), ("set_p16", "SET P16"), ("get_p1", "GET P1"), ("get_p16", "GET P16")]
SCHEDULE = [("set_schedule", "SET"), ("get_schedule", "GET")]


def median_of(rounds):
    """The median of each number of each phase; failures add up."""
    result = {}
    for phase in rounds[0]:
        result[phase] = {}
        for key, first in rounds[0][phase].items():
            values = [each[phase][key] for each in rounds if key in each[phase]]
            if isinstance(first, (int, float)):
                result[phase][key] = sum(values) if key in ("failed", "unsent") else statistics.median(values)
            elif isinstance(first, str):
                result[phase][key] = first
    return result


def _columns(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip()


def _ratio(value, of):
    if not of:
        return "-"
    ratio = value / of
    return f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}"


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _grid(results, title, phases, key, marked=False):
    """A number a phase, each with its ratio to redis and to the floor."""
    def reference(name, phase):
        return results[name]["median"][phase][key] if name in results else None

    rows = [[title] + [cell for _, label in phases for cell in (label, "/redis", "/floor")]]
    for name, result in results.items():
        row = [name]
        for phase, _ in phases:
            value = result["median"][phase][key]
            mark = "!" if marked and result["median"][phase]["failed"] else ""
            row += [_number(value) + mark, _ratio(value, reference("redis", phase)),
                    _ratio(value, reference("floor", phase))]
        rows.append(row)
    yield from _columns(rows)


def _latency(results, rate):
    rows = [[f"latency, us, at {rate:,}/s"] + [f"{label} {name}" for _, label in SCHEDULE
                                              for name in ("p50", "p99", "p99.9")] + ["failed", "not sent"]]
    for name, result in results.items():
        phases = [result["median"][phase] for phase, _ in SCHEDULE]
        rows.append([name] + [_number(phase[f"{percent}_us"]) for phase in phases
                              for percent in ("p50", "p99", "p99.9")] +
                    [str(sum(phase["failed"] for phase in phases)), str(sum(phase["unsent"] for phase in phases))])
    yield from _columns(rows)


def _memory(results):
    rows = [["memory and storage", "bytes a key", "/redis", "resident MiB", "idle CPU %", "storage CPU of a SET",
             "of a GET"]]
    redis = results["redis"]["once"]["bytes_per_key"] if "redis" in results else None
    for name, result in results.items():
        once = result["once"]
        shares = [result["median"][phase] for phase in ("set_p16", "get_p16")]
        rows.append([name, _number(once["bytes_per_key"]), _ratio(once["bytes_per_key"], redis),
                     _number(once["resident_bytes_full"] / 2**20), f"{once['idle_cpu_percent']:.1f}"] +
                    [f"{share['storage_cpu_us']:.1f} us, {100 * share['storage_cpu_us'] / share['cpu_us']:.0f} %"
                     if share["storage_cpu_us"] and share["cpu_us"] else "-" for share in shares])
    yield from _columns(rows)


def _peers(results, peers):
    """Each against the one of Redis that promises the most alike."""
    phases = THROUGHPUT
    rows = [["against its peer", "peer"] + [label for _, label in phases] +
            [f"CPU {label}" for _, label in phases] + ["SET p99", "GET p99"]]
    for name, peer in peers.items():
        if name in results and peer in results:
            ours, theirs = results[name]["median"], results[peer]["median"]
            rows.append([name, peer] +
                        [_ratio(ours[phase]["operations_per_second"], theirs[phase]["operations_per_second"])
                         for phase, _ in phases] +
                        [_ratio(ours[phase]["cpu_us"], theirs[phase]["cpu_us"]) for phase, _ in phases] +
                        [_ratio(ours[phase]["p99_us"], theirs[phase]["p99_us"]) for phase, _ in SCHEDULE])
    if len(rows) > 1:
        yield ""
        yield from _columns(rows)


def lines(results, peers, rate):
    """`results`: name -> {"once", "median"}; `peers`: name -> name."""
    yield from _grid(results, "operations a second", THROUGHPUT, "operations_per_second", marked=True)
    yield ""
    yield from _grid(results, "CPU, us an operation", THROUGHPUT, "cpu_us")
    yield ""
    yield from _grid(results, f"CPU, us, at {rate:,}/s", SCHEDULE, "cpu_us")
    yield ""
    yield from _latency(results, rate)
    yield ""
    yield from _memory(results)
    yield from _peers(results, peers)
    yield ""
    yield "CPU is that of all processes of a system, user and system. Latency counts from when the schedule wanted an"
    yield "operation to start. WAIT of Redis 7.0 says that a replica received a write, not that its disk has it."
    if any(phase["failed"] for result in results.values() for phase in result["median"].values()):
        yield "! Some operations failed; bench.json says how."
