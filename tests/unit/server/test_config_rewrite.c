#include "server/config_rewrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    char folder[32];
    char path[64];
};

static void write_file(const struct file *file, const char *text) {
    FILE *to = fopen(file->path, "w");
    assert_non_null(to);
    assert_int_equal(fwrite(text, 1, strlen(text), to), strlen(text));
    assert_int_equal(fclose(to), 0);
}

static void assert_reads(const struct file *file, const char *text) {
    char found[512] = "";
    FILE *from = fopen(file->path, "r");
    assert_non_null(from);
    size_t size = fread(found, 1, sizeof(found) - 1, from);
    assert_int_equal(fclose(from), 0);
    assert_string_equal(found, text);
    assert_int_equal(size, strlen(text));
}

static int setup(void **state) {
    static struct file file;
    (void)snprintf(file.folder, sizeof(file.folder), "/tmp/gramme-rewrite-XXXXXX");
    assert_non_null(mkdtemp(file.folder));
    (void)snprintf(file.path, sizeof(file.path), "%s/gramme.conf", file.folder);
    *state = &file;
    return 0;
}

static int teardown(void **state) {
    const struct file *file = *state;
    (void)unlink(file->path);
    return rmdir(file->folder);
}

static void what_is_set_is_replaced_and_all_else_stays(void **state) {
    const struct file *file = *state;
    write_file(file, "# a comment\n\nname one\n  name   \"two words\"\nother 1 # name\nnames 3");
    assert_int_equal(chmod(file->path, 0640), 0);
    assert_null(config_rewrite(file->path, VIEW("name 5\nnew -1\n")));
    assert_reads(file, "# a comment\n\nother 1 # name\nnames 3\nname 5\nnew -1\n");
    assert_null(config_rewrite(file->path, VIEW("name 6\nnew 0\n")));
    assert_reads(file, "# a comment\n\nother 1 # name\nnames 3\nname 6\nnew 0\n");
    struct stat about;
    assert_int_equal(stat(file->path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
}

static void one_that_was_cut_short_is_in_nobodys_way(void **state) {
    struct file *file = *state;
    struct file beside = *file;
    write_file(file, "name 1\n");
    (void)snprintf(beside.path, sizeof(beside.path), "%s/gramme.conf.rewritten", file->folder);
    write_file(&beside, "half");
    assert_null(config_rewrite(file->path, VIEW("name 2\n")));
    assert_reads(file, "name 2\n");
    assert_int_equal(access(beside.path, F_OK), -1);
}

static void what_cannot_be_done_is_told(void **state) {
    const struct file *file = *state;
    const char *problem = config_rewrite(file->path, VIEW("name 2\n"));
    assert_non_null(problem);
    assert_non_null(strstr(problem, "ERR Rewriting config file: "));
    assert_non_null(strstr(problem, "No such file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_set_is_replaced_and_all_else_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_was_cut_short_is_in_nobodys_way, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_done_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
