#include "server/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES_MOST = 1024, BRAKE_EVENTS_A_SECOND = 5 };

static enum config_log_level lowest_level = CONFIG_LOG_INFO;

void log_set_level(enum config_log_level level) {
    lowest_level = level;
}

bool log_wants(enum config_log_level level) {
    return level >= lowest_level;
}

static const char *level_name(enum config_log_level level) {
    switch (level) {
    case CONFIG_LOG_DEBUG:
        return "debug";
    case CONFIG_LOG_INFO:
        return "info";
    case CONFIG_LOG_WARNING:
        return "warning";
    case CONFIG_LOG_ERROR:
        return "error";
    }
    return "unknown";
}

/* How much of the `size` bytes snprintf() used of them, if any. */
static size_t printed(int result, size_t size) {
    if (result < 0 || size == 0) {
        return 0;
    }
    return (size_t)result < size ? (size_t)result : size - 1;
}

static size_t line_begin(char *line, size_t size, enum config_log_level level, const char *event) {
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(line, size, "time=%Y-%m-%dT%H:%M:%S", &utc);
    used += printed(snprintf(line + used, size - used, ".%03ldZ level=%s event=%s", now.tv_nsec / 1000000,
                             level_name(level), event),
                    size - used);
    return used;
}

void log_event(enum config_log_level level, const char *event, const char *format, ...) {
    if (!log_wants(level)) {
        return;
    }
    char line[LINE_BYTES_MOST + 1]; /* and the end of the line */
    size_t used = line_begin(line, LINE_BYTES_MOST, level, event);
    if (format[0] != '\0' && used + 1 < LINE_BYTES_MOST) {
        line[used++] = ' ';
        va_list arguments;
        va_start(arguments, format);
        used += printed(vsnprintf(line + used, LINE_BYTES_MOST - used, format, arguments), LINE_BYTES_MOST - used);
        va_end(arguments);
    }
    for (size_t index = 0; index < used; index++) {
        if ((unsigned char)line[index] < ' ' || line[index] == 0x7f) {
            line[index] = '?';
        }
    }
    line[used++] = '\n';
    /* Nothing useful can be done about a log that cannot be written. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}

bool log_brake_passes(struct log_brake *brake, struct instant now, uint32_t *ret_held_back) {
    uint64_t second = now.ns / NS_PER_S;
    if (brake->window_s != second) {
        brake->window_s = second;
        brake->passed = 0;
    }
    if (brake->passed == BRAKE_EVENTS_A_SECOND) {
        brake->held_back++;
        return false;
    }
    brake->passed++;
    *ret_held_back = brake->held_back;
    brake->held_back = 0;
    return true;
}
