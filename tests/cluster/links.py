#!/usr/bin/python3
"""Links between nodes that can be cut: a proxy for each ordered pair of nodes, in a process of its own. Node i's
configuration names the proxy (i, j) as the peer address of member j, which a ring does not mind.

A cut holds bytes back instead of dropping them, as TCP does over a network that loses everything: after healing they
arrive, late. Directions are cut one by one, whoever dialled: one-way partitions and bridges are sets of pairs.

As a program: LISTEN-PORT TARGET-PORT FROM TO ... in groups of four, and on standard input lines "hold FROM TO" and
"heal".
"""

import selectors
import socket
import subprocess
import sys

from harness import Cluster, free_ports

CHUNK = 1 << 16


class Flow:
    """Bytes from one socket to another, of one direction between two nodes."""

    def __init__(self, proxy, source, sink, pair):
        self.proxy, self.source, self.sink, self.pair = proxy, source, sink, pair
        self.pending = b""

    def is_held(self):
        return self.pair in self.proxy.held


class Proxy:
    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.held = set()
        self.connections = {}  # socket -> (flow out of it, flow into it)

    def listen(self, port, target, source, sink):
        listener = socket.create_server(("127.0.0.1", port), backlog=64)
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, lambda: self.accept(listener, target, source, sink))

    def accept(self, listener, target, source, sink):
        near, _ = listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", target), 1.0)
        except OSError:
            near.close()
            return
        for end in (near, far):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        there, back = Flow(self, near, far, (source, sink)), Flow(self, far, near, (sink, source))
        self.connections[near], self.connections[far] = (there, back), (back, there)
        self.update(near)
        self.update(far)

    def update(self, end):
        out_of, into = self.connections[end]
        events = 0
        if not out_of.is_held() and not out_of.pending:
            events |= selectors.EVENT_READ
        if into.pending and not into.is_held():
            events |= selectors.EVENT_WRITE
        if end in self.selector.get_map():
            if events:
                self.selector.modify(end, events, lambda: self.serve(end))
            else:
                self.selector.unregister(end)
        elif events:
            self.selector.register(end, events, lambda: self.serve(end))

    def close(self, end):
        for flow in self.connections.pop(end, ()):
            other = flow.sink if flow.source is end else flow.source
            self.connections.pop(other, None)
            for each in (end, other):
                if each.fileno() >= 0 and each in self.selector.get_map():
                    self.selector.unregister(each)
                each.close()

    def serve(self, end):
        if end not in self.connections:
            return
        out_of, into = self.connections[end]
        try:
            if into.pending and not into.is_held():
                into.pending = into.pending[end.send(into.pending):]
            if not out_of.pending and not out_of.is_held():
                data = end.recv(CHUNK)
                if not data:
                    self.close(end)
                    return
                out_of.pending = data
                out_of.pending = data[out_of.sink.send(data):]
        except BlockingIOError:
            pass
        except OSError:
            self.close(end)
            return
        self.update(end)
        self.update(out_of.sink)
        self.update(into.source)

    def order(self, line):
        words = line.split()
        if words[0] == "hold":
            self.held.add((int(words[1]), int(words[2])))
        else:
            self.held.clear()
        for end in list(self.connections):
            self.update(end)
        print("done", flush=True)

    def run(self):
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)
        while True:
            for key, _ in self.selector.select():
                if key.data is not None:
                    key.data()
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                self.order(line)


class Links:
    """The proxies of a cluster."""

    def __init__(self, cluster):
        self.cluster = cluster
        count = len(cluster.nodes)
        pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
        base = free_ports(len(pairs))
        self.ports = {pair: base + number for number, pair in enumerate(pairs)}
        words = [str(word) for (i, j) in pairs
                 for word in (self.ports[i, j], cluster.nodes[j].peer_port, i, j)]
        self.process = subprocess.Popen([sys.executable, __file__, *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def cut(self, side, other, one_way=False):
        """Nothing passes from the nodes of `side` to those of `other`, and unless it is one way, back."""
        for i in side:
            for j in other:
                self.order(f"hold {i} {j}")
                if not one_way:
                    self.order(f"hold {j} {i}")

    def heal(self):
        self.order("heal")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class LinkedCluster(Cluster):
    """A cluster whose nodes reach each other by links that can be cut."""

    def __init__(self, nodes, settings=None):
        super().__init__(nodes, start=False, settings=settings)
        self.links = Links(self)
        for node in self.nodes:
            node.rewrite_config(*((f"{self.host}:{other.peer_port}\n",
                                   f"{self.host}:{self.links.ports[node.index, other.index]}\n")
                                  for other in self.nodes if other is not node))
        self.start()

    def close(self):
        super().close()
        self.links.close()


if __name__ == "__main__":
    proxies = Proxy()
    arguments = [int(word) for word in sys.argv[1:]]
    for at in range(0, len(arguments), 4):
        proxies.listen(*arguments[at:at + 4])
    proxies.run()
