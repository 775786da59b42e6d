#include "version/object_codec.h"

#include "base/ensure.h"
#include "base/limits.h"

/* object  = u8 format, varint mark, context, varint values, value*
 * context = u64 greatest, varint vector, varint detached, dot*, dot*, [varint resets, reset*]
 * dot     = u64 actor, varint n
 * reset   = varint place, varint behind, u64 sum
 * value   = varint place, [varint behind], varint older, u8 type, u8 format, [varint expiry, varint stamp],
 *           digest hash, varint bytes, byte*
 * record  = u8 format, u8 coordinated, [u64 run, u64 actor, varint n], object
 *
 * A value's dot is written as its place in the context, which must contain it: an entry of the vector and how far
 * behind that entry's n it is, or, counting on, a detached dot. Its time is written as how much older than the greatest
 * it is. For the usual object, one value that is the last event, all three are zero. Resets follow where the count of
 * the vector has a high bit set; a reset's dot is written like a value's. */
enum {
    OBJECT_FORMAT = 1,
    RECORD_FORMAT = 1,
    RESETS_FOLLOW = 1 << 20, /* beside the count of the vector */
    RESET_BYTES_LEAST = 9,
    RESET_BYTES_MOST = 2 * VARINT_BYTES_MOST + 8,
    TYPE_EXPIRES = 0x80, /* beside the type: an expiry register follows */
    DOT_BYTES_LEAST = 9,
    DOT_BYTES_MOST = 8 + VARINT_BYTES_MOST,
    VALUE_BYTES_LEAST = 21,
    VALUE_BYTES_MOST = 6 * VARINT_BYTES_MOST + 18, /* without its bytes */
    CONTEXT_HEAD_BYTES_MOST = 8 + 3 * VARINT_BYTES_MOST,
};

_Static_assert((int)LIMIT_CONTEXT_ENTRIES < (int)RESETS_FOLLOW, "the bit stands beside any count");

bool context_fits(const struct context *context) {
    return context->vector_count <= LIMIT_CONTEXT_ENTRIES && context->detached_count <= LIMIT_CONTEXT_ENTRIES;
}

size_t context_encoded_most(const struct context *context) {
    return CONTEXT_HEAD_BYTES_MOST + ((size_t)context->vector_count + context->detached_count) * DOT_BYTES_MOST +
           (size_t)context->reset_count * RESET_BYTES_MOST;
}

static void write_dots(struct buffer *buffer, const struct dot *dots, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        write_u64(buffer, dots[i].actor);
        write_varint(buffer, dots[i].n);
    }
}

static void write_dot_of_context(struct buffer *buffer, const struct context *context, struct dot dot) {
    for (uint32_t i = 0; i < context->vector_count && context->vector[i].actor <= dot.actor; i++) {
        if (context->vector[i].actor == dot.actor && context->vector[i].n >= dot.n) {
            write_varint(buffer, i);
            write_varint(buffer, context->vector[i].n - dot.n);
            return;
        }
    }
    uint32_t place = 0;
    while (place < context->detached_count && !dot_equal(context->detached[place], dot)) {
        place++;
    }
    ENSURE(place < context->detached_count);
    write_varint(buffer, (uint64_t)context->vector_count + place);
}

static struct dot read_dot_of_context(struct reader *reader, const struct context *context) {
    uint64_t place = read_varint(reader);
    if (place < context->vector_count) {
        struct dot entry = context->vector[place];
        uint64_t behind = read_varint(reader);
        if (behind < entry.n) {
            return (struct dot){entry.actor, entry.n - behind};
        }
    } else if (place - context->vector_count < context->detached_count) {
        return context->detached[place - context->vector_count];
    }
    reader->failed = true;
    return (struct dot){0, 0};
}

void context_encode(struct buffer *buffer, const struct context *context) {
    write_u64(buffer, context->greatest.value);
    write_varint(buffer, context->vector_count | (context->reset_count > 0 ? RESETS_FOLLOW : 0));
    write_varint(buffer, context->detached_count);
    write_dots(buffer, context->vector, context->vector_count);
    write_dots(buffer, context->detached, context->detached_count);
    if (context->reset_count > 0) {
        write_varint(buffer, context->reset_count);
    }
    for (uint32_t i = 0; i < context->reset_count; i++) {
        write_dot_of_context(buffer, context, context->resets[i].dot);
        write_u64(buffer, context->resets[i].sum);
    }
}

