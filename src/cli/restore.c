#include "cli/restore.h"

#include "base/codec.h"
#include "server/clock.h"
#include "cli/information.h"
#include "wire/resp_writer.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ASK_MS = 10000,
    WINDOW_REQUESTS = 256,
    WINDOW_BYTES = 4 * 1024 * 1024,
    PATIENCE_MS = 60000, /* with a cluster that takes nothing */
    PAUSE_FIRST_MS = 20,
    PAUSE_MOST_MS = 1000,
};

void restore_init(struct restore *restore, const struct address *address) {
    memset(restore, 0, sizeof(*restore));
    client_init(&restore->client);
    buffer_init(&restore->batch);
    buffer_init(&restore->left);
    buffer_init(&restore->requests);
    restore->nodes = calloc(LIMIT_MEMBERS + 1, sizeof(*restore->nodes));
    if (restore->nodes == NULL) {
        abort();
    }
    restore->nodes[restore->node_count++] = *address;
}

void restore_release(struct restore *restore) {
    client_release(&restore->client);
    buffer_release(&restore->batch);
    buffer_release(&restore->left);
    buffer_release(&restore->requests);
    free(restore->nodes);
}

/* ---- connections ---- */

static bool connect_somewhere(struct restore *restore) {
    for (size_t tries = 0; !restore->is_connected && tries < restore->node_count; tries++) {
        const struct address *node = &restore->nodes[restore->node];
        restore->is_connected = client_connect(&restore->client, node->host, node->port, ASK_MS);
        restore->node = restore->is_connected ? restore->node : (restore->node + 1) % restore->node_count;
    }
    return restore->is_connected;
}

static void leave_node(struct restore *restore) {
    restore->is_connected = false;
    restore->node = (restore->node + 1) % restore->node_count;
}

bool restore_ask(struct restore *restore, const struct view *words, size_t count, const struct resp_reply **ret_reply) {
    for (size_t tries = 0; tries <= restore->node_count && connect_somewhere(restore); tries++) {
        if (client_ask(&restore->client, words, count, ASK_MS, ret_reply)) {
            return true;
        }
        leave_node(restore);
    }
    return false;
}

static bool learn_members(struct restore *restore) {
    struct buffer text;
    buffer_init(&text);
    bool is_told = information_ask(&restore->client, "members", ASK_MS, &text);
    char *at = is_told ? (char *)(text.data + text.begin) : NULL;
    const char *line;
    while (at != NULL && restore->node_count <= LIMIT_MEMBERS && (line = information_next_member(&at)) != NULL) {
        restore->node_count +=
            address_parse(information_field(line, "address").text, &restore->nodes[restore->node_count]) ? 1 : 0;
    }
    buffer_release(&text);
    return is_told;
}

bool restore_begin(struct restore *restore, char ret_cluster[64]) {
    const struct view words[] = {VIEW("CONFIG"), VIEW("GET"), VIEW("cluster-id")};
    const struct resp_reply *reply;
    if (!connect_somewhere(restore) || !learn_members(restore) || !restore_ask(restore, words, 3, &reply)) {
        return false;
    }
    if (reply->count != 2 || reply->items[1].kind != RESP_REPLY_BULK || reply->items[1].text.size > 63) {
        snprintf(restore->client.error, sizeof(restore->client.error),
                 "it does not tell its cluster-id: is that a node of Gramme?");
        return false;
    }
    snprintf(ret_cluster, 64, "%.*s", (int)reply->items[1].text.size, (const char *)reply->items[1].text.data);
    return true;
}

/* ---- batches ---- */

static bool starts_with(struct view text, const char *start) {
    size_t size = strlen(start);
    return text.size >= size && memcmp(text.data, start, size) == 0;
}

/* Nothing was done, or it may have been: both are good reasons to say it again. */
static bool may_be_sent_again(struct view error) {
    return starts_with(error, "BUSY") || starts_with(error, "NOREPLICAS") || starts_with(error, "INDOUBT");
}

static void keep_failure(struct restore *restore, struct view text) {
    restore->failed++;
    if (restore->why[0] == '\0') {
        int size = text.size < RESTORE_WHY_SIZE ? (int)text.size : RESTORE_WHY_SIZE - 1;
        snprintf(restore->why, sizeof(restore->why), "%.*s", size, (const char *)text.data);
        for (char *at = restore->why; *at != '\0'; at++) {
            *at = (char)(*at >= ' ' && *at < 0x7f && *at != '"' && *at != '\\' ? *at : '?');
        }
    }
}

static bool send_batch(struct restore *restore) {
    struct reader reader = reader_of(buffer_view(&restore->batch));
    buffer_clear(&restore->requests);
    while (reader_left(&reader) > 0) {
        struct view words[] = {VIEW("GRAMME.RESTORE"), read_sized(&reader), {0}};
        words[2] = read_sized(&reader);
        resp_write_command(&restore->requests, words, 3);
    }
    return client_send(&restore->client, buffer_view(&restore->requests), ASK_MS);
}

static void send_again(struct restore *restore, struct view key, struct view object) {
    write_sized(&restore->left, key);
    write_sized(&restore->left, object);
    restore->again++;
}

/* What is to be sent again is left; true when anything was taken. */
static bool receive_batch(struct restore *restore, bool is_sent) {
    struct reader reader = reader_of(buffer_view(&restore->batch));
    bool is_any = false;
    uint32_t left = 0;
    buffer_clear(&restore->left);
    while (reader_left(&reader) > 0) {
        const struct resp_reply *reply = NULL;
        struct view key = read_sized(&reader);
        struct view object = read_sized(&reader);
        is_sent = is_sent && client_receive(&restore->client, ASK_MS, &reply);
        bool is_error = reply != NULL && is_sent && reply->kind == RESP_REPLY_ERROR;
        if (!is_sent || (is_error && may_be_sent_again(reply->text))) {
            send_again(restore, key, object);
            left++;
            continue;
        }
        is_any = true;
        if (is_error) {
            keep_failure(restore, reply->text);
        } else {
            restore->done++;
            restore->bytes += key.size + object.size;
        }
    }
    if (!is_sent) {
        leave_node(restore);
    }
    buffer_swap(&restore->batch, &restore->left);
    restore->count = left;
    return is_any;
}

static void pause_ms(int64_t ms) {
    struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

bool restore_flush(struct restore *restore) {
    int64_t patient_until_ms = clock_now_ms() + PATIENCE_MS;
    int64_t wait_ms = PAUSE_FIRST_MS;
    while (restore->count > 0) {
        bool is_any = connect_somewhere(restore) && receive_batch(restore, send_batch(restore));
        if (is_any) {
            patient_until_ms = clock_now_ms() + PATIENCE_MS;
            wait_ms = PAUSE_FIRST_MS;
        } else if (clock_now_ms() > patient_until_ms) {
            return false;
        }
        if (restore->count > 0) {
            pause_ms(wait_ms);
            wait_ms = wait_ms * 2 > PAUSE_MOST_MS ? PAUSE_MOST_MS : wait_ms * 2;
        }
    }
    buffer_clear(&restore->batch);
    return true;
}

bool restore_add(struct restore *restore, struct view key, struct view object) {
    write_sized(&restore->batch, key);
    write_sized(&restore->batch, object);
    restore->count++;
    bool is_full = restore->count >= WINDOW_REQUESTS || buffer_size(&restore->batch) >= WINDOW_BYTES;
    return !is_full || restore_flush(restore);
}
