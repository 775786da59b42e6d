#include "core_disk.h"

#include <stdlib.h>

void disk_init(struct disk *disk, disk_watch *watch, void *context) {
    memset(disk, 0, sizeof(*disk));
    disk->watch = watch;
    disk->watch_context = context;
    buffer_init(&disk->membership);
    buffer_init(&disk->promise);
}

static void loan_end(struct disk *disk, size_t place) {
    memset(disk->loans[place], 0xdd, disk->loan_sizes[place]);
    free(disk->loans[place]);
    disk->loan_count--;
    disk->loans[place] = disk->loans[disk->loan_count];
    disk->loan_sizes[place] = disk->loan_sizes[disk->loan_count];
    disk->loan_of[place] = disk->loan_of[disk->loan_count];
}

void disk_end_loans(struct disk *disk) {
    while (disk->loan_count > 0) {
        loan_end(disk, 0);
    }
}

static void loans_end_of(struct disk *disk, const struct disk_record *record) {
    for (size_t place = disk->loan_count; place > 0; place--) {
        if (disk->loan_of[place - 1] == record) {
            loan_end(disk, place - 1);
        }
    }
}

void disk_release(struct disk *disk) {
    disk_end_loans(disk);
    for (size_t i = 0; i < disk->record_count; i++) {
        buffer_release(&disk->records[i].key);
        buffer_release(&disk->records[i].bytes);
    }
    buffer_release(&disk->membership);
    buffer_release(&disk->promise);
}

struct disk_record *disk_record(struct disk *disk, struct view key) {
    for (size_t i = 0; i < disk->record_count; i++) {
        if (view_equal(buffer_view(&disk->records[i].key), key)) {
            return &disk->records[i];
        }
    }
    ENSURE(disk->record_count < DISK_RECORDS);
    struct disk_record *record = &disk->records[disk->record_count++];
    buffer_append_view(&record->key, key);
    return record;
}

void disk_record_set(struct disk_record *record, struct view bytes) {
    buffer_clear(&record->bytes);
    buffer_append_view(&record->bytes, bytes);
}

static void tell(struct disk *disk, const char *what, struct view key, struct view record) {
    disk->watch(disk->watch_context, what, key, record);
}

static enum storage_status disk_read(void *self, enum storage_family family, struct partition partition,
                                     struct view key, struct view *ret_record) {
    struct disk *disk = self;
    struct disk_record *record = disk_record(disk, key);
    record->partition = partition;
    record->family = family;
    if (record->is_pending) {
        tell(disk, "read", key, (struct view){0});
        return STORAGE_PENDING;
    }
    if (record->is_unreadable) {
        return STORAGE_ERROR;
    }
    if (record->is_damaged) {
        return STORAGE_DAMAGED;
    }
    size_t size = buffer_size(&record->bytes);
    if (size == 0) {
        return STORAGE_ABSENT;
    }
    ENSURE(disk->loan_count < DISK_LOANS);
    uint8_t *loan = malloc(size);
    memcpy(loan, buffer_view(&record->bytes).data, size);
    disk->loans[disk->loan_count] = loan;
    disk->loan_sizes[disk->loan_count] = size;
    disk->loan_of[disk->loan_count++] = record;
    *ret_record = view_of(loan, size);
    return STORAGE_FOUND;
}

static enum storage_status disk_promise(struct disk *disk, uint64_t token, bool is_clock) {
    ENSURE(disk->write_count < DISK_WRITES);
    disk->writes[disk->write_count++] = (struct disk_write){token, is_clock};
    return STORAGE_PENDING;
}

static enum storage_status disk_write(void *self, enum storage_family family, struct partition partition,
                                      struct view key, struct view record, enum durability durability, uint64_t token) {
    struct disk *disk = self;
    (void)durability;
    if (disk->has_stopped || disk->is_behind) {
        tell(disk, "refuses write", key, record);
        return STORAGE_ERROR;
    }
    struct disk_record *place = disk_record(disk, key);
    ENSURE(!place->is_pending); /* nobody writes what it has not read */
    place->partition = partition;
    place->family = family;
    disk_record_set(place, record);
    loans_end_of(disk, place);
    tell(disk, "write", key, buffer_view(&place->bytes));
    return disk->writes_at_once ? STORAGE_FOUND : disk_promise(disk, token, false);
}

static enum storage_status disk_remove(void *self, enum storage_family family, struct partition partition,
                                       struct view key, enum durability durability, uint64_t token) {
    struct disk *disk = self;
    (void)family;
    (void)partition;
    (void)durability;
    if (disk->has_stopped) {
        return STORAGE_ERROR;
    }
    struct disk_record *place = disk_record(disk, key);
    buffer_clear(&place->bytes);
    place->is_damaged = false;
    loans_end_of(disk, place);
    tell(disk, "remove", key, (struct view){0});
    return disk->writes_at_once ? STORAGE_FOUND : disk_promise(disk, token, false);
}

static void disk_write_again(void *self, enum storage_family family, struct partition partition) {
    (void)self;
    (void)family;
    (void)partition;
}

static void disk_forget(void *self, enum storage_family family, const bool *is_forgotten) {
    (void)self;
    (void)family;
    (void)is_forgotten;
}

