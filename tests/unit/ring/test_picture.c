/* Pictures as text, to the last blank. */
#include "ring/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "histories.h"
#include "ring_check.h"

#include <stdio.h>
#include <stdlib.h>

static char *draw(const struct ring *ring, struct picture_options options) {
    struct buffer output;
    buffer_init(&output);
    picture_draw(&output, ring, &options);
    buffer_append_byte(&output, 0);
    char *text = malloc(buffer_size(&output));
    assert_non_null(text);
    memcpy(text, output.data + output.begin, buffer_size(&output));
    buffer_release(&output);
    return text;
}

static void check_text(const struct ring *ring, struct picture_options options, const char *want) {
    char *text = draw(ring, options);
    if (strcmp(text, want) != 0) {
        print_message("%s", text);
    }
    assert_string_equal(text, want);
    free(text);
}

static struct ring *four_members(void) {
    struct membership log;
    membership_init(&log);
    add_event(&log, make_join(1, 1, "rack-b", 1));
    add_event(&log, make_join(2, 2, "rack-a", 2));
    add_event(&log, make_join(3, 3, "rack-a", 1));
    add_event(&log, make_join(4, 100, "rack-c", 4));
    struct ring *ring = fold(&log, 64, 3);
    membership_release(&log);
    return ring;
}

static void test_ascii(void **state) {
    (void)state;
    struct ring *ring = four_members();
    struct picture_mark marks[] = {{make_id(100), "suspect"}, {make_id(1), "up"}, {make_id(2), "up"}};
    check_text(
        ring, (struct picture_options){.width = 32, .marks = marks, .mark_count = 3},
        "64 partitions of 256 slots, 3 replicas of each; 4 members in 3 zones\n"
        "         member        id        zone    weight   share  first  replicas  0                            16383\n"
        "up       node2:7000    57d0a8a8  rack-a       2   25.0%     16        45  |: :  :     :  :  : : : ::::: :::|\n"
        "         node3:7000    c08c66e5  rack-a       1   12.5%      8        19  |        :   : ::   : :    :  :  |\n"
        "up       node1:7000    c510c70f  rack-b       1   12.5%      8        64  |  :: :: :: :     :              |\n"
        "suspect  node100:7000  518a0d3a  rack-c       4   50.0%     32        64  |:# :# :# :# :# :# # # #::: :# ::|\n"
        "first-owned of a column's slots, at most:  . 25.0%  : 50.0%  + 75.0%  # 100.0%\n");
    ring_free(ring);
}

static void test_utf8(void **state) {
    (void)state;
    struct ring *ring = four_members();
    struct picture_mark marks[] = {{make_id(100), "\u2717"}, {make_id(1), "\u2713"}, {make_id(2), "\u2713"}};
    check_text(ring, (struct picture_options){.width = 13, .utf8 = true, .marks = marks, .mark_count = 3},
               "64 partitions of 256 slots, 3 replicas of each; 4 members in 3 zones\n"
               "   member        id        zone    weight   share  first  replicas  0         16383\n"
               "✓  node2:7000    57d0a8a8  rack-a       2   25.0%     16        45  |▒▒▒ ▒░░▓▒▒█▓▓|\n"
               "   node3:7000    c08c66e5  rack-a       1   12.5%      8        19  |   ▒ ▓▒░▒ ▒░▒|\n"
               "✓  node1:7000    c510c70f  rack-b       1   12.5%      8        64  |░▒▓▒▒ ░░     |\n"
               "✗  node100:7000  518a0d3a  rack-c       4   50.0%     32        64  |██▓▓▓▓█▓▓█▒█▓|\n"
               "first-owned of a column's slots, at most:  ░ 18.8%  ▒ 37.5%  ▓ 56.3%  █ 75.0%\n");
    ring_free(ring);
}

static void test_lone_member(void **state) {
    (void)state;
    struct membership log;
    membership_init(&log);
    add_event(&log, make_join(1, 1, "z", 1000));
    struct ring *ring = fold(&log, 16384, 3);
    check_text(ring, (struct picture_options){.width = 5},
               "16384 partitions of 1 slot, 1 replica of each (of 3); 1 member in 1 zone\n"
               "member      id        zone  weight   share  first  replicas  0\n"
               "node1:7000  c510c70f  z       1000  100.0%  16384     16384  |#####|\n"
               "first-owned of a column's slots, at most:  . 25.0%  : 50.0%  + 75.0%  # 100.0%\n");
    check_text(ring, (struct picture_options){.width = 6, .utf8 = true},
               "16384 partitions of 1 slot, 1 replica of each (of 3); 1 member in 1 zone\n"
               "member      id        zone  weight   share  first  replicas  0  16383\n"
               "node1:7000  c510c70f  z       1000  100.0%  16384     16384  |██████|\n"
               "first-owned of a column's slots, at most:  ░ 25.0%  ▒ 50.0%  ▓ 75.0%  █ 100.0%\n");
    ring_free(ring);
    membership_release(&log);
}

/* Where a column is no wider than a partition it belongs to one member, whole. */
static void test_fine_columns(void **state) {
    (void)state;
    struct ring *ring = four_members();
    char *text = draw(ring, (struct picture_options){.width = PICTURE_WIDTH_MOST});
    unsigned dark[PICTURE_WIDTH_MOST] = {0};
    unsigned rows = 0;
    for (char *bar = strchr(text, '|'); bar != NULL; bar = strchr(bar + PICTURE_WIDTH_MOST + 2, '|')) {
        for (size_t i = 0; i < PICTURE_WIDTH_MOST; i++) {
            assert_true(bar[1 + i] == ' ' || bar[1 + i] == '#');
            dark[i] += bar[1 + i] == '#';
        }
        assert_int_equal(bar[1 + PICTURE_WIDTH_MOST], '|');
        rows++;
    }
    assert_int_equal(rows, 4);
    for (size_t i = 0; i < PICTURE_WIDTH_MOST; i++) {
        assert_int_equal(dark[i], 1);
    }
    free(text);
    ring_free(ring);
}

/* Head and rows end in the same column, at all widths; the order of the marks says nothing. */
static void test_shape(void **state) {
    (void)state;
    struct history history;
    history_init(&history, 11, 40, 5, 30);
    struct membership log;
    membership_init(&log);
    for (int i = 0; i < 60; i++) {
        add_event(&log, history_next(&history));
    }
    struct ring *ring = fold(&log, 1024, 3);
    struct picture_mark marks[2] = {{make_id(history.present[0]), "dead"}, {make_id(history.present[1]), "?"}};
    for (uint32_t width = 1; width <= 200; width += 1 + width / 7) {
        char *text = draw(ring, (struct picture_options){.width = width, .marks = marks, .mark_count = 2});
        struct picture_mark turned[2] = {marks[1], marks[0]};
        char *again = draw(ring, (struct picture_options){.width = width, .marks = turned, .mark_count = 2});
        assert_string_equal(text, again);
        size_t lines = 0;
        size_t columns = 0;
        for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
            size_t length = (size_t)(strchr(line, '\n') - line);
            if (lines == 1 && width >= 6) {
                columns = length;
            } else if (lines > 1 && lines < 2 + ring_member_count(ring)) {
                columns = columns == 0 ? length : columns;
                assert_int_equal(length, columns);
            }
            lines++;
        }
        assert_int_equal(lines, ring_member_count(ring) + 3);
        free(text);
        free(again);
    }
    ring_free(ring);
    membership_release(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ascii),        cmocka_unit_test(test_utf8),  cmocka_unit_test(test_lone_member),
        cmocka_unit_test(test_fine_columns), cmocka_unit_test(test_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
