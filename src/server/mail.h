/* Mail between the shards of a node: for each ordered pair of threads a run of bytes under a mutex that is held for a
 * swap of buffers, or a copy where the receiver has not come round yet. Order per pair is kept, cuts may fall anywhere.
 * How much waits is bounded by what sessions and links may have under way. */
#ifndef GRAMME_SERVER_MAIL_H
#define GRAMME_SERVER_MAIL_H

#include "base/buffer.h"

struct mail;

struct mail *mail_new(uint32_t shard_count);
void mail_free(struct mail *mail);

/* Takes all that is in the buffer, which is not empty, and leaves it empty, possibly with other memory. True when the
 * receiver had no mail of anybody waiting, so that it must be woken. On the sender's thread. */
bool mail_post(struct mail *mail, uint32_t from, uint32_t to, struct buffer *letters);

/* On the receiver's thread: a bit for each sender that has posted since the last call. */
uint64_t mail_senders(struct mail *mail, uint32_t to);
/* Swaps what waits into `letters`, which must be empty. */
void mail_take(struct mail *mail, uint32_t from, uint32_t to, struct buffer *letters);

#endif
