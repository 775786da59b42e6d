#include "server/mail.h"

#include "base/ensure.h"
#include "base/limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* A bit for each sender. */
_Static_assert(LIMIT_SHARDS <= 64, "a mailbox has one bit for each shard");

struct slot_of_mail {
    pthread_mutex_t mutex;
    struct buffer letters;
};

/* Written by all senders: on a cache line of its own. */
struct bell {
    _Alignas(64) _Atomic uint64_t senders;
};

struct mail {
    uint32_t shard_count;
    struct slot_of_mail *slots; /* [to * shard_count + from] */
    struct bell *bells;         /* [to] */
};

static struct slot_of_mail *slot_of(struct mail *mail, uint32_t from, uint32_t to) {
    ENSURE(from < mail->shard_count && to < mail->shard_count && from != to);
    return &mail->slots[(size_t)to * mail->shard_count + from];
}

struct mail *mail_new(uint32_t shard_count) {
    ENSURE(shard_count >= 1 && shard_count <= LIMIT_SHARDS);
    struct mail *mail = calloc(1, sizeof(*mail));
    ENSURE(mail != NULL);
    size_t slot_count = (size_t)shard_count * shard_count;
    mail->shard_count = shard_count;
    mail->slots = calloc(slot_count, sizeof(*mail->slots));
    mail->bells = aligned_alloc(_Alignof(struct bell), sizeof(*mail->bells) * shard_count);
    ENSURE(mail->slots != NULL && mail->bells != NULL);
    for (size_t index = 0; index < slot_count; index++) {
        pthread_mutex_init(&mail->slots[index].mutex, NULL);
        buffer_init(&mail->slots[index].letters);
    }
    for (uint32_t index = 0; index < shard_count; index++) {
        atomic_init(&mail->bells[index].senders, 0);
    }
    return mail;
}

void mail_free(struct mail *mail) {
    if (mail == NULL) {
        return;
    }
    for (size_t index = 0; index < (size_t)mail->shard_count * mail->shard_count; index++) {
        pthread_mutex_destroy(&mail->slots[index].mutex);
        buffer_release(&mail->slots[index].letters);
    }
    free(mail->slots);
    free(mail->bells);
    free(mail);
}

bool mail_post(struct mail *mail, uint32_t from, uint32_t to, struct buffer *letters) {
    struct slot_of_mail *slot = slot_of(mail, from, to);
    ENSURE(letters->data != NULL);
    pthread_mutex_lock(&slot->mutex);
    if (buffer_size(&slot->letters) == 0) {
        buffer_swap(&slot->letters, letters);
    } else {
        buffer_append_view(&slot->letters, buffer_view(letters));
    }
    pthread_mutex_unlock(&slot->mutex);
    buffer_clear(letters);
    return atomic_fetch_or(&mail->bells[to].senders, UINT64_C(1) << from) == 0;
}

uint64_t mail_senders(struct mail *mail, uint32_t to) {
    if (atomic_load_explicit(&mail->bells[to].senders, memory_order_relaxed) == 0) {
        return 0;
    }
    return atomic_exchange(&mail->bells[to].senders, 0);
}

void mail_take(struct mail *mail, uint32_t from, uint32_t to, struct buffer *letters) {
    ENSURE(buffer_size(letters) == 0);
    struct slot_of_mail *slot = slot_of(mail, from, to);
    pthread_mutex_lock(&slot->mutex);
    buffer_swap(&slot->letters, letters);
    pthread_mutex_unlock(&slot->mutex);
}
