#include "server/config_rewrite.h"

#include "base/buffer.h"
#include "server/config.h"
#include "server/config_text.h"
#include "server/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_all(const char *path, struct buffer *text, mode_t *ret_mode) {
    struct stat about;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool is_read = descriptor >= 0 && fstat(descriptor, &about) == 0 && about.st_size <= CONFIG_FILE_BYTES_MOST;
    ssize_t count = is_read ? 1 : 0;
    while (is_read && count > 0) {
        uint8_t part[4096];
        count = read(descriptor, part, sizeof(part));
        is_read = count >= 0 || errno == EINTR;
        buffer_append(text, part, count > 0 ? (size_t)count : 0);
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    *ret_mode = is_read ? about.st_mode & 0777 : 0;
    return is_read;
}

static bool sets(struct view line, struct view name) {
    struct words words;
    return words_split(line, &words) == WORDS_OK && words.count > 0 && view_equal(words.word[0], name);
}

static bool is_replaced(struct view line, struct view settings) {
    struct view setting;
    bool is_there = false;
    while (!is_there && line_take(&settings, &setting)) {
        is_there = sets(line, view_slice(setting, 0, view_find(setting, ' ')));
    }
    return is_there;
}

static void compose(struct view before, struct view settings, struct buffer *after) {
    struct view line;
    while (line_take(&before, &line)) {
        if (!is_replaced(line, settings)) {
            buffer_append_view(after, line);
            buffer_append_byte(after, '\n');
        }
    }
    buffer_append_view(after, settings);
}

const char *config_rewrite(const char *path, struct view settings) {
    static _Thread_local char problem[CONFIG_PATH_SIZE + 128];
    char beside[CONFIG_PATH_SIZE + 16];
    struct buffer before;
    struct buffer after;
    mode_t mode;
    buffer_init(&before);
    buffer_init(&after);
    (void)snprintf(beside, sizeof(beside), "%s.rewritten", path);
    (void)unlink(beside); /* of one that was cut short */
    bool is_read = read_all(path, &before, &mode);
    if (is_read) {
        compose(buffer_view(&before), settings, &after);
    }
    bool is_done = is_read && folder_write_file(beside, buffer_view(&after)) && chmod(beside, mode) == 0 &&
                   rename(beside, path) == 0 && folder_sync_parent(path);
    (void)snprintf(problem, sizeof(problem), "ERR Rewriting config file: %s: %s", path, strerrordesc_np(errno));
    buffer_release(&before);
    buffer_release(&after);
    return is_done ? NULL : problem;
}
