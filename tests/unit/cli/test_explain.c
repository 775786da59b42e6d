#include "cli/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/rng.h"
#include "wire/resp_writer.h"

static void text(struct buffer *to, const char *value) {
    resp_write_bulk(to, view_of_string(value));
}

static void pair(struct buffer *to, const char *name, const char *value) {
    text(to, name);
    text(to, value);
}

static void number(struct buffer *to, const char *name, int64_t value) {
    text(to, name);
    resp_write_integer(to, value);
}

static void replica(struct buffer *to, const char *address, const char *status, const char *hash) {
    resp_write_array(to, 14);
    pair(to, "node", "00112233445566778899aabbccddeeff");
    pair(to, "address", address);
    pair(to, "role", "owner");
    number(to, "reachable", hash != NULL);
    pair(to, "status", status);
    text(to, "values");
    resp_write_array(to, hash == NULL ? 0 : 1);
    if (hash != NULL) {
        resp_write_array(to, 14);
        pair(to, "dot", "ab:1");
        number(to, "time-ms", 1700000000123);
        number(to, "logical", 2);
        number(to, "expires-at-ms", 1800000000000);
        pair(to, "type", "string");
        number(to, "bytes", 5);
        pair(to, "hash", hash);
    }
    pair(to, "context", "ab:1");
}

static void explanation(struct buffer *to, const char *key, const char *hash_of_second) {
    resp_write_array(to, 16);
    pair(to, "key", key);
    number(to, "slot", 12182);
    number(to, "partition", 761);
    number(to, "mark", 3);
    number(to, "read-quorum", 2);
    number(to, "write-quorum", 2);
    number(to, "n", 3);
    text(to, "replicas");
    resp_write_array(to, 3);
    replica(to, "127.0.0.1:7001", "ok", "cafe");
    replica(to, "127.0.0.1:7002", "ok", hash_of_second);
    replica(to, "127.0.0.1:7003", "unreachable", NULL);
}

struct rendered {
    bool good;
    struct buffer text;
};

static struct rendered render(struct view bytes) {
    struct arena arena;
    struct resp_reader reader;
    const struct resp_reply *reply;
    size_t consumed;
    struct rendered rendered = {false, {0}};
    arena_init(&arena);
    resp_reader_init(&reader);
    buffer_init(&rendered.text);
    if (resp_read(&reader, bytes, &arena, &consumed, &reply) == RESP_REPLY_READY) {
        rendered.good = explain_render(reply, &rendered.text);
    }
    arena_release(&arena);
    buffer_append_byte(&rendered.text, 0);
    return rendered;
}

static void expect(struct view bytes, const char *part) {
    struct rendered rendered = render(bytes);
    assert_true(rendered.good);
    const char *shown = (const char *)rendered.text.data;
    if (strstr(shown, part) == NULL) {
        fail_msg("'%s' is not in:\n%s", part, shown);
    }
    buffer_release(&rendered.text);
}

static void test_shows_all(void **state) {
    (void)state;
    struct buffer reply;
    buffer_init(&reply);
    explanation(&reply, "foo", "cafe");
    expect(buffer_view(&reply), "key        foo\n"
                                "slot       12182\n"
                                "partition  761, placement mark 3\n"
                                "quorums    R 2, W 2 of N 3\n"
                                "\n"
                                "127.0.0.1:7001  00112233445566778899aabbccddeeff\n"
                                "    role owner, reachable yes, status ok\n"
                                "    value  string, 5 bytes, hash cafe\n"
                                "           dot ab:1, written 2023-11-14T22:13:20.123Z + 2\n"
                                "           expires 2027-01-15T08:00:00.000Z\n"
                                "    context  ab:1, entries -\n");
    expect(buffer_view(&reply), "role owner, reachable no, status unreachable\n\n2 of 3 owners answered and agree.\n");
    buffer_clear(&reply);
    explanation(&reply, "foo", "beef");
    expect(buffer_view(&reply), "2 of 3 owners answered and differ");
    buffer_clear(&reply);
    explanation(&reply, "a\x1b[1m\\\n", "beef");
    expect(buffer_view(&reply), "key        a\\x1b[1m\\x5c\\x0a\n");
    buffer_release(&reply);
}

static void test_refuses_what_is_no_explanation(void **state) {
    (void)state;
    static const char *const replies[] = {"+OK\r\n", "*0\r\n", "$3\r\nfoo\r\n",
                                          "*-1\r\n", ":1\r\n", "*2\r\n+replicas\r\n*0\r\n"};
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct rendered rendered = render(view_of_string(replies[i]));
        assert_false(rendered.good);
        buffer_release(&rendered.text);
    }
}

/* Whatever a node answers, the command only prints something. */
static void test_mutations(void **state) {
    (void)state;
    struct buffer reply;
    buffer_init(&reply);
    explanation(&reply, "foo", "cafe");
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        struct buffer damaged;
        buffer_init(&damaged);
        buffer_append_view(&damaged, buffer_view(&reply));
        for (uint64_t edits = rng_between(&rng, 1, 6); edits > 0; edits--) {
            char byte = "*:$+-0123456789_%~#,\r\n"[rng_below(&rng, 22)];
            damaged.data[rng_below(&rng, buffer_size(&damaged))] = (uint8_t)byte;
        }
        struct rendered rendered = render(buffer_view(&damaged));
        buffer_release(&rendered.text);
        buffer_release(&damaged);
    }
    buffer_release(&reply);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_all),
        cmocka_unit_test(test_refuses_what_is_no_explanation),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