/* Memory follows bytes that have arrived: each dot takes DOT_BYTES_LEAST of them. */
static const struct dot *read_dots(struct reader *reader, uint64_t count, struct arena *arena) {
    if (count == 0 || reader->failed) {
        return NULL;
    }
    struct dot *dots = ARENA_ARRAY(arena, struct dot, (size_t)count);
    for (uint64_t i = 0; i < count; i++) {
        dots[i].actor = read_u64(reader);
        dots[i].n = read_varint(reader);
    }
    return dots;
}

/* None is no way to write them. */
static void read_resets(struct reader *reader, struct arena *arena, struct context *context) {
    uint64_t count = read_varint(reader);
    if (count == 0 || count > context->vector_count + context->detached_count ||
        count > reader_left(reader) / RESET_BYTES_LEAST) {
        reader->failed = true;
        return;
    }
    struct reset *resets = ARENA_ARRAY(arena, struct reset, (size_t)count);
    for (uint64_t i = 0; i < count; i++) {
        resets[i].dot = read_dot_of_context(reader, context);
        resets[i].sum = read_u64(reader);
    }
    context->resets = resets;
    context->reset_count = (uint32_t)count;
}

bool context_decode(struct reader *reader, struct arena *arena, struct context *ret_context) {
    struct context context = {.greatest = {read_u64(reader)}};
    uint64_t vector_count = read_varint(reader);
    uint64_t detached_count = read_varint(reader);
    bool has_resets = (vector_count & RESETS_FOLLOW) != 0;
    vector_count &= ~(uint64_t)RESETS_FOLLOW;
    if (vector_count > LIMIT_CONTEXT_ENTRIES || detached_count > LIMIT_CONTEXT_ENTRIES ||
        vector_count + detached_count > reader_left(reader) / DOT_BYTES_LEAST) {
        reader->failed = true;
        return false;
    }
    context.vector_count = (uint32_t)vector_count;
    context.detached_count = (uint32_t)detached_count;
    context.vector = read_dots(reader, vector_count, arena);
    context.detached = read_dots(reader, detached_count, arena);
    if (has_resets && !reader->failed) {
        read_resets(reader, arena, &context);
    }
    if (reader->failed || !context_is_valid(&context)) {
        reader->failed = true;
        return false;
    }
    *ret_context = context;
    return true;
}

static void write_value(struct buffer *buffer, const struct context *context, const struct value *value) {
    bool expires = value->expiry.at.ms != 0 || value->expiry.stamp.value != 0;
    write_dot_of_context(buffer, context, value->dot);
    write_varint(buffer, context->greatest.value - value->time.value);
    write_u8(buffer, (uint8_t)(value->type | (expires ? TYPE_EXPIRES : 0)));
    write_u8(buffer, value->format);
    if (expires) {
        write_varint(buffer, value->expiry.at.ms);
        write_varint(buffer, value->expiry.stamp.value);
    }
    write_digest(buffer, value->hash);
    write_sized(buffer, value->bytes);
}

static void read_value(struct reader *reader, const struct context *context, struct value *ret) {
    ret->dot = read_dot_of_context(reader, context);
    uint64_t older = read_varint(reader);
    uint8_t type = read_u8(reader);
    ret->format = read_u8(reader);
    ret->expiry = (struct expiry){{0}, {0}};
    if ((type & TYPE_EXPIRES) != 0) {
        ret->expiry.at.ms = read_varint(reader);
        ret->expiry.stamp.value = read_varint(reader);
        reader->failed |= ret->expiry.at.ms == 0 && ret->expiry.stamp.value == 0;
    }
    type &= (uint8_t)~TYPE_EXPIRES;
    ret->type = type <= VALUE_COUNTER ? (enum value_type)type : VALUE_STRING;
    ret->time.value = context->greatest.value - older;
    ret->hash = read_digest(reader);
    ret->bytes = read_sized(reader);
    reader->failed |= older > context->greatest.value || type != (uint8_t)ret->type || ret->format != VALUE_FORMAT;
}

