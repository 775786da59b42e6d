#include "load/history.h"

#include "load/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

FILE *history_open(const char *path) {
    if (path == NULL) {
        return NULL;
    }
    FILE *history = fopen(path, "we");
    if (history == NULL) {
        fprintf(stderr, "gramme-load: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    setvbuf(history, NULL, _IOFBF, 1 << 20);
    return history;
}

void history_write(FILE *history, const struct operation *operation, uint64_t end_ns, const char *value,
                   const char *outcome) {
    if (history == NULL) {
        return;
    }
    char key[KEY_BYTES];
    key_write(key, operation->key);
    fprintf(history, "%" PRIu64 "\t%" PRIu64 "\t%" PRIu32 "\t%s\t%.*s\t%s\t%s\n", operation->sent_ns, end_ns,
            operation->client, operation->command == COMMAND_SET ? "SET" : "GET", KEY_BYTES, key, value, outcome);
}

int history_close(FILE *history) {
    if (history == NULL) {
        return 0;
    }
    int failed = ferror(history);
    return fclose(history) != 0 || failed ? -1 : 0;
}
