#include "core/front/state.h"

enum { BUSY_KEYS_PER_SLAB = 256 };

enum key_use operation_key_use(const struct operation *operation) {
    if (operation->kind == OPERATION_READ || operation->kind == OPERATION_INSPECT) {
        return KEY_USE_READ;
    }
    bool is_plain = operation->kind == OPERATION_PUT && (operation->flags & OPERATION_PLAIN) != 0;
    return is_plain && (operation->flags & OPERATION_READS) == 0 ? KEY_USE_SET : KEY_USE_OTHER;
}

void busy_keys_init(struct busy_keys *keys) {
    map_init(&keys->map, BUSY_KEYS_PER_SLAB);
    pool_init(&keys->pool, sizeof(struct busy_key), BUSY_KEYS_PER_SLAB);
}

void busy_keys_release(struct busy_keys *keys) {
    map_release(&keys->map);
    pool_release(&keys->pool);
}

/* Two keys of one hash are taken for one: then somebody waits in vain for a moment. */
static struct busy_key *find(const struct busy_keys *keys, uint64_t session_id, uint64_t hash) {
    for (struct map_node *node = map_first(&keys->map, hash); node != NULL; node = map_next(node)) {
        struct busy_key *key = CONTAINER_OF(node, struct busy_key, node);
        if (key->session_id == session_id) {
            return key;
        }
    }
    return NULL;
}

bool busy_keys_allow(const struct busy_keys *keys, uint64_t session_id, uint64_t hash, enum key_use use) {
    const struct busy_key *key = find(keys, session_id, hash);
    if (key == NULL) {
        return true;
    }
    for (int other = 0; other < KEY_USE_COUNT; other++) {
        if (key->counts[other] > 0 && (other != (int)use || use == KEY_USE_OTHER)) {
            return false;
        }
    }
    return true;
}

struct busy_key *busy_key_begin(struct busy_keys *keys, uint64_t session_id, uint64_t hash, enum key_use use) {
    struct busy_key *key = find(keys, session_id, hash);
    if (key == NULL) {
        key = pool_take(&keys->pool);
        key->session_id = session_id;
        map_insert(&keys->map, &key->node, hash);
    }
    key->counts[use]++;
    return key;
}

void busy_key_end(struct busy_keys *keys, struct busy_key *key, enum key_use use) {
    ENSURE(key->counts[use] > 0);
    key->counts[use]--;
    if (key->counts[KEY_USE_READ] + key->counts[KEY_USE_SET] + key->counts[KEY_USE_OTHER] == 0) {
        map_remove(&keys->map, &key->node);
        pool_give(&keys->pool, key);
    }
}
