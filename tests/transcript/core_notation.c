#include "core_notation.h"

#include "base/ensure.h"
#include "version/counter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENTRIES_MOST = 256, REPEATED_LEAST = 64 };

void notation_init(struct notation *notation) {
    memset(notation, 0, sizeof(*notation));
    arena_init(&notation->arena);
}

void notation_release(struct notation *notation) {
    arena_release(&notation->arena);
}

void print_format(struct buffer *text, const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    ENSURE(size >= 0 && (size_t)size < sizeof(line));
    buffer_append(text, line, (size_t)size);
}

void print_bytes(struct buffer *text, struct view bytes) {
    bool same = bytes.size >= REPEATED_LEAST;
    for (size_t i = 1; same && i < bytes.size; i++) {
        same = bytes.data[i] == bytes.data[0];
    }
    if (same) {
        print_format(text, "%c*%zu", bytes.data[0], bytes.size);
    } else {
        buffer_append_view(text, bytes);
    }
}

struct view expand_bytes(struct arena *arena, struct view word) {
    bool is_repeated = word.size > 2 && word.data[1] == '*' && word.data[2] >= '0' && word.data[2] <= '9';
    if (!is_repeated) {
        return arena_copy(arena, word);
    }
    uint64_t size = 0;
    ENSURE(view_to_uint64(view_slice(word, 2, word.size - 2), &size));
    uint8_t *bytes = arena_take(arena, (size_t)size);
    memset(bytes, word.data[0], (size_t)size);
    return view_of(bytes, (size_t)size);
}

/* ---- reading ---- */

/* A dot with its mark, off the front of the text. */
static struct dot read_dot(const struct notation *notation, const char **text, bool *ret_detached) {
    struct dot dot = {(uint64_t) * *text, 0};
    size_t drawn = strspn(*text, "a");
    char *end;
    ENSURE(**text >= 'a' && **text <= 'z' && drawn <= notation->drawn_count);
    if (drawn > 0) {
        dot.actor = notation->drawn[drawn - 1];
    }
    const char *number = *text + (drawn > 0 ? drawn : 1);
    dot.n = strtoull(number, &end, 10);
    ENSURE(end != number && dot.n > 0);
    *ret_detached = *end == '!';
    *text = *ret_detached ? end + 1 : end;
    return dot;
}

struct dots {
    struct dot vector[ENTRIES_MOST];
    struct dot detached[ENTRIES_MOST];
    struct reset resets[ENTRIES_MOST];
    uint32_t vector_count;
    uint32_t detached_count;
    uint32_t reset_count;
};

static void add_dot(struct dots *dots, struct dot dot, bool detached) {
    ENSURE(dots->vector_count < ENTRIES_MOST && dots->detached_count < ENTRIES_MOST);
    if (detached) {
        dots->detached[dots->detached_count++] = dot;
    } else {
        dots->vector[dots->vector_count++] = dot;
    }
}

static void read_context_into(const struct notation *notation, struct dots *dots, const char *text) {
    while (*text != '\0') {
        bool detached;
        struct dot dot = read_dot(notation, &text, &detached);
        add_dot(dots, dot, detached);
        if (*text == '-') {
            dots->resets[dots->reset_count++] = (struct reset){dot, strtoull(text + 1, (char **)(uintptr_t)&text, 10)};
        }
        ENSURE(*text == ' ' || *text == '\0');
        text += *text == ' ' ? 1 : 0;
    }
}

static struct context context_of(struct notation *notation, const struct dots *dots, struct hybrid_time greatest) {
    struct context context = context_normalise(dots->vector, dots->vector_count, dots->detached, dots->detached_count,
                                               greatest, &notation->arena);
    return context_reset(&context, dots->resets, dots->reset_count, &notation->arena);
}

static struct wall_time present_plus(const struct notation *notation, long offset_ms) {
    return (struct wall_time){(uint64_t)((long)notation->wall.ms + offset_ms)};
}

static struct view bytes_of_sum(struct notation *notation, uint64_t sum) {
    struct buffer bytes = {.data = arena_take(&notation->arena, COUNTER_BYTES), .capacity = COUNTER_BYTES};
    write_u64(&bytes, sum);
    return buffer_view(&bytes);
}

