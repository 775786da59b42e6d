/* The commands. Names, arities, flags, key positions and tips are those that Redis 7.0 tells of them. */
#include "core/front/commands/commands.h"

/* Flags that go together, and columns that most commands leave empty. */
#define SETUP_FLAGS  (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)
#define ACCESS_FLAGS (SETUP_FLAGS | COMMAND_FAST | COMMAND_NO_AUTH | COMMAND_ALLOW_BUSY)
#define ANY_FLAGS    (COMMAND_LOADING | COMMAND_STALE)
#define ADD_FLAGS    (COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST)
#define READ_FLAGS   (COMMAND_READONLY | COMMAND_FAST)
#define LISTEN_FLAGS (COMMAND_PUBSUB | SETUP_FLAGS | COMMAND_LISTENER)
#define TELL_FLAGS   (COMMAND_PUBSUB | ANY_FLAGS)
#define ADMIN_FLAGS  (COMMAND_ADMIN | SETUP_FLAGS)

#define NO_KEYS                                                                                                        \
    { 0, 0, 0, 0 }
#define ONE_KEY(flags)                                                                                                 \
    { 1, 1, 1, (flags) }
#define SECOND_KEY(flags)                                                                                              \
    { 2, 2, 1, (flags) }
#define ALL_KEYS(flags)                                                                                                \
    { 1, -1, 1, (flags) }
#define ALL_PAIRS(flags)                                                                                               \
    { 1, -1, 2, (flags) }
#define LEAF             NULL, NULL, 0
#define PART_OF(parent)  (parent), NULL, 0
#define PARENT_OF(parts) NULL, (parts), sizeof(parts) / sizeof((parts)[0])

static const char random_order[] = "nondeterministic_output_order";
static const char random_output[] = "nondeterministic_output";
static const char scan_tips[] = "nondeterministic_output request_policy:special";
static const char keys_tips[] = "request_policy:all_shards nondeterministic_output_order";
static const char random_key_tips[] = "request_policy:all_shards nondeterministic_output";
static const char sum_of_shards_all[] = "request_policy:all_shards response_policy:agg_sum";
static const char sum_of_shards[] = "request_policy:multi_shard response_policy:agg_sum";

#define HELP_OF(parent)                                                                                                \
    {                                                                                                                  \
        "help", run_help, 2, ANY_FLAGS, GROUP_SERVER, NO_KEYS, NULL, "5.0.0", "Says what the subcommands are",         \
            PART_OF(parent)                                                                                            \
    }

static const struct command client_table[] = {
    {"id", run_client_id, 2, SETUP_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "5.0.0", "Tells this connection's number",
     PART_OF("client")},
    {"setname", run_client_setname, 3, SETUP_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "2.6.9", "Names this connection",
     PART_OF("client")},
    {"getname", run_client_getname, 2, SETUP_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "2.6.9",
     "Tells this connection's name", PART_OF("client")},
    {"setinfo", run_client_setinfo, 4, SETUP_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "7.2.0",
     "Says which library the client uses", PART_OF("client")},
    {"list", run_client_list, -2, ADMIN_FLAGS, GROUP_CONNECTION, NO_KEYS, random_output, "2.4.0",
     "Lists the connections of this node", PART_OF("client")},
    {"kill", run_client_kill, -3, ADMIN_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "2.4.0",
     "Closes connections of this node", PART_OF("client")},
    {"pause", run_client_pause, -3, ADMIN_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "2.9.50",
     "Holds the clients of this node back for some milliseconds", PART_OF("client")},
    {"unpause", run_client_unpause, 2, ADMIN_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "6.2.0", "Ends that",
     PART_OF("client")},
    {"reply", run_client_reply, 3, SETUP_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "3.2.0",
     "Turns replies off, or on again", PART_OF("client")},
    {"info", run_client_info, 2, SETUP_FLAGS, GROUP_CONNECTION, NO_KEYS, random_output, "6.2.0",
     "Tells of this connection", PART_OF("client")},
    {"no-evict", run_client_no_evict, 3, ADMIN_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "7.0.0",
     "Accepted; no client is evicted", PART_OF("client")},
    {"no-touch", run_client_no_touch, 3, SETUP_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "7.2.0",
     "Accepted; reads leave no trace on a key", PART_OF("client")},
    HELP_OF("client"),
};

