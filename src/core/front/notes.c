/* What the commands cost, and what they mean in a store with quorums: for COMMAND DOCS, `gramme commands` and
 * docs/commands.md. Complexities are those of Redis where nothing is said to differ. A request to R or W of N owners is
 * taken for constant. */
#include "core/front/command.h"

#include <stddef.h>

#define ONE          "O(1)"
#define EACH_KEY     "O(N) where N is the number of keys"
#define EACH_CHANNEL "O(N) where N is the number of channels"
#define BYTES        "O(N) where N is the size of the value"
#define CLIENTS      "O(N) where N is the number of connections of this thread"
#define SLOTS        "O(N) where N is the number of partitions"
#define COMMANDS     "O(N) where N is the number of commands"
#define SETTINGS     "O(N) where N is the number of settings"
#define MEMBERS      "O(N) where N is the number of members"
#define LOG          "O(N) where N is the number of entries"
#define AS_REDIS     ""
#define NOT_ATOM     "Each key on its own: others may see some of it done. In doubt as a whole when one part is."
#define READS_ONE                                                                                                      \
    "Reads at R, then writes at W, one after the other at the first owner in reach. Under failure two may win."
#define COUNTS                                                                                                         \
    "A counter of its own: each addition counts once, also those made at the same time in parts of a cluster that "    \
    "are "                                                                                                             \
    "parted. The answer is of what the coordinator read: two may be told the same number, so it is no source of "      \
    "unique "                                                                                                          \
    "ones. SET and DEL replace what they have seen of it. Additions at once may carry a sum past 64 bits: it goes on " \
    "at "                                                                                                              \
    "the other end. Waits for R, then W."
#define ENTRIES "O(N) where N is the number of entries"
#define NEVER   "Never waits for a majority, and answers for this node alone."

