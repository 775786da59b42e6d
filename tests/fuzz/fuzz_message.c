/* Bodies of messages between nodes: no bytes make a decoder read beyond them, and what one accepts is sound enough for
 * the protocol: indices in range, lists that end where they say. The first byte is the kind. */
#include "base/arena.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "ring/keyspace.h"
#include "wire/consensus_message.h"
#include "wire/detector_message.h"
#include "wire/exchange_message.h"
#include "wire/farewell_message.h"
#include "wire/fence_message.h"
#include "wire/filling_message.h"
#include "wire/gossip_message.h"
#include "wire/member_record.h"
#include "wire/message.h"
#include "wire/question_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_exchange(uint8_t kind, struct view body) {
    struct message_summary summary;
    struct message_roots roots;
    uint32_t losses;
    struct reader list;
    struct exchange_root root;
    struct partition partition;
    struct message_tree tree;
    struct message_keys keys;
    struct exchange_key key;
    if (kind == MESSAGE_ROOTS && message_decode_roots(body, &roots)) {
        while (reader_left(&roots.roots) > 0 && message_next_root(&roots.roots, &root)) {
        }
    } else if (kind >= MESSAGE_SUMMARY && kind <= MESSAGE_ALL_SAME) {
        (void)message_decode_summary(body, &summary);
    } else if (kind == MESSAGE_SAME && message_decode_same(body, &losses, &list)) {
        while (reader_left(&list) > 0 && message_next_same(&list, &partition)) {
        }
    } else if (kind == MESSAGE_TREE) {
        (void)message_decode_tree(body, &tree);
    } else if ((kind == MESSAGE_KEYS || kind == MESSAGE_WANT) && message_decode_keys(body, &keys)) {
        list = reader_of(keys.list);
        while (reader_left(&list) > 0 && exchange_next_key(&list, &key)) {
            ENSURE(key.key.size <= LIMIT_KEY_BYTES);
        }
    }
}

static void check_farewell(uint8_t kind, struct view body) {
    struct message_farewell farewell;
    struct message_farewell_answer answer;
    struct message_fill fill;
    if (kind == MESSAGE_FAREWELL) {
        (void)message_decode_farewell(body, &farewell);
    } else if (kind == MESSAGE_FAREWELL_ANSWER) {
        (void)message_decode_farewell_answer(body, &answer);
    } else {
        (void)message_decode_fill(body, &fill);
    }
}

static void check_parcel(struct view body) {
    struct compressor compressor;
    struct buffer room;
    struct message_parcel parcel;
    struct parcel_object object;
    compressor_init(&compressor);
    buffer_init(&room);
    if (message_decode_parcel(body, &compressor, &room, &parcel)) {
        struct reader list = reader_of(parcel.list);
        while (parcel_next(&list, &object)) {
            ENSURE(object.key.size <= LIMIT_KEY_BYTES);
        }
        ENSURE(reader_finished(&list) && parcel.fence <= FENCE_NUMBER_MOST);
    }
    buffer_release(&room);
    compressor_release(&compressor);
}

static void check_fence(uint8_t kind, struct view body) {
    struct message_fence fence;
    struct message_proof proof;
    struct proof_key key;
    if (kind == MESSAGE_FENCE && message_decode_fence(body, &fence)) {
        ENSURE(fence.drained <= fence.heard && fence.passed <= fence.heard && fence.heard <= FENCE_NUMBER_MOST);
    } else if (kind > MESSAGE_FENCE && message_decode_proof(body, &proof)) {
        struct reader list = reader_of(proof.list);
        ENSURE(proof.aim < PROOF_AIMS && proof.number <= FENCE_NUMBER_MOST);
        while (proof_next_key(&list, &key)) {
            ENSURE(key.key.size <= LIMIT_KEY_BYTES);
        }
        ENSURE(reader_finished(&list));
    }
}

static void check_question(struct view body) {
    struct message_question question;
    struct keyspace_table table;
    struct keyspace_change change;
    if (message_decode_question(body, &question)) {
        ENSURE(question.question < QUESTIONS);
        if (keyspace_table_decode(question.payload, &table)) {
            ENSURE(table.count >= 1 && table.count <= LIMIT_KEYSPACES);
            ENSURE(keyspace_of_key(&table, VIEW("any")) != NULL);
        }
        if (keyspace_change_decode(question.payload, &change)) {
            keyspace_table_init(&table);
            bool is_made = keyspace_table_change(&table, &change, 3) == NULL;
            ENSURE(!is_made || table.keyspaces[0].write_quorum <= 3);
        }
    }
}

