#include "server/joining.h"

#include "core/members.h"
#include "server/client.h"
#include "server/clock.h"
#include "server/log.h"

#include <stdio.h>
#include <time.h>

enum { ASK_EACH_MS = 250, STAGED_ASK_EACH_MS = 100, TIMEOUT_MS = 2000, SAY_EACH_MS = 30000, ERROR_SHOWN_MOST = 300 };

struct joining {
    struct config *config;
    const sigset_t *signals;
    struct membership *log;
    int64_t said_ms; /* when it last said what it waits for; 0: never */
    size_t next_seed;
    bool is_staged;                  /* and a majority may have chosen it already: writes need this node then */
    char problem[CLIENT_ERROR_SIZE]; /* of the last round */
};

static const struct member *self_of(const struct joining *joining) {
    return &joining->config->members[joining->config->self];
}

/* ---- asking ---- */

static bool ask(struct joining *joining, struct client *client, const struct resp_reply **ret_reply) {
    const struct member *self = self_of(joining);
    struct members_seeker seeker = {.cluster = joining->config->secrets.cluster, .member = *self};
    char cluster[NODE_ID_TEXT_SIZE];
    char proof[NODE_ID_TEXT_SIZE];
    char id[NODE_ID_TEXT_SIZE];
    char weight[16];
    struct node_id bytes;
    members_prove(&joining->config->secrets.current, &seeker, seeker.proof);
    memcpy(bytes.bytes, seeker.cluster.bytes, sizeof(bytes.bytes));
    node_id_to_text(bytes, cluster);
    memcpy(bytes.bytes, seeker.proof, sizeof(bytes.bytes));
    node_id_to_text(bytes, proof);
    node_id_to_text(self->id, id);
    (void)snprintf(weight, sizeof(weight), "%u", self->weight);
    const struct view request[] = {
        VIEW("GRAMME.MEMBERS"),
        VIEW("SEEK"),
        view_of_string(cluster),
        view_of_string(proof),
        view_of_string(id),
        view_of_string(self->zone),
        view_of_string(weight),
        view_of_string(self->client_address),
        view_of_string(self->peer_address),
    };
    return client_ask(client, request, sizeof(request) / sizeof(request[0]), TIMEOUT_MS, ret_reply);
}

/* ---- what was answered ---- */

static enum joining_end refuse(const struct joining *joining, const char *why, const char *advice) {
    log_event(CONFIG_LOG_ERROR, "join-refused", "why=\"%s\" do=\"%s\" data=\"%s\"", why, advice, joining->config->data);
    return JOINING_REFUSED;
}

static bool was_ever_member(const struct membership *log, struct node_id id) {
    for (size_t i = 0; i < log->count; i++) {
        if (log->events[i].kind == MEMBERSHIP_JOIN && node_id_equal(log->events[i].member.id, id)) {
            return true;
        }
    }
    return false;
}

static void compare_records(const struct joining *joining, const struct member *theirs) {
    const struct member *own = self_of(joining);
    if (strcmp(own->client_address, theirs->client_address) != 0 ||
        strcmp(own->peer_address, theirs->peer_address) != 0) {
        log_event(CONFIG_LOG_WARNING, "addresses-differ",
                  "own=%s,%s cluster=%s,%s meaning=\"others reach this node by what the cluster has\"",
                  own->client_address, own->peer_address, theirs->client_address, theirs->peer_address);
    }
}

static enum joining_end take_settings(struct joining *joining, const struct members_found *found) {
    struct config_error error;
    if (!config_take_shape(joining->config, found->shape, &error)) {
        return refuse(joining, error.text, "leave out partitions and replicas: the cluster has them");
    }
    if (found->keyspaces_version == 0 &&
        !digest_equal(found->keyspaces, keyspace_table_digest(&joining->config->keyspaces))) {
        return refuse(joining, "the keyspaces in this configuration are not those of the members'",
                      "take quorums, conflict, durability and keyspace lines from the configuration of a member");
    }
    return JOINING_IS_MEMBER;
}

