#include "server/mail.h"

#include "base/limits.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <cmocka.h>

enum { THREADS = 4, NUMBERS = 20000 };

static void post_text(struct mail *mail, uint32_t from, uint32_t to, const char *text, bool expect_wake) {
    struct buffer letters;
    buffer_init(&letters);
    buffer_append(&letters, text, strlen(text));
    assert_true(mail_post(mail, from, to, &letters) == expect_wake);
    assert_int_equal(buffer_size(&letters), 0);
    buffer_release(&letters);
}

static void test_keeps_order_of_a_pair(void **state) {
    (void)state;
    struct mail *mail = mail_new(3);
    struct buffer letters;
    buffer_init(&letters);
    assert_int_equal(mail_senders(mail, 2), 0);
    post_text(mail, 0, 2, "first ", true);
    post_text(mail, 0, 2, "second", false);
    post_text(mail, 1, 2, "other", false);
    assert_int_equal(mail_senders(mail, 2), 3);
    assert_int_equal(mail_senders(mail, 2), 0);
    mail_take(mail, 0, 2, &letters);
    assert_true(view_equal(buffer_view(&letters), VIEW("first second")));
    buffer_clear(&letters);
    mail_take(mail, 1, 2, &letters);
    assert_true(view_equal(buffer_view(&letters), VIEW("other")));
    buffer_clear(&letters);
    assert_int_equal(mail_senders(mail, 0), 0);
    buffer_release(&letters);
    mail_free(mail);
}

static void test_letters_posted_after_the_bell_was_heard_ring_again(void **state) {
    (void)state;
    struct mail *mail = mail_new(LIMIT_SHARDS);
    struct buffer letters;
    buffer_init(&letters);
    post_text(mail, LIMIT_SHARDS - 1, 0, "a", true);
    assert_true(mail_senders(mail, 0) == UINT64_C(1) << (LIMIT_SHARDS - 1));
    post_text(mail, LIMIT_SHARDS - 1, 0, "b", true); /* heard, not taken yet */
    mail_take(mail, LIMIT_SHARDS - 1, 0, &letters);
    assert_true(view_equal(buffer_view(&letters), VIEW("ab")));
    buffer_clear(&letters);
    assert_true(mail_senders(mail, 0) != 0);
    mail_take(mail, LIMIT_SHARDS - 1, 0, &letters);
    assert_int_equal(buffer_size(&letters), 0);
    buffer_release(&letters);
    mail_free(mail);
}

/* Each thread sends numbers to each other one and takes what comes: every pair's numbers come whole and in order. */
struct correspondent {
    struct mail *mail;
    uint32_t index;
    _Atomic bool *bells; /* [THREADS]: rung by whoever mail_post() told to wake the receiver */
    uint32_t received[THREADS];
    bool in_order;
    pthread_t thread;
};

static void take_numbers(struct correspondent *self, struct buffer *letters, struct buffer *partial) {
    atomic_store(&self->bells[self->index], false);
    uint64_t senders = mail_senders(self->mail, self->index);
    for (uint32_t from = 0; from < THREADS; from++) {
        if ((senders >> from & 1) == 0) {
            continue;
        }
        mail_take(self->mail, from, self->index, letters);
        buffer_append_view(&partial[from], buffer_view(letters));
        buffer_clear(letters);
        while (buffer_size(&partial[from]) >= sizeof(uint32_t)) {
            uint32_t number;
            memcpy(&number, buffer_view(&partial[from]).data, sizeof(number));
            buffer_consume(&partial[from], sizeof(number));
            self->in_order = self->in_order && number == self->received[from];
            self->received[from]++;
        }
    }
}

static void send_number(struct correspondent *self, uint32_t number, struct buffer *letters) {
    for (uint32_t to = 0; to < THREADS; to++) {
        if (to != self->index) {
            buffer_append(letters, &number, sizeof(number));
            if (mail_post(self->mail, self->index, to, letters)) {
                atomic_store(&self->bells[to], true);
            }
        }
    }
}

static bool has_all(const struct correspondent *self) {
    for (uint32_t from = 0; from < THREADS; from++) {
        if (from != self->index && self->received[from] < NUMBERS) {
            return false;
        }
    }
    return true;
}

static void *correspond(void *argument) {
    struct correspondent *self = argument;
    struct buffer letters;
    struct buffer partial[THREADS];
    uint32_t sent = 0;
    buffer_init(&letters);
    for (uint32_t from = 0; from < THREADS; from++) {
        buffer_init(&partial[from]);
    }
    while (sent < NUMBERS || !has_all(self)) {
        if (sent < NUMBERS) {
            send_number(self, sent++, &letters);
        }
        if (atomic_load(&self->bells[self->index])) {
            take_numbers(self, &letters, partial);
        } else if (sent == NUMBERS) {
            (void)sched_yield();
        }
    }
    for (uint32_t from = 0; from < THREADS; from++) {
        buffer_release(&partial[from]);
    }
    buffer_release(&letters);
    return NULL;
}

static void test_no_letter_is_lost_between_threads(void **state) {
    (void)state;
    struct mail *mail = mail_new(THREADS);
    static _Atomic bool bells[THREADS];
    static struct correspondent correspondents[THREADS];
    for (uint32_t index = 0; index < THREADS; index++) {
        correspondents[index] = (struct correspondent){
            .mail = mail,
            .index = index,
            .bells = bells,
            .in_order = true,
        };
    }
    for (uint32_t index = 0; index < THREADS; index++) {
        assert_int_equal(pthread_create(&correspondents[index].thread, NULL, correspond, &correspondents[index]), 0);
    }
    for (uint32_t index = 0; index < THREADS; index++) {
        assert_int_equal(pthread_join(correspondents[index].thread, NULL), 0);
        assert_true(correspondents[index].in_order);
        assert_true(has_all(&correspondents[index]));
    }
    mail_free(mail);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_order_of_a_pair),
        cmocka_unit_test(test_letters_posted_after_the_bell_was_heard_ring_again),
        cmocka_unit_test(test_no_letter_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
