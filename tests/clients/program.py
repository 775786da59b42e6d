"""The frame of a client program that the driver talks to: lines of words on standard input, lines of JSON on standard
output. program.js is its twin.

  it says                                      the driver says
  ["check", NAME, "ok"|"FAILED"|"skipped", WHY]
  ["checked"]                                  load
  ["steady"] when each key was written         killing PORT
  ["prepared"] for errors                      killed PORT
  ["recovered", MS] when all keys work         restarted PORT
  ["recovered", MS] again                      finish
  ["finished", SUMMARY]
"""

import json
import queue
import sys
import threading

import load
import scenario


class Versions:
    """GRAMME's commands, of an adapter that has raw()."""

    def gramme_put(self, key, value, context=None):
        return self.raw("GRAMME.PUT", key, value, *(("CONTEXT", context) if context else ()))

    def gramme_get(self, key):
        reply = self.raw("GRAMME.GET", key)
        return reply if reply is None else (reply[0], reply[1:])

    def gramme_delete(self, key, context):
        return self.raw("GRAMME.DEL", key, "CONTEXT", context)


def say(*words):
    print(json.dumps(words), flush=True)


def _read_orders(orders):
    for line in sys.stdin:
        orders.put(line.split())
    orders.put(["finish"])


def _run_load(work, orders):
    steps = {"killing": work.node_killing, "killed": work.node_killed, "restarted": work.node_restarted}
    number = 0
    while True:
        if number == len(work.keys):
            say("steady")
        try:
            order = orders.get_nowait()
        except queue.Empty:
            work.turn(number)
            number += 1
            continue
        if order[0] == "finish":
            say("finished", work.finish())
            return
        steps[order[0]](int(order[1]))


def main(make_adapter, run_checks=scenario.run_checks, make_load=load.Load):
    config = json.loads(sys.argv[1])
    adapter = make_adapter(config)
    run_checks(adapter, config, say)
    say("checked")
    orders = queue.Queue()
    threading.Thread(target=_read_orders, args=(orders,), daemon=True).start()
    if orders.get()[0] == "load":
        _run_load(make_load(adapter, config, say), orders)
    adapter.close()
