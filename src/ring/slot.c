#include "ring/slot.h"

#include "base/ensure.h"
#include "base/hash.h"
#include "base/limits.h"

static struct view hashed_part(struct view key) {
    const uint8_t *open = key.size == 0 ? NULL : memchr(key.data, '{', key.size);
    if (open == NULL) {
        return key;
    }
    size_t from = (size_t)(open - key.data) + 1;
    const uint8_t *close = from == key.size ? NULL : memchr(key.data + from, '}', key.size - from);
    if (close == NULL || close == open + 1) {
        return key;
    }
    return view_slice(key, from, (size_t)(close - open) - 1);
}

struct slot slot_of_key(struct view key) {
    return (struct slot){(uint16_t)(crc16_xmodem(hashed_part(key)) % SLOT_COUNT)};
}

static uint32_t slots_per_partition(uint32_t partition_count) {
    ENSURE(partition_count >= PARTITION_COUNT_LEAST && partition_count <= PARTITION_COUNT_MOST);
    return SLOT_COUNT / partition_count;
}

struct partition partition_of_slot(struct slot slot, uint32_t partition_count) {
    ENSURE(slot.value < SLOT_COUNT);
    return (struct partition){(uint16_t)(slot.value / slots_per_partition(partition_count))};
}

struct slot partition_first_slot(struct partition partition, uint32_t partition_count) {
    ENSURE(partition.value < partition_count);
    return (struct slot){(uint16_t)(partition.value * slots_per_partition(partition_count))};
}

struct slot partition_last_slot(struct partition partition, uint32_t partition_count) {
    uint32_t first = partition_first_slot(partition, partition_count).value;
    return (struct slot){(uint16_t)(first + slots_per_partition(partition_count) - 1)};
}
