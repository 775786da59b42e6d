#include "version/token.h"

#include "base/base64url.h"
#include "base/ensure.h"
#include "base/mutant.h"
#include "version/object_codec.h"

/* What is signed: cluster id, u32 key size, key, u8 format, context. What travels: the part from the format on, then
 * the tag. The key's size stands before it, so no other split into key and context has the same bytes. */
enum { TOKEN_FORMAT = 1, TAG_BYTES = 16 };

static size_t prologue_bytes(const struct token_secrets *secrets, struct view key) {
    return sizeof(secrets->cluster.bytes) + sizeof(uint32_t) + key.size;
}

/* A buffer over scratch memory. Never released, and never made to grow: the memory is not malloc's. */
static struct buffer buffer_over(struct arena *arena, size_t capacity) {
    return (struct buffer){.data = arena_take(arena, capacity), .capacity = capacity};
}

static void write_prologue(struct buffer *message, const struct token_secrets *secrets, struct view key) {
    write_bytes(message, view_of(secrets->cluster.bytes, sizeof(secrets->cluster.bytes)));
    write_u32(message, (uint32_t)key.size);
    write_bytes(message, key);
}

struct view token_encode(const struct token_secrets *secrets, struct view key, const struct context *context,
                         struct arena *arena) {
    ENSURE(key.size <= UINT32_MAX);
    key.size = MUTANT(TOKEN_ANY_KEY) ? 0 : key.size;
    size_t prologue = prologue_bytes(secrets, key);
    struct buffer message = buffer_over(arena, prologue + 1 + context_encoded_most(context) + TAG_BYTES);
    const uint8_t *memory = message.data;
    write_prologue(&message, secrets, key);
    write_u8(&message, TOKEN_FORMAT);
    context_encode(&message, context);

    uint8_t tag[TAG_BYTES];
    siphash128(&secrets->current, buffer_view(&message), tag);
    write_bytes(&message, view_of(tag, sizeof(tag)));
    ENSURE(message.data == memory);

    struct view token = view_slice(buffer_view(&message), prologue, buffer_size(&message) - prologue);
    char *text = arena_take(arena, base64url_encoded_size(token.size));
    return view_of(text, base64url_encode(token, text));
}

/* Takes as long for any difference, so that no tag can be guessed byte by byte. */
static bool tag_equal(const uint8_t a[TAG_BYTES], const uint8_t b[TAG_BYTES]) {
    unsigned different = 0;
    for (size_t i = 0; i < TAG_BYTES; i++) {
        different |= (unsigned)(a[i] ^ b[i]);
    }
    return different == 0;
}

static bool token_verify(const struct token_secrets *secrets, struct view message, const uint8_t tag[TAG_BYTES]) {
    uint8_t expected[TAG_BYTES];
    siphash128(&secrets->current, message, expected);
    if (tag_equal(expected, tag)) {
        return true;
    }
    if (!secrets->has_previous) {
        return false;
    }
    siphash128(&secrets->previous, message, expected);
    return tag_equal(expected, tag);
}

bool token_decode(const struct token_secrets *secrets, struct view key, struct view text, struct arena *arena,
                  struct context *ret_context) {
    if (key.size > UINT32_MAX) {
        return false;
    }
    key.size = MUTANT(TOKEN_ANY_KEY) ? 0 : key.size;
    size_t prologue = prologue_bytes(secrets, key);
    struct buffer message = buffer_over(arena, prologue + text.size);
    write_prologue(&message, secrets, key);
    size_t token_bytes = 0;
    if (!base64url_decode(text, message.data + prologue, &token_bytes) || token_bytes <= TAG_BYTES) {
        return false;
    }
    size_t signed_bytes = prologue + token_bytes - TAG_BYTES;
    if (!token_verify(secrets, view_of(message.data, signed_bytes), message.data + signed_bytes)) {
        return false;
    }

    struct reader reader =
        reader_of(view_slice(view_of(message.data, signed_bytes), prologue, token_bytes - TAG_BYTES));
    struct context context;
    if (read_u8(&reader) != TOKEN_FORMAT || !context_decode(&reader, arena, &context) || !reader_finished(&reader)) {
        return false;
    }
    *ret_context = context;
    return true;
}
