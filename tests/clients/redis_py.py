#!/usr/bin/python3
"""redis-py, as Debian has it: Redis and RedisCluster."""

import contextlib

import redis
from redis.cluster import ClusterNode, RedisCluster

import program
from scenario import Skip

OPTIONS = {"socket_timeout": 10, "socket_connect_timeout": 5}
# The last two: what the cluster client says when none of its nodes is to be had.
CONNECTION_ERRORS = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError,
                     redis.exceptions.RedisClusterException, redis.exceptions.ClusterError)


class Plain(program.Versions):
    binary_key = bytes(range(256))

    def __init__(self, config):
        self.client = redis.Redis(port=config["ports"][0], **OPTIONS)

    def close(self):
        self.client.close()

    def classify(self, exception):
        if isinstance(exception, redis.exceptions.ResponseError):
            return "reply"
        return "connection" if isinstance(exception, CONNECTION_ERRORS) else "bug"

    def protocol(self):
        raise Skip("this release speaks RESP2 only and knows no HELLO")

    def set(self, key, value):
        return self.client.set(key, value)

    def set_for(self, key, value, milliseconds):
        return self.client.set(key, value, px=milliseconds)

    def set_if(self, key, value, condition):
        return self.client.set(key, value, nx=condition == "NX", xx=condition == "XX") is True

    def set_and_get(self, key, value):
        return self.client.set(key, value, get=True)

    def getdel(self, key):
        return self.client.getdel(key)

    def get(self, key):
        return self.client.get(key)

    def delete(self, *keys):
        return self.client.delete(*keys)

    def exists(self, *keys):
        return self.client.exists(*keys)

    def mset(self, values):
        return self.client.mset(values)

    def mget(self, keys):
        return self.client.mget(keys)

    mset_across = mset
    mget_across = mget

    def expire(self, key, seconds):
        return self.client.expire(key, seconds)

    def ttl(self, key):
        return self.client.ttl(key)

    def persist(self, key):
        return self.client.persist(key)

    # This release sends INCRBY and DECRBY for INCR and DECR.
    def incr(self, key):
        return self.client.incr(key)

    def incrby(self, key, amount):
        return self.client.incrby(key, amount)

    def decr(self, key):
        return self.client.decr(key)

    def decrby(self, key, amount):
        return self.client.decrby(key, amount)

    def _batch(self, pipeline, commands):
        for name, key, *rest in commands:
            getattr(pipeline, {"SET": "set", "GET": "get", "DEL": "delete", "INCR": "incr"}[name])(key, *rest)
        return pipeline.execute()

    def pipeline(self, commands):
        return self._batch(self.client.pipeline(transaction=False), commands)

    def transaction(self, commands):
        return self._batch(self.client.pipeline(), commands)

    def raw(self, *words):
        return self.client.execute_command(*words)


class Cluster(Plain):
    """When the node that owns the first slot dies, this release can't ask for the ring again ("cannot pickle
    '_thread.lock' object"), whatever the server: an application must make a new client then, and so does this."""

    def __init__(self, config):
        self.nodes = [ClusterNode("127.0.0.1", port) for port in config["ports"]]
        self.client = None
        self._connect()

    def _connect(self):
        self.client = RedisCluster(startup_nodes=self.nodes, **OPTIONS)

    def classify(self, exception):
        if "cannot pickle" in str(exception):
            with contextlib.suppress(redis.exceptions.RedisError):
                self._connect()
        return super().classify(exception)

    def raw(self, *words):
        """It sends only commands of which it can tell the keys, from the list that the server gives."""
        try:
            return super().raw(*words)
        except redis.exceptions.RedisError as error:
            if "doesn't exist in Redis commands" in str(error):
                return self.client.execute_command(*words, target_nodes=RedisCluster.RANDOM)
            raise

    def mset_across(self, values):
        return self.client.mset_nonatomic(values)

    def mget_across(self, keys):
        return self.client.mget_nonatomic(keys)

    def transaction(self, commands):
        raise Skip("its cluster client has no transactions")


if __name__ == "__main__":
    program.main(lambda config: (Cluster if config["mode"] == "cluster" else Plain)(config))
