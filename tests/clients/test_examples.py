#!/usr/bin/python3
"""The programs in examples/, which were written for Redis, do with Gramme what they do with Redis; and go on when a node
dies."""

import collections
import http.client
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

from servers import RedisCluster, harness
from test_clients import INSTALLED, install_npm_clients

ROOT = harness.ROOT


class Program:
    """One of the programs, which serves the web at a port of its own choice."""

    def __init__(self, interpreter, name, redis_port, **environment):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [interpreter, os.path.join(ROOT, "examples", name), "0"], stdout=subprocess.PIPE,
            stderr=self.errors, text=True, preexec_fn=harness.die_with_parent,
            env={**os.environ, **environment, "REDIS_URL": f"redis://127.0.0.1:{redis_port}"})
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1].strip("/\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def said(self):
        """What it complained of, each once."""
        self.errors.seek(0)
        return sorted(set(self.errors.read().decode(errors="replace").splitlines()))


# --- sessions ---------------------------------------------------------------------------------------------------------

class Web(Program):
    """The session store's web server, and one visitor."""

    def __init__(self, redis_port):
        super().__init__("/usr/bin/python3", "session_store.py", redis_port)

    def visit(self, path, cookie=None):
        """Status, text and the cookie that was set."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Cookie": f"session={cookie}"} if cookie else {})
            answer = connection.getresponse()
            given = (answer.getheader("Set-Cookie") or "").split(";")[0].partition("=")[2]
            return answer.status, answer.read().decode(), given
        finally:
            connection.close()


def visitor(web, name):
    assert web.visit("/")[0] == 401
    status, _, cookie = web.visit(f"/login?name={name}")
    assert status == 302 and cookie
    for number in range(1, 6):
        assert web.visit("/", cookie)[:2] == (200, f"{name}, visit {number}")
    assert web.visit("/", "forged")[0] == 401
    assert web.visit("/logout", cookie)[0] == 302
    assert web.visit("/", cookie)[0] == 401  # what is logged out stays logged out


class Crowd:
    """Visitors who load a page again when the server says that it failed; and how often it did."""

    def __init__(self, web):
        self.web = web
        self.failures = 0
        self.problems = []

    def visit(self, path, cookie=None):
        for _ in range(5):
            answer = self.web.visit(path, cookie)
            if answer[0] != 500:
                return answer
            self.failures += 1
        raise AssertionError(f"{path} failed five times in a row")

    def come_and_go(self, name):
        try:
            for _ in range(40):
                _, _, cookie = self.visit(f"/login?name={name}")
                for _ in range(5):
                    status, text, _ = self.visit("/", cookie)
                    assert status == 200 and text.startswith(f"{name}, visit "), (status, text)
                assert self.visit("/logout", cookie)[0] == 302
                assert self.visit("/", cookie)[0] == 401
        except Exception as error:  # told at the end
            self.problems.append(error)


def test_web_sessions_in_redis():
    cluster = RedisCluster(1)
    try:
        with Web(cluster.nodes[0].port) as web:
            visitor(web, "ada")
    finally:
        cluster.close()


def test_web_sessions_in_gramme():
    with harness.Cluster(3) as cluster, Web(cluster.nodes[0].port) as web:
        harness.eventually(lambda: all(node.info()["gramme_uninformed_partitions"] == "0" for node in cluster.nodes), 20,
                           "new nodes have heard from each other that there is nothing yet")
        visitor(web, "ada")
        crowd = Crowd(web)
        threads = [threading.Thread(target=crowd.come_and_go, args=(f"visitor{index}",)) for index in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        cluster.nodes[2].kill()
        for thread in threads:
            thread.join()
        print(f"     pages that failed while a node died: {crowd.failures}")
        assert not crowd.problems and crowd.failures <= 8, (crowd.failures, crowd.problems[:3])
        status, _, cookie = crowd.visit("/login?name=eve")
        assert status == 302
        cluster.nodes[2].start()
        cluster.wait_ready()
        with Web(cluster.nodes[2].port) as other:  # another machine of the same site
            assert other.visit("/", cookie)[:2] == (200, "eve, visit 1")


# --- rates ------------------------------------------------------------------------------------------------------------

WINDOW_S = 4
CLIENTS = 6
THREADS = 8
OUTAGE_S = 5  # what a request waits at most, and then some


class Limiter(Program):
    """The rate limiter's web server."""

    def __init__(self, redis_port, limit):
        install_npm_clients()
        super().__init__("node", "rate_limiter.js", redis_port, LIMIT=str(limit), WINDOW_S=str(WINDOW_S),
                         NODE_PATH=os.path.join(INSTALLED, "node_modules"))

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)


def visit(connection, client):
    """Status and headers."""
    connection.request("GET", "/", headers={"X-API-Key": client})
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers


def await_window():
    """Until one begins, so that all that follows is in one."""
    time.sleep(WINDOW_S - time.time() % WINDOW_S + 0.05)


