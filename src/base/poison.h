/* Tells AddressSanitizer which bytes of a slab or chunk are lent out, so that a view kept past its step or an object
 * used after it was given back is found in sanitizer builds; and MemorySanitizer what a library wrote that it did not
 * see. Costs nothing elsewhere. */
#ifndef GRAMME_BASE_POISON_H
#define GRAMME_BASE_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define GRAMME_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GRAMME_POISON 1
#endif
#if __has_feature(memory_sanitizer)
#define GRAMME_TELLS_WRITTEN 1
#endif
#endif

#ifdef GRAMME_POISON
#include <sanitizer/asan_interface.h>

static inline void memory_poison(void *memory, size_t bytes) {
    __asan_poison_memory_region(memory, bytes);
}

static inline void memory_unpoison(void *memory, size_t bytes) {
    __asan_unpoison_memory_region(memory, bytes);
}
#else
static inline void memory_poison(void *memory, size_t bytes) {
    (void)memory;
    (void)bytes;
}

static inline void memory_unpoison(void *memory, size_t bytes) {
    (void)memory;
    (void)bytes;
}
#endif

#ifdef GRAMME_TELLS_WRITTEN
#include <sanitizer/msan_interface.h>

static inline void memory_is_written(const void *memory, size_t bytes) {
    __msan_unpoison(memory, bytes);
}
#else
static inline void memory_is_written(const void *memory, size_t bytes) {
    (void)memory;
    (void)bytes;
}
#endif

#endif
