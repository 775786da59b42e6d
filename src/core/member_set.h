/* A set of members as a bitmap: small enough to be embedded, walked in the order of indexes. */
#ifndef GRAMME_CORE_MEMBER_SET_H
#define GRAMME_CORE_MEMBER_SET_H

#include "base/ensure.h"
#include "base/limits.h"
#include "ring/ring.h"

#include <string.h>

struct member_set {
    uint64_t words[LIMIT_MEMBERS / 64];
};

static inline void member_set_clear(struct member_set *set) {
    memset(set, 0, sizeof(*set));
}

static inline bool member_set_has(const struct member_set *set, struct member_index member) {
    ENSURE(member.value < LIMIT_MEMBERS);
    return (set->words[member.value / 64] >> (member.value % 64) & 1) != 0;
}

static inline void member_set_add(struct member_set *set, struct member_index member) {
    ENSURE(member.value < LIMIT_MEMBERS);
    set->words[member.value / 64] |= UINT64_C(1) << (member.value % 64);
}

static inline void member_set_remove(struct member_set *set, struct member_index member) {
    ENSURE(member.value < LIMIT_MEMBERS);
    set->words[member.value / 64] &= ~(UINT64_C(1) << (member.value % 64));
}

static inline uint32_t member_set_count(const struct member_set *set) {
    uint32_t count = 0;
    for (size_t index = 0; index < LIMIT_MEMBERS / 64; index++) {
        count += (uint32_t)__builtin_popcountll(set->words[index]);
    }
    return count;
}

/* The least member that is not below `from`; false when there is none. To walk:
 *
 *     struct member_index member = {0};
 *     for (; member_set_next(&set, &member); member.value++) { ... }
 */
static inline bool member_set_next(const struct member_set *set, struct member_index *member) {
    for (uint32_t at = member->value; at < LIMIT_MEMBERS; at = (at / 64 + 1) * 64) {
        uint64_t rest = set->words[at / 64] >> (at % 64);
        if (rest != 0) {
            member->value = (uint16_t)(at + (uint32_t)__builtin_ctzll(rest));
            return true;
        }
    }
    return false;
}

#endif