def be_limited(node, limiters, limit):
    """One client comes to several servers, which count together; another is counted apart."""
    connections = [limiter.connect() for limiter in limiters]
    await_window()
    for number in range(limit):
        status, headers = visit(connections[number % len(connections)], "ada")
        assert status == 200 and headers["X-RateLimit-Remaining"] == str(limit - 1 - number), (status, str(headers))
        assert "Retry-After" not in headers
    for connection in connections:
        status, headers = visit(connection, "ada")
        assert status == 429 and headers["X-RateLimit-Remaining"] == "0", (status, str(headers))
        assert 1 <= int(headers["Retry-After"]) <= WINDOW_S, str(headers)
    assert visit(connections[0], "bob")[0] == 200
    with node.connect() as redis:
        key = f"rate:ada:{int(time.time()) // WINDOW_S}"
        assert redis.command("GET", key) == b"%d" % (limit + len(connections))
        assert 0 < redis.command("TTL", key) <= 2 * WINDOW_S
    time.sleep(int(headers["Retry-After"]))
    status, headers = visit(connections[0], "ada")
    assert status == 200 and headers["X-RateLimit-Remaining"] == str(limit - 1), (status, str(headers))
    for connection in connections:
        connection.close()


class Visitors:
    """They come again and again as one of some clients to one of the servers: at most THREADS at once."""

    def __init__(self, limiters):
        self.limiters = limiters
        self.answers = []  # when it came, client, the end of the window, status
        self.problems = []
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.come, args=(number,), daemon=True) for number in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def come(self, number):
        connection = self.limiters[number % len(self.limiters)].connect()
        try:
            while not self.is_over.wait(random.uniform(0, 0.03)):
                client = f"client{random.randrange(CLIENTS)}"
                status, headers = visit(connection, client)
                self.answers.append((time.monotonic(), client, int(headers["X-RateLimit-Reset"]), status))
        except Exception as error:  # told at the end
            self.problems.append(error)

    def stop(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        assert not self.problems, self.problems[:3]


def counted(answers):
    """Answers of each kind by client and window."""
    found = collections.defaultdict(collections.Counter)
    for _, client, end, status in answers:
        found[client, end][status] += 1
    return found


def check_limits(answers, limit):
    """Never more than may be told the same number, and never less but for those in doubt. How many clients and windows
    came to the limit, and the most that one of them was let in."""
    full = [kinds for kinds in counted(answers).values() if kinds[429]]
    for kinds in counted(answers).values():
        assert kinds[200] <= limit + THREADS - 1, kinds
    for kinds in full:
        assert kinds[200] + kinds[500] >= limit, kinds
    return len(full), max(kinds[200] for kinds in full)


def test_a_rate_limit_in_redis():
    cluster = RedisCluster(1)
    try:
        port = cluster.nodes[0].port
        with Limiter(port, 5) as one, Limiter(port, 5) as other:
            be_limited(cluster.nodes[0], [one, other], 5)
    finally:
        cluster.close()


def test_a_rate_limit_in_gramme():
    with harness.Cluster(3) as cluster:
        harness.eventually(lambda: all(node.info()["gramme_uninformed_partitions"] == "0" for node in cluster.nodes), 20,
                           "new nodes have heard from each other that there is nothing yet")
        first, second, third = cluster.nodes
        with Limiter(first.port, 5) as one, Limiter(second.port, 5) as other:
            be_limited(third, [one, other], 5)
        limit = 100
        with Limiter(first.port, limit) as one, Limiter(second.port, limit) as other:
            await_window()
            visitors = Visitors([one, other])
            time.sleep(WINDOW_S / 4)
            killed = time.monotonic()
            third.kill()
            time.sleep(WINDOW_S * 1.25)
            started = time.monotonic()
            third.start()
            time.sleep(WINDOW_S * 1.5)
            visitors.stop()
            cluster.wait_ready()
            said = one.said() + other.said()
        failed = [when for when, _, _, status in visitors.answers if status == 500]
        outage_s = [max([when - began for when in failed if began <= when < end], default=0.0)
                    for began, end in ((killed, started), (started, started + 60))]
        full, most = check_limits(visitors.answers, limit)
        print(f"     {len(visitors.answers)} requests, {len(failed)} failed, until {outage_s[0]:.2f} s after the kill and "
              f"{outage_s[1]:.2f} s after the start; {full} times a client was limited, and let in at most {most} times")
        assert full > CLIENTS and max(outage_s) < OUTAGE_S, (outage_s, said)
        assert all(when > killed for when in failed), [killed - when for when in failed]


def test_planted_excess_is_caught():
    def is_refused(*kinds):
        try:
            check_limits([(0.0, "a", 4, status) for status, times in kinds for _ in range(times)], 10)
        except AssertionError:
            return True
        return False
    assert not is_refused((200, 10), (429, 3)) and not is_refused((200, 9), (429, 3), (500, 1))
    assert not is_refused((200, 10 + THREADS - 1), (429, 3))
    assert is_refused((200, 10 + THREADS), (429, 3)), "more than can have been under way"
    assert is_refused((200, 9), (429, 3)), "limited too early"


if __name__ == "__main__":
    sys.exit(harness.run_tests(globals()))
