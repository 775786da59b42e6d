#include "core_harness.h"

#include "core/shard_state.h"

#include <stdio.h>
#include <stdlib.h>

enum { PARTITIONS = 256, PING_MS = 100, KEYS_TRIED = 100000 };

static const uint64_t wall_base_ms = UINT64_C(1700000000000);

/* ---- what the shard asks of its driver ---- */

static char peer_name(struct member_index member) {
    return (char)('A' + member.value);
}

/* Members are at 10.0.0.N:17000; where nobody is, nobody answers. */
static char peer_at(struct rig *rig, const char *address) {
    unsigned number = 0;
    for (uint32_t i = 0; i < rig->options.members; i++) {
        if (rig->moved_to[i] != NULL && strcmp(rig->moved_to[i], address) == 0) {
            return (char)('A' + i);
        }
    }
    bool is_there = sscanf(address, "10.0.0.%u:17000", &number) == 1 && number >= 1 && number <= rig->options.members;
    return is_there && rig->moved_to[number - 1] == NULL ? (char)('A' + number - 1) : '?';
}

static void rig_link_dial(void *self, struct link *link, const char *address) {
    struct rig *rig = self;
    char peer = peer_at(rig, address);
    for (size_t i = 0; i < RIG_LINKS; i++) {
        struct fake_link *fake = &rig->links[i];
        if (fake->state == FAKE_FREE) {
            *fake = (struct fake_link){.state = FAKE_DIALING, .link = link, .peer = peer};
            if (rig->shows_links && peer == '?') {
                print_format(&rig->log, "dials %s\n", address);
            } else if (rig->shows_links) {
                print_format(&rig->log, "dials %c\n", fake->peer);
            }
            return;
        }
    }
    fail_msg("too many links");
}

static struct fake_link *fake_of(struct rig *rig, const struct link *link) {
    for (size_t i = 0; i < RIG_LINKS; i++) {
        if (rig->links[i].state != FAKE_FREE && rig->links[i].link == link) {
            return &rig->links[i];
        }
    }
    fail_msg("no such link");
    return NULL;
}

static void rig_link_wake(void *self, struct link *link) {
    fake_of(self, link)->is_woken = true;
}

static void rig_link_close(void *self, struct link *link) {
    struct rig *rig = self;
    struct fake_link *fake = fake_of(rig, link);
    if (rig->shows_links) {
        print_format(&rig->log, "closes %c%s\n", fake->peer, fake->is_bulk ? " bulk" : "");
    }
    frame_reader_release(&fake->reader);
    fake->state = FAKE_FREE;
}

static void rig_session_wake(void *self, struct session *session) {
    (void)self;
    (void)session; /* all sessions are looked at after each step */
}

static void rig_mail_wake(void *self, uint32_t to_shard) {
    struct rig *rig = self;
    rig->mail_woken[to_shard] = true;
}

static void rig_trace(void *self, const struct trace_record *record) {
    struct rig *rig = self;
    char name = peer_name(record->peer);
    if (!rig->shows_links) {
        return;
    }
    switch (record->kind) {
    case TRACE_LINK_UP:
        print_format(&rig->log, "up %c %s\n", name, record->text);
        break;
    case TRACE_LINK_DOWN:
        print_format(&rig->log, "down %c: %s\n", name, record->text);
        break;
    case TRACE_PEER_SILENT:
        print_format(&rig->log, "silent %c %s\n", name, record->text);
        break;
    case TRACE_PEER_HEARD:
        print_format(&rig->log, "heard %c\n", name);
        break;
    case TRACE_PEER_LEAVING:
        print_format(&rig->log, "leaving %c\n", name);
        break;
    case TRACE_REFUSED:
        print_format(&rig->log, "refused: %s\n", record->text);
        break;
    case TRACE_CLOCK_OFF:
        print_format(&rig->log, "clock off\n");
        break;
    default:
        break;
    }
}

/* An owner's record or a fallback's: whichever the bytes are. */
static struct object open_record(struct rig *rig, struct view bytes, struct hint_owners *ret_owners) {
    struct record record;
    struct object object;
    *ret_owners = (struct hint_owners){0};
    bool opens = hint_record_decode(bytes, ret_owners, &record) &&
                 object_decode(record.object_bytes, &rig->notation.arena, &object);
    if (!opens) {
        *ret_owners = (struct hint_owners){0};
        opens = record_decode(bytes, &record) && object_decode(record.object_bytes, &rig->notation.arena, &object);
    }
    assert_true(opens);
    return object;
}

