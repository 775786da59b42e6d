/* A `struct storage` in the hands of a test: its answers can be held back, fail, or be pending. What it lends out is
 * scribbled over and freed as soon as the contract of core/storage.h ends the loan. */
#ifndef GRAMME_CORE_DISK_H
#define GRAMME_CORE_DISK_H

#include "base/buffer.h"
#include "core/storage.h"

enum { DISK_RECORDS = 64, DISK_WRITES = 4096, DISK_LOANS = 256, DISK_SCANS = 8 };

struct disk_record {
    struct buffer key;
    struct buffer bytes; /* empty: absent */
    struct partition partition;
    enum storage_family family; /* as it was last used */
    bool is_pending;            /* a read answers PENDING, until disk_read_done() */
    bool is_unreadable;         /* a read answers ERROR */
    bool is_damaged;            /* a read answers DAMAGED, until it is written or removed */
};

struct disk_write {
    uint64_t token;
    bool is_clock;
};

struct disk_scan {
    uint64_t token;
    enum storage_family family;
    struct partition partition;
    uint64_t hash_from, hash_last;
};

/* Told of each call that a test may want to see. */
typedef void disk_watch(void *context, const char *what, struct view key, struct view record);

struct disk {
    struct disk_record records[DISK_RECORDS];
    size_t record_count;
    struct disk_write writes[DISK_WRITES]; /* not durable yet, oldest first */
    size_t write_count;
    struct disk_scan scans[DISK_SCANS]; /* not answered yet, oldest first */
    size_t scan_count;
    uint8_t *loans[DISK_LOANS];
    size_t loan_sizes[DISK_LOANS];
    const struct disk_record *loan_of[DISK_LOANS];
    size_t loan_count;
    bool writes_at_once;  /* a write is durable when it returns */
    bool has_stopped;     /* writes answer ERROR */
    bool is_behind;       /* writes answer ERROR, for now */
    bool holds_flush;     /* remember_flush() is PENDING */
    bool holds_keyspaces; /* remember_keyspaces() is PENDING */
    bool holds_clock;     /* remember_clock() is PENDING */
    uint32_t doubts;      /* raised */
    bool is_condemned;
    struct hybrid_time flush_floor;
    uint32_t keyspaces_kept; /* how often */
    struct hybrid_time clock_bound;
    struct buffer membership; /* kept last */
    struct buffer promise;    /* the same */
    disk_watch *watch;
    void *watch_context;
};

void disk_init(struct disk *disk, disk_watch *watch, void *context);
void disk_release(struct disk *disk);
struct storage disk_storage(struct disk *disk);

/* The record of a key, made if there is none. */
struct disk_record *disk_record(struct disk *disk, struct view key);
void disk_record_set(struct disk_record *record, struct view bytes);
/* The step ended: what was lent is gone. */
void disk_end_loans(struct disk *disk);
/* Takes the oldest write that is not durable; false when there is none. */
bool disk_take_write(struct disk *disk, struct disk_write *ret_write);
/* Takes the oldest scan that is not answered, with what it finds; false when there is none. */
bool disk_take_scan(struct disk *disk, struct disk_scan *ret_scan, struct storage_scanned found[DISK_RECORDS],
                    uint32_t *ret_count);

#endif
