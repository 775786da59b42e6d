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
    STORAGE_DAMAGED, /* read: a record was there, and its bytes are not what was written: it is lost */
    STORAGE_ERROR, /* read: unreadable, which is never the same as absent. write: nothing was done, the store has failed
                      for good or its disk is too far behind */
};

/* What this node holds as an owner, and what it keeps for owners that were out of reach: neither sees the other. */
enum storage_family { STORAGE_OBJECTS, STORAGE_HINTS };

enum storage_membership { STORAGE_MEMBERSHIP_LOG, STORAGE_MEMBERSHIP_PROMISE };

/* One record of a scan. */
struct storage_scanned {
    struct view key;
    uint64_t hash;              /* the key's place within its partition */
    enum storage_status status; /* FOUND or DAMAGED */
    struct view record;
    bool is_bad_on_disk; /* FOUND, as memory has it; what rests on the disk is damaged */
};

struct storage {
    void *self;

    /* The record of a key (version/object_codec.h), written or not yet durable. Valid until the key is written or the
     * step ends. PENDING: EVENT_STORAGE_READ for that key follows (one event per key, however often it was asked);
     * during the step of that event this call answers the key at once, with anything but PENDING. */
    enum storage_status (*read)(void *self, enum storage_family family, struct partition partition, struct view key,
                                struct view *ret_record);

    /* Replaces the record; read() sees it at once. FOUND: done; PENDING: EVENT_STORAGE_WRITTEN with the token follows
     * when the write is as durable as asked (writes become durable in the order in which they were made); ERROR:
     * the store takes no writes, for good or for now, and did nothing. Token 0 asks for no event. Views are copied. */
    enum storage_status (*write)(void *self, enum storage_family family, struct partition partition, struct view key,
                                 struct view record, enum durability durability, uint64_t token);

    /* Deletes the record, if there is one; answers as write(). read() says ABSENT at once. */
    enum storage_status (*remove)(void *self, enum storage_family family, struct partition partition, struct view key,
                                  enum durability durability, uint64_t token);

    /* Writes again what memory has of the partition, because the disk has something else. No event follows. */
    void (*write_again)(void *self, enum storage_family family, struct partition partition);

    /* All records of the partitions that `is_forgotten` names were removed once: what memory has as if the disk had it,
     * the disk had lost by then. */
    void (*forget)(void *self, enum storage_family family, const bool *is_forgotten);

    /* Asks for the records of a partition whose keys' places lie in [hash_from, hash_last], in that order, until about
     * so many records or bytes, all keys of one place together. PENDING: EVENT_STORAGE_SCANNED with the token follows,
     * and shows what is there in that step, written or not yet durable; or ERROR. */
    enum storage_status (*scan)(void *self, enum storage_family family, struct partition partition, uint64_t hash_from,
                                uint64_t hash_last, uint32_t records_most, size_t bytes_most, uint64_t token);

    /* As a write of nothing: answers when everything written before is as durable as asked. */
    enum storage_status (*barrier)(void *self, enum durability durability, uint64_t token);

    /* Data of this shard was lost: should the process end before that is mended, the next start knows, if it knows of
     * any write that was made after this call. No event follows. */
    enum storage_status (*raise_doubt)(void *self);
    /* What this shard holds is complete again (replica.h): durably, so that the next start knows. No event follows. */
    enum storage_status (*settle_doubt)(void *self);

    /* Makes the greatest fence's number durable, as remember_clock() does. */
    enum storage_status (*remember_fence)(void *self, uint64_t number, uint64_t token);

    /* Makes the table of keyspaces durable, as remember_clock() does. */
    enum storage_status (*remember_keyspaces)(void *self, struct view table, uint64_t token);

    /* Makes a record of the node's membership durable, as remember_clock() does: the log, or what this node promised as
     * an acceptor (core/consensus.h). Only a node's first shard does it. */
    enum storage_status (*remember_membership)(void *self, enum storage_membership which, struct view record,
                                               uint64_t token);

    /* Makes the floor of a flush durable, as remember_clock() does. */
    enum storage_status (*remember_flush)(void *self, struct hybrid_time floor, uint64_t token);

    /* This store was rolled back (core/witness.h): the next start is to know it from the beginning. No event follows.
     */
    enum storage_status (*condemn)(void *self);

    /* Writes down what others told of their stores (core/witness.h), soon. No event follows. */
    enum storage_status (*remember_witness)(void *self, struct view list);

    /* Makes the hybrid clock's bound durable (fsynced, whatever the keyspaces say). */
    enum storage_status (*remember_clock)(void *self, struct hybrid_time bound, uint64_t token);
};

#endif