static enum storage_status disk_scan(void *self, enum storage_family family, struct partition partition,
                                     uint64_t hash_from, uint64_t hash_last, uint32_t records_most, size_t bytes_most,
                                     uint64_t token) {
    struct disk *disk = self;
    (void)records_most; /* a scan finds all that there is, at once */
    (void)bytes_most;
    ENSURE(disk->scan_count < DISK_SCANS);
    disk->scans[disk->scan_count++] = (struct disk_scan){
        .token = token, .family = family, .partition = partition, .hash_from = hash_from, .hash_last = hash_last};
    return STORAGE_PENDING;
}

bool disk_take_scan(struct disk *disk, struct disk_scan *ret_scan, struct storage_scanned found[DISK_RECORDS],
                    uint32_t *ret_count) {
    if (disk->scan_count == 0) {
        return false;
    }
    *ret_scan = disk->scans[0];
    disk->scan_count--;
    memmove(disk->scans, disk->scans + 1, sizeof(disk->scans[0]) * disk->scan_count);
    *ret_count = 0;
    for (size_t i = 0; i < disk->record_count; i++) {
        const struct disk_record *record = &disk->records[i];
        if (record->family == ret_scan->family && record->partition.value == ret_scan->partition.value &&
            buffer_size(&record->bytes) > 0) {
            found[(*ret_count)++] =
                (struct storage_scanned){.key = buffer_view(&record->key),
                                         .hash = hash64(buffer_view(&record->key), 0), /* the rig's place seed */
                                         .status = record->is_damaged ? STORAGE_DAMAGED : STORAGE_FOUND,
                                         .record = buffer_view(&record->bytes)};
        }
    }
    return true;
}

static enum storage_status disk_barrier(void *self, enum durability durability, uint64_t token) {
    struct disk *disk = self;
    (void)durability;
    if (disk->has_stopped) {
        return STORAGE_ERROR;
    }
    return disk->writes_at_once || disk->write_count == 0 ? STORAGE_FOUND : disk_promise(disk, token, false);
}

static enum storage_status disk_raise_doubt(void *self) {
    struct disk *disk = self;
    disk->doubts++;
    return STORAGE_FOUND;
}

static enum storage_status disk_settle_doubt(void *self) {
    (void)self;
    return STORAGE_FOUND;
}

static enum storage_status disk_remember_fence(void *self, uint64_t number, uint64_t token) {
    (void)number;
    (void)token;
    return ((struct disk *)self)->has_stopped ? STORAGE_ERROR : STORAGE_FOUND;
}

static enum storage_status disk_remember_flush(void *self, struct hybrid_time floor, uint64_t token) {
    struct disk *disk = self;
    disk->flush_floor = floor;
    if (disk->has_stopped) {
        return STORAGE_ERROR;
    }
    return disk->holds_flush ? disk_promise(disk, token, true) : STORAGE_FOUND;
}

static enum storage_status disk_condemn(void *self) {
    ((struct disk *)self)->is_condemned = true;
    return STORAGE_PENDING;
}

static enum storage_status disk_remember_witness(void *self, struct view list) {
    (void)self;
    (void)list;
    return STORAGE_FOUND;
}

static enum storage_status disk_remember_keyspaces(void *self, struct view table, uint64_t token) {
    struct disk *disk = self;
    disk->keyspaces_kept += table.size > 0 ? 1 : 0;
    if (disk->has_stopped) {
        return STORAGE_ERROR;
    }
    return disk->holds_keyspaces ? disk_promise(disk, token, true) : STORAGE_FOUND;
}

static enum storage_status disk_remember_membership(void *self, enum storage_membership which, struct view record,
                                                    uint64_t token) {
    struct disk *disk = self;
    (void)token;
    struct buffer *kept = which == STORAGE_MEMBERSHIP_LOG ? &disk->membership : &disk->promise;
    if (!disk->has_stopped) {
        buffer_clear(kept);
        buffer_append_view(kept, record);
    }
    return disk->has_stopped ? STORAGE_ERROR : STORAGE_FOUND;
}

static enum storage_status disk_remember_clock(void *self, struct hybrid_time bound, uint64_t token) {
    struct disk *disk = self;
    disk->clock_bound = bound;
    if (disk->has_stopped) {
        return STORAGE_ERROR;
    }
    return disk->holds_clock ? disk_promise(disk, token, true) : STORAGE_FOUND;
}

bool disk_take_write(struct disk *disk, struct disk_write *ret_write) {
    if (disk->write_count == 0) {
        return false;
    }
    *ret_write = disk->writes[0];
    disk->write_count--;
    memmove(disk->writes, disk->writes + 1, sizeof(disk->writes[0]) * disk->write_count);
    return true;
}

struct storage disk_storage(struct disk *disk) {
    return (struct storage){
        .self = disk,
        .read = disk_read,
        .write = disk_write,
        .remove = disk_remove,
        .write_again = disk_write_again,
        .forget = disk_forget,
        .scan = disk_scan,
        .barrier = disk_barrier,
        .raise_doubt = disk_raise_doubt,
        .settle_doubt = disk_settle_doubt,
        .remember_fence = disk_remember_fence,
        .remember_flush = disk_remember_flush,
        .remember_keyspaces = disk_remember_keyspaces,
        .remember_membership = disk_remember_membership,
        .condemn = disk_condemn,
        .remember_witness = disk_remember_witness,
        .remember_clock = disk_remember_clock,
    };
}