void object_encode(struct buffer *buffer, const struct object *object) {
    size_t most = 1 + 2 * VARINT_BYTES_MOST + context_encoded_most(&object->context);
    for (uint32_t i = 0; i < object->value_count; i++) {
        most += VALUE_BYTES_MOST + object->values[i].bytes.size;
    }
    (void)buffer_reserve(buffer, most);
    write_u8(buffer, OBJECT_FORMAT);
    write_varint(buffer, object->mark);
    context_encode(buffer, &object->context);
    write_varint(buffer, object->value_count);
    for (uint32_t i = 0; i < object->value_count; i++) {
        write_value(buffer, &object->context, &object->values[i]);
    }
}

uint64_t object_bytes_mark(struct view bytes) {
    struct reader reader = reader_of(bytes);
    uint8_t format = read_u8(&reader);
    uint64_t mark = read_varint(&reader);
    return reader.failed || format != OBJECT_FORMAT ? 0 : mark;
}

struct hybrid_time object_bytes_greatest(struct view bytes) {
    struct reader reader = reader_of(bytes);
    uint8_t format = read_u8(&reader);
    (void)read_varint(&reader);
    struct hybrid_time greatest = {read_u64(&reader)};
    return reader.failed || format != OBJECT_FORMAT ? (struct hybrid_time){0} : greatest;
}

bool object_decode(struct view bytes, struct arena *arena, struct object *ret_object) {
    struct reader reader = reader_of(bytes);
    uint8_t format = read_u8(&reader);
    struct object object = {.mark = read_varint(&reader)};
    if (format != OBJECT_FORMAT || !context_decode(&reader, arena, &object.context)) {
        return false;
    }
    uint64_t count = read_varint(&reader);
    if (count > reader_left(&reader) / VALUE_BYTES_LEAST) {
        return false;
    }
    if (object_is_absent(&object) && (count != 0 || object.mark != 0 || object.context.greatest.value != 0)) {
        return false;
    }
    if (count > 0) {
        struct value *values = ARENA_ARRAY(arena, struct value, (size_t)count);
        for (uint64_t i = 0; i < count && !reader.failed; i++) {
            read_value(&reader, &object.context, &values[i]);
            reader.failed |= i > 0 && dot_compare(values[i - 1].dot, values[i].dot) >= 0;
        }
        object.values = values;
        object.value_count = (uint32_t)count;
    }
    if (!reader_finished(&reader) || !object_counters_are_valid(&object)) {
        return false;
    }
    *ret_object = object;
    return true;
}

bool object_is_whole(const struct object *object) {
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        if (!digest_equal(hash128(value->bytes), value->hash) ||
            (value->type == VALUE_COUNTER && value->bytes.size != COUNTER_BYTES)) {
            return false;
        }
    }
    return true;
}

void record_encode(struct buffer *buffer, const struct local_actor *local, const struct object *object) {
    write_u8(buffer, RECORD_FORMAT);
    if (local->run == 0) {
        ENSURE(local->actor == 0 && local->n == 0);
        write_u8(buffer, 0);
    } else {
        ENSURE(local->actor != 0);
        write_u8(buffer, 1);
        write_u64(buffer, local->run);
        write_u64(buffer, local->actor);
        write_varint(buffer, local->n);
    }
    object_encode(buffer, object);
}

bool record_decode(struct view bytes, struct record *ret_record) {
    struct reader reader = reader_of(bytes);
    uint8_t format = read_u8(&reader);
    uint8_t coordinated = read_u8(&reader);
    struct local_actor local = {0, 0, 0};
    if (coordinated == 1) {
        local.run = read_u64(&reader);
        local.actor = read_u64(&reader);
        local.n = read_varint(&reader);
        reader.failed |= local.run == 0 || local.actor == 0;
    }
    if (format != RECORD_FORMAT || coordinated > 1 || reader.failed || reader_left(&reader) == 0) {
        return false;
    }
    *ret_record = (struct record){local, read_bytes(&reader, reader_left(&reader))};
    return true;
}
