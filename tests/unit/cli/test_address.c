#include "cli/address.h"
#include "cli/information.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void addresses_are_a_host_and_a_port(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
    } cases[] = {
        {"127.0.0.1:7001", "127.0.0.1", 7001},
        {"a.example:1", "a.example", 1},
        {"[::1]:65535", "::1", 65535},
        {"::1:80", "::1", 80},
        {"[x:80", "[x", 80},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct address address;
        assert_true(address_parse(cases[i].text, &address));
        assert_string_equal(address.host, cases[i].host);
        assert_string_equal(address.text, cases[i].text);
        assert_int_equal(address.port, cases[i].port);
    }
    assert_int_equal(address_default().port, 7001);
}

static void what_is_none_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",       ":",          "host",       "host:",  ":7001",
                                        "host:0", "host:65536", "host:7001x", "host:-1"};
    struct address address;
    char many[ADDRESS_TEXT_SIZE + 8];
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_false(address_parse(texts[i], &address));
    }
    memset(many, 'x', sizeof(many));
    memcpy(many + sizeof(many) - 4, ":80", 4);
    assert_false(address_parse(many, &address));
}

static void lines_of_information_are_read(void **state) {
    (void)state;
    char text[] = "# Members\r\nlocal_health:3\r\nmember0:id=aa,address=h:1,state=alive\r\nmembers:1\r\n"
                  "member1:id=b\"b,address=h:2\r\n";
    assert_int_equal(information_number(text, "local_health", 9), 3);
    assert_int_equal(information_number(text, "health", 9), 9);
    char *at = text;
    const char *line = information_next_member(&at);
    assert_string_equal(information_field(line, "address").text, "h:1");
    assert_string_equal(information_field(line, "state").text, "alive");
    assert_string_equal(information_field(line, "dress").text, "");
    line = information_next_member(&at);
    assert_string_equal(information_field(line, "id").text, "b?b");
    assert_string_equal(information_field(line, "address").text, "h:2");
    assert_null(information_next_member(&at));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_a_host_and_a_port),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(lines_of_information_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
