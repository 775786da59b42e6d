/* The log: logfmt lines on standard error, one write each, so that lines of several threads never mix.
 *
 *     time=2025-01-31T12:00:00.123Z level=info event=listening address=127.0.0.1:7001
 *
 * Only this layer logs. Levels below the one that was set cost a comparison. */
#ifndef GRAMME_SERVER_LOG_H
#define GRAMME_SERVER_LOG_H

#include "server/config.h"

/* Before threads start. */
void log_set_level(enum config_log_level level);
bool log_wants(enum config_log_level level);

/* `format` makes the pairs after the event: "peer=%s why=\"%s\"". What is not printable becomes '?'; a line too long is
 * cut. */
__attribute__((format(printf, 3, 4))) void log_event(enum config_log_level level, const char *event, const char *format,
                                                     ...);

/* Lets a few events a second through and counts the others: for what a stranger can cause as often as it likes. Used by
 * one thread. */
struct log_brake {
    uint64_t window_s;
    uint32_t passed;
    uint32_t held_back; /* since the last one that passed */
};

/* True when the event may be logged; *ret_held_back is then how many were not, since the last one. */
bool log_brake_passes(struct log_brake *brake, struct instant now, uint32_t *ret_held_back);

#endif
