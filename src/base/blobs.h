/* Byte strings of any length with free lists by power-of-two size class: what must outlive a step (a parked message, a
 * key of a request in flight) lives here. No malloc once warm for sizes up to 64 KiB; larger ones go to malloc. */
#ifndef GRAMME_BASE_BLOBS_H
#define GRAMME_BASE_BLOBS_H

#include "base/view.h"

enum { BLOB_CLASSES = 12 }; /* 32 B to 64 KiB */

struct blob {
    uint8_t *data;
    uint32_t size;
    uint32_t class_index; /* BLOB_CLASSES and above: malloc'd */
};

struct blobs {
    void *free[BLOB_CLASSES];
    void *slabs;
    void *large; /* those from malloc, so that blobs_release() can end them too */
    size_t bytes_in_use;
};

void blobs_init(struct blobs *blobs);
void blobs_release(struct blobs *blobs);                 /* ends every blob, given back or not */
struct blob blob_take(struct blobs *blobs, size_t size); /* uninitialised; size 0 gives data NULL */
struct blob blob_copy(struct blobs *blobs, struct view view);
void blob_give(struct blobs *blobs, struct blob *blob); /* leaves it empty; giving an empty blob does nothing */

static inline struct view blob_view(const struct blob *blob) {
    return view_of(blob->data, blob->size);
}

#endif