static const struct command_note table[] = {
    {"ping", ONE, AS_REDIS},
    {"echo", ONE, AS_REDIS},
    {"quit", ONE, AS_REDIS},
    {"reset", ONE, AS_REDIS},
    {"hello", ONE, "AUTH is refused: there are no users."},
    {"auth", ONE, "There are no users: any password is refused, as by a Redis without one."},
    {"select", ONE, "Database 0 is the only one."},
    {"client|id", ONE, AS_REDIS},
    {"client|setname", ONE, AS_REDIS},
    {"client|getname", ONE, AS_REDIS},
    {"client|setinfo", ONE, AS_REDIS},
    {"client|list", CLIENTS, "Of this node, all its threads."},
    {"client|kill", CLIENTS,
     "Of this node, all its threads. Every client is the user default; LADDR and MAXAGE are unknown."},
    {"client|pause", ONE,
     "Clients of this node; those of others go on. Commands about connections and the node are not held back."},
    {"client|unpause", ONE, "Of this node."},
    {"client|reply", ONE, AS_REDIS},
    {"client|info", ONE, AS_REDIS},
    {"client|no-evict", ONE, "Nothing is ever evicted."},
    {"client|no-touch", ONE, "Reads leave no trace on a key anyway."},
    {"readonly", ONE, "Any node serves any request, with or without it."},
    {"readwrite", ONE, "Any node serves any request, with or without it."},
    {"asking", ONE, "Any node serves any request, with or without it."},

    {"get", ONE,
     "Asks R owners, merges, and shows the latest of the values; repairs owners that lack something. GRAMME.GET shows "
     "them "
     "all."},
    {"set", ONE,
     "Done when W nodes have it durably, and replaces every value that its coordinator or N-W+1 owners know of. NX, "
     "XX, GET "
     "and KEEPTTL read at R first, at the first owner in reach: under failure two may win."},
    {"setnx", ONE, "Not a lock: " READS_ONE},
    {"setex", ONE, "As SET EX."},
    {"psetex", ONE, "As SET PX."},
    {"getset", ONE, READS_ONE},
    {"getdel", ONE, READS_ONE},
    {"getex", ONE, READS_ONE},
    {"strlen", ONE, "As GET, and tells the size."},
    {"incr", ONE, COUNTS},
    {"decr", ONE, "As INCR."},
    {"incrby", ONE, "As INCR."},
    {"decrby", ONE, "As INCR."},
    {"append", BYTES,
     "Follows what it read: of two at once, at two nodes, both values stay, and GET shows the later one."},
    {"setrange", BYTES, "Follows what it read, as APPEND. A value may have 16 MiB."},
    {"getrange", BYTES, "As GET, and tells a part."},
    {"substr", BYTES, "Another name of GETRANGE."},
    {"mget", EACH_KEY, "Each key on its own, many at a time; an error for one is an error for all."},
    {"mset", EACH_KEY, NOT_ATOM},

    {"del", EACH_KEY,
     "Counts the keys that were there when R owners were read; writes a tombstone at W. It stays deleted: the "
     "tombstone goes "
     "when every owner has it. " NOT_ATOM},
    {"unlink", EACH_KEY, "As DEL."},
    {"exists", EACH_KEY, "As GET, for each key."},
    {"touch", EACH_KEY, "As EXISTS: reads leave no trace on a key."},
    {"type", ONE, "Strings, so far."},
    {"object|encoding", ONE,
     "What Redis would choose for the value as it is; after APPEND and SETRANGE that is not always `raw`."},
    {"object|freq", ONE, "Nobody counts reads: the error that Redis gives without an LFU policy."},
    {"object|idletime", ONE, "Seconds since the value was written: reads leave no trace."},
    {"object|refcount", ONE, "Always 1."},
    {"memory|usage", ONE, "Bytes that one replica keeps: name, values and context."},
    {"ttl", ONE, AS_REDIS},
    {"pttl", ONE, AS_REDIS},
    {"expiretime", ONE, AS_REDIS},
    {"pexpiretime", ONE, AS_REDIS},
    {"expire", ONE,
     "Sets a register of its own beside the values, of which the latest wins: it brings no older value back. A time in "
     "the past "
     "deletes. Each node goes by its own clock, so clocks should agree to a second or so."},
    {"pexpire", ONE, "As EXPIRE."},
    {"expireat", ONE, "As EXPIRE."},
    {"pexpireat", ONE, "As EXPIRE."},
    {"persist", ONE, "As EXPIRE."},

    {"scan", "O(1) for every call; O(N) for all keys",
     "Tells of the keys that this node shows, those for which CLUSTER SLOTS names it: asked of all nodes, each key "
     "once. -LOADING "
     "while the node may lack data. COUNT is a hint."},
    {"keys", "O(N) where N is the number of keys that this node shows", "Of the keys that this node shows: see SCAN."},
    {"randomkey", ONE, "Of the keys that this node shows: see SCAN."},
    {"dbsize", SLOTS,
     "Of the keys that this node shows: see SCAN. What has expired is counted until its space is given back, two "
     "minutes later or "
     "so."},

    {"flushall", "O(1); space comes back by and by",
     "For the whole cluster, and for good: needs every member, or is refused. ASYNC and SYNC are one."},
    {"flushdb", "O(1); space comes back by and by", "As FLUSHALL."},

    {"subscribe", EACH_CHANNEL, "At whichever node: a message published at any node comes to all. Not in a batch."},
    {"unsubscribe", EACH_CHANNEL, AS_REDIS},
    {"psubscribe", EACH_CHANNEL, "As SUBSCRIBE."},
    {"punsubscribe", EACH_CHANNEL, AS_REDIS},
    {"publish", "O(N+M+K) where N listen to the channel, M patterns are listened to and there are K members",
     "Reaches who listens at any node that is linked just now: at most once, and kept nowhere. Answers with those of "
     "this thread "
     "alone."},
    {"ssubscribe", EACH_CHANNEL, "As SUBSCRIBE, at any node: sharded channels are only other names here."},
    {"sunsubscribe", EACH_CHANNEL, AS_REDIS},
    {"spublish", "O(N+K) where N listen to the channel and there are K members", "As PUBLISH, to sharded channels."},
    {"pubsub|channels", CLIENTS, "Of this node, all its threads."},
    {"pubsub|numpat", ONE, "Of this node, all its threads."},
    {"pubsub|numsub", EACH_CHANNEL, "Of this node, all its threads."},
    {"pubsub|shardchannels", CLIENTS, "Of this node, all its threads."},
    {"pubsub|shardnumsub", EACH_CHANNEL, "Of this node, all its threads."},

    {"multi", ONE, AS_REDIS},
    {"exec", "Depends on the commands",
     "A batch, without isolation: others may come between, and what failed is not undone."},
    {"discard", ONE, AS_REDIS},
    {"unwatch", ONE,
     "Nothing is ever watched: WATCH is refused, since concurrent writes are all kept and none can fail for it."},

    {"gramme.get", ONE, "key [R n] [PR n]: the context and all concurrent values, tombstones aside."},
    {"gramme.put", ONE,
     "key value [CONTEXT c] [W n] [PW n] [EX s]: replaces what the context has seen; concurrent values stay beside "
     "it."},
    {"gramme.del", ONE, "key [CONTEXT c] [W n] [PW n]: deletes what the context has seen."},
    {"gramme.explain", ONE, "The key's slot, partition and owners, and what each of them holds."},
    {"gramme.keyspaces", "O(N) where N is the number of keyspaces", AS_REDIS},
    {"gramme.keyspace|set", MEMBERS,
     "Quorums, conflict rule and durability of a prefix; needs every member, or is refused."},
    {"gramme.keyspace|del", MEMBERS, "Needs every member, or is refused."},
    {"gramme.members|log", LOG, "Used by nodes that join and by `gramme cluster`."},
    {"gramme.members|change", ONE,
     "A majority of the members chooses it. `gramme cluster` stages, plans and commits instead."},
    {"gramme.members|stage", ONE, "Used by `gramme cluster`."},
    {"gramme.members|unstage", ONE, "Used by `gramme cluster`."},
    {"gramme.members|commit", ONE, "Used by `gramme cluster`."},
    {"gramme.members|seek", LOG, "Used by nodes that join."},
    {"gramme.members", MEMBERS, "JSON: members, phase of the change under way, what is staged. " NEVER},
    {"gramme.backup", "O(N) where N is the number of files of the store",
     "Of this node: `gramme backup --cluster` asks all."},
    {"gramme.restore", ONE, "Used by `gramme restore`: merged with what is there, so twice is once."},

    {"info", ONE, "Redis' fields where there is something like them, and gramme_* fields. Of this node."},
    {"config|get", SETTINGS, "Of this node."},
    {"config|set", ONE,
     "slowlog-log-slower-than, slowlog-max-len and latency-monitor-threshold, of this node, until it stops. What else "
     "a "
     "node reads when it starts is refused; keyspaces change by GRAMME.KEYSPACE."},
    {"config|resetstat", ONE, "Of this node, all its threads."},
    {"config|rewrite", SETTINGS,
     "What CONFIG SET can set, into the file that this node was started with; all else in it stays."},
    {"debug|sleep", ONE,
     "The thread that serves this connection, with its part of the keys; where the configuration says debug-commands "
     "yes-i-know. Other parts of DEBUG there are none."},
    {"slowlog|get", ENTRIES,
     "Commands that came to this node; times are those of a thread's clock, which is read once a turn. An entry has "
     "the "
     "command and the start of its first key, and, seventh, names and microseconds: queued behind others on the key, "
     "this or that coordinator's own store, and each replica that it asked. The nodes' logs are not added up."},
    {"slowlog|len", ONE, "Of this node."},
    {"slowlog|reset", ONE, "Of this node."},
    {"latency|histogram", COMMANDS, "Of this node. Bounds are powers of two."},
    {"latency|history", ONE, "Of this node; command is the only event."},
    {"latency|latest", ONE, "Of this node; command is the only event."},
    {"latency|reset", ONE, "Of this node."},
    {"wait", ONE,
     "Answers at once: a write is answered when W nodes have it, durably where its keyspace says so, so W-1 beside the "
     "coordinator have each write of this connection that was answered. W is the least of all keyspaces, or what "
     "GRAMME.PUT asked for. Others that have it too are not counted, and it is not waited for them: a write that must "
     "reach "
     "more asks for it with GRAMME.PUT W."},
    {"command", COMMANDS, AS_REDIS},
    {"command|count", ONE, AS_REDIS},
    {"command|docs", COMMANDS, "Without arguments and history."},
    {"command|info", COMMANDS, AS_REDIS},
    {"command|list", COMMANDS, AS_REDIS},
    {"command|getkeys", "O(N) where N is the number of arguments", AS_REDIS},
    {"cluster|info", SLOTS, "`ok` while every slot has an owner in reach. " NEVER},
    {"cluster|slots", SLOTS,
     "For each range of slots the first owner in reach, and no replicas: any node takes any request."},
    {"cluster|shards", SLOTS, "As CLUSTER SLOTS."},
    {"cluster|nodes", MEMBERS, "Every member that is an owner is a master; flags tell whom this node holds for down."},
    {"cluster|myid", ONE, AS_REDIS},
    {"cluster|keyslot", "O(N) where N is the size of the key", AS_REDIS},
    {"time", ONE, AS_REDIS},
};

const struct command_note *command_note_find(struct view full_name) {
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (view_equal(full_name, view_of_string(table[i].name))) {
            return &table[i];
        }
    }
    return NULL;
}
