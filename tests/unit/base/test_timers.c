#include "base/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

static void test_order_and_ties(void **state) {
    (void)state;
    struct timers timers;
    timers_init(&timers);
    struct instant due;
    assert_false(timers_next(&timers, &due));
    assert_null(timers_expire(&timers, (struct instant){UINT64_MAX}));

    struct timer a = {.position = 0};
    struct timer b = {.position = 0};
    struct timer c = {.position = 0};
    struct timer d = {.position = 0};
    timers_schedule(&timers, &a, (struct instant){20});
    timers_schedule(&timers, &b, (struct instant){10});
    timers_schedule(&timers, &c, (struct instant){20});
    timers_schedule(&timers, &d, (struct instant){20});
    timers_schedule(&timers, &a, (struct instant){20}); /* again: now the last of the three */
    assert_true(timers_next(&timers, &due));
    assert_true(due.ns == 10);
    assert_null(timers_expire(&timers, (struct instant){9}));
    assert_ptr_equal(timers_expire(&timers, (struct instant){10}), &b);
    assert_null(timers_expire(&timers, (struct instant){19}));
    assert_int_equal(b.position, 0);
    assert_ptr_equal(timers_expire(&timers, (struct instant){30}), &c);
    assert_ptr_equal(timers_expire(&timers, (struct instant){30}), &d);
    assert_ptr_equal(timers_expire(&timers, (struct instant){30}), &a);
    assert_null(timers_expire(&timers, (struct instant){30}));

    timers_cancel(&timers, &a); /* not scheduled: harmless */
    timers_schedule(&timers, &a, (struct instant){1});
    timers_cancel(&timers, &a);
    timers_cancel(&timers, &a);
    assert_int_equal(timers.size, 0);
    timers_release(&timers);
}

enum { COUNT = 300 };

static struct timer *least_of(struct timer *all, size_t count) {
    struct timer *least = NULL;
    for (size_t i = 0; i < count; i++) {
        if (all[i].position != 0 && (least == NULL || all[i].due.ns < least->due.ns ||
                                     (all[i].due.ns == least->due.ns && all[i].sequence < least->sequence))) {
            least = &all[i];
        }
    }
    return least;
}

static void test_against_a_search(void **state) {
    (void)state;
    static struct timer all[COUNT];
    struct timers timers;
    timers_init(&timers);
    struct rng rng;
    rng_init(&rng, 3);
    uint64_t now = 0;
    for (int round = 0; round < 20000; round++) {
        struct timer *timer = &all[rng_below(&rng, COUNT)];
        switch (rng_below(&rng, 4)) {
        case 0:
        case 1:
            timers_schedule(&timers, timer, (struct instant){now + rng_below(&rng, 50)});
            break;
        case 2:
            timers_cancel(&timers, timer);
            break;
        default:
            now += rng_below(&rng, 3);
            for (struct timer *expired; (expired = timers_expire(&timers, (struct instant){now})) != NULL;) {
                assert_true(expired->due.ns <= now);
                struct timer *least = least_of(all, COUNT);
                assert_true(least == NULL || least->due.ns > expired->due.ns ||
                            (least->due.ns == expired->due.ns && least->sequence > expired->sequence));
            }
        }
        struct timer *least = least_of(all, COUNT);
        struct instant due;
        assert_int_equal(timers_next(&timers, &due), least != NULL);
        assert_true(least == NULL || least->due.ns == due.ns);
    }
    timers_release(&timers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_ties),
        cmocka_unit_test(test_against_a_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
