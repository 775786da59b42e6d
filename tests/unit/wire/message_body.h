/* For tests of messages. */
#ifndef GRAMME_TESTS_UNIT_WIRE_MESSAGE_BODY_H
#define GRAMME_TESTS_UNIT_WIRE_MESSAGE_BODY_H

#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The body of the first of these frames, which must be of that kind. A view of them. */
static inline struct view body_of(struct buffer *frames, uint8_t kind) {
    struct frame_reader reader;
    struct frame frame;
    struct view rest = buffer_view(frames);
    frame_reader_init(&reader);
    assert_int_equal(frame_reader_next(&reader, &rest, &frame), FRAME_READY);
    assert_int_equal(frame.kind, kind);
    frame_reader_release(&reader);
    return frame.body;
}

#endif