static const struct command object_table[] = {
    {"encoding", run_object_encoding, 3, COMMAND_READONLY, GROUP_GENERIC, SECOND_KEY(KEY_RO), random_output, "2.2.3",
     "Tells how Redis would keep the value", PART_OF("object")},
    {"freq", run_object_freq, 3, COMMAND_READONLY, GROUP_GENERIC, SECOND_KEY(KEY_RO), random_output, "4.0.0",
     "Refused: nobody counts how often a key is read", PART_OF("object")},
    {"idletime", run_object_idletime, 3, COMMAND_READONLY, GROUP_GENERIC, SECOND_KEY(KEY_RO), random_output, "2.2.3",
     "Tells how many seconds ago the value was written: reads leave no trace", PART_OF("object")},
    {"refcount", run_object_refcount, 3, COMMAND_READONLY, GROUP_GENERIC, SECOND_KEY(KEY_RO), random_output, "2.2.3",
     "Tells 1: no value is shared", PART_OF("object")},
    HELP_OF("object"),
};

static const struct command memory_table[] = {
    {"usage", run_memory_usage, -3, COMMAND_READONLY, GROUP_SERVER, SECOND_KEY(KEY_RO), NULL, "4.0.0",
     "Tells how many bytes a replica keeps of a key, with its context", PART_OF("memory")},
    HELP_OF("memory"),
};

static const struct command pubsub_table[] = {
    {"channels", run_pubsub_channels, -2, TELL_FLAGS, GROUP_PUBSUB, NO_KEYS, NULL, "2.8.0",
     "Lists the channels that somebody listens to", PART_OF("pubsub")},
    {"numpat", run_pubsub_numpat, 2, TELL_FLAGS, GROUP_PUBSUB, NO_KEYS, NULL, "2.8.0",
     "Counts the patterns that somebody listens to", PART_OF("pubsub")},
    {"numsub", run_pubsub_numsub, -2, TELL_FLAGS, GROUP_PUBSUB, NO_KEYS, NULL, "2.8.0",
     "Counts those who listen to channels", PART_OF("pubsub")},
    {"shardchannels", run_pubsub_shardchannels, -2, TELL_FLAGS, GROUP_PUBSUB, NO_KEYS, NULL, "7.0.0",
     "Lists the sharded channels that somebody listens to", PART_OF("pubsub")},
    {"shardnumsub", run_pubsub_shardnumsub, -2, TELL_FLAGS, GROUP_PUBSUB, NO_KEYS, NULL, "7.0.0",
     "Counts those who listen to sharded channels", PART_OF("pubsub")},
    HELP_OF("pubsub"),
};

static const struct command config_table[] = {
    {"get", run_config_get, -3, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, "2.0.0",
     "Tells the settings whose names match", PART_OF("config")},
    {"set", run_config_set, -4, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS,
     "request_policy:all_nodes response_policy:all_succeeded", "2.0.0", "Sets what can be set while a node runs",
     PART_OF("config")},
    {"resetstat", run_config_resetstat, 2, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, "2.0.0",
     "Sets the node's counters of clients and commands to zero", PART_OF("config")},
    {"rewrite", run_config_rewrite, 2, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, "2.8.0",
     "Writes what was set into the node's configuration", PART_OF("config")},
    HELP_OF("config"),
};

static const char all_nodes[] = "request_policy:all_nodes nondeterministic_output";
static const char all_nodes_special[] = "nondeterministic_output request_policy:all_nodes response_policy:special";

