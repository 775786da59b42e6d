/*
 * The floor: what a RESP request costs before anybody does any work for it.
 *
 * One epoll thread finds where commands end (arrays of bulk strings, or an inline line) and answers
 * with fixed bytes: +OK to SET, 64 bytes to GET, +PONG to PING, an empty value to CONFIG GET. It
 * keeps nothing. A server's cost divided by this one's is what its own work adds to the sockets.
 *
 *     resp-floor PORT
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    INPUT_BYTES = 64 * 1024,
    OUTPUT_BYTES = 256 * 1024,
    ANSWER_BYTES_MOST = 96,
    EVENTS = 128,
};

struct client {
    int socket;
    size_t input_bytes;
    size_t output_bytes;
    char input[INPUT_BYTES];
    char output[OUTPUT_BYTES];
};

/* The number after a marker ("*3\r\n", "$64\r\n"): bytes taken, 0 for more needed, -1 for broken. */
static long read_number(const char *from, const char *end, char marker, long *ret_number) {
    const char *newline = memchr(from, '\n', (size_t)(end - from));
    if (newline == NULL) {
        return end - from > 32 ? -1 : 0;
    }
    if (*from != marker || newline - from < 3) {
        return -1;
    }
    long number = 0;
    for (const char *digit = from + 1; digit < newline - 1; digit++) {
        if (*digit < '0' || *digit > '9' || number > INPUT_BYTES) {
            return -1;
        }
        number = number * 10 + (*digit - '0');
    }
    *ret_number = number;
    return newline + 1 - from;
}

/* Finds one command: its bytes and its first word. Same results as read_number. */
static long read_command(const char *from, const char *end, const char **ret_word) {
    if (from == end) {
        return 0;
    }
    *ret_word = from;
    if (*from != '*') {
        const char *newline = memchr(from, '\n', (size_t)(end - from));
        return newline == NULL ? 0 : newline + 1 - from;
    }
    long arguments = 0;
    long taken = read_number(from, end, '*', &arguments);
    const char *at = from + taken;
    for (long i = 0; taken > 0 && i < arguments; i++) {
        if (at == end) {
            return 0;
        }
        long bytes = 0;
        taken = read_number(at, end, '$', &bytes);
        if (taken <= 0) {
            return taken;
        }
        if (end - at < taken + bytes + 2) {
            return 0;
        }
        if (i == 0) {
            *ret_word = at + taken;
        }
        at += taken + bytes + 2;
    }
    return taken <= 0 ? taken : at - from;
}

static void answer(struct client *client, const char *word, size_t word_bytes_most) {
    static const char value[] = "$64\r\n"
                                "0123456789abcdef0123456789abcdef"
                                "0123456789abcdef0123456789abcdef\r\n";
    const char *text = "-ERR unknown command\r\n";
    if (word_bytes_most >= 3 && strncasecmp(word, "SET", 3) == 0) {
        text = "+OK\r\n";
    } else if (word_bytes_most >= 3 && strncasecmp(word, "GET", 3) == 0) {
        text = value;
    } else if (word_bytes_most >= 4 && strncasecmp(word, "PING", 4) == 0) {
        text = "+PONG\r\n";
    } else if (word_bytes_most >= 6 && strncasecmp(word, "CONFIG", 6) == 0) {
        text = "*2\r\n$4\r\nnone\r\n$0\r\n\r\n";
    }
    size_t bytes = strlen(text);
    memcpy(client->output + client->output_bytes, text, bytes);
    client->output_bytes += bytes;
}

/* Answers every whole command, while there is room for answers. False when the bytes are broken. */
static bool answer_commands(struct client *client) {
    const char *at = client->input;
    const char *end = client->input + client->input_bytes;
    long taken = 0;
    while (client->output_bytes + ANSWER_BYTES_MOST <= OUTPUT_BYTES) {
        const char *word = NULL;
        taken = read_command(at, end, &word);
        if (taken <= 0) {
            break;
        }
        answer(client, word, (size_t)(at + taken - word));
        at += taken;
    }
    client->input_bytes = (size_t)(end - at);
    memmove(client->input, at, client->input_bytes);
    return taken >= 0;
}

/* While answers wait for room in the socket nothing more is read. False when the peer is gone. */
static bool send_output(int poller, struct client *client) {
    ssize_t sent = 0;
    if (client->output_bytes > 0) {
        sent = send(client->socket, client->output, client->output_bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            return false;
        }
    }
    size_t gone = sent > 0 ? (size_t)sent : 0;
    bool was_waiting = client->output_bytes > gone;
    client->output_bytes -= gone;
    memmove(client->output, client->output + gone, client->output_bytes);
    if (was_waiting) {
        struct epoll_event event = {.events = EPOLLOUT, .data.ptr = client};
        epoll_ctl(poller, EPOLL_CTL_MOD, client->socket, &event);
    }
    return true;
}

static bool serve(int poller, struct client *client, uint32_t events) {
    if (events & EPOLLOUT) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        epoll_ctl(poller, EPOLL_CTL_MOD, client->socket, &event);
    }
    size_t room = INPUT_BYTES - client->input_bytes;
    ssize_t got = 0;
    if (room > 0) {
        got = recv(client->socket, client->input + client->input_bytes, room, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return false;
        }
    }
    client->input_bytes += got > 0 ? (size_t)got : 0;
    for (;;) {
        if (!answer_commands(client)) {
            return false;
        }
        bool was_full = client->output_bytes + ANSWER_BYTES_MOST > OUTPUT_BYTES;
        if (!send_output(poller, client)) {
            return false;
        }
        if (!was_full || client->output_bytes > 0) {
            return true;
        }
    }
}

static void accept_client(int poller, int listener) {
    int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client *client = socket < 0 ? NULL : malloc(sizeof *client);
    if (client == NULL) {
        return;
    }
    client->socket = socket;
    client->input_bytes = 0;
    client->output_bytes = 0;
    int yes = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event);
}

static int open_listener(long port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 511) != 0) {
        perror("resp-floor");
        exit(1);
    }
    return listener;
}

int main(int argc, char **argv) {
    long port = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    if (port <= 0 || port > 65535) {
        fprintf(stderr, "usage: resp-floor PORT\n");
        return 2;
    }
    int listener = open_listener(port);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event listening = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &listening);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            if (client == NULL) {
                accept_client(poller, listener);
            } else if (!serve(poller, client, events[i].events)) {
                close(client->socket);
                free(client);
            }
        }
    }
}
