#include "cli/information.h"

#include <stdio.h>
#include <stdlib.h>

bool information_ask(struct client *client, const char *section, int timeout_ms, struct buffer *text) {
    const struct view request[] = {VIEW("INFO"), view_of_string(section)};
    const struct resp_reply *reply;
    if (!client_ask(client, request, 2, timeout_ms, &reply)) {
        return false;
    }
    if (reply->kind != RESP_REPLY_BULK) {
        snprintf(client->error, sizeof(client->error), "the node answered with an error");
        return false;
    }
    buffer_append_view(text, reply->text);
    buffer_append_byte(text, 0);
    return true;
}

uint64_t information_number(const char *text, const char *name, uint64_t none) {
    size_t size = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += line[0] == '\n' ? 1 : 0;
        if (strncmp(line, name, size) == 0 && line[size] == ':') {
            return strtoull(line + size + 1, NULL, 10);
        }
    }
    return none;
}

struct member_text information_field(const char *line, const char *name) {
    struct member_text field = {{0}};
    size_t size = strlen(name);
    for (const char *at = line; at != NULL; at = strchr(at, ',')) {
        at += at[0] == ',' ? 1 : 0;
        if (strncmp(at, name, size) == 0 && at[size] == '=') {
            size_t value = strcspn(at + size + 1, ",\r");
            value = value < MEMBER_TEXT_SIZE ? value : MEMBER_TEXT_SIZE - 1;
            for (size_t i = 0; i < value; i++) {
                char byte = at[size + 1 + i];
                field.text[i] = (char)(byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\' ? byte : '?');
            }
            break;
        }
    }
    return field;
}

const char *information_next_member(char **at) {
    while (**at != '\0') {
        char *line = *at;
        char *end = line + strcspn(line, "\n");
        *at = *end == '\0' ? end : end + 1;
        *end = '\0';
        const char *colon = strchr(line, ':');
        if (strncmp(line, "member", 6) == 0 && line[6] >= '0' && line[6] <= '9' && colon != NULL) {
            return colon + 1;
        }
    }
    return NULL;
}
