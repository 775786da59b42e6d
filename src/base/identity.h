/* One-member structs for ids, positions and instants, so that the compiler catches a swap. */
#ifndef GRAMME_BASE_IDENTITY_H
#define GRAMME_BASE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Random, persistent name of a node: 128 bits, written as 32 hexadecimal digits. */
struct node_id {
    uint8_t bytes[16];
};

/* Random name of a cluster, fixed at its birth. */
struct cluster_id {
    uint8_t bytes[16];
};

/* CRC16/XMODEM of the key, or of its {hashtag}, modulo 16384 (Redis Cluster specification). */
struct slot {
    uint16_t value;
};

/* A contiguous block of 16384/Q slots. */
struct partition {
    uint16_t value;
};

/* Monotonic time of this process, nanoseconds. Never compared between nodes. */
struct instant {
    uint64_t ns;
};

/* Civil time, milliseconds since 1970-01-01 UTC: for expiry and for the hybrid clock alone. */
struct wall_time {
    uint64_t ms;
};

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

static inline struct instant instant_after_ns(struct instant from, uint64_t delay_ns) {
    return (struct instant){from.ns + delay_ns};
}

static inline struct instant instant_after_ms(struct instant from, uint64_t delay_ms) {
    return (struct instant){from.ns + delay_ms * NS_PER_MS};
}

static inline int node_id_compare(struct node_id a, struct node_id b) {
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes));
}

static inline bool node_id_equal(struct node_id a, struct node_id b) {
    return node_id_compare(a, b) == 0;
}

enum { NODE_ID_TEXT_SIZE = 33 };

/* Lower-case hexadecimal with a terminating zero. */
void node_id_to_text(struct node_id id, char text[NODE_ID_TEXT_SIZE]);

/* False when text is not exactly 32 hexadecimal digits. */
bool node_id_from_text(const char *text, struct node_id *ret);

#endif
