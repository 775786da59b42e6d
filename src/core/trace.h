/* Trace records: what the protocol did, for the simulator's checkers and for a person who reads a failing seed. The
 * core never logs; a driver that has no use for records passes no sink, and then none is made. */
#ifndef GRAMME_CORE_TRACE_H
#define GRAMME_CORE_TRACE_H

#include "ring/ring.h"
#include "version/object.h"

enum trace_kind {
    TRACE_STAMPED,       /* a coordinator made a dot: key, dot, object as it wrote it */
    TRACE_STORED,        /* a replica wrote an object it merged: key, object */
    TRACE_REPAIRED,      /* a read sent its merged object to a stale replica: key, peer */
    TRACE_SECOND_ROUND,  /* replicas named what they keep: the SET is stamped again */
    TRACE_LINK_UP,       /* peer */
    TRACE_LINK_DOWN,     /* peer; text: why */
    TRACE_PEER_SILENT,   /* peer */
    TRACE_PEER_HEARD,    /* peer */
    TRACE_PEER_LEAVING,  /* peer: takes no new requests */
    TRACE_REFUSED,       /* text: a frame or link that was refused, and why */
    TRACE_HINTED,        /* a fallback was asked to stand in for an owner: key, peer: the owner */
    TRACE_HINT_HOME,     /* an owner has what this fallback kept for it: key, peer, object as it was delivered */
    TRACE_HINT_GONE,     /* this fallback deleted its hint, every owner having it: key */
    TRACE_TREE_DIVERGED, /* a scrub found other data on the disk than the hash tree says */
    TRACE_DAMAGED,       /* a record whose bytes are not what was written was given up: key */
    TRACE_REAPED,        /* an owner lets a deleted key go: key, object */
    TRACE_LET_GO,        /* a former owner deletes what every owner has: key, object */
    TRACE_LEFT,          /* a former owner holds nothing of a partition any more: dot.n: its number */
    TRACE_PRUNED,        /* an owner drops an entry of a key's vector: key, dot: the entry, object before */
    TRACE_MEMBERSHIP,    /* another version of the membership log was adopted */
    TRACE_KEYSPACES,     /* a shard goes by a later table of keyspaces */
    TRACE_FLUSHED,       /* a shard keeps the floor of a flush: dot.n: that time */
    TRACE_ROLLED_BACK,   /* this node's store is older than peer remembers */
    TRACE_CLOCK_OFF,     /* this node's clock is too far off its peers' to coordinate */
    TRACE_SUSPECTED,     /* this node's detector suspects peer; text: why that was to be expected, if it was */
    TRACE_DIED,          /* this node's detector holds peer for dead; text: likewise */
    TRACE_REFUTED,       /* peer, suspected or dead until now, lives */
};

struct trace_record {
    enum trace_kind kind;
    struct view key;
    struct dot dot;
    const struct object *object;
    struct member_index peer;
    const char *text;
    bool is_hint; /* of records of keys: it lies among the hints */
};

#endif