static void print_owners(struct rig *rig, const struct hint_owners *owners) {
    for (uint32_t i = 0; i < owners->count; i++) {
        print_format(&rig->log, "%s%c", i == 0 ? " for " : "", owners->ids[i].bytes[0]);
    }
}

static void rig_watch_disk(void *context, const char *what, struct view key, struct view bytes) {
    struct rig *rig = context;
    line_begin(rig, "disk");
    print_format(&rig->log, "%s ", what);
    for (size_t i = 0; i < rig->key_count; i++) {
        if (view_equal(view_of_string(rig->keys[i].name), key)) {
            key = view_of_string(rig->keys[i].alias);
        }
    }
    buffer_append_view(&rig->log, key);
    if (bytes.size > 0) {
        struct hint_owners owners;
        struct object object = open_record(rig, bytes, &owners);
        print_format(&rig->log, " ");
        print_object(&rig->notation, &rig->log, &object);
        print_owners(rig, &owners);
    }
    line_end(rig);
}

/* ---- a step ---- */

void step_begin(struct rig *rig) {
    disk_end_loans(&rig->disk);
    rig->notation.wall = rig->moment.wall;
}

static void flush_mail(struct rig *rig, uint32_t to_shard) {
    struct frame frame;
    struct buffer *output = shard_mail_output(rig->shard, to_shard);
    struct view bytes = buffer_view(output);
    char who[16];
    (void)snprintf(who, sizeof(who), "shard %u", to_shard);
    while (frame_reader_next(&rig->mail_readers[to_shard], &bytes, &frame) == FRAME_READY) {
        struct message_operation message;
        if (frame.kind == MESSAGE_OPERATION && message_decode_operation(frame.body, &message)) {
            assert_true(rig->asked_count < RIG_ASKED);
            rig->asked[rig->asked_count++] =
                (struct asked){.peer = (char)('0' + to_shard), .kind = frame.kind, .request = message.request};
        }
        if (frame.kind != MESSAGE_VERDICTS && frame.kind != MESSAGE_FENCE && frame.kind != MESSAGE_REPORT &&
            frame.kind != MESSAGE_GOSSIP_FIGURES) {
            line_of_frame(rig, who, &frame);
        }
    }
    buffer_clear(output);
}

static void flush_session(struct rig *rig, int number) {
    struct session *session = rig->sessions[number];
    struct buffer *output = session_output(session);
    while (buffer_size(output) > 0) {
        size_t consumed;
        line_of_reply(rig, number, buffer_view(output), &consumed);
        buffer_consume(output, consumed);
    }
    if (!session_wants_input(session)) {
        shard_session_resume(rig->shard, session, rig->moment); /* what waited may go on now */
    }
}

static bool has_output(const struct rig *rig) {
    bool found = false;
    for (size_t i = 0; i < RIG_LINKS; i++) {
        found |= rig->links[i].state == FAKE_OPEN && rig->links[i].is_woken;
    }
    for (size_t i = 0; i < RIG_SHARDS; i++) {
        found |= rig->mail_woken[i];
    }
    for (size_t i = 0; i < RIG_CLIENTS; i++) {
        found |= rig->sessions[i] != NULL && buffer_size(session_output(rig->sessions[i])) > 0;
    }
    return found;
}

static void flush(struct rig *rig) {
    rig_flush_links(rig);
    for (uint32_t i = 0; i < rig->options.shard_count; i++) {
        if (rig->mail_woken[i]) {
            rig->mail_woken[i] = false;
            flush_mail(rig, i);
        }
    }
    for (int i = 0; i < RIG_CLIENTS; i++) {
        if (rig->sessions[i] != NULL) {
            flush_session(rig, i);
        }
    }
}

void step_end(struct rig *rig) {
    do {
        flush(rig);
    } while (has_output(rig));
}

/* ---- life ---- */

