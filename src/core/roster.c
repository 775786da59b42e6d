#include "core/roster.h"

#include "core/shard_state.h"

enum { KEPT_FORMAT = 1 };

void roster_init(struct shard *shard) {
    struct roster *roster = &shard->roster;
    membership_init(&roster->log);
    if (shard->options.log != NULL) {
        (void)membership_merge(&roster->log, shard->options.log);
        shard->options.log = NULL; /* lent for the start alone */
    }
    roster->has_heard = !council_has_forgotten(&shard->options);
    roster->durable = shard->options.log_is_kept ? roster_version(shard) : 0;
    for (uint32_t index = 0; index < LIMIT_SHARDS; index++) {
        roster->mailed[index] = roster_version(shard);
    }
}

void roster_release(struct shard *shard) {
    membership_release(&shard->roster.log);
}

bool roster_has_heard(const struct shard *shard) {
    return shard->roster.has_heard;
}

void roster_greeted(struct shard *shard, size_t greeted) {
    shard->roster.has_heard = shard->roster.has_heard || greeted * 2 > shard_awaited_members(shard);
}

uint64_t roster_version(const struct shard *shard) {
    return ring_version(shard->ring);
}

uint64_t roster_durable(const struct shard *shard) {
    return shard->roster.durable;
}

/* ---- keeping ---- */

static void write_addresses(const struct shard *shard, struct buffer *bytes) {
    struct buffer list;
    buffer_init(&list);
    records_write_addresses(shard, &list);
    write_sized(bytes, buffer_view(&list));
    buffer_release(&list);
}

static void keep(struct shard *shard) {
    struct roster *roster = &shard->roster;
    struct storage *storage = &shard->options.storage;
    struct buffer bytes;
    uint64_t clean = moves_clean_of_node(shard);
    bool is_kept = roster->durable == roster_version(shard) && roster->cleaned == clean &&
                   roster->addresses == shard->records.address_changes;
    if (!shard_is_first(shard) || roster->wanted != 0 || is_kept) {
        return;
    }
    council_log_is_to_be_kept(shard);
    buffer_init(&bytes);
    write_u8(&bytes, KEPT_FORMAT);
    write_u64(&bytes, clean);
    write_u32(&bytes, ring_partition_count(shard->ring));
    write_u8(&bytes, (uint8_t)ring_options_at_birth(shard->ring).replica_count);
    write_addresses(shard, &bytes);
    membership_encode(&bytes, &roster->log, 0);
    roster->cleaned_wanted = clean;
    roster->addresses_wanted = shard->records.address_changes;
    roster->wanted = roster_version(shard);
    enum storage_status status =
        storage->remember_membership(storage->self, STORAGE_MEMBERSHIP_LOG, buffer_view(&bytes), ROSTER_TOKEN);
    buffer_release(&bytes);
    if (status != STORAGE_PENDING) {
        roster_on_durable(shard, status == STORAGE_FOUND);
    }
}

void roster_on_durable(struct shard *shard, bool is_durable) {
    struct roster *roster = &shard->roster;
    uint64_t version = roster->wanted;
    roster->wanted = 0; /* a store that failed says so itself; the next beat asks again */
    if (is_durable) {
        roster->durable = version;
        roster->cleaned = roster->cleaned_wanted;
        roster->addresses = roster->addresses_wanted;
        keep(shard); /* a later one may have come meanwhile */
    }
}

void roster_beat(struct shard *shard) {
    keep(shard);
}

bool roster_read(struct view kept, struct membership *log, struct roster_kept *ret_kept) {
    struct reader reader = reader_of(kept);
    struct roster_kept found;
    bool is_known = read_u8(&reader) == KEPT_FORMAT;
    found.cleaned = read_u64(&reader);
    found.shape.partition_count = read_u32(&reader);
    found.shape.replica_count = read_u8(&reader);
    found.addresses = read_sized(&reader);
    if (!is_known || reader.failed || !membership_decode(read_bytes(&reader, reader_left(&reader)), log) ||
        log->count == 0) {
        return false;
    }
    *ret_kept = found;
    return true;
}

/* ---- what may follow ---- */

/* Every entry after the birth has a marker; bare joins are another birth, of a configuration with other members. The
 * `known` events before are no others than they were. */
