/* Contexts in a client's hands: no text is accepted but what token_encode() gives. A fuzzer can't forge a tag, so the
 * input is also taken for a context, which is signed when it decodes and must then come back; and the bytes of a
 * context that was signed as they are, canonical or not, must be refused unless they are. */
#include "base/base64url.h"
#include "base/ensure.h"
#include "version/object_codec.h"
#include "version/token.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct token_secrets secrets = {
    .cluster = {{1, 2, 3}},
    .current = {{4, 5, 6}},
    .previous = {{7, 8, 9}},
    .has_previous = true,
};

static const struct view key = {(const uint8_t *)"key", 3};

/* The text of any bytes with a proper tag: what a holder of the secret could send. */
static struct view sign(struct view body, struct arena *arena) {
    size_t prologue = sizeof(secrets.cluster.bytes) + sizeof(uint32_t) + key.size;
    uint8_t *message = arena_take(arena, prologue + body.size + 16);
    const uint8_t key_size[4] = {(uint8_t)key.size, 0, 0, 0};
    memcpy(message, secrets.cluster.bytes, sizeof(secrets.cluster.bytes));
    memcpy(message + sizeof(secrets.cluster.bytes), key_size, sizeof(key_size));
    memcpy(message + prologue - key.size, key.data, key.size);
    if (body.size > 0) {
        memcpy(message + prologue, body.data, body.size);
    }
    siphash128(&secrets.current, view_of(message, prologue + body.size), message + prologue + body.size);
    char *text = arena_take(arena, base64url_encoded_size(body.size + 16));
    return view_of(text, base64url_encode(view_of(message + prologue, body.size + 16), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    arena_init(&arena);
    struct context context;
    struct view input = view_of(data, size);
    if (token_decode(&secrets, key, input, &arena, &context)) {
        ENSURE(view_equal(token_encode(&secrets, key, &context, &arena), input));
    }

    struct view text = sign(input, &arena);
    bool valid = token_decode(&secrets, key, text, &arena, &context);
    if (valid) {
        ENSURE(context_is_valid(&context));
        ENSURE(view_equal(token_encode(&secrets, key, &context, &arena), text));
    }
    if (size > 0) {
        struct reader reader = reader_of(view_slice(input, 1, size - 1));
        struct context plain;
        bool canonical = data[0] == 1 && context_decode(&reader, &arena, &plain) && reader_finished(&reader);
        ENSURE(valid == canonical);
    }
    arena_release(&arena);
    return 0;
}