/* True when that ends it. */
static bool take(struct joining *joining, struct view answer, enum joining_end *ret_end) {
    struct members_found found;
    struct ring *ring = NULL;
    struct member_index self;
    membership_release(joining->log);
    membership_init(joining->log);
    if (!members_read_found(answer, &found) || !membership_decode(found.events, joining->log) ||
        ring_new(joining->log, found.shape, &ring) != RING_OK) {
        (void)snprintf(joining->problem, sizeof(joining->problem), "the seed's answer is no membership log");
        return false;
    }
    bool is_over = true;
    if (ring_find_member(ring, self_of(joining)->id, &self) && ring_is_awaited(ring, self)) {
        compare_records(joining, ring_member(ring, self));
        *ret_end = take_settings(joining, &found);
    } else if (was_ever_member(joining->log, self_of(joining)->id)) {
        *ret_end = refuse(joining, "the node of this id was removed from the cluster",
                          "join as a new node: another node-id and an empty data folder");
    } else if (take_settings(joining, &found) == JOINING_REFUSED) {
        *ret_end = JOINING_REFUSED; /* as long as nobody counts on it */
    } else {
        is_over = false;
        joining->is_staged = found.is_staged;
        (void)snprintf(joining->problem, sizeof(joining->problem), "%s",
                       found.is_staged ? "staged, not committed yet" : "not a member yet");
    }
    ring_free(ring);
    return is_over;
}

static bool take_error(struct joining *joining, struct view error, enum joining_end *ret_end) {
    int size = error.size < ERROR_SHOWN_MOST ? (int)error.size : ERROR_SHOWN_MOST;
    (void)snprintf(joining->problem, sizeof(joining->problem), "the seed answered: %.*s", size,
                   (const char *)error.data);
    if (!view_starts_with(error, VIEW("WRONGCLUSTER"))) {
        return false;
    }
    *ret_end = refuse(joining, joining->problem, "see to cluster-id, cluster-secret and seed in the configuration");
    return true;
}

static bool try_seed(struct joining *joining, const char *seed, enum joining_end *ret_end) {
    char host[MEMBER_ADDRESS_SIZE];
    uint16_t port = 0;
    struct client client;
    const struct resp_reply *reply;
    bool is_over = false;
    client_init(&client);
    (void)config_split_address(seed, host, &port); /* the configuration's reader has seen to it */
    if (!client_connect(&client, host, port, TIMEOUT_MS) || !ask(joining, &client, &reply)) {
        memcpy(joining->problem, client.error, sizeof(joining->problem));
    } else if (reply->kind == RESP_REPLY_BULK) {
        is_over = take(joining, reply->text, ret_end);
    } else {
        is_over = take_error(joining, reply->text, ret_end);
    }
    client_release(&client);
    return is_over;
}

/* ---- waiting ---- */

static void say(struct joining *joining) {
    const struct member *self = self_of(joining);
    char id[NODE_ID_TEXT_SIZE];
    if (joining->said_ms != 0 && clock_now_ms() < joining->said_ms + SAY_EACH_MS) {
        return;
    }
    joining->said_ms = clock_now_ms();
    node_id_to_text(self->id, id);
    log_event(CONFIG_LOG_INFO, "waiting-to-join",
              "node=%s client=%s seed=%s state=\"%s\" do=\"gramme cluster join %.8s, plan and commit, at any member\"",
              id, self->client_address, joining->config->seeds[joining->next_seed], joining->problem, id);
}

/* True: a signal came. */
static bool sleep_until(const struct joining *joining, int64_t due_ms) {
    int64_t left_ms = due_ms - clock_now_ms();
    left_ms = left_ms < 0 ? 0 : left_ms;
    struct timespec time = {.tv_sec = (time_t)(left_ms / 1000), .tv_nsec = (long)(left_ms % 1000) * 1000000};
    return sigtimedwait(joining->signals, NULL, &time) > 0;
}

enum joining_end joining_wait(struct config *config, const sigset_t *signals, struct membership *log) {
    struct joining joining = {.config = config, .signals = signals, .log = log};
    enum joining_end end = JOINING_STOPPED;
    for (;;) {
        int64_t began_ms = clock_now_ms();
        joining.is_staged = false;
        if (try_seed(&joining, config->seeds[joining.next_seed], &end)) {
            return end;
        }
        say(&joining);
        /* Of a seed that answers there is no need to try others. */
        joining.next_seed = joining.is_staged ? joining.next_seed : (joining.next_seed + 1) % config->seed_count;
        if (sleep_until(&joining, began_ms + (joining.is_staged ? STAGED_ASK_EACH_MS : ASK_EACH_MS))) {
            log_event(CONFIG_LOG_INFO, "stopped", "why=\"by a signal, before it was a member\"");
            return JOINING_STOPPED;
        }
    }
}
