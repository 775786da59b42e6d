/* Every limit in one place: what a stranger may make us hold, and the shapes of the cluster. */
#ifndef GRAMME_BASE_LIMITS_H
#define GRAMME_BASE_LIMITS_H

enum {
    LIMIT_KEY_BYTES = 64 * 1024,
    LIMIT_VALUE_BYTES = 16 * 1024 * 1024,
    LIMIT_RESTORED_BYTES = LIMIT_VALUE_BYTES + 64 * 1024, /* of an encoded object in one argument */
    LIMIT_SIBLINGS = 64,                                  /* past it a client write is an error; merging is exempt */
    LIMIT_SIBLINGS_BYTES = 48 * 1024 * 1024, /* the same of their bytes: an object must still go into a message */
    LIMIT_ARGUMENTS = 1024 * 1024,
    LIMIT_INLINE_BYTES = 64 * 1024,
    LIMIT_COMMAND_BYTES = 64 * 1024 * 1024, /* all arguments of one command */
    LIMIT_CLIENTS = 10000,
    LIMIT_OUTPUT_BYTES = 64 * 1024 * 1024, /* a client that reads too slowly is closed past it */
    LIMIT_FRAME_BYTES = 1024 * 1024,
    LIMIT_MESSAGE_BYTES = 96 * 1024 * 1024, /* an object in chunks: values of several siblings */
    LIMIT_REPLICAS = 7,                     /* N */
    LIMIT_MEMBERS = 1024,
    LIMIT_SHARDS = 64,
    LIMIT_KEYSPACES = 64,
    LIMIT_CONTEXT_ENTRIES = 65536, /* of one decoded context; allocation follows bytes that arrived */
};

enum {
    SLOT_COUNT = 16384,
    PARTITION_COUNT_DEFAULT = 1024,
    PARTITION_COUNT_LEAST = 16,
    PARTITION_COUNT_MOST = 16384,
};

#endif
