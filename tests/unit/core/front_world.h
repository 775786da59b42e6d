/* A front with one client and a store that is a table: operations are done at once, or held until the test lets them
 * go, in any order. */
#ifndef FRONT_WORLD_H
#define FRONT_WORLD_H

#include "core/front.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { WORLD_ENTRIES = 4096, WORLD_HELD = 8192 };

struct world_entry {
    uint64_t events; /* of its only actor */
    struct buffer key;
    struct buffer object;
};

struct world_held {
    uint64_t token;
    struct buffer bytes; /* the operation, encoded */
};

struct world {
    struct front *front;
    struct session *session;
    struct arena arena;
    struct instant now;
    struct wall_time wall;
    struct world_entry entries[WORLD_ENTRIES];
    size_t entry_count;
    struct world_held held[WORLD_HELD];
    size_t held_count;
    bool holds;           /* operations wait for world_release() */
    enum outcome outcome; /* of every operation, when it is not DONE */
    const char *detail;   /* of the same */
    const char *failing;  /* only of operations on this key; NULL: all */
    uint64_t ticks;
    uint32_t submitted;
    uint32_t published; /* to other shards and nodes */
    uint32_t most_held;
    uint32_t woken;
    struct operation last; /* without views */
    struct buffer scratch;
    size_t replica_count;    /* of GRAMME.EXPLAIN */
    uint32_t unreachable;    /* bit per replica */
    uint64_t listed_at_once; /* keys in one answer to an OPERATION_LIST */
};

int world_setup(void **state);
int world_teardown(void **state);

struct session *world_open(struct world *world);
/* Bytes to a session, as they are. */
void world_send_to(struct world *world, struct session *session, struct view bytes);
void world_send(struct world *world, const char *text);
/* What the session has to say, and no more. */
void world_expect_from(struct world *world, struct session *session, const char *reply, const char *file, int line);
#define expect(world, reply)               world_expect_from((world), (world)->session, (reply), __FILE__, __LINE__)
#define expect_from(world, session, reply) world_expect_from((world), (session), (reply), __FILE__, __LINE__)
/* One inline command and its whole reply. */
#define ask(world, command, reply) (world_send((world), command "\r\n"), expect((world), (reply)))
/* The output, in the world's arena, consumed. */
struct view world_take(struct world *world);
bool view_has(struct view text, const char *part);
size_t view_count(struct view text, const char *part);

/* Does the held operation and gives its result. */
void world_release(struct world *world, size_t index);
void world_release_all(struct world *world);
void world_resume(struct world *world);
/* A result for any token. */
void world_complete(struct world *world, uint64_t token, enum outcome outcome);
/* Another value beside those there are, as a write with no context makes it. */
void world_add_sibling(struct world *world, const char *key, const char *value);

#endif