static const struct command slowlog_table[] = {
    {"get", run_slowlog_get, -2, COMMAND_ADMIN | ANY_FLAGS, GROUP_SERVER, NO_KEYS, all_nodes, "2.2.12",
     "Tells the slow commands of this node, the newest first", PART_OF("slowlog")},
    {"len", run_slowlog_len, 2, COMMAND_ADMIN | ANY_FLAGS, GROUP_SERVER, NO_KEYS,
     "request_policy:all_nodes response_policy:agg_sum nondeterministic_output", "2.2.12", "Counts them",
     PART_OF("slowlog")},
    {"reset", run_slowlog_reset, 2, COMMAND_ADMIN | ANY_FLAGS, GROUP_SERVER, NO_KEYS,
     "request_policy:all_nodes response_policy:all_succeeded", "2.2.12", "Forgets them", PART_OF("slowlog")},
    HELP_OF("slowlog"),
};

static const struct command latency_table[] = {
    {"histogram", run_latency_histogram, -2, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, all_nodes_special, "7.0.0",
     "Tells how long commands took, by powers of two", PART_OF("latency")},
    {"history", run_latency_history, 3, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, all_nodes_special, "2.8.13",
     "Tells the seconds in which commands took long", PART_OF("latency")},
    {"latest", run_latency_latest, 2, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, all_nodes_special, "2.8.13",
     "Tells the last second in which a command took long, and the longest", PART_OF("latency")},
    {"reset", run_latency_reset, -2, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS,
     "request_policy:all_nodes response_policy:agg_sum", "2.8.13", "Forgets them", PART_OF("latency")},
    HELP_OF("latency"),
};

static const struct command debug_table[] = {
    {"sleep", run_debug_sleep, 3, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, "2.2.12",
     "Lets a thread of the node do nothing for some seconds", PART_OF("debug")},
    HELP_OF("debug"),
};

static const struct command command_command_table[] = {
    {"count", run_command_count, 2, ANY_FLAGS, GROUP_SERVER, NO_KEYS, NULL, "2.8.13", "Counts the commands",
     PART_OF("command")},
    {"docs", run_command_docs, -2, ANY_FLAGS, GROUP_SERVER, NO_KEYS, random_order, "7.0.0",
     "Tells what commands are for", PART_OF("command")},
    {"info", run_command_info, -2, ANY_FLAGS, GROUP_SERVER, NO_KEYS, random_order, "2.8.13",
     "Tells how commands are called", PART_OF("command")},
    {"list", run_command_list, -2, ANY_FLAGS, GROUP_SERVER, NO_KEYS, random_order, "7.0.0", "Lists names of commands",
     PART_OF("command")},
    {"getkeys", run_command_getkeys, -4, ANY_FLAGS, GROUP_SERVER, NO_KEYS, NULL, "2.8.13",
     "Finds the keys in a command", PART_OF("command")},
    HELP_OF("command"),
};

static const struct command cluster_table[] = {
    {"info", run_cluster, 2, COMMAND_STALE, GROUP_CLUSTER, NO_KEYS, random_output, "3.0.0",
     "Tells of the cluster as this node sees it", PART_OF("cluster")},
    {"slots", run_cluster, 2, COMMAND_STALE, GROUP_CLUSTER, NO_KEYS, random_output, "3.0.0",
     "Tells which node to ask for which slots", PART_OF("cluster")},
    {"shards", run_cluster, 2, COMMAND_STALE, GROUP_CLUSTER, NO_KEYS, random_output, "7.0.0",
     "Tells which node to ask for which slots", PART_OF("cluster")},
    {"nodes", run_cluster, 2, COMMAND_STALE, GROUP_CLUSTER, NO_KEYS, random_output, "3.0.0", "Lists the nodes",
     PART_OF("cluster")},
    {"myid", run_cluster, 2, COMMAND_STALE, GROUP_CLUSTER, NO_KEYS, NULL, "3.0.0", "Tells this node's id",
     PART_OF("cluster")},
    {"keyslot", run_cluster, 3, COMMAND_STALE, GROUP_CLUSTER, NO_KEYS, NULL, "3.0.0", "Tells a key's slot",
     PART_OF("cluster")},
    HELP_OF("cluster"),
};

static const struct command keyspace_table[] = {
    {"set", run_gramme_keyspace_set, -3, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION,
     "Changes or adds the keyspace of a prefix, on every member", PART_OF("gramme.keyspace")},
    {"del", run_gramme_keyspace_del, 3, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION,
     "Removes the keyspace of a prefix, on every member; its keys stay", PART_OF("gramme.keyspace")},
    HELP_OF("gramme.keyspace"),
};

