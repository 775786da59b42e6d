#!/usr/bin/python3
"""Backups of running nodes, and what they hold taken into clusters of other sizes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from harness import BINARY, ROOT, Cluster, ReplyError, encode, eventually, replies, run_tests
from history import OK, Load
from rolling import wait_healthy

SETTINGS = {"exchange-period-ms": 1000}
DAY_MS = 24 * 3600 * 1000


def gramme(*words, seconds=120):
    return subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=seconds, check=False)


def address(cluster, node=0):
    return f"127.0.0.1:{cluster.nodes[node].port}"


class Folder:
    """A place for backups that is gone with the test."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="gramme-backup-")
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def back_up(cluster, folder, name="backup"):
    """Of all nodes; their folders."""
    done = gramme("backup", "--cluster", "--json", address(cluster), os.path.join(folder, name))
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["complete"] and len(told["backups"]) == len(cluster.nodes), done
    paths = [backup["path"] for backup in told["backups"]]
    for path in paths:
        assert os.path.isdir(os.path.join(path, "db")), path
    return paths


def restore(cluster, paths, node=0):
    done = gramme("restore", *paths, "--into", address(cluster, node), "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


class Data:
    """Keys of every kind, written through all nodes: what must be there, and what must not."""

    def __init__(self, cluster, count=300):
        nodes = cluster.nodes
        self.plain = {f"plain:{i}": b"value %d" % i * (i % 50 + 1) for i in range(count)}
        self.living = {f"ttl:{i}": b"t%d" % i for i in range(count // 3)}
        self.deleted = [f"deleted:{i}" for i in range(count // 3)]
        self.short = [f"short:{i}" for i in range(20)]
        self.siblings = {f"siblings:{i}": {b"one %d" % i, b"two %d" % i} for i in range(count // 3)}
        self.replaced = {f"replaced:{i}": b"new %d" % i for i in range(count // 3)}
        self.counted = {f"counted:{i}": b"%d" % (3 * i) for i in range(count // 3)}
        self.expires_at_ms = int(time.time() * 1000) + DAY_MS
        requests = [encode("SET", key, value) for key, value in self.plain.items()]
        requests += [encode("SET", key, value, "PXAT", self.expires_at_ms) for key, value in self.living.items()]
        requests += [encode("SET", key, "x", "PX", "300") for key in self.short]
        requests += [encode("SET", key, "x") for key in self.deleted]
        requests += [encode("SET", key, "old") for key in self.replaced]
        requests += [encode("GRAMME.PUT", key, value) for key, values in self.siblings.items() for value in values]
        requests += [encode("INCRBY", key, number) for number, key in enumerate(self.counted)]
        self.say(nodes[0], requests)
        self.say(nodes[1 % len(nodes)], [encode("SET", key, value) for key, value in self.replaced.items()])
        self.say(nodes[-1], [encode("DEL", key) for key in self.deleted])
        self.say(nodes[-1], [encode("INCRBY", key, 2 * number) for number, key in enumerate(self.counted)])
        time.sleep(0.4)  # until the short ones are over: that is their contract

    @staticmethod
    def say(node, requests):
        for reply in replies(node, requests):
            assert not isinstance(reply, ReplyError), reply

    def check(self, cluster):
        for index, node in enumerate(cluster.nodes):
            self.check_values(node, {**self.plain, **self.replaced, **self.living, **self.counted})
            self.check_siblings(node)
            gone = [*self.deleted, *self.short]
            assert replies(node, [encode("GET", key) for key in gone]) == [None] * len(gone), f"node {index}"
            times = replies(node, [encode("PEXPIRETIME", key) for key in self.living])
            assert times == [self.expires_at_ms] * len(self.living), times[:5]
            assert replies(node, [encode("PTTL", "plain:1")]) == [-1]

    @staticmethod
    def check_values(node, expected):
        found = dict(zip(expected, replies(node, [encode("GET", key) for key in expected])))
        wrong = [key for key in expected if found[key] != expected[key]]
        assert not wrong, f"node {node.index}: {len(wrong)} of {len(expected)}: {wrong[0]} is {found[wrong[0]]}"

    def check_siblings(self, node):
        for key, reply in zip(self.siblings, replies(node, [encode("GRAMME.GET", key) for key in self.siblings])):
            assert set(reply[1:]) == self.siblings[key] and len(reply) == 3, (key, reply)
        for key, reply in zip(self.replaced, replies(node, [encode("GRAMME.GET", key) for key in self.replaced])):
            assert reply[1:] == [self.replaced[key]], (key, reply)


def restore_into(size, replicas=3):
    with Folder() as folder:
        with Cluster(3, settings=SETTINGS) as old:
            wait_healthy(old.nodes[0])
            data = Data(old)
            paths = back_up(old, folder)
            data.check(old)
        with Cluster(size, settings={**SETTINGS, "replicas": replicas}) as new:
            wait_healthy(new.nodes[0])
            told = restore(new, paths, size - 1)
            assert told["damaged"] == 0 and told["failed"] == 0 and told["verified"] == told["verified_of"] == 100, told
            assert told["left_out"] >= len(data.short), told
            data.check(new)
            again = restore(new, paths)
            assert again["restored"] == told["restored"] and again["values"] == told["values"], (told, again)
            data.check(new)
            wait_healthy(new.nodes[0])
            check_writable(new, data)
            print(told)


def check_writable(cluster, data):
    """What was restored is like any other data: it is replaced and deleted, for good, also if it is restored twice."""
    key = next(iter(data.siblings))
    with cluster.nodes[0].connect() as connection:
        context = connection.command("GRAMME.GET", key)[0]
        connection.command("GRAMME.PUT", key, "resolved", "CONTEXT", context)
        assert connection.command("GRAMME.GET", key)[1:] == [b"resolved"]
        assert connection.command("SET", "plain:0", "again") == "OK"
        assert connection.command("GRAMME.GET", "plain:0")[1:] == [b"again"]
        assert connection.command("DEL", "plain:1") == 1 and connection.command("GET", "plain:1") is None


def test_of_three_into_five():
    restore_into(5)


def test_of_three_into_one():
    restore_into(1, replicas=1)


def test_under_load_all_that_was_acknowledged_before_is_there():
    with Folder() as folder:
        with Cluster(3, settings=SETTINGS) as old:
            wait_healthy(old.nodes[0])
            load = Load(old, 500)
            eventually(lambda: len(load.history) > 1500, 20, "it runs")
            began = time.monotonic()
            paths = back_up(old, folder)
            took_s = time.monotonic() - began
            history = load.stop()
            slowest = max(operation.end - operation.start for operation in history)
        before = [operation for operation in history if operation.end < began and operation.outcome == OK]
        touched = {operation.key for operation in history if operation.name == "DEL"}
        deleted = {operation.key for operation in before if operation.name == "DEL" and operation.reply == 1}
        kept = [operation.key for operation in before if operation.name == "SET" and operation.key not in touched]
        with Cluster(5, settings=SETTINGS) as new:
            wait_healthy(new.nodes[0])
            told = restore(new, paths)
            found = replies(new.nodes[0], [encode("GET", key) for key in kept])
            missing = [key for key, value in zip(kept, found) if value is None or value.decode() != key]
            assert not missing, f"{len(missing)} of {len(kept)}: {missing[:5]}"
            back = [value for value in replies(new.nodes[1], [encode("GET", key) for key in deleted]) if value]
            assert not back, f"{len(back)} of {len(deleted)} deleted keys are back"
        print(f"{len(kept)} keys and {len(deleted)} deletes acknowledged before, backup in {took_s:.2f} s, the slowest "
              f"operation meanwhile {slowest * 1000:.0f} ms; {told}")


def test_a_node_that_was_down_is_no_hole():
    """Two of three backups, and hints that a fourth node keeps: what was acknowledged lies in one of them."""
    with Folder() as folder:
        with Cluster(4, settings=SETTINGS) as old:
            wait_healthy(old.nodes[0])
            old.nodes[3].kill()
            values = {f"key{i}": b"v%d" % i for i in range(400)}
            Data.say(old.nodes[0], [encode("SET", key, value) for key, value in values.items()])
            done = gramme("backup", "--cluster", "--json", address(old), folder + "/all")
            told = json.loads(done.stdout)
            assert done.returncode == 1 and not told["complete"], done
            made = [backup for backup in told["backups"] if backup["made"]]
            assert len(made) == 3 and all(backup["why"] for backup in told["backups"] if not backup["made"]), told
        with Cluster(3, settings=SETTINGS) as new:
            wait_healthy(new.nodes[0])
            restore(new, [backup["path"] for backup in made])
            Data.check_values(new.nodes[2], values)


def test_what_a_backup_refuses():
    with Folder() as folder, Cluster(1, settings={"replicas": 1}) as cluster:
        node = cluster.nodes[0]
        with node.connect(30) as connection:
            connection.command("SET", "a", "b")
            for path in ("relative", "/", "/a/../b", "/a//b", "/a/", "/a\nb", folder + "/./x", "/" + "x" * 2000):
                error = refused(connection, "GRAMME.BACKUP", path)
                assert error.startswith("ERR the folder"), (path, error)
            assert "is there already" in refused(connection, "GRAMME.BACKUP", folder)
            assert "ERR no backup" in refused(connection, "GRAMME.BACKUP", "/proc/nowhere/backup")
            text = connection.command("GRAMME.BACKUP", folder + "/new/one").decode()
            assert text.startswith("gramme-backup 1\n") and f"cluster-id {cluster.cluster_id}\n" in text, text
            assert f"node-id {node.id}\n" in text and cluster.secret not in text
            with open(folder + "/new/one/gramme.backup", encoding="ascii") as file:
                assert file.read() == text
            assert not [name for name in os.listdir(folder + "/new") if "partial" in name]
            assert "is there already" in refused(connection, "GRAMME.BACKUP", folder + "/new/one")
            assert connection.command("GET", "a") == b"b"
        done = gramme("backup", address(cluster), "relative")
        assert done.returncode == 2, done
        done = gramme("backup", address(cluster), folder + "/new/one")
        assert done.returncode == 1 and "is there already" in done.stderr, done
    with Cluster(1, settings={"replicas": 1, "storage": "memory"}) as cluster, cluster.nodes[0].connect() as connection:
        assert "in memory" in refused(connection, "GRAMME.BACKUP", "/tmp/gramme-nowhere")


def refused(connection, *words):
    connection.send(encode(*words))
    reply = connection.read_reply(errors_raise=False)
    assert isinstance(reply, ReplyError), reply
    return str(reply)


def test_one_that_is_cut_is_not_taken_for_a_backup():
    """The node is killed at some moment of it: what has the name is whole, and what is not has another."""
    with Folder() as folder, Cluster(1, settings={"replicas": 1}) as cluster:
        node = cluster.nodes[0]
        cut = 0
        for number in range(12):
            Data.say(node, [encode("SET", f"key{i}", os.urandom(1000)) for i in range(2000)])
            path = f"{folder}/b{number}"
            connection = node.connect()
            connection.send(encode("GRAMME.BACKUP", path))
            time.sleep(number * 0.02)
            node.kill()
            connection.close()
            if os.path.exists(path):
                assert os.path.exists(path + "/gramme.backup") and os.path.exists(path + "/db/CURRENT")
            cut += any(name.startswith(f"b{number}.partial-") for name in os.listdir(folder))
            node.start()
            cluster.wait_ready()
        print(f"{cut} were cut short, {len([name for name in os.listdir(folder) if 'partial' not in name])} were made")


def test_a_stop_waits_for_a_backup_that_is_being_made():
    other_disk = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # no hard links: it is copied
    folder = tempfile.mkdtemp(prefix="gramme-backup-", dir=other_disk)
    try:
        with Cluster(1, settings={"replicas": 1}) as cluster:
            node = cluster.nodes[0]
            Data.say(node, [encode("SET", f"key{i}", os.urandom(100000)) for i in range(400)])
            with node.connect(30) as connection:
                connection.send(encode("GRAMME.BACKUP", folder + "/b"))
                eventually(lambda: "event=backup-begun" in node.log_text(), 5, "it began")
                node.signal(signal.SIGTERM)
                assert connection.read_reply().startswith(b"gramme-backup 1")
            assert node.process.wait(20) == 0, node.log_text()[-1000:]
            assert sorted(os.listdir(folder)) == ["b"] and "clean=yes" in node.log_text()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_what_a_restore_refuses():
    with Folder() as folder, Cluster(1, settings={"replicas": 1}) as old, Cluster(1, settings={"replicas": 1}) as new:
        with old.nodes[0].connect() as connection:
            connection.command("SET", "a", "b")
            context = connection.command("GRAMME.GET", "a")[0]
        (path,) = back_up(old, folder)
        done = gramme("restore", path, "--into", address(old))
        assert done.returncode == 1 and "of this very cluster" in done.stderr, done
        assert gramme("restore", folder, "--into", address(new)).returncode == 1
        assert gramme("restore", path).returncode == 2
        shutil.copytree(path, path + "-cut")
        os.remove(path + "-cut/gramme.backup")
        done = gramme("restore", path + "-cut", "--into", address(new))
        assert done.returncode == 1 and "is no backup" in done.stderr, done
        with new.nodes[0].connect() as connection:
            (other,) = back_up(new, folder, "other")
            done = gramme("restore", path, other, "--into", address(new))
            assert done.returncode == 1 and "of another cluster" in done.stderr, done
            for garbage in (b"", b"x", os.urandom(100)):
                assert refused(connection, "GRAMME.RESTORE", "k", garbage).startswith("ERR not the encoded object")
            assert connection.command("FLUSHALL") == "OK"
            done = gramme("restore", path, "--into", address(new))
            assert done.returncode == 1 and "before this cluster was flushed" in done.stderr, done
            assert connection.command("GET", "a") is None
        with Cluster(1, settings={"replicas": 1}) as third, third.nodes[0].connect() as connection:
            assert gramme("restore", path, "--into", address(third)).returncode == 0
            assert connection.command("GET", "a") == b"b"
            assert "invalid context" in refused(connection, "GRAMME.PUT", "a", "c", "CONTEXT", context)
        assert gramme("restore", path, "--into", "127.0.0.1:1").returncode == 4


def test_a_damaged_record_is_made_up_for_by_the_other_backups():
    with Folder() as folder:
        with Cluster(3, settings=SETTINGS) as old:
            wait_healthy(old.nodes[0])
            Data.say(old.nodes[0], [encode("SET", f"key{i}", f"value {i}") for i in range(50)])
            paths = back_up(old, folder)
        tool = folder + "/edit_store"
        subprocess.run(["cc", "-O1", "-o", tool, os.path.join(ROOT, "tests", "cluster", "edit_store.c"), "-lrocksdb"],
                       check=True)
        subprocess.run([tool, paths[0] + "/db", "flip", "key7", "flip", "key8"], check=True, capture_output=True)
        with Cluster(1, settings={"replicas": 1}) as new:
            told = restore(new, paths)
            assert told["damaged"] == 2 and told["restored"] == 50, told
            Data.check_values(new.nodes[0], {f"key{i}": b"value %d" % i for i in range(50)})


def test_large_values_and_many_siblings_come_along():
    """More than goes into one argument: its values are sent one by one."""
    with Folder() as folder:
        with Cluster(1, settings={"replicas": 1}) as old:
            large = [bytes([i]) * (7 << 20) for i in range(3)]
            with old.nodes[0].connect(60) as connection:
                for value in large:
                    connection.command("GRAMME.PUT", "large", value)
                connection.command("SET", "largest", b"x" * (16 << 20))
                connection.command("SET", "empty", "")
                connection.command("SET", b"\0binary\xff", b"\0\xff")
            paths = back_up(old, folder)
        with Cluster(3, settings=SETTINGS) as new, new.nodes[1].connect(60) as connection:
            wait_healthy(new.nodes[0])
            told = restore(new, paths)
            assert told["values"] == 6, told
            assert sorted(connection.command("GRAMME.GET", "large")[1:]) == large
            assert connection.command("GET", "largest") == b"x" * (16 << 20)
            assert connection.command("GET", "empty") == b"" and connection.command("GET", b"\0binary\xff") == b"\0\xff"


def test_a_node_killed_in_mid_restore_and_one_cut_short_run_again():
    with Folder() as folder:
        with Cluster(3, settings=SETTINGS) as old:
            values = {f"key{i}": b"v%d" % i * 20 for i in range(20000)}
            Data.say(old.nodes[0], [encode("SET", key, value) for key, value in values.items()])
            paths = back_up(old, folder)
        with Cluster(5, settings=SETTINGS) as new:
            wait_healthy(new.nodes[0])
            words = [BINARY, "restore", *paths, "--into", address(new), "--json"]
            cut = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
            time.sleep(0.5)
            cut.send_signal(signal.SIGKILL)
            cut.wait()
            cut.stdout.close()
            running = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
            time.sleep(0.3)
            new.nodes[0].kill()  # the one that it speaks to
            output, _ = running.communicate(timeout=120)
            told = json.loads(output)
            assert running.returncode == 0 and told["restored"] == len(values), told
            Data.check_values(new.nodes[1], values)
            print(told)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
