#include "ring/shares.h"

#include "ring/memory.h"

struct share {
    uint16_t seat;
    bool keeps; /* has more than the floor already: rounding it up moves one partition less */
    bool subject;
    uint64_t remainder;
    struct node_id id;
};

static uint64_t total_weight(const struct placement *placement) {
    uint64_t total = 0;
    for (size_t i = 0; i < placement->member_count; i++) {
        total += placement->seats[placement->by_id[i]].member.weight;
    }
    return total;
}

static int compare_shares(const void *left, const void *right) {
    const struct share *a = left;
    const struct share *b = right;
    if (a->keeps != b->keeps) {
        return a->keeps ? -1 : 1;
    }
    if (a->subject != b->subject) {
        return a->subject ? -1 : 1;
    }
    if (a->remainder != b->remainder) {
        return a->remainder > b->remainder ? -1 : 1;
    }
    return node_id_compare(a->id, b->id);
}

void shares_set_targets(struct placement *placement, uint16_t subject) {
    uint64_t total = total_weight(placement);
    uint32_t left = placement->partition_count;
    struct share *shares = ZEROED(struct share, placement->member_count);
    size_t share_count = 0;
    for (size_t i = 0; i < placement->member_count; i++) {
        uint16_t number = placement->by_id[i];
        struct seat *seat = &placement->seats[number];
        uint64_t scaled = (uint64_t)placement->partition_count * seat->member.weight;
        seat->target = (uint32_t)(scaled / total);
        left -= seat->target;
        if (scaled % total != 0) {
            shares[share_count++] = (struct share){.seat = number,
                                                   .keeps = seat->owned > seat->target,
                                                   .subject = number == subject,
                                                   .remainder = scaled % total,
                                                   .id = seat->member.id};
        }
    }
    ENSURE(left == 0 || left < share_count);
    qsort(shares, share_count, sizeof(*shares), compare_shares);
    for (size_t i = 0; i < left; i++) {
        placement->seats[shares[i].seat].target++;
    }
    free(shares);
}