static void use_defaults(struct rig_options *options) {
    options->members = options->members != 0 ? options->members : 3;
    options->replicas = options->replicas != 0 ? options->replicas : 3;
    options->shard_count = options->shard_count != 0 ? options->shard_count : 1;
    options->peer_shard_count = options->peer_shard_count != 0 ? options->peer_shard_count : 1;
    options->read_quorum = options->read_quorum != 0 ? options->read_quorum : 2;
    options->exchange_period_ms = options->exchange_period_ms != 0 ? options->exchange_period_ms : UINT32_MAX;
    options->write_quorum = options->write_quorum != 0 ? options->write_quorum : 2;
}

static void make_ring(struct rig *rig) {
    membership_init(&rig->birth);
    for (uint32_t i = 0; i < rig->options.members; i++) {
        struct membership_event event = {.lamport = i + 1, .kind = MEMBERSHIP_JOIN, .member.weight = 1};
        rig->ids[i].bytes[0] = (uint8_t)('A' + i);
        event.issuer = rig->ids[i];
        event.member.id = rig->ids[i];
        (void)snprintf(event.member.zone, sizeof(event.member.zone), "zone%u", i);
        (void)snprintf(event.member.client_address, sizeof(event.member.client_address), "10.0.0.%u:7000", i + 1);
        (void)snprintf(event.member.peer_address, sizeof(event.member.peer_address), "10.0.0.%u:17000", i + 1);
        assert_int_equal(membership_add(&rig->birth, &event), MEMBERSHIP_ADDED);
    }
    struct ring_options options = {.partition_count = PARTITIONS, .replica_count = rig->options.replicas};
    assert_int_equal(ring_new(&rig->birth, options, &rig->ring), RING_OK);
}

static void make_shard(struct rig *rig) {
    struct shard_options options = {
        .ring = rig->ring,
        .log = &rig->birth,
        .addresses = rig->options.addresses,
        .configured_addresses = rig->options.configured_addresses,
        .self = {(uint16_t)rig->options.self},
        .member_capacity = 16,
        .log_is_kept = !rig->options.log_is_new,
        .promise = rig->options.promise,
        .shard_count = rig->options.shard_count,
        .keyspaces = &rig->keyspaces,
        .secrets = rig->secrets,
        .seed = 42,
        .protocol = rig->options.protocol,
        .run = 7,
        .clock_floor = rig->options.clock_floor,
        .lineage = {.store = 5, .count = 2, .runs = {{.run = 5, .bound = {1000}}, {.run = 7}}},
        .fence_floor = rig->options.fence_unknown ? FENCE_UNKNOWN : FENCE_FIRST,
        .was_clean = !rig->options.was_unclean,
        .may_lack_unsynced = rig->options.was_unclean,
        .kept_trees = rig->options.kept_trees,
        .exchange_period_ms = rig->options.exchange_period_ms,
        .scrub_period_ms = UINT64_MAX / 4,
        .outline_bytes = RIG_OUTLINE_BYTES,
        .scan_records = 64,
        .deadline_ms = 1000,
        .slow_us = rig->options.slow_ms != 0 ? (int64_t)rig->options.slow_ms * 1000 : -1,
        .max_pipelined = 128,
        .max_requests = rig->options.max_requests != 0 ? rig->options.max_requests : 4096,
        .background_latency_ms = 50,
        .prune_pause_ms = 5000,
        .storage = disk_storage(&rig->disk),
        .driver = {.self = rig,
                   .session_wake = rig_session_wake,
                   .link_dial = rig_link_dial,
                   .link_wake = rig_link_wake,
                   .link_close = rig_link_close,
                   .mail_wake = rig_mail_wake,
                   .trace = rig_trace},
    };
    rig->shard = shard_new(&options, rig->moment);
    for (uint32_t i = 0; i < rig->options.members; i++) {
        rig->shard->peers[i].latency_p95_ns = (1 + i) * NS_PER_MS; /* so that nobody takes turns with B */
    }
}

static void set_now(struct rig *rig, uint64_t now_ns) {
    rig->moment = (struct moment){.now = {now_ns}, .wall = {wall_base_ms + now_ns / NS_PER_MS}};
    rig->notation.wall = rig->moment.wall;
}

