"""What every client must be able to do, for the clients that Python drives; scenario.js is its twin for Node's.

An adapter wraps one client and uses it as its own documentation says. It has the methods that are called here, and
`classify(exception)`: "reply" for an error reply of the server, "connection" for a connection that is lost or not to
be had, "bug" for anything else. A method raises Skip where its client has no such thing.
"""

import time

KIBIBYTE = 1024
ALL_BYTES = bytes(range(256))


class Skip(Exception):
    """This client, or this server, has no such thing."""


def equal(seen, expected, what):
    if seen != expected:
        raise AssertionError(f"{what}: {abbreviated(seen)} instead of {abbreviated(expected)}")


def abbreviated(value):
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:100]}... ({len(text)} characters)"


def values_of(adapter, key):
    """What GRAMME.GET shows, sorted. A deleted key may have a context for its next writer, but no value."""
    reply = adapter.gramme_get(key)
    return [] if reply is None else sorted(reply[1])


def error_reply(adapter, function, *words):
    """The text of the error reply that the call must end with."""
    try:
        reply = function(*words)
    except Exception as exception:
        if adapter.classify(exception) != "reply":
            raise
        return str(exception)
    raise AssertionError(f"{words} was answered {abbreviated(reply)} instead of an error")


# --- the checks -------------------------------------------------------------------------------------------------------

def check_protocol(adapter, config):
    equal(adapter.protocol(), config["protocol"], "the protocol that the connection speaks")


def check_strings(adapter, config):
    key = config["prefix"] + "string"
    equal(adapter.get(key), None, "GET of an absent key")
    for value in (b"one", b"two", b"", b"three"):
        equal(adapter.set(key, value), True, "SET")
        equal(adapter.get(key), value, "GET after SET")


def check_delete(adapter, config):
    tag = "{" + config["prefix"] + "delete}"
    keys = [f"{tag}{index}" for index in range(3)]
    equal(adapter.exists(*keys), 0, "EXISTS before")
    for key in keys[:2]:
        adapter.set(key, b"here")
    equal(adapter.exists(*keys), 2, "EXISTS of two of three")
    equal(adapter.delete(keys[0]), 1, "DEL of one key")
    equal(adapter.delete(keys[0]), 0, "DEL again")
    equal(adapter.get(keys[0]), None, "GET of a deleted key")
    equal(adapter.delete(*keys), 1, "DEL of three, one of them there")
    equal(adapter.exists(*keys), 0, "EXISTS after")
    adapter.set(keys[0], b"again")
    equal(adapter.get(keys[0]), b"again", "GET of a key made anew")


def check_many_one_slot(adapter, config):
    tag = "{" + config["prefix"] + "many}"
    values = {f"{tag}{index}": b"value %d" % index for index in range(20)}
    equal(adapter.mset(values), True, "MSET")
    equal(adapter.mget([*values, tag + "absent"]), [*values.values(), None], "MGET")


def check_many_across(adapter, config):
    values = {f"{config['prefix']}across-{index}": b"value %d" % index for index in range(20)}
    adapter.mset_across(values)
    equal(adapter.mget_across([*values, config["prefix"] + "across-absent"]), [*values.values(), None], "MGET")


def check_expiry(adapter, config):
    key = config["prefix"] + "expiry"
    equal(adapter.expire(key, 100), False, "EXPIRE of an absent key")
    equal(adapter.ttl(key), -2, "TTL of an absent key")
    adapter.set(key, b"value")
    equal(adapter.ttl(key), -1, "TTL of a key that stays")
    equal(adapter.expire(key, 100), True, "EXPIRE")
    if not 98 <= adapter.ttl(key) <= 100:
        raise AssertionError(f"TTL after EXPIRE 100: {adapter.ttl(key)}")
    equal(adapter.persist(key), True, "PERSIST")
    equal(adapter.ttl(key), -1, "TTL after PERSIST")
    equal(adapter.set_for(key, b"brief", 300), True, "SET PX")
    deadline = time.monotonic() + 5
    while (value := adapter.get(key)) is not None:
        equal(value, b"brief", "GET before expiry")
        if time.monotonic() > deadline:
            raise AssertionError("a key of 300 ms is there after 5 s")
        time.sleep(0.02)
    equal(adapter.ttl(key), -2, "TTL of an expired key")
    equal(adapter.exists(key), 0, "EXISTS of an expired key")


def check_conditions(adapter, config):
    key = config["prefix"] + "conditions"
    equal(adapter.set_if(key, b"no", "XX"), False, "SET XX of an absent key")
    equal(adapter.set_if(key, b"first", "NX"), True, "SET NX of an absent key")
    equal(adapter.set_if(key, b"second", "NX"), False, "SET NX of a key that is there")
    equal(adapter.get(key), b"first", "GET")
    equal(adapter.set_if(key, b"third", "XX"), True, "SET XX")
    equal(adapter.set_and_get(key, b"fourth"), b"third", "SET GET")
    equal(adapter.getdel(key), b"fourth", "GETDEL")
    equal(adapter.get(key), None, "GET after GETDEL")


