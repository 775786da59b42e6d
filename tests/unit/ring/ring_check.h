/* What must hold of every ring, computed here in the plainest way and apart from the code that it checks. */
#ifndef GRAMME_TESTS_RING_CHECK_H
#define GRAMME_TESTS_RING_CHECK_H

#include "ring/ring.h"

/* Folds a log that must be legal. */
struct ring *fold(const struct membership *log, uint32_t partitions, uint32_t replicas);

/* Shares, preference lists of all partitions, zones, and the counters. Fails the test that calls it. */
void check_ring(const struct ring *ring);

/* The same members, options, lists and marks. */
void check_same(const struct ring *a, const struct ring *b);

#endif
