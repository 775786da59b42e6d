#include "sim/detection.h"

#include "sim/world.h"

#include <stdio.h>

/* A node that has just started had no time to be heard. */
static const uint64_t settled_ns = UINT64_C(2000) * NS_PER_MS;

bool detection_holds(const struct nemesis *nemesis, const struct node *observer, const struct trace_record *record,
                     char *sentence, size_t sentence_bytes) {
    static const enum fault_class excuses[] = {FAULT_LOSS, FAULT_PIECES, FAULT_SLOW, FAULT_PARTITION, FAULT_PAUSE};
    if (record->kind != TRACE_DIED) {
        return true;
    }
    for (size_t index = 0; index < sizeof(excuses) / sizeof(excuses[0]); index++) {
        if (nemesis->enabled[excuses[index]]) {
            return true;
        }
    }
    const struct node *subject = NULL;
    for (uint32_t index = 0; index < nemesis->cluster->node_count; index++) {
        const struct node *node = &nemesis->cluster->nodes[index];
        subject = node->index == record->peer.value ? node : subject;
    }
    if (subject == NULL || !subject->is_up || !node_takes_part(subject) ||
        nemesis->world->now.ns < subject->started.ns + settled_ns) {
        return true;
    }
    snprintf(sentence, sentence_bytes, "G13: node %u holds node %u for dead, which lives", observer->index,
             subject->index);
    return false;
}