struct rig *rig_new(struct rig_options options) {
    struct rig *rig = calloc(1, sizeof(*rig));
    assert_non_null(rig);
    use_defaults(&options);
    rig->options = options;
    set_now(rig, NS_PER_S);
    rig->next_ping_ns = rig->moment.now.ns + PING_MS * NS_PER_MS;
    notation_init(&rig->notation);
    buffer_init(&rig->log);
    disk_init(&rig->disk, rig_watch_disk, rig);
    rig->disk.holds_clock = options.holds_clock;
    rig->holds_scans = options.holds_scans;
    set_now(rig, rig->moment.now.ns);
    keyspace_table_init(&rig->keyspaces);
    rig->keyspaces.keyspaces[0].read_quorum = options.read_quorum;
    rig->keyspaces.keyspaces[0].write_quorum = options.write_quorum;
    rig->keyspaces.keyspaces[0].primary_write_quorum = options.primary_write_quorum;
    rig->keyspaces.keyspaces[0].conflict = options.conflict;
    rig->keyspaces.keyspaces[0].durability = options.durability;
    memset(rig->secrets.cluster.bytes, 'c', sizeof(rig->secrets.cluster.bytes));
    memset(rig->secrets.current.bytes, 's', sizeof(rig->secrets.current.bytes));
    make_ring(rig);
    make_shard(rig);
    char owners[RIG_MEMBERS + 1] = "ABCDEFGH";
    owners[ring_replica_count(rig->ring)] = '\0';
    rig_key(rig, "k", options.shard_count == 1 ? owners : "");
    for (uint32_t i = 0; i < options.members; i++) {
        rig->is_away[i] = options.stays_alone;
        if (i < options.self && !options.stays_alone) {
            peer_dials(rig, (char)('A' + i));
        }
    }
    pass_ms(rig, 0);
    rig_forget(rig);
    return rig;
}

void rig_free(struct rig *rig) {
    for (int i = 0; i < RIG_CLIENTS; i++) {
        if (rig->sessions[i] != NULL) {
            shard_session_closed(rig->shard, rig->sessions[i], rig->moment);
        }
    }
    shard_free(rig->shard);
    for (size_t i = 0; i < RIG_LINKS; i++) {
        if (rig->links[i].state != FAKE_FREE) {
            frame_reader_release(&rig->links[i].reader);
        }
    }
    for (size_t i = 0; i < RIG_SHARDS; i++) {
        frame_reader_release(&rig->mail_readers[i]);
    }
    disk_release(&rig->disk);
    ring_free(rig->ring);
    membership_release(&rig->birth);
    notation_release(&rig->notation);
    buffer_release(&rig->log);
    free(rig);
}

/* ---- keys ---- */

static bool is_owned_by(const struct rig *rig, struct partition partition, const char *owners) {
    const struct member_index *list = ring_preference(rig->ring, partition);
    for (size_t i = 0; owners[i] != '\0'; i++) {
        if (peer_name(list[i]) != owners[i]) {
            return false;
        }
    }
    return true;
}

static void add_key(struct rig *rig, const char *alias, const char *owners, uint32_t shard, uint32_t shard_count) {
    assert_true(rig->key_count < RIG_KEYS);
    struct rig_key *key = &rig->keys[rig->key_count];
    for (int number = 0; number < KEYS_TRIED; number++) {
        (void)snprintf(key->name, sizeof(key->name), "%s%d", alias, number);
        struct partition partition = ring_partition_of_key(rig->ring, view_of_string(key->name));
        if (is_owned_by(rig, partition, owners) && partition_shard(partition, shard_count) == shard) {
            (void)snprintf(key->alias, sizeof(key->alias), "%s", alias);
            rig->key_count++;
            return;
        }
    }
    fail_msg("no partition is owned by %s", owners);
}

void rig_key_of_shard(struct rig *rig, const char *alias, const char *owners, uint32_t shard) {
    add_key(rig, alias, owners, shard, rig->options.shard_count);
}

void rig_key_of_peer_shard(struct rig *rig, const char *alias, const char *owners, uint32_t shard) {
    add_key(rig, alias, owners, shard, rig->options.peer_shard_count);
}

void rig_key(struct rig *rig, const char *alias, const char *owners) {
    rig_key_of_shard(rig, alias, owners, 0);
}

struct view rig_key_name(const struct rig *rig, const char *alias) {
    for (size_t i = 0; i < rig->key_count; i++) {
        if (strcmp(rig->keys[i].alias, alias) == 0) {
            return view_of_string(rig->keys[i].name);
        }
    }
    fail_msg("no key %s", alias);
    return (struct view){0};
}