/* One value, up to " & ", " over " or the end. */
static struct value read_value(struct notation *notation, const char **text, struct dots *dots) {
    bool detached;
    struct value value = {.format = VALUE_FORMAT};
    value.dot = read_dot(notation, text, &detached);
    add_dot(dots, value.dot, detached);
    ENSURE(**text == '=');
    (*text)++;
    size_t size = strcspn(*text, "@~ ");
    struct view word = view_of(*text, size);
    *text += size;
    value.type = view_equal(word, VIEW("(deleted)")) ? VALUE_TOMBSTONE : VALUE_STRING;
    value.bytes = value.type == VALUE_TOMBSTONE ? (struct view){0} : expand_bytes(&notation->arena, word);
    if (word.size > 3 && memcmp(word.data, "(+", 2) == 0) {
        value.type = VALUE_COUNTER;
        value.bytes = bytes_of_sum(notation, strtoull((const char *)word.data + 2, NULL, 10));
    }
    value.hash = hash128(value.bytes);
    long offset_ms = **text == '@' ? strtol(*text + 1, (char **)(uintptr_t)text, 10) : 0;
    value.time = hybrid_time_of_wall(present_plus(notation, offset_ms));
    if (**text == '~') {
        value.expiry.at = present_plus(notation, strtol(*text + 1, (char **)(uintptr_t)text, 10));
        value.expiry.stamp = value.time;
    }
    return value;
}

static int compare_values(const void *a, const void *b) {
    return dot_compare(((const struct value *)a)->dot, ((const struct value *)b)->dot);
}

struct object notation_object(struct notation *notation, const char *text) {
    struct dots dots = {0};
    struct hybrid_time greatest = {0};
    struct value *values = ARENA_ARRAY(&notation->arena, struct value, ENTRIES_MOST);
    struct object object = {.values = values, .mark = 1};
    if (strcmp(text, "absent") == 0) {
        return object_empty();
    }
    while (*text != '\0') {
        if (strncmp(text, " over ", 6) == 0) {
            read_context_into(notation, &dots, text + 6);
            break;
        }
        text += strncmp(text, " & ", 3) == 0 ? 3 : 0;
        struct value value = read_value(notation, &text, &dots);
        greatest.value = value.time.value > greatest.value ? value.time.value : greatest.value;
        ENSURE(object.value_count < ENTRIES_MOST);
        values[object.value_count++] = value;
    }
    qsort(values, object.value_count, sizeof(*values), compare_values);
    object.context = context_of(notation, &dots, greatest);
    ENSURE(object_is_valid(&object));
    return object;
}

struct context notation_context(struct notation *notation, const char *text) {
    struct dots dots = {0};
    read_context_into(notation, &dots, text);
    struct hybrid_time greatest = {*text == '\0' ? 0 : hybrid_time_of_wall(notation->wall).value};
    return context_of(notation, &dots, greatest);
}

static struct view keep(struct notation *notation, struct buffer *buffer) {
    struct view bytes = arena_copy(&notation->arena, buffer_view(buffer));
    buffer_release(buffer);
    return bytes;
}

struct view notation_object_bytes(struct notation *notation, const char *text) {
    struct buffer buffer;
    struct object object = notation_object(notation, text);
    buffer_init(&buffer);
    object_encode(&buffer, &object);
    return keep(notation, &buffer);
}

struct view notation_context_bytes(struct notation *notation, const char *text) {
    struct buffer buffer;
    struct context context = notation_context(notation, text);
    buffer_init(&buffer);
    context_encode(&buffer, &context);
    return keep(notation, &buffer);
}

/* ---- printing ---- */

struct word {
    char text[32];
};

static int compare_words(const void *a, const void *b) {
    return strcmp(((const struct word *)a)->text, ((const struct word *)b)->text);
}

static size_t place_of_drawn(struct notation *notation, uint64_t actor) {
    size_t place = 0;
    while (place < notation->drawn_count && notation->drawn[place] != actor) {
        place++;
    }
    if (place == notation->drawn_count) {
        ENSURE(place < NOTATION_ACTORS);
        notation->drawn[notation->drawn_count++] = actor;
    }
    return place;
}

