/* Compression of what goes between nodes in bulk: Zstandard (RFC 8878), at its fastest level. */
#ifndef GRAMME_BASE_COMPRESS_H
#define GRAMME_BASE_COMPRESS_H

#include "base/buffer.h"

/* Memory that is used again; made when it is first needed. */
struct compressor {
    void *packing;
    void *unpacking;
};

enum {
    COMPRESS_BYTES_LEAST = 128,        /* of less, nothing can be saved */
    COMPRESS_BYTES_MOST = 1024 * 1024, /* more is not compressed: a few bytes must not ask for much memory */
};

void compressor_init(struct compressor *compressor);
void compressor_release(struct compressor *compressor);

/* Appends the compressed bytes; false, and nothing is appended, when they would not be fewer, or these are too many. */
bool compress_append(struct compressor *compressor, struct buffer *output, struct view bytes);
/* Appends the bytes again; false, and nothing is appended, when it is not `size` bytes that were compressed. */
bool decompress_append(struct compressor *compressor, struct buffer *output, struct view compressed, size_t size);

#endif
