#include "core/hint_record.h"

enum { HINT_FORMAT = 1 };

static uint32_t owner_place(const struct hint_owners *owners, struct node_id id) {
    uint32_t place = 0;
    while (place < owners->count && !node_id_equal(owners->ids[place], id)) {
        place++;
    }
    return place;
}

bool hint_owners_contain(const struct hint_owners *owners, struct node_id id) {
    return owner_place(owners, id) < owners->count;
}

bool hint_owners_add(struct hint_owners *owners, struct node_id id) {
    if (hint_owners_contain(owners, id)) {
        return true;
    }
    if (owners->count == LIMIT_REPLICAS) {
        return false;
    }
    owners->ids[owners->count++] = id;
    return true;
}

void hint_owners_remove(struct hint_owners *owners, struct node_id id) {
    uint32_t place = owner_place(owners, id);
    if (place < owners->count) {
        owners->ids[place] = owners->ids[--owners->count];
    }
}

void hint_record_encode(struct buffer *buffer, const struct hint_owners *owners, const struct local_actor *local,
                        const struct object *object) {
    write_u8(buffer, HINT_FORMAT);
    write_u8(buffer, (uint8_t)owners->count);
    for (uint32_t place = 0; place < owners->count; place++) {
        write_bytes(buffer, view_of(owners->ids[place].bytes, sizeof(owners->ids[place].bytes)));
    }
    record_encode(buffer, local, object);
}

bool hint_record_decode(struct view bytes, struct hint_owners *ret_owners, struct record *ret_record) {
    struct reader reader = reader_of(bytes);
    struct hint_owners owners = {0};
    struct record record;
    uint8_t format = read_u8(&reader);
    owners.count = read_u8(&reader);
    if (reader.failed || format != HINT_FORMAT || owners.count == 0 || owners.count > LIMIT_REPLICAS) {
        return false;
    }
    for (uint32_t place = 0; place < owners.count; place++) {
        read_into(&reader, owners.ids[place].bytes, sizeof(owners.ids[place].bytes));
    }
    struct view rest = read_bytes(&reader, reader_left(&reader));
    if (reader.failed || !record_decode(rest, &record)) {
        return false;
    }
    *ret_owners = owners;
    *ret_record = record;
    return true;
}
