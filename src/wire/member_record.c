#include "wire/member_record.h"

/* Versions of the log are counted up by one; none that could overflow is let in. */
#define VERSION_MOST (UINT64_MAX >> 8)

static void write_addresses(struct buffer *buffer, const struct member_addresses *addresses) {
    write_sized(buffer, view_of_string(addresses->client));
    write_sized(buffer, view_of_string(addresses->peer));
}

static bool read_address(struct reader *reader, char *address) {
    struct view text = read_sized(reader);
    if (text.size >= MEMBER_ADDRESS_SIZE || view_find(text, '\0') < text.size) {
        return false;
    }
    memset(address, 0, MEMBER_ADDRESS_SIZE);
    if (text.size > 0) {
        memcpy(address, text.data, text.size);
    }
    return member_address_is_plain(address);
}

static bool read_addresses(struct reader *reader, struct member_addresses *addresses) {
    return read_address(reader, addresses->client) && read_address(reader, addresses->peer);
}

void member_record_encode(struct buffer *buffer, const struct member_record *record) {
    const struct message_report *report = &record->report;
    write_u64(buffer, report->run);
    write_varint(buffer, report->drained);
    write_varint(buffer, report->filled);
    write_varint(buffer, report->clean);
    write_varint(buffer, report->to_fill);
    write_varint(buffer, report->former);
    write_addresses(buffer, &record->addresses);
}

bool member_record_decode(struct view payload, struct member_record *ret_record) {
    struct reader reader = reader_of(payload);
    struct member_record record = {0};
    struct message_report *report = &record.report;
    report->run = read_u64(&reader);
    report->drained = read_varint(&reader);
    report->filled = read_varint(&reader);
    report->clean = read_varint(&reader);
    uint64_t to_fill = read_varint(&reader);
    uint64_t former = read_varint(&reader);
    bool is_sane = report->drained <= VERSION_MOST && report->filled <= VERSION_MOST && report->clean <= VERSION_MOST &&
                   to_fill <= PARTITION_COUNT_MOST && former <= PARTITION_COUNT_MOST;
    if (!read_addresses(&reader, &record.addresses) || reader.failed || !is_sane) {
        return false;
    }
    report->to_fill = (uint32_t)to_fill;
    report->former = (uint32_t)former;
    *ret_record = record;
    return true;
}

void addresses_list_add(struct buffer *list, struct node_id id, const struct member_addresses *addresses) {
    write_bytes(list, view_of(id.bytes, sizeof(id.bytes)));
    write_addresses(list, addresses);
}

bool addresses_list_next(struct reader *list, struct node_id *ret_id, struct member_addresses *ret_addresses) {
    struct node_id id;
    struct member_addresses addresses;
    if (list->failed || reader_left(list) == 0) {
        return false;
    }
    read_into(list, id.bytes, sizeof(id.bytes));
    if (!read_addresses(list, &addresses) || list->failed) {
        list->failed = true;
        return false;
    }
    *ret_id = id;
    *ret_addresses = addresses;
    return true;
}
