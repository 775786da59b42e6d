/* A node's configuration: lines of `name value...`, read strictly. A setting that is unknown, there twice, out of range
 * or missing is an error that names the line; nothing is guessed and nothing ignored.
 *
 *     # words are separated by blanks; "a word with blanks" stands in quotes; a word that begins with # ends the line
 *     cluster-id          32 hexadecimal digits         required; the same on all nodes
 *     cluster-secret      32 hexadecimal digits         required; the same on all nodes
 *     previous-cluster-secret  32 hexadecimal digits    while secrets are being rotated
 *     node-id             32 hexadecimal digits         required; one of the members
 *     data                folder                        required, unless storage is memory
 *     storage             rocksdb | memory              rocksdb
 *     shards              1 to 64                       one for each processor
 *     partitions          power of two, 16 to 16384     1024 (Q; fixed when the cluster is born)
 *     replicas            1 to 7                        3 (N)
 *     read-quorum         1 to N                        N/2+1 (R of the default keyspace)
 *     write-quorum        1 to N                        N/2+1 (W)
 *     conflict            siblings | lww                siblings
 *     durability          sync | interval | none        sync
 *     keyspace            PREFIX [read-quorum n] [write-quorum n] [conflict c] [durability d]
 *                                                       repeated; what isn't said is as in the default keyspace
 *     member              ID ZONE WEIGHT CLIENT-ADDRESS PEER-ADDRESS
 *                                                       repeated, this node included; a node listens on its addresses
 *     seed                HOST:PORT                     repeated: clients' addresses of members. A node with seeds
 *                                                       whose store is empty joins their cluster (server/joining.h);
 *                                                       its only member line is its own, and partitions and replicas
 *                                                       are theirs
 *     object-buffer       bytes, or with kb, mb, gb     256mb (of the whole node)
 *     deadline-ms         10 to 600000                  1000
 *     exchange-period-ms  100 to 3600000                5000
 *     scrub-period-s      1 to 31536000                 86400
 *     max-clients         1 to 1000000                  10000
 *     max-requests        1 to 1000000                  4096 (operations under way in a shard; past it, BUSY)
 *     memory-limit        bytes, or with kb, mb, gb     three quarters of the machine's, or of its control group's
 *     background-latency-ms  1 to 60000                 50 (slower than that, background work gives way: core/load.h)
 *     moved-port-offset   0 to 60000                    0: none. Else a second port for clients, so far above the
 *                                                       first: there a node answers MOVED to who asks for keys it
 *                                                       does not own, as one of a Redis Cluster; the same on all nodes
 *     slowlog-log-slower-than  -1 or microseconds       10000 (SLOWLOG; -1: none is slow)
 *     slowlog-max-len     0 to 65536                    128 (entries, in each shard)
 *     latency-monitor-threshold  milliseconds           0: no events for LATENCY
 *     log-level           debug | info | warning | error  info
 *     debug-commands      yes-i-know                    without it, DEBUG is refused
 *     insecure-bind       yes-i-know                    without it, a node listens on loopback alone
 *     accept-older-data   yes-i-know                    without it, a node whose folder was put back to an older state
 *                                                       stops (core/witness.h)
 */
#ifndef GRAMME_SERVER_CONFIG_H
#define GRAMME_SERVER_CONFIG_H

#include "ring/keyspace.h"
#include "ring/ring.h"
#include "version/token.h"

enum config_storage { CONFIG_STORAGE_ROCKSDB, CONFIG_STORAGE_MEMORY };

enum config_log_level { CONFIG_LOG_DEBUG, CONFIG_LOG_INFO, CONFIG_LOG_WARNING, CONFIG_LOG_ERROR };

enum { CONFIG_PATH_SIZE = 1024, CONFIG_ERROR_SIZE = 512, CONFIG_FILE_BYTES_MOST = 1024 * 1024 };

struct config {
    struct token_secrets secrets; /* cluster id and secrets */
    struct node_id node;
    struct member *members; /* sorted by id; owned */
    size_t member_count;
    size_t self;                        /* this node among the members */
    char (*seeds)[MEMBER_ADDRESS_SIZE]; /* owned */
    size_t seed_count;
    char path[CONFIG_PATH_SIZE]; /* of the file; empty after config_parse() */
    char data[CONFIG_PATH_SIZE]; /* may be empty when storage is memory */
    enum config_storage storage;
    uint32_t shards;     /* 0 after config_parse() when it isn't said; config_load() puts the processors in its place */
    uint32_t partitions; /* with seeds, partitions and replicas may be unsaid, and then nothing that depends on them */
    uint32_t replicas;   /* is right before config_take_shape() */
    struct keyspace_table keyspaces;
    uint64_t object_buffer_bytes;
    uint32_t deadline_ms;
    uint32_t exchange_period_ms;
    uint32_t scrub_period_s;
    uint32_t max_clients;
    uint32_t max_requests;
    uint64_t
        memory_limit_bytes; /* 0 after config_parse() when it isn't said; config_load() puts a part of the machine's */
    uint32_t background_latency_ms;
    uint32_t moved_port_offset;
    int64_t slow_us; /* negative: none is slow */
    uint32_t slow_most;
    uint32_t latency_threshold_ms;
    enum config_log_level log_level;
    bool insecure_bind;
    bool debug_commands;
    bool accepts_older_data; /* its folder, though others remember a later one of this node (core/witness.h) */
};

/* A sentence that begins with the name of the file and, where there is one, the line. */
struct config_error {
    char text[CONFIG_ERROR_SIZE];
};

/* Reads the text. On failure *ret_config is untouched and *ret_error says what is wrong. */
bool config_parse(struct view text, const char *file_name, struct config *ret_config, struct config_error *ret_error);
/* Reads the file. As config_parse(); a file that can't be read is an error too. */
bool config_load(const char *path, struct config *ret_config, struct config_error *ret_error);
/* The file once more, for a cluster of that shape: what it says of partitions and replicas must be the same, and
 * quorums that it doesn't say follow from them. On failure *config is untouched. */
bool config_take_shape(struct config *config, struct ring_options shape, struct config_error *ret_error);
void config_release(struct config *config);

/* Appends to the log the joins that begin the cluster: in the order of their ids, each issued by its member, with
 * Lamport times from 1. All nodes with the same members get the same log. */
void config_add_members(const struct config *config, struct membership *log);
/* Appends to a list where they are (wire/member_record.h). */
void config_add_addresses(const struct config *config, struct buffer *list);
/* The ring of those members. Legal configurations always have one. */
struct ring *config_ring(const struct config *config);
struct ring_options config_ring_options(const struct config *config);

/* Each setting as text, without the secrets: for CONFIG GET. */
void config_describe(const struct config *config, void (*emit)(void *context, struct view name, struct view value),
                     void *context);

/* "host:port" or "[host]:port" to its parts; the host has room for MEMBER_ADDRESS_SIZE. False when it is neither. */
bool config_split_address(const char *address, char *ret_host, uint16_t *ret_port);

#endif
