#include "sim/world.h"

#include "base/list.h"

#include <stdarg.h>
#include <stdio.h>

void world_init(struct world *world) {
    memset(world, 0, sizeof(*world));
    timers_init(&world->timers);
    blobs_init(&world->blobs);
    arena_init(&world->scratch);
}

void world_release(struct world *world) {
    timers_release(&world->timers);
    blobs_release(&world->blobs);
    arena_release(&world->scratch);
}

void world_schedule(struct world *world, struct world_event *event, uint64_t delay_ns) {
    timers_schedule(&world->timers, &event->timer, (struct instant){world->now.ns + delay_ns});
}

void world_cancel(struct world *world, struct world_event *event) {
    timers_cancel(&world->timers, &event->timer);
}

void world_run(struct world *world, struct instant until) {
    struct instant due;
    while (!world->failed && timers_next(&world->timers, &due) && due.ns <= until.ns) {
        if (due.ns > world->now.ns) {
            world->now = due;
        }
        struct timer *timer = timers_expire(&world->timers, world->now);
        struct world_event *event = CONTAINER_OF(timer, struct world_event, timer);
        world->event_count++;
        arena_reset(&world->scratch);
        event->happen(world, event);
    }
    if (!world->failed && world->now.ns < until.ns) {
        world->now = until;
    }
}

void world_note(struct world *world, const char *what, uint64_t a, uint64_t b, struct view bytes) {
    struct {
        uint64_t before;
        uint64_t now;
        uint64_t what;
        uint64_t a;
        uint64_t b;
    } mixed = {world->trace_hash, world->now.ns, hash64(view_of_string(what), 0), a, b};
    world->trace_hash = hash64(bytes, hash64(view_of(&mixed, sizeof(mixed)), 0));
}

bool world_traces(const struct world *world) {
    return world->trace_file != NULL;
}

void world_trace(struct world *world, const char *format, ...) {
    if (world->trace_file == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    fprintf(world->trace_file, "%6llu.%06llu ", (unsigned long long)(world->now.ns / NS_PER_S),
            (unsigned long long)(world->now.ns % NS_PER_S / NS_PER_US));
    vfprintf(world->trace_file, format, arguments);
    fputc('\n', world->trace_file);
    va_end(arguments);
}
