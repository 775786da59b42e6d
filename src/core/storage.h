/* What a shard asks of its storage. The calls return at once and never call back into the core: memory answers within
 * the step, everything slower answers later with an event (shard.h). The store (store/store.h) implements this above a
 * leaf. */
#ifndef GRAMME_CORE_STORAGE_H
#define GRAMME_CORE_STORAGE_H

#include "base/identity.h"
#include "ring/keyspace.h"
#include "version/clock.h"

enum storage_status {
    STORAGE_FOUND,   /* read: the record is there. write: already as durable as asked, no event follows */
    STORAGE_ABSENT,  /* read: certainly nothing there */
    STORAGE_PENDING, /* an event follows */
    STORAGE_ERROR, /* read: unreadable, which is never the same as absent. write: nothing was done, the store has failed
                      for good or its disk is too far behind */
};

struct storage {
    void *self;

    /* The record of a key (version/object_codec.h), written or not yet durable. Valid until the key is written or the
     * step ends. PENDING: EVENT_STORAGE_READ for that key follows (one event per key, however often it was asked);
     * during the step of that event this call answers the key at once, with anything but PENDING. */
    enum storage_status (*read)(void *self, struct partition partition, struct view key, struct view *ret_record);

    /* Replaces the record; read() sees it at once. FOUND: done; PENDING: EVENT_STORAGE_WRITTEN with the token follows
     * when the write is as durable as asked (writes become durable in the order in which they were made); ERROR:
     * the store takes no writes, for good or for now, and did nothing. Token 0 asks for no event. Views are copied. */
    enum storage_status (*write)(void *self, struct partition partition, struct view key, struct view record,
                                 enum durability durability, uint64_t token);

    /* As a write of nothing: answers when everything written before is as durable as asked. */
    enum storage_status (*barrier)(void *self, enum durability durability, uint64_t token);

    /* Makes the hybrid clock's bound durable (fsynced, whatever the keyspaces say). */
    enum storage_status (*remember_clock)(void *self, struct hybrid_time bound, uint64_t token);
};

#endif