static const struct command members_table[] = {
    {"log", run_gramme_members_log, 3, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION,
     "Tells the entries of the membership log after a version, for a node that joins", PART_OF("gramme.members")},
    {"change", run_gramme_members_change, -3, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION,
     "Changes who is a member; see gramme cluster", PART_OF("gramme.members")},
    {"stage", run_gramme_members_stage, -3, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION,
     "Prepares changes of who is a member", PART_OF("gramme.members")},
    {"unstage", run_gramme_members_unstage, 3, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION,
     "Drops what was prepared of a node, or all of it", PART_OF("gramme.members")},
    {"commit", run_gramme_members_commit, -2, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION,
     "Begins the changes that were prepared", PART_OF("gramme.members")},
    {"seek", run_gramme_members_seek, 9, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION,
     "Tells a node that wants to join what it has to know", PART_OF("gramme.members")},
    HELP_OF("gramme.members"),
};

static const struct command table[] = {
    {"ping", run_ping, -1, COMMAND_FAST | COMMAND_LISTENER, GROUP_CONNECTION, NO_KEYS,
     "request_policy:all_shards response_policy:all_succeeded", "1.0.0", "Answers, so that one knows the node does",
     LEAF},
    {"echo", run_echo, 2, ANY_FLAGS | COMMAND_FAST, GROUP_CONNECTION, NO_KEYS, NULL, "1.0.0",
     "Answers with what it was told", LEAF},
    {"quit", run_quit, -1, ACCESS_FLAGS | COMMAND_AT_ONCE | COMMAND_LISTENER, GROUP_CONNECTION, NO_KEYS, NULL, "1.0.0",
     "Closes the connection", LEAF},
    {"reset", run_reset, 1, ACCESS_FLAGS | COMMAND_AT_ONCE | COMMAND_LISTENER, GROUP_CONNECTION, NO_KEYS, NULL, "6.2.0",
     "Makes the connection as good as new", LEAF},
    {"hello", run_hello, -1, ACCESS_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "6.0.0",
     "Chooses the protocol and tells of the server", LEAF},
    {"auth", run_auth, -2, ACCESS_FLAGS, GROUP_CONNECTION, NO_KEYS, NULL, "1.0.0", "Gives a password", LEAF},
    {"select", run_select, 2, ANY_FLAGS | COMMAND_FAST, GROUP_CONNECTION, NO_KEYS, NULL, "1.0.0",
     "Accepted for database 0, the only one", LEAF},
    {"client", NULL, -2, 0, GROUP_CONNECTION, NO_KEYS, NULL, "2.4.0", "Commands about connections",
     PARENT_OF(client_table)},
    {"readonly", run_nothing, 1, ANY_FLAGS | COMMAND_FAST, GROUP_CLUSTER, NO_KEYS, NULL, "3.0.0",
     "Accepted; any node serves any request", LEAF},
    {"readwrite", run_nothing, 1, ANY_FLAGS | COMMAND_FAST, GROUP_CLUSTER, NO_KEYS, NULL, "3.0.0",
     "Accepted; any node serves any request", LEAF},
    {"asking", run_nothing, 1, COMMAND_FAST, GROUP_CLUSTER, NO_KEYS, NULL, "3.0.0",
     "Accepted; any node serves any request", LEAF},

    {"get", run_get, 2, READ_FLAGS, GROUP_STRING, ONE_KEY(KEY_RO | KEY_ACCESS), NULL, "1.0.0",
     "Tells the value of a key, the latest if there are several", LEAF},
    {"set", run_set, -3, COMMAND_WRITE | COMMAND_DENYOOM, GROUP_STRING,
     ONE_KEY(KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE), NULL, "1.0.0", "Gives a key a value", LEAF},
    {"setnx", run_setnx, 3, COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST, GROUP_STRING, ONE_KEY(KEY_OW | KEY_INSERT),
     NULL, "1.0.0", "Gives a key a value unless it has one", LEAF},
    {"setex", run_setex, 4, COMMAND_WRITE | COMMAND_DENYOOM, GROUP_STRING, ONE_KEY(KEY_OW | KEY_UPDATE), NULL, "2.0.0",
     "Gives a key a value for some seconds", LEAF},
    {"psetex", run_psetex, 4, COMMAND_WRITE | COMMAND_DENYOOM, GROUP_STRING, ONE_KEY(KEY_OW | KEY_UPDATE), NULL,
     "2.6.0", "Gives a key a value for some milliseconds", LEAF},
    {"getset", run_getset, 3, COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST, GROUP_STRING,
     ONE_KEY(KEY_RW | KEY_ACCESS | KEY_UPDATE), NULL, "1.0.0", "Gives a key a value and tells the one before", LEAF},
    {"getdel", run_getdel, 2, COMMAND_WRITE | COMMAND_FAST, GROUP_STRING, ONE_KEY(KEY_RW | KEY_ACCESS | KEY_DELETE),
     NULL, "6.2.0", "Deletes a key and tells the value it had", LEAF},
    {"getex", run_getex, -2, COMMAND_WRITE | COMMAND_FAST, GROUP_STRING, ONE_KEY(KEY_RW | KEY_ACCESS | KEY_UPDATE),
     NULL, "6.2.0", "Tells the value of a key and sets when it expires", LEAF},
    {"strlen", run_strlen, 2, READ_FLAGS, GROUP_STRING, ONE_KEY(KEY_RO), NULL, "2.2.0", "Tells how long a value is",
     LEAF},
    {"incr", run_incr, 2, ADD_FLAGS, GROUP_STRING, ONE_KEY(KEY_RW | KEY_ACCESS | KEY_UPDATE), NULL, "1.0.0",
     "Adds one to a counter", LEAF},
    {"decr", run_decr, 2, ADD_FLAGS, GROUP_STRING, ONE_KEY(KEY_RW | KEY_ACCESS | KEY_UPDATE), NULL, "1.0.0",
     "Takes one off a counter", LEAF},
    {"incrby", run_incrby, 3, ADD_FLAGS, GROUP_STRING, ONE_KEY(KEY_RW | KEY_ACCESS | KEY_UPDATE), NULL, "1.0.0",
     "Adds a number to a counter", LEAF},
    {"decrby", run_decrby, 3, ADD_FLAGS, GROUP_STRING, ONE_KEY(KEY_RW | KEY_ACCESS | KEY_UPDATE), NULL, "1.0.0",
     "Takes a number off a counter", LEAF},
    {"append", run_append, 3, COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST, GROUP_STRING,
     ONE_KEY(KEY_RW | KEY_INSERT), NULL, "2.0.0", "Adds bytes to the end of a value", LEAF},
    {"setrange", run_setrange, 4, COMMAND_WRITE | COMMAND_DENYOOM, GROUP_STRING, ONE_KEY(KEY_RW | KEY_UPDATE), NULL,
     "2.2.0", "Writes bytes into a value, from an offset on", LEAF},
    {"getrange", run_getrange, 4, COMMAND_READONLY, GROUP_STRING, ONE_KEY(KEY_RO | KEY_ACCESS), NULL, "2.4.0",
     "Tells a part of a value", LEAF},
    {"substr", run_getrange, 4, COMMAND_READONLY, GROUP_STRING, ONE_KEY(KEY_RO | KEY_ACCESS), NULL, "1.0.0",
     "Tells a part of a value: another name of GETRANGE", LEAF},
    {"mget", run_mget, -2, READ_FLAGS, GROUP_STRING, ALL_KEYS(KEY_RO | KEY_ACCESS), "request_policy:multi_shard",
     "1.0.0", "Tells the values of keys", LEAF},
    {"mset", run_mset, -3, COMMAND_WRITE | COMMAND_DENYOOM, GROUP_STRING, ALL_PAIRS(KEY_OW | KEY_UPDATE),
     "request_policy:multi_shard response_policy:all_succeeded", "1.0.1",
     "Gives keys values, each on its own: not atomic", LEAF},

    {"del", run_del, -2, COMMAND_WRITE, GROUP_GENERIC, ALL_KEYS(KEY_RM | KEY_DELETE), sum_of_shards, "1.0.0",
     "Deletes keys", LEAF},
    {"unlink", run_del, -2, COMMAND_WRITE | COMMAND_FAST, GROUP_GENERIC, ALL_KEYS(KEY_RM | KEY_DELETE), sum_of_shards,
     "4.0.0", "Deletes keys", LEAF},
    {"exists", run_exists, -2, READ_FLAGS, GROUP_GENERIC, ALL_KEYS(KEY_RO), sum_of_shards, "1.0.0",
     "Counts the keys that have a value", LEAF},
    {"touch", run_exists, -2, READ_FLAGS, GROUP_GENERIC, ALL_KEYS(KEY_RO), sum_of_shards, "3.2.1",
     "Counts the keys that have a value", LEAF},
    {"object", NULL, -2, 0, GROUP_GENERIC, NO_KEYS, NULL, "2.2.3", "Commands about how values are kept",
     PARENT_OF(object_table)},
    {"memory", NULL, -2, 0, GROUP_SERVER, NO_KEYS, NULL, "4.0.0", "Commands about memory", PARENT_OF(memory_table)},
    {"type", run_type, 2, READ_FLAGS, GROUP_GENERIC, ONE_KEY(KEY_RO), NULL, "1.0.0", "Tells what a key holds", LEAF},
    {"ttl", run_ttl, 2, READ_FLAGS, GROUP_GENERIC, ONE_KEY(KEY_RO | KEY_ACCESS), random_output, "1.0.0",
     "Tells in how many seconds a key expires", LEAF},
    {"pttl", run_pttl, 2, READ_FLAGS, GROUP_GENERIC, ONE_KEY(KEY_RO | KEY_ACCESS), random_output, "2.6.0",
     "Tells in how many milliseconds a key expires", LEAF},
    {"expiretime", run_expiretime, 2, READ_FLAGS, GROUP_GENERIC, ONE_KEY(KEY_RO | KEY_ACCESS), NULL, "7.0.0",
     "Tells at which second a key expires", LEAF},
    {"pexpiretime", run_pexpiretime, 2, READ_FLAGS, GROUP_GENERIC, ONE_KEY(KEY_RO | KEY_ACCESS), NULL, "7.0.0",
     "Tells at which millisecond a key expires", LEAF},
    {"expire", run_expire, -3, COMMAND_WRITE | COMMAND_FAST, GROUP_GENERIC, ONE_KEY(KEY_RW | KEY_UPDATE), NULL, "1.0.0",
     "Lets a key expire in some seconds", LEAF},
    {"pexpire", run_pexpire, -3, COMMAND_WRITE | COMMAND_FAST, GROUP_GENERIC, ONE_KEY(KEY_RW | KEY_UPDATE), NULL,
     "2.6.0", "Lets a key expire in some milliseconds", LEAF},
    {"expireat", run_expireat, -3, COMMAND_WRITE | COMMAND_FAST, GROUP_GENERIC, ONE_KEY(KEY_RW | KEY_UPDATE), NULL,
     "1.2.0", "Lets a key expire at a second", LEAF},
    {"pexpireat", run_pexpireat, -3, COMMAND_WRITE | COMMAND_FAST, GROUP_GENERIC, ONE_KEY(KEY_RW | KEY_UPDATE), NULL,
     "2.6.0", "Lets a key expire at a millisecond", LEAF},
    {"persist", run_persist, 2, COMMAND_WRITE | COMMAND_FAST, GROUP_GENERIC, ONE_KEY(KEY_RW | KEY_UPDATE), NULL,
     "2.2.0", "Lets a key expire no more", LEAF},

    {"scan", run_scan, -2, COMMAND_READONLY, GROUP_GENERIC, NO_KEYS, scan_tips, "2.8.0",
     "Lists some of the keys that this node shows, and where to go on", LEAF},
    {"keys", run_keys, 2, COMMAND_READONLY | COMMAND_DANGEROUS, GROUP_GENERIC, NO_KEYS, keys_tips, "1.0.0",
     "Lists all keys that this node shows and that match a pattern", LEAF},
    {"randomkey", run_randomkey, 1, COMMAND_READONLY, GROUP_GENERIC, NO_KEYS, random_key_tips, "1.0.0",
     "Tells one of the keys that this node shows", LEAF},
    {"dbsize", run_dbsize, 1, READ_FLAGS, GROUP_SERVER, NO_KEYS, sum_of_shards_all, "1.0.0",
     "Counts the keys that this node shows", LEAF},

    {"flushall", run_flushall, -1, COMMAND_WRITE | COMMAND_DANGEROUS, GROUP_SERVER, NO_KEYS,
     "request_policy:all_shards response_policy:all_succeeded", "1.0.0",
     "Removes all keys, everywhere; needs every member of the cluster", LEAF},
    {"flushdb", run_flushall, -1, COMMAND_WRITE | COMMAND_DANGEROUS, GROUP_SERVER, NO_KEYS,
     "request_policy:all_shards response_policy:all_succeeded", "1.0.0",
     "Removes all keys, everywhere; needs every member of the cluster", LEAF},

    {"gramme.get", run_gramme_get, -2, READ_FLAGS, GROUP_GENERIC, ONE_KEY(KEY_RO | KEY_ACCESS), NULL, GRAMME_VERSION,
     "Tells a key's context and all its concurrent values", LEAF},
    {"gramme.put", run_gramme_put, -3, COMMAND_WRITE | COMMAND_DENYOOM, GROUP_GENERIC, ONE_KEY(KEY_RW | KEY_UPDATE),
     NULL, GRAMME_VERSION, "Writes a value that follows what a context has seen", LEAF},
    {"gramme.del", run_gramme_del, -2, COMMAND_WRITE, GROUP_GENERIC, ONE_KEY(KEY_RM | KEY_DELETE), NULL, GRAMME_VERSION,
     "Deletes what a context has seen", LEAF},
    {"gramme.explain", run_gramme_explain, 2, COMMAND_READONLY, GROUP_SERVER, ONE_KEY(KEY_RO), random_output,
     GRAMME_VERSION, "Tells where a key lies and what each of its owners holds", LEAF},

    {"gramme.keyspaces", run_gramme_keyspaces, 1, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION,
     "Tells the version of the table of keyspaces, and each of them", LEAF},
    {"gramme.keyspace", NULL, -2, 0, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION, "Commands about keyspaces",
     PARENT_OF(keyspace_table)},
    {"gramme.members", run_gramme_members, -1, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION,
     "Tells the members, and how far a change of them is", PARENT_OF(members_table)},

    {"gramme.backup", run_gramme_backup, 2, ADMIN_FLAGS, GROUP_SERVER, NO_KEYS, NULL, GRAMME_VERSION,
     "Copies this node's store into a new folder of its machine", LEAF},
    {"gramme.restore", run_gramme_restore, 3, COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_ADMIN, GROUP_SERVER,
     ONE_KEY(KEY_RW | KEY_UPDATE), NULL, GRAMME_VERSION, "Merges what a backup of another cluster held of a key", LEAF},

    {"subscribe", run_subscribe, -2, LISTEN_FLAGS, GROUP_PUBSUB, NO_KEYS, NULL, "2.0.0", "Listens to channels", LEAF},
    {"unsubscribe", run_unsubscribe, -1, LISTEN_FLAGS, GROUP_PUBSUB, NO_KEYS, NULL, "2.0.0",
     "Listens to channels, or to all, no more", LEAF},
    {"psubscribe", run_psubscribe, -2, LISTEN_FLAGS, GROUP_PUBSUB, NO_KEYS, NULL, "2.0.0",
     "Listens to all channels that match patterns", LEAF},
    {"punsubscribe", run_punsubscribe, -1, LISTEN_FLAGS, GROUP_PUBSUB, NO_KEYS, NULL, "2.0.0",
     "Listens to patterns, or to all, no more", LEAF},
    {"publish", run_publish, 3, TELL_FLAGS | COMMAND_FAST, GROUP_PUBSUB, NO_KEYS, NULL, "2.0.0",
     "Tells all who listen to a channel, at whichever node", LEAF},
    {"ssubscribe", run_ssubscribe, -2, LISTEN_FLAGS, GROUP_PUBSUB, NO_KEYS, NULL, "7.0.0",
     "Listens to sharded channels", LEAF},
    {"sunsubscribe", run_sunsubscribe, -1, LISTEN_FLAGS, GROUP_PUBSUB, NO_KEYS, NULL, "7.0.0",
     "Listens to sharded channels, or to all, no more", LEAF},
    {"spublish", run_spublish, 3, TELL_FLAGS | COMMAND_FAST, GROUP_PUBSUB, NO_KEYS, NULL, "7.0.0",
     "Tells all who listen to a sharded channel, at whichever node", LEAF},
    {"pubsub", NULL, -2, 0, GROUP_PUBSUB, NO_KEYS, NULL, "2.8.0", "Commands about channels", PARENT_OF(pubsub_table)},

    {"multi", run_multi, 1, SETUP_FLAGS | COMMAND_FAST | COMMAND_ALLOW_BUSY | COMMAND_AT_ONCE, GROUP_TRANSACTIONS,
     NO_KEYS, NULL, "1.2.0", "Begins to queue commands", LEAF},
    {"exec", run_exec, 1, SETUP_FLAGS | COMMAND_SKIP_SLOWLOG | COMMAND_AT_ONCE, GROUP_TRANSACTIONS, NO_KEYS, NULL,
     "1.2.0", "Runs the queued commands in order, without isolation", LEAF},
    {"discard", run_discard, 1, SETUP_FLAGS | COMMAND_FAST | COMMAND_ALLOW_BUSY | COMMAND_AT_ONCE, GROUP_TRANSACTIONS,
     NO_KEYS, NULL, "2.0.0", "Forgets the queued commands", LEAF},
    {"unwatch", run_nothing, 1, SETUP_FLAGS | COMMAND_FAST | COMMAND_ALLOW_BUSY, GROUP_TRANSACTIONS, NO_KEYS, NULL,
     "2.2.0", "Accepted; nothing is watched", LEAF},

    {"info", run_info, -1, ANY_FLAGS | COMMAND_DANGEROUS, GROUP_SERVER, NO_KEYS,
     "nondeterministic_output request_policy:all_shards response_policy:special", "1.0.0", "Tells of the node", LEAF},
    {"config", NULL, -2, 0, GROUP_SERVER, NO_KEYS, NULL, "2.0.0", "Commands about settings", PARENT_OF(config_table)},
    {"debug", NULL, -2, 0, GROUP_SERVER, NO_KEYS, NULL, "1.0.0", "Commands for tests", PARENT_OF(debug_table)},
    {"slowlog", NULL, -2, 0, GROUP_SERVER, NO_KEYS, NULL, "2.2.12", "Commands about what took long",
     PARENT_OF(slowlog_table)},
    {"latency", NULL, -2, 0, GROUP_SERVER, NO_KEYS, NULL, "2.8.13", "Commands about how long commands take",
     PARENT_OF(latency_table)},
    {"wait", run_wait, 3, COMMAND_NOSCRIPT, GROUP_GENERIC, NO_KEYS, "request_policy:all_shards response_policy:agg_min",
     "3.0.0", "Tells how many replicas surely have this connection's writes", LEAF},
    {"command", run_command, -1, ANY_FLAGS, GROUP_SERVER, NO_KEYS, random_order, "2.8.13", "Tells of all commands",
     PARENT_OF(command_command_table)},
    {"cluster", run_cluster, -2, 0, GROUP_CLUSTER, NO_KEYS, NULL, "3.0.0", "Commands about the cluster",
     PARENT_OF(cluster_table)},
    {"time", run_time, 1, ANY_FLAGS | COMMAND_FAST, GROUP_SERVER, NO_KEYS, random_output, "2.6.0",
     "Tells the time of the node", LEAF},
};

const struct command *command_table(size_t *ret_count) {
    *ret_count = sizeof(table) / sizeof(table[0]);
    return table;
}