static struct word word_of_dot(struct notation *notation, struct dot dot, bool detached) {
    struct word word;
    char name[16] = {(char)dot.actor, '\0'};
    if (dot.actor < 'b' || dot.actor > 'z') {
        size_t place = place_of_drawn(notation, dot.actor);
        if (place < 8) {
            memset(name, 'a', place + 1);
            name[place + 1] = '\0';
        } else {
            (void)snprintf(name, sizeof(name), "a#%zu.", place + 1);
        }
    }
    (void)snprintf(word.text, sizeof(word.text), "%.8s%llu%s", name, (unsigned long long)dot.n, detached ? "!" : "");
    return word;
}

static bool is_detached(const struct context *context, struct dot dot) {
    for (uint32_t i = 0; i < context->detached_count; i++) {
        if (dot_equal(context->detached[i], dot)) {
            return true;
        }
    }
    return false;
}

static void print_words(struct buffer *text, struct word *words, size_t count, const char *before) {
    qsort(words, count, sizeof(*words), compare_words);
    for (size_t i = 0; i < count; i++) {
        print_format(text, "%s%s", i == 0 ? before : " ", words[i].text);
    }
}

/* The last event of the actor among the object's values: what its vector entry would be without any other event. */
static uint64_t last_of(const struct object *object, uint64_t actor) {
    uint64_t last = 0;
    for (uint32_t i = 0; i < object->value_count; i++) {
        struct dot dot = object->values[i].dot;
        bool counts = dot.actor == actor && !is_detached(&object->context, dot);
        last = counts && dot.n > last ? dot.n : last;
    }
    return last;
}

static void print_events(struct notation *notation, struct buffer *text, const struct object *object,
                         const char *before) {
    struct word words[ENTRIES_MOST];
    size_t count = 0;
    const struct context *context = &object->context;
    for (uint32_t i = 0; i < context->reset_count; i++) {
        words[count] = word_of_dot(notation, context->resets[i].dot, false);
        size_t size = strlen(words[count].text);
        (void)snprintf(words[count].text + size, sizeof(words[count].text) - size, "-%lld",
                       (long long)context->resets[i].sum);
        count++;
    }
    for (uint32_t i = 0; i < context->vector_count; i++) {
        const struct reset *reset = context_reset_of(context, context->vector[i].actor);
        bool is_told = reset != NULL && dot_equal(reset->dot, context->vector[i]);
        if (!is_told && last_of(object, context->vector[i].actor) != context->vector[i].n) {
            words[count++] = word_of_dot(notation, context->vector[i], false);
        }
    }
    for (uint32_t i = 0; i < context->detached_count; i++) {
        if (object_find(object, context->detached[i]) == NULL) {
            words[count++] = word_of_dot(notation, context->detached[i], true);
        }
    }
    print_words(text, words, count, before);
}

void print_context(struct notation *notation, struct buffer *text, const struct context *context) {
    struct object bare = {.context = *context};
    print_events(notation, text, &bare, "");
}

static void print_value(struct notation *notation, struct buffer *text, const struct value *value) {
    if (value->type == VALUE_TOMBSTONE) {
        print_format(text, "(deleted)");
    } else if (value->type == VALUE_COUNTER) {
        print_format(text, "(+%lld)", (long long)counter_sum(value));
    } else {
        print_bytes(text, value->bytes);
    }
    if (value->expiry.at.ms != 0) {
        print_format(text, "~%lld", (long long)value->expiry.at.ms - (long long)notation->wall.ms);
    }
}

void print_object(struct notation *notation, struct buffer *text, const struct object *object) {
    struct {
        struct word word;
        const struct value *value;
    } values[ENTRIES_MOST];
    if (object_is_absent(object)) {
        print_format(text, "absent");
        return;
    }
    ENSURE(object->value_count <= ENTRIES_MOST);
    for (uint32_t i = 0; i < object->value_count; i++) {
        const struct value *value = &object->values[i];
        values[i].word = word_of_dot(notation, value->dot, is_detached(&object->context, value->dot));
        values[i].value = value;
    }
    qsort(values, object->value_count, sizeof(values[0]), compare_words);
    for (uint32_t i = 0; i < object->value_count; i++) {
        print_format(text, "%s%s=", i == 0 ? "" : " & ", values[i].word.text);
        print_value(notation, text, values[i].value);
    }
    print_events(notation, text, object, " over ");
}