/* What is accepted is written again as the same bytes. */
static void check_consensus(uint8_t kind, struct view body) {
    struct consensus_word word;
    struct consensus_state state;
    struct buffer again;
    buffer_init(&again);
    if (message_decode_consensus(kind, body, &word)) {
        ENSURE(ballot_compare(word.accepted, word.ballot) <= 0 && word.entry.size <= CONSENSUS_ENTRY_BYTES_MOST);
        message_encode_consensus(&again, &word);
        ENSURE(buffer_size(&again) == FRAME_HEADER_BYTES + body.size);
        ENSURE(view_equal(view_slice(buffer_view(&again), FRAME_HEADER_BYTES, body.size), body));
    }
    buffer_clear(&again);
    if (consensus_state_read(body, &state)) {
        consensus_state_write(&again, &state);
        ENSURE(view_equal(buffer_view(&again), body));
    }
    buffer_release(&again);
}

/* What is read is written and read as the same. */
static void check_member_record(struct view payload) {
    struct member_record record;
    struct member_record again;
    struct buffer bytes;
    buffer_init(&bytes);
    if (member_record_decode(payload, &record)) {
        member_record_encode(&bytes, &record);
        ENSURE(buffer_size(&bytes) <= GOSSIP_PAYLOAD_BYTES_MOST && buffer_size(&bytes) <= payload.size);
        ENSURE(member_record_decode(buffer_view(&bytes), &again) && memcmp(&record, &again, sizeof(record)) == 0);
    }
    buffer_release(&bytes);
}

static void check_addresses(struct view body) {
    struct reader list = reader_of(body);
    struct node_id id;
    struct member_addresses addresses;
    while (addresses_list_next(&list, &id, &addresses)) {
        ENSURE(member_address_is_plain(addresses.client) && member_address_is_plain(addresses.peer));
    }
    ENSURE(list.failed || reader_finished(&list));
}

static void check_gossip(uint8_t kind, struct view body) {
    struct gossip_word word;
    struct gossip_record record;
    struct buffer again;
    buffer_init(&again);
    if (message_decode_gossip(kind, body, &word)) {
        struct reader list = reader_of(word.list);
        while (gossip_list_next(&list, word.kind, &record)) {
            ENSURE(record.payload.size <= GOSSIP_PAYLOAD_BYTES_MOST);
            check_member_record(record.payload);
        }
        ENSURE(reader_finished(&list));
        message_encode_gossip(&again, &word);
        ENSURE(buffer_size(&again) == FRAME_HEADER_BYTES + body.size);
        ENSURE(view_equal(view_slice(buffer_view(&again), FRAME_HEADER_BYTES, body.size), body));
    }
    buffer_release(&again);
}

static void check_request(uint8_t kind, struct view body) {
    struct message_hello hello;
    struct message_ping ping;
    struct message_put put;
    struct message_put_answer put_answer;
    struct message_read read;
    struct message_read_answer read_answer;
    struct message_operation operation;
    struct message_result result;
    struct message_probe probe;
    switch (kind) {
    case MESSAGE_HELLO:
        if (message_decode_hello(body, &hello)) {
            ENSURE(hello.shard_count >= 1 && hello.shard_count <= LIMIT_SHARDS &&
                   hello.shard_index < hello.shard_count);
        }
        break;
    case MESSAGE_PING:
        (void)message_decode_ping(body, &ping, PROTOCOL_VERSION);
        (void)message_decode_ping(body, &ping, PROTOCOL_VERSION_NEXT);
        break;
    case MESSAGE_PUT:
        (void)message_decode_put(body, &put);
        break;
    case MESSAGE_PUT_ANSWER:
        (void)message_decode_put_answer(body, &put_answer);
        break;
    case MESSAGE_READ:
        (void)message_decode_read(body, &read);
        break;
    case MESSAGE_READ_ANSWER:
        (void)message_decode_read_answer(body, &read_answer);
        break;
    case MESSAGE_OPERATION:
        (void)message_decode_operation(body, &operation);
        break;
    case MESSAGE_RESULT:
        (void)message_decode_result(body, &result);
        break;
    default:
        (void)message_decode_probe(body, &probe);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct view body = view_of(data + 1, size - 1);
    uint8_t kind = data[0];
    if (kind >= MESSAGE_CONSENSUS_PREPARE && kind <= MESSAGE_CONSENSUS_BEHIND) {
        check_consensus(kind, body);
    } else if (kind == MESSAGE_ADDRESSES) {
        check_addresses(body);
        check_member_record(body);
    } else if (kind >= MESSAGE_GOSSIP_SUMMARY && kind <= MESSAGE_GOSSIP_WANT) {
        check_gossip(kind, body);
    } else if (kind >= MESSAGE_QUESTION && kind <= MESSAGE_KEYSPACES) {
        check_question(body);
    } else if (kind >= MESSAGE_FENCE && kind <= MESSAGE_REAP) {
        check_fence(kind, body);
    } else if (kind == MESSAGE_PARCEL) {
        check_parcel(body);
    } else if (kind >= MESSAGE_FAREWELL && kind <= MESSAGE_FILL) {
        check_farewell(kind, body);
    } else if (kind >= MESSAGE_ROOTS && kind <= MESSAGE_ALL_SAME) {
        check_exchange(kind, body);
    } else {
        check_request(kind, body);
    }
    return 0;
}
