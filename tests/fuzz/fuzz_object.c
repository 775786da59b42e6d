/* Stored objects from strangers: what is decoded keeps every invariant, has one spelling, and merges alike both ways.
 * The input is tried as an object, as a record, and, after two bytes that say where they part, as two objects. */
#include "base/ensure.h"
#include "version/object_codec.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_spelling(const struct object *object, struct view bytes, struct buffer *buffer) {
    ENSURE(object_is_valid(object));
    buffer_clear(buffer);
    object_encode(buffer, object);
    ENSURE(view_equal(buffer_view(buffer), bytes));
}

static void check_whole(struct view bytes, struct arena *arena, struct buffer *buffer) {
    struct object object;
    if (object_decode(bytes, arena, &object)) {
        check_spelling(&object, bytes, buffer);
        (void)object_is_whole(&object);
        struct object twice = object_merge(&object, &object, CONFLICT_SIBLINGS, arena);
        ENSURE(object_equal(&twice, &object));
    }
    struct record record;
    if (record_decode(bytes, &record) && object_decode(record.object_bytes, arena, &object)) {
        buffer_clear(buffer);
        record_encode(buffer, &record.local, &object);
        ENSURE(view_equal(buffer_view(buffer), bytes));
    }
}

/* Merging tells copies of one value apart by their hashes, which a receiver has checked by then. */
static struct object rehashed(const struct object *object, struct arena *arena) {
    struct object proper = *object;
    struct value *values = ARENA_ARRAY(arena, struct value, object->value_count);
    for (uint32_t i = 0; i < object->value_count; i++) {
        values[i] = object->values[i];
        values[i].hash = hash128(values[i].bytes);
    }
    proper.values = values;
    return proper;
}

static void check_merge(const struct object *a, const struct object *b, enum conflict_rule rule, struct arena *arena) {
    struct object ab = object_merge(a, b, rule, arena);
    struct object ba = object_merge(b, a, rule, arena);
    ENSURE(object_is_valid(&ab));
    ENSURE(object_equal(&ab, &ba));
    ENSURE(context_covered_by(&a->context, &ab.context));
    ENSURE(context_covered_by(&b->context, &ab.context));
    struct object again = object_merge(&ab, b, rule, arena);
    ENSURE(context_equal(&again.context, &ab.context));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct buffer buffer;
    arena_init(&arena);
    buffer_init(&buffer);
    struct view bytes = view_of(data, size);
    check_whole(bytes, &arena, &buffer);
    /* The first two bytes may say where the second object begins. */
    if (size > 2) {
        size_t border = 2 + (size_t)(data[0] | data[1] << 8) % (size - 2);
        struct object a;
        struct object b;
        if (object_decode(view_slice(bytes, 2, border - 2), &arena, &a) &&
            object_decode(view_slice(bytes, border, size - border), &arena, &b)) {
            a = rehashed(&a, &arena);
            b = rehashed(&b, &arena);
            ENSURE(object_is_whole(&a) && object_is_whole(&b));
            check_merge(&a, &b, CONFLICT_SIBLINGS, &arena);
            check_merge(&a, &b, CONFLICT_LWW, &arena);
        }
    }
    buffer_release(&buffer);
    arena_release(&arena);
    return 0;
}
