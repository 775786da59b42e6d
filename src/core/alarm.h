/* A timer that says whose it is, so that a shard's tick can tell what is due. */
#ifndef GRAMME_CORE_ALARM_H
#define GRAMME_CORE_ALARM_H

#include "base/timers.h"

enum alarm_kind {
    ALARM_HEARTBEAT,
    ALARM_REDIAL,
    ALARM_RELAY,
    ALARM_REQUEST_DEADLINE,
    ALARM_REQUEST_HEDGE,
    ALARM_EVERYONE,
    ALARM_FILLING,
    ALARM_FILLING_SERVED,
    ALARM_FAREWELL,
    ALARM_LISTING,
};

struct alarm {
    struct timer timer;
    enum alarm_kind kind;
};

#endif
