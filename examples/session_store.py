#!/usr/bin/python3
"""A web application that keeps its sessions in Redis, written for Redis: against Gramme it runs as it is.

    REDIS_URL=redis://127.0.0.1:7001 python3 examples/session_store.py [PORT]

Then, in a browser: http://127.0.0.1:8000/login?name=you, / and /logout. A session ends half an hour after its last use.
"""

import html
import http.cookies
import json
import os
import secrets
import socketserver
import sys
import urllib.parse
import wsgiref.simple_server

import redis

LIFETIME_S = 1800


class Sessions:
    """Each is one key, JSON, that expires."""

    def __init__(self, client, lifetime_s=LIFETIME_S):
        self.client = client
        self.lifetime_s = lifetime_s

    def begin(self, data):
        while True:
            session = secrets.token_urlsafe(18)
            if self.client.set(f"session:{session}", json.dumps(data), ex=self.lifetime_s, nx=True):
                return session

    def read(self, session):
        """None when there is none, or none any more; using it makes it last."""
        kept = self.client.getex(f"session:{session}", ex=self.lifetime_s)
        return None if kept is None else json.loads(kept)

    def write(self, session, data):
        """False when it has ended meanwhile: then it stays ended."""
        return bool(self.client.set(f"session:{session}", json.dumps(data), ex=self.lifetime_s, xx=True))

    def end(self, session):
        self.client.delete(f"session:{session}")


class Application:
    def __init__(self, sessions):
        self.sessions = sessions

    def __call__(self, environment, start_response):
        cookies = http.cookies.SimpleCookie(environment.get("HTTP_COOKIE", ""))
        session = cookies["session"].value if "session" in cookies else None
        status, headers, text = self.answer(environment, session)
        start_response(status, [("Content-Type", "text/html; charset=utf-8"), *headers])
        return [text.encode()]

    def answer(self, environment, session):
        path = environment["PATH_INFO"]
        if path == "/login":
            name = urllib.parse.parse_qs(environment["QUERY_STRING"]).get("name", ["you"])[0]
            session = self.sessions.begin({"name": name, "visits": 0})
            return "302 Found", [("Location", "/"), ("Set-Cookie", f"session={session}; HttpOnly")], "welcome"
        data = self.sessions.read(session) if session else None
        if path == "/logout":
            if data is not None:
                self.sessions.end(session)
            return "302 Found", [("Location", "/"), ("Set-Cookie", "session=; Max-Age=0")], "bye"
        if data is None:
            return "401 Unauthorized", [], "nobody is logged in"
        data["visits"] += 1
        self.sessions.write(session, data)
        return "200 OK", [], f"{html.escape(data['name'])}, visit {data['visits']}"


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    client = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), socket_timeout=5)
    application = Application(Sessions(client))
    with wsgiref.simple_server.make_server("127.0.0.1", port, application, server_class=Server) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