struct partition rig_partition(const struct rig *rig, const char *alias) {
    return ring_partition_of_key(rig->ring, rig_key_name(rig, alias));
}

/* ---- clients ---- */

static struct view word_meant(struct rig *rig, struct view word) {
    for (size_t i = 0; i < rig->key_count; i++) {
        if (view_equal(view_of_string(rig->keys[i].alias), word)) {
            return view_of_string(rig->keys[i].name);
        }
    }
    return expand_bytes(&rig->notation.arena, word);
}

static void encode_command(struct rig *rig, struct buffer *bytes, const char *text) {
    struct view words[16];
    size_t count = 0;
    struct view rest = view_of_string(text);
    while (rest.size > 0) {
        size_t size = view_find(rest, ' ');
        assert_true(count < sizeof(words) / sizeof(words[0]));
        words[count++] = word_meant(rig, view_slice(rest, 0, size));
        size_t taken = size == rest.size ? size : size + 1;
        rest = view_slice(rest, taken, rest.size - taken);
    }
    print_format(bytes, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        print_format(bytes, "$%zu\r\n", words[i].size);
        buffer_append_view(bytes, words[i]);
        print_format(bytes, "\r\n");
    }
}

static void client_says(struct rig *rig, int number, const char *command) {
    struct buffer bytes;
    buffer_init(&bytes);
    encode_command(rig, &bytes, command);
    step_begin(rig);
    if (rig->sessions[number] == NULL) {
        rig->sessions[number] = shard_session_open(rig->shard, rig, "10.1.0.1:40000", rig->moment);
    }
    shard_session_input(rig->shard, rig->sessions[number], buffer_view(&bytes), rig->moment);
    step_end(rig);
    buffer_release(&bytes);
}

void client_of(struct rig *rig, int number, const char *command, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, command);
    int size = vsnprintf(text, sizeof(text), command, arguments);
    va_end(arguments);
    assert_in_range(size, 1, sizeof(text) - 1);
    client_says(rig, number, text);
}

void client(struct rig *rig, const char *command, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, command);
    int size = vsnprintf(text, sizeof(text), command, arguments);
    va_end(arguments);
    assert_in_range(size, 1, sizeof(text) - 1);
    client_says(rig, 0, text);
}

const char *token(struct rig *rig, const char *key, const char *text) {
    struct context context = notation_context(&rig->notation, text);
    struct view made = token_encode(&rig->secrets, rig_key_name(rig, key), &context, &rig->notation.arena);
    char *copy = arena_take(&rig->notation.arena, made.size + 1);
    memcpy(copy, made.data, made.size);
    copy[made.size] = '\0';
    return copy;
}

/* ---- the disk ---- */

static bool finish_write(struct rig *rig, enum storage_status status) {
    struct disk_write write;
    if (!disk_take_write(&rig->disk, &write)) {
        return false;
    }
    if (write.token != 0) {
        step_begin(rig);
        shard_storage_written(rig->shard, write.token, status, rig->moment);
        step_end(rig);
    }
    return true;
}

void disk_done(struct rig *rig) {
    for (size_t left = rig->disk.write_count; left > 0; left--) {
        finish_write(rig, STORAGE_FOUND);
    }
}

void disk_done_first(struct rig *rig) {
    assert_true(finish_write(rig, STORAGE_FOUND));
}

void disk_done_first_if_any(struct rig *rig) {
    finish_write(rig, STORAGE_FOUND);
}

void disk_fails(struct rig *rig) {
    rig->disk.has_stopped = true;
    while (finish_write(rig, STORAGE_ERROR)) {
    }
}

void disk_holds(struct rig *rig, const char *key, const char *text) {
    struct buffer bytes;
    struct local_actor nobody = {0};
    struct object object = notation_object(&rig->notation, text);
    buffer_init(&bytes);
    if (!object_is_absent(&object)) {
        record_encode(&bytes, &nobody, &object);
    }
    struct view name = rig_key_name(rig, key);
    struct disk_record *record = disk_record(&rig->disk, name);
    record->partition = ring_partition_of_key(rig->ring, name);
    disk_record_set(record, buffer_view(&bytes));
    buffer_release(&bytes);
}

