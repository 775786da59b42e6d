#include "wire/filling_message.h"

#include "base/limits.h"
#include "wire/message.h"

void message_encode_fill(struct buffer *buffer, const struct message_fill *message) {
    size_t begun = frame_begin(buffer, MESSAGE_FILL);
    write_u16(buffer, message->partition.value);
    write_u64(buffer, message->pull);
    write_u64(buffer, message->place_from);
    frame_end(buffer, begun);
}

bool message_decode_fill(struct view body, struct message_fill *ret_message) {
    struct reader reader = reader_of(body);
    struct message_fill message = {.partition = {read_u16(&reader)}};
    message.pull = read_u64(&reader);
    message.place_from = read_u64(&reader);
    if (!reader_finished(&reader)) {
        return false;
    }
    *ret_message = message;
    return true;
}

void parcel_add(struct buffer *list, const struct parcel_object *object) {
    write_sized(list, object->key);
    write_sized(list, object->object);
}

bool parcel_next(struct reader *list, struct parcel_object *ret_object) {
    if (list->failed || reader_left(list) == 0) {
        return false;
    }
    struct parcel_object object = {.key = read_sized(list)};
    object.object = read_sized(list);
    if (list->failed || object.key.size > LIMIT_KEY_BYTES) {
        list->failed = true;
        return false;
    }
    *ret_object = object;
    return true;
}

/* parcel = u16 partition, u64 pull, u64 placement mark, varint fence, u8 is end, u64 next place, varint bytes of the
 *          list, or 0 where it follows as it is, list */
bool message_encode_parcel(struct buffer *buffer, const struct message_parcel *message, struct compressor *compressor) {
    size_t begun = frame_begin(buffer, MESSAGE_PARCEL);
    write_u16(buffer, message->partition.value);
    write_u64(buffer, message->pull);
    write_u64(buffer, message->placement_mark);
    write_varint(buffer, message->fence);
    write_u8(buffer, message->is_end ? 1 : 0);
    write_u64(buffer, message->place_next);
    size_t before = buffer_size(buffer);
    write_varint(buffer, message->list.size);
    if (!compress_append(compressor, buffer, message->list)) {
        buffer_truncate(buffer, before);
        write_varint(buffer, 0);
        write_bytes(buffer, message->list);
    }
    return frame_end(buffer, begun);
}

static bool list_is_sound(struct view bytes) {
    struct reader list = reader_of(bytes);
    struct parcel_object object;
    while (parcel_next(&list, &object)) {
    }
    return reader_finished(&list);
}

bool message_decode_parcel(struct view body, struct compressor *compressor, struct buffer *room,
                           struct message_parcel *ret_message) {
    struct reader reader = reader_of(body);
    struct message_parcel message = {.partition = {read_u16(&reader)}};
    message.pull = read_u64(&reader);
    message.placement_mark = read_u64(&reader);
    message.fence = read_varint(&reader);
    uint8_t is_end = read_u8(&reader);
    message.is_end = is_end == 1;
    message.place_next = read_u64(&reader);
    uint64_t size = read_varint(&reader);
    if (reader.failed || is_end > 1 || message.fence > FENCE_NUMBER_MOST || size > COMPRESS_BYTES_MOST) {
        return false;
    }
    message.list = view_slice(body, reader.position, reader_left(&reader));
    if (size > 0) {
        buffer_clear(room);
        if (!decompress_append(compressor, room, message.list, (size_t)size)) {
            return false;
        }
        message.list = buffer_view(room);
    }
    if (!list_is_sound(message.list)) {
        return false;
    }
    *ret_message = message;
    return true;
}
