/* What is asked of the keys that a node shows, and what it answers (core/listing.h): the value of OPERATION_LIST and
 * the object of its result. */
#ifndef GRAMME_WIRE_LISTING_MESSAGE_H
#define GRAMME_WIRE_LISTING_MESSAGE_H

#include "base/codec.h"

enum listing_question {
    LISTING_KEYS = 1,   /* from the cursor on */
    LISTING_COUNT = 2,  /* the same, but only how many */
    LISTING_RANDOM = 3, /* the first one from a place that the cursor, a random number, means */
};

struct listing_ask {
    enum listing_question question;
    uint64_t cursor; /* 0: from the beginning; else what the last answer told */
    uint32_t most;   /* keys looked at; COUNT looks at all */
};

struct listing_answer {
    uint64_t cursor;  /* where to go on; 0: that was all */
    uint64_t count;   /* keys that were found */
    struct view keys; /* so many sized ones; of COUNT none */
};

void listing_ask_encode(struct buffer *buffer, const struct listing_ask *ask);
bool listing_ask_decode(struct view bytes, struct listing_ask *ret_ask);
void listing_answer_encode(struct buffer *buffer, const struct listing_answer *answer);
bool listing_answer_decode(struct view bytes, struct listing_answer *ret_answer);

#endif
