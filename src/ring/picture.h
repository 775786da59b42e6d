/* A picture of the ring for a terminal: one row for each member with what it is, what it owns and a bar over all slots
 * that is the darker where more of them are first-owned by it; a head above and the meaning of the shades below.
 *
 *     64 partitions of 256 slots, 3 replicas of each; 4 members in 3 zones
 *              member      id        zone  weight   share  first  replicas  0                            16383
 *     up       node2:7000  57d0a8a8  a          2   25.0%     16        45  |: :  :     :  :  : : : ::::: :::|
 *     suspect  node4:7000  518a0d3a  c          4   50.0%     32        64  |:# :# :# :# :# :# # # #::: :# ::|
 *     first-owned of a column's slots, at most:  . 25.0%  : 50.0%  + 75.0%  # 100.0%
 */
#ifndef GRAMME_RING_PICTURE_H
#define GRAMME_RING_PICTURE_H

#include "ring/ring.h"

#include "base/buffer.h"

enum { PICTURE_WIDTH_MOST = 1024 };

/* What stands before a member's row: a word, or a sign. */
struct picture_mark {
    struct node_id id;
    const char *text; /* ASCII, or UTF-8 where one code point is one column */
};

struct picture_options {
    uint32_t width; /* of the bars, in characters: 1 to PICTURE_WIDTH_MOST. Each stands for 16384/width slots */
    bool utf8;      /* blocks for shades, and not ASCII */
    const struct picture_mark *marks; /* in any order; a member without one has a blank there */
    size_t mark_count;
};

/* Appends the lines, each with its line feed. Rows are sorted by zone, then address, then id; the same ring and options
 * make the same bytes. */
void picture_draw(struct buffer *output, const struct ring *ring, const struct picture_options *options);

#endif
