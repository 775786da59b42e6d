#include "base/ensure.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 1024 };

struct message {
    char text[MESSAGE_BYTES];
    size_t size;
};

static void append(struct message *message, const char *text) {
    size_t room = sizeof(message->text) - message->size;
    size_t size = strlen(text);
    size = size < room ? size : room;
    memcpy(message->text + message->size, text, size);
    message->size += size;
}

/* No stdio: a failed assertion may find locks and heap in any state. */
_Noreturn void ensure_failed(const char *expression, const char *file, int line) {
    char digits[12];
    size_t first = sizeof(digits) - 1;
    digits[first] = '\0';
    unsigned rest = line > 0 ? (unsigned)line : 0;
    do {
        digits[--first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);

    struct message message = {.size = 0};
    append(&message, file);
    append(&message, ":");
    append(&message, digits + first);
    append(&message, ": must hold: ");
    append(&message, expression);
    append(&message, "\n");
    ssize_t ignored = write(STDERR_FILENO, message.text, message.size);
    (void)ignored;
    abort();
}