def check_counters(adapter, config):
    key = config["prefix"] + "counter"
    equal(adapter.incr(key), 1, "INCR of an absent key")
    equal(adapter.incr(key), 2, "INCR")
    equal(adapter.incrby(key, 40), 42, "INCRBY 40")
    equal(adapter.decr(key), 41, "DECR")
    equal(adapter.decrby(key, 50), -9, "DECRBY 50")
    equal(adapter.get(key), b"-9", "GET of a counter")
    equal(adapter.set(key, b"10"), True, "SET over a counter")
    equal(adapter.incrby(key, -3), 7, "INCRBY -3 after SET 10")
    equal(adapter.delete(key), 1, "DEL of a counter")
    equal(adapter.decr(key), -1, "DECR after DEL")
    sums = [int(reply) for reply in adapter.pipeline([("INCR", key)] * 20)]
    equal(sums, list(range(20)), "20 INCRs in a pipeline")
    equal(adapter.get(key), b"19", "GET after the pipeline")


def check_pipeline(adapter, config):
    keys = [f"{config['prefix']}pipe-{index}" for index in range(100)]
    replies = adapter.pipeline([("SET", key, f"value-{key}") for key in keys] + [("GET", key) for key in keys])
    equal(replies[100:], [f"value-{key}".encode() for key in keys], "the GETs of a pipeline")
    equal(len(replies), 200, "replies")


def check_pipeline_order(adapter, config):
    key = config["prefix"] + "order"
    commands = [command for index in range(50) for command in (("SET", key, str(index)), ("GET", key))]
    equal(adapter.pipeline(commands)[1::2], [b"%d" % index for index in range(50)], "GET behind SET, 50 times")


def check_transaction(adapter, config):
    tag = "{" + config["prefix"] + "multi}"
    replies = adapter.transaction([("SET", tag + "1", "a"), ("SET", tag + "2", "b"), ("GET", tag + "1"),
                                   ("GET", tag + "2"), ("DEL", tag + "1")])
    equal(replies[2:], [b"a", b"b", 1], "the replies of EXEC")
    equal(adapter.get(tag + "1"), None, "GET after EXEC")
    equal(adapter.get(tag + "2"), b"b", "GET after EXEC")


def check_binary(adapter, config):
    key = config["prefix"].encode() + adapter.binary_key
    value = ALL_BYTES * 4 + b"\r\n$-1\r\n\0"
    equal(adapter.set(key, value), True, "SET")
    equal(adapter.get(key), value, "GET")
    equal(adapter.delete(key), 1, "DEL")


def check_large(adapter, config):
    key = config["prefix"] + "large"
    value = (ALL_BYTES[1:] + b"\r\n") * (KIBIBYTE * KIBIBYTE // 257)
    value += b"x" * (KIBIBYTE * KIBIBYTE - len(value))
    equal(adapter.set(key, value), True, "SET of 1 MiB")
    equal(adapter.get(key), value, "GET of 1 MiB")
    equal(adapter.set(key, b"small"), True, "SET over 1 MiB")
    equal(adapter.get(key), b"small", "GET")


def error_tells(adapter, text, *words):
    told = error_reply(adapter, adapter.raw, *words)
    if text not in told:
        raise AssertionError(f"the error of {words[0]} doesn't say '{text}': {told}")


def check_errors(adapter, config):
    key = config["prefix"] + "errors"
    adapter.set(key, b"no number")
    error_tells(adapter, "not an integer", "INCR", key)
    error_tells(adapter, "not supported" if config["server"] == "gramme" else "WRONGTYPE", "SADD", key, "member")
    error_reply(adapter, adapter.raw, "SET", key)
    equal(adapter.get(key), b"no number", "GET after the errors")


def check_siblings(adapter, config):
    if config["server"] != "gramme":
        raise Skip("Gramme's own")
    key = config["prefix"] + "siblings"
    equal(adapter.gramme_get(key), None, "GRAMME.GET of an absent key")
    adapter.gramme_put(key, b"one")
    adapter.gramme_put(key, b"two")
    context, values = adapter.gramme_get(key)
    equal(sorted(values), [b"one", b"two"], "GRAMME.GET after two puts that didn't know of each other")
    equal(adapter.get(key), b"two", "GET of siblings: the later one")
    adapter.gramme_put(key, b"merged", context)
    equal(values_of(adapter, key), [b"merged"], "GRAMME.GET after a put over both")
    adapter.gramme_put(key, b"late", context)
    latest, values = adapter.gramme_get(key)
    equal(sorted(values), [b"late", b"merged"], "GRAMME.GET after a put that knew the first two only")
    forged = latest[:-1] + (b"A" if latest[-1:] != b"A" else b"B")
    error_reply(adapter, adapter.gramme_put, key, b"forged", forged)
    equal(values_of(adapter, key), [b"late", b"merged"], "GRAMME.GET after a forged context")
    equal(adapter.set(key, b"plain"), True, "SET over siblings")
    context, values = adapter.gramme_get(key)
    equal(values, [b"plain"], "GRAMME.GET after SET")
    adapter.gramme_delete(key, context)
    equal(values_of(adapter, key), [], "GRAMME.GET after GRAMME.DEL")
    equal(adapter.get(key), None, "GET after GRAMME.DEL")


CHECKS = {name[len("check_"):]: function for name, function in list(globals().items()) if name.startswith("check_")}


def run_checks(adapter, config, say):
    for name, function in CHECKS.items():
        try:
            function(adapter, config)
        except Skip as skip:
            say("check", name, "skipped", str(skip))
        except Exception as exception:  # the other checks are still worth running
            say("check", name, "FAILED", f"{type(exception).__name__}: {exception}")
        else:
            say("check", name, "ok")