static bool is_entry(const struct membership *log, uint64_t after, size_t known) {
    uint64_t marked = after;
    bool is_chain = known == 0 || (log->count > known && log->events[known - 1].lamport <= after &&
                                   log->events[known].lamport > after);
    for (size_t index = 0; index < log->count; index++) {
        const struct membership_event *event = &log->events[index];
        bool is_marker = membership_is_marker(event->kind);
        if (event->lamport <= after) {
            continue;
        }
        is_chain = is_chain && event->lamport <= marked + 1;
        marked = is_marker && event->lamport == marked + 1 ? event->lamport : marked;
    }
    return is_chain && marked == membership_lamport(log);
}

static const char *problem_of(enum ring_status status) {
    return status == RING_OK ? NULL : ring_status_text(status);
}

/* The log with those events after its end, and the ring of it. NULL: they may not follow. */
static struct ring *follow(const struct shard *shard, struct view events, struct membership *log,
                           const char **ret_problem) {
    struct ring *ring = NULL;
    uint64_t version = roster_version(shard);
    (void)membership_merge(log, &shard->roster.log);
    if (!membership_decode(events, log) || membership_lamport(log) <= version ||
        !is_entry(log, version, shard->roster.log.count)) {
        *ret_problem = "these are no entries that follow this membership log";
        return NULL;
    }
    *ret_problem = problem_of(ring_successor(shard->ring, log, &ring));
    if (ring != NULL && ring_member_count(ring) > shard_member_capacity(shard)) {
        ring_free(ring);
        *ret_problem = "more members came and went than a process knows of; restart the nodes, one after the other";
        return NULL;
    }
    return ring;
}

struct ring *roster_try(const struct shard *shard, struct view events, const char **ret_problem) {
    struct membership log;
    membership_init(&log);
    struct ring *ring = follow(shard, events, &log, ret_problem);
    membership_release(&log);
    return ring;
}

static enum roster_news adopt(struct shard *shard, struct view events, const struct digest *expected) {
    struct membership log;
    const char *problem;
    membership_init(&log);
    struct ring *ring = follow(shard, events, &log, &problem);
    bool is_it = ring != NULL && (expected == NULL || digest_equal(*expected, ring_digest(ring)));
    if (!is_it) {
        ring_free(ring);
        membership_release(&log);
        return ROSTER_REFUSED;
    }
    membership_release(&shard->roster.log);
    shard->roster.log = log;
    shard_adopt(shard, ring);
    keep(shard);
    return ROSTER_ADOPTED;
}

enum roster_news roster_take(struct shard *shard, struct view body) {
    struct message_membership message;
    if (!message_decode_membership(body, &message)) {
        return ROSTER_REFUSED;
    }
    if (message.version <= roster_version(shard)) {
        return ROSTER_KNOWN;
    }
    return adopt(shard, message.events, &message.ring);
}

bool roster_chosen(struct shard *shard, struct view events) {
    return adopt(shard, events, NULL) == ROSTER_ADOPTED;
}

/* ---- telling ---- */

void roster_tell(struct shard *shard, struct buffer *output, uint64_t after) {
    struct buffer events;
    buffer_init(&events);
    membership_encode(&events, &shard->roster.log, after);
    struct message_membership message = {
        .version = roster_version(shard), .ring = ring_digest(shard->ring), .events = buffer_view(&events)};
    message_encode_membership(output, &message);
    buffer_release(&events);
}

static void mail_others(struct shard *shard) {
    struct roster *roster = &shard->roster;
    for (uint32_t index = 0; index < shard->options.shard_count; index++) {
        if (index != shard->options.shard_index && roster->mailed[index] < roster_version(shard)) {
            roster_tell(shard, mail_output(shard, index), roster->mailed[index]);
            roster->mailed[index] = roster_version(shard);
        }
    }
}

void roster_tell_all(struct shard *shard) {
    lanes_tell_membership(shard);
    mail_others(shard);
}

void roster_receive(struct shard *shard, const struct source *source, struct view body) {
    struct message_membership message;
    if (source->lane == NULL && message_decode_membership(body, &message) &&
        message.version > shard->roster.mailed[source->shard]) {
        shard->roster.mailed[source->shard] = message.version;
    }
    (void)roster_take(shard, body);
}
