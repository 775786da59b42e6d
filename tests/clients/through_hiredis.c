/* Sends requests through hiredis, as an application does, and tells what came back: through_hiredis PORT
 *
 * Standard input is a stream of arrays of commands, each an array of bulk strings, as RESP has them: hiredis' own
 * reader parses that too. For each array, standard output has an array of the replies; or an error, where the
 * connection failed before all had come, and then the next array finds a new connection. */
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct timeval CONNECT_TIMEOUT = {.tv_sec = 5};
static const struct timeval REPLY_TIMEOUT = {.tv_sec = 10};

static void print_line(char kind, const char *text, size_t bytes) {
    putchar(kind);
    fwrite(text, 1, bytes, stdout);
    fputs("\r\n", stdout);
}

static void print_reply(const redisReply *reply) {
    switch (reply->type) {
    case REDIS_REPLY_STATUS:
        print_line('+', reply->str, reply->len);
        break;
    case REDIS_REPLY_ERROR:
        print_line('-', reply->str, reply->len);
        break;
    case REDIS_REPLY_INTEGER:
        printf(":%lld\r\n", reply->integer);
        break;
    case REDIS_REPLY_STRING:
        printf("$%zu", (size_t)reply->len);
        fputs("\r\n", stdout);
        fwrite(reply->str, 1, reply->len, stdout);
        fputs("\r\n", stdout);
        break;
    case REDIS_REPLY_ARRAY:
        printf("*%zu\r\n", reply->elements);
        for (size_t index = 0; index < reply->elements; index++)
            print_reply(reply->element[index]);
        break;
    default:
        fputs("$-1\r\n", stdout);
    }
}

static void append_command(redisContext *context, const redisReply *command) {
    const char **words = calloc(command->elements, sizeof *words);
    size_t *sizes = calloc(command->elements, sizeof *sizes);
    if (words == NULL || sizes == NULL)
        abort();
    for (size_t index = 0; index < command->elements; index++) {
        words[index] = command->element[index]->str;
        sizes[index] = command->element[index]->len;
    }
    redisAppendCommandArgv(context, (int)command->elements, words, sizes);
    free(words);
    free(sizes);
}

/* Without an answer the connection is good for nothing more: hiredis says so in its `err`. */
static bool exchange(redisContext *context, const redisReply *commands, redisReply **replies) {
    for (size_t index = 0; index < commands->elements; index++)
        append_command(context, commands->element[index]);
    for (size_t index = 0; index < commands->elements; index++)
        if (redisGetReply(context, (void **)&replies[index]) != REDIS_OK)
            return false;
    return true;
}

static void answer(redisContext *context, const redisReply *commands) {
    redisReply **replies = calloc(commands->elements, sizeof(redisReply *));
    if (replies == NULL)
        abort();
    if (context->err == 0 && exchange(context, commands, replies)) {
        printf("*%zu\r\n", commands->elements);
        for (size_t index = 0; index < commands->elements; index++)
            print_reply(replies[index]);
    } else {
        printf("-%s\r\n", context->errstr);
    }
    fflush(stdout);
    for (size_t index = 0; index < commands->elements; index++)
        freeReplyObject(replies[index]);
    free(replies);
}

/* The next array of commands, or NULL at the end of the input. */
static redisReply *read_commands(redisReader *reader) {
    void *commands = NULL;
    while (redisReaderGetReply(reader, &commands) == REDIS_OK && commands == NULL) {
        char bytes[1 << 16];
        ssize_t size = read(STDIN_FILENO, bytes, sizeof bytes);
        if (size <= 0)
            return NULL;
        redisReaderFeed(reader, bytes, (size_t)size);
    }
    return commands;
}

int main(int argument_count, char **arguments) {
    if (argument_count != 2)
        return 2;
    int port = (int)strtol(arguments[1], NULL, 10);
    redisContext *context = redisConnectWithTimeout("127.0.0.1", port, CONNECT_TIMEOUT);
    redisReader *reader = redisReaderCreate();
    if (context == NULL || reader == NULL)
        return 1;
    redisSetTimeout(context, REPLY_TIMEOUT);
    redisReply *commands;
    while ((commands = read_commands(reader)) != NULL) {
        if (context->err != 0 && redisReconnect(context) == REDIS_OK)
            redisSetTimeout(context, REPLY_TIMEOUT);
        answer(context, commands);
        freeReplyObject(commands);
    }
    redisReaderFree(reader);
    redisFree(context);
    return 0;
}
