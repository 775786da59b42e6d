#!/usr/bin/python3
"""The programs in examples/, which were written for Redis, do with Gramme what they do with Redis; and go on when a node
dies."""

import http.client
import os
import subprocess
import sys
import threading
import time

from servers import RedisCluster, harness

ROOT = harness.ROOT


class Web:
    """The session store's web server, and one visitor."""

    def __init__(self, redis_port):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", os.path.join(ROOT, "examples", "session_store.py"), "0"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env={**os.environ, "REDIS_URL": f"redis://127.0.0.1:{redis_port}"},
            preexec_fn=harness.die_with_parent)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1].strip("/\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

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


if __name__ == "__main__":
    sys.exit(harness.run_tests(globals()))
