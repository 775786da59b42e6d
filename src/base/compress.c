#include "base/compress.h"

#include <zstd.h>

#include "base/ensure.h"
#include "base/poison.h"

enum { LEVEL = 1 };

void compressor_init(struct compressor *compressor) {
    *compressor = (struct compressor){0};
}

void compressor_release(struct compressor *compressor) {
    ZSTD_freeCCtx(compressor->packing);
    ZSTD_freeDCtx(compressor->unpacking);
}

bool compress_append(struct compressor *compressor, struct buffer *output, struct view bytes) {
    if (bytes.size < COMPRESS_BYTES_LEAST || bytes.size > COMPRESS_BYTES_MOST) {
        return false;
    }
    if (compressor->packing == NULL) {
        compressor->packing = ZSTD_createCCtx();
        ENSURE(compressor->packing != NULL);
    }
    /* It writes faster where it can't run out of room. */
    size_t most = ZSTD_compressBound(bytes.size);
    uint8_t *to = buffer_reserve(output, most);
    size_t size = ZSTD_compressCCtx(compressor->packing, to, most, bytes.data, bytes.size, LEVEL);
    if (ZSTD_isError(size) != 0 || size >= bytes.size) {
        return false;
    }
    memory_is_written(to, size);
    buffer_commit(output, size);
    return true;
}

bool decompress_append(struct compressor *compressor, struct buffer *output, struct view compressed, size_t size) {
    if (size > COMPRESS_BYTES_MOST) {
        return false;
    }
    if (compressor->unpacking == NULL) {
        compressor->unpacking = ZSTD_createDCtx();
        ENSURE(compressor->unpacking != NULL);
    }
    uint8_t *to = buffer_reserve(output, size);
    if (ZSTD_decompressDCtx(compressor->unpacking, to, size, compressed.data, compressed.size) != size) {
        return false;
    }
    memory_is_written(to, size);
    buffer_commit(output, size);
    return true;
}