void disk_slow(struct rig *rig, const char *key) {
    disk_record(&rig->disk, rig_key_name(rig, key))->is_pending = true;
}

static void give_read(struct rig *rig, const char *key, enum storage_status status) {
    struct disk_record *record = disk_record(&rig->disk, rig_key_name(rig, key));
    record->is_pending = false;
    step_begin(rig);
    shard_storage_read(rig->shard, record->partition, buffer_view(&record->key), status, rig->moment);
    step_end(rig);
}

void disk_found(struct rig *rig, const char *key) {
    give_read(rig, key, STORAGE_FOUND);
}

void disk_unreadable(struct rig *rig, const char *key) {
    disk_record(&rig->disk, rig_key_name(rig, key))->is_unreadable = true;
}

void disk_damaged(struct rig *rig, const char *key) {
    disk_record(&rig->disk, rig_key_name(rig, key))->is_damaged = true;
}

void disk_found_unreadable(struct rig *rig, const char *key) {
    disk_unreadable(rig, key);
    give_read(rig, key, STORAGE_ERROR);
}

void disk_has(struct rig *rig, const char *key, const char *wanted) {
    struct disk_record *place = disk_record(&rig->disk, rig_key_name(rig, key));
    struct hint_owners owners;
    struct object object = object_empty();
    if (buffer_size(&place->bytes) > 0) {
        object = open_record(rig, buffer_view(&place->bytes), &owners);
    }
    struct buffer text;
    buffer_init(&text);
    print_object(&rig->notation, &text, &object);
    if (!view_equal(buffer_view(&text), view_of_string(wanted))) {
        fail_msg("the disk has %.*s, not %s", (int)buffer_size(&text), (const char *)buffer_view(&text).data, wanted);
    }
    buffer_release(&text);
}

/* ---- time ---- */

static void peers_ping(struct rig *rig) {
    for (uint32_t i = 0; i < rig->options.members; i++) {
        if (i != rig->options.self && !rig->is_silent[i] && !rig->is_away[i]) {
            peer_pings(rig, (char)('A' + i));
        }
    }
}

void scan_answers(struct rig *rig, bool has_records, bool is_end) {
    struct disk_scan scan;
    struct storage_scanned found[DISK_RECORDS];
    uint32_t count;
    assert_true(disk_take_scan(&rig->disk, &scan, found, &count));
    step_begin(rig);
    shard_storage_scanned(rig->shard, scan.token, STORAGE_FOUND, found, has_records ? count : 0, is_end, 1,
                          rig->moment);
    step_end(rig);
}

/* The disk answers scans as time goes by. */
static void answer_scans(struct rig *rig) {
    struct disk_scan scan;
    struct storage_scanned found[DISK_RECORDS];
    uint32_t count;
    while (!rig->holds_scans && disk_take_scan(&rig->disk, &scan, found, &count)) {
        step_begin(rig);
        shard_storage_scanned(rig->shard, scan.token, STORAGE_FOUND, found, count, true, 0, rig->moment);
        step_end(rig);
    }
}

void pass_ns(struct rig *rig, uint64_t ns) {
    uint64_t until_ns = rig->moment.now.ns + ns;
    for (;;) {
        uint64_t due_ns = shard_next_deadline(rig->shard).ns;
        bool is_ping = rig->next_ping_ns <= due_ns;
        due_ns = is_ping ? rig->next_ping_ns : due_ns;
        if (due_ns > until_ns) {
            break;
        }
        set_now(rig, due_ns > rig->moment.now.ns ? due_ns : rig->moment.now.ns);
        if (is_ping) {
            rig->next_ping_ns += PING_MS * NS_PER_MS;
            peers_ping(rig);
        } else {
            step_begin(rig);
            shard_tick(rig->shard, rig->moment);
            step_end(rig);
            answer_scans(rig);
        }
    }
    set_now(rig, until_ns);
}

void pass_ms(struct rig *rig, uint64_t ms) {
    pass_ns(rig, ms * NS_PER_MS);
}

void pause_ms(struct rig *rig, uint64_t ms) {
    set_now(rig, rig->moment.now.ns + ms * NS_PER_MS);
    rig->next_ping_ns = rig->moment.now.ns + PING_MS * NS_PER_MS;
}
