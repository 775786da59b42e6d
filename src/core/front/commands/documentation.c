/* COMMAND and HELP: the command table told to clients, which find keys and choose nodes by it. */
#include "core/front/commands/commands.h"
#include "core/front/text.h"

/* ---- names of flags ---- */

static const char *const flag_names[COMMAND_FLAG_COUNT] = {
    "write", "readonly",     "denyoom", "admin",   "noscript",   "loading",
    "stale", "skip_slowlog", "fast",    "no_auth", "allow_busy", "pubsub",
};
static const char *const key_flag_names[KEY_FLAG_COUNT] = {
    "RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "variable_flags",
};
static const char *const group_names[] = {"connection", "generic",      "string", "server",
                                          "cluster",    "transactions", "pubsub"};

enum category {
    CATEGORY_KEYSPACE = 1 << 0,
    CATEGORY_READ = 1 << 1,
    CATEGORY_WRITE = 1 << 2,
    CATEGORY_STRING = 1 << 3,
    CATEGORY_ADMIN = 1 << 4,
    CATEGORY_FAST = 1 << 5,
    CATEGORY_SLOW = 1 << 6,
    CATEGORY_DANGEROUS = 1 << 7,
    CATEGORY_CONNECTION = 1 << 8,
    CATEGORY_TRANSACTION = 1 << 9,
    CATEGORY_PUBSUB = 1 << 10,
    CATEGORY_COUNT = 11,
};

static const char *const category_names[CATEGORY_COUNT] = {
    "@keyspace", "@read",      "@write",      "@string",      "@admin",  "@fast",
    "@slow",     "@dangerous", "@connection", "@transaction", "@pubsub",
};

/* Categories follow from flags and group, as they mostly do in Redis. */
static uint32_t categories_of(const struct command *command) {
    uint32_t flags = command->flags;
    uint32_t categories = (flags & COMMAND_FAST) != 0 ? CATEGORY_FAST : CATEGORY_SLOW;
    categories |= (flags & COMMAND_READONLY) != 0 ? CATEGORY_READ : 0U;
    categories |= (flags & COMMAND_WRITE) != 0 ? CATEGORY_WRITE : 0U;
    categories |= (flags & COMMAND_ADMIN) != 0 ? CATEGORY_ADMIN | CATEGORY_DANGEROUS : 0U;
    categories |= (flags & COMMAND_DANGEROUS) != 0 ? CATEGORY_DANGEROUS : 0U;
    switch (command->group) {
    case GROUP_CONNECTION:
        return categories | CATEGORY_CONNECTION;
    case GROUP_GENERIC:
        return categories | CATEGORY_KEYSPACE;
    case GROUP_STRING:
        return categories | CATEGORY_STRING;
    case GROUP_CLUSTER:
        return categories | ((flags & COMMAND_FAST) != 0 ? CATEGORY_CONNECTION : 0U);
    case GROUP_TRANSACTIONS:
        return categories | CATEGORY_TRANSACTION;
    case GROUP_PUBSUB:
        return categories | CATEGORY_PUBSUB;
    case GROUP_SERVER:
        break;
    }
    return categories;
}

/* ---- COMMAND, COMMAND INFO ---- */

static void write_set_of(struct buffer *reply, uint32_t set, const char *const *names, int count, int protocol) {
    resp_write_set(reply, (size_t)__builtin_popcount(set & ((1U << count) - 1)), protocol);
    for (int i = 0; i < count; i++) {
        if ((set >> i & 1) != 0) {
            resp_write_simple(reply, view_of_string(names[i]));
        }
    }
}

/* The next of the words between blanks; empty at the end. */
static struct view next_word(struct view *words) {
    size_t size = view_find(*words, ' ');
    struct view word = view_slice(*words, 0, size);
    size_t used = size < words->size ? size + 1 : size;
    *words = view_slice(*words, used, words->size - used);
    return word;
}

static void write_tips(struct buffer *reply, const char *tips) {
    struct view words = view_of_string(tips == NULL ? "" : tips);
    size_t count = 0;
    for (struct view rest = words; next_word(&rest).size > 0;) {
        count++;
    }
    resp_write_array(reply, count);
    for (size_t i = 0; i < count; i++) {
        resp_write_bulk(reply, next_word(&words));
    }
}

static void write_pair(struct buffer *reply, struct view name, int64_t number) {
    resp_write_bulk(reply, name);
    resp_write_integer(reply, number);
}

static void write_key_specifications(struct buffer *reply, const struct command_keys *keys, int protocol) {
    if (keys->first == 0) {
        resp_write_array(reply, 0);
        return;
    }
    resp_write_array(reply, 1);
    resp_write_map(reply, 3, protocol);
    resp_write_bulk(reply, VIEW("flags"));
    write_set_of(reply, keys->flags, key_flag_names, KEY_FLAG_COUNT, protocol);
    resp_write_bulk(reply, VIEW("begin_search"));
    resp_write_map(reply, 2, protocol);
    resp_write_bulk(reply, VIEW("type"));
    resp_write_bulk(reply, VIEW("index"));
    resp_write_bulk(reply, VIEW("spec"));
    resp_write_map(reply, 1, protocol);
    write_pair(reply, VIEW("index"), keys->first);
    resp_write_bulk(reply, VIEW("find_keys"));
    resp_write_map(reply, 2, protocol);
    resp_write_bulk(reply, VIEW("type"));
    resp_write_bulk(reply, VIEW("range"));
    resp_write_bulk(reply, VIEW("spec"));
    resp_write_map(reply, 3, protocol);
    write_pair(reply, VIEW("lastkey"), keys->last < 0 ? keys->last : keys->last - keys->first);
    write_pair(reply, VIEW("keystep"), keys->step);
    write_pair(reply, VIEW("limit"), 0);
}

static void write_name(struct buffer *reply, const struct command *command) {
    char name[COMMAND_NAME_BYTES];
    resp_write_bulk(reply, view_of(name, command_full_name(command, name)));
}

/* All but the subcommands, which close the entry. */
static void write_entry_head(struct buffer *reply, const struct command *command, int protocol) {
    resp_write_array(reply, 10);
    write_name(reply, command);
    resp_write_integer(reply, command->arity);
    write_set_of(reply, command->flags, flag_names, COMMAND_FLAG_COUNT, protocol);
    resp_write_integer(reply, command->keys.first);
    resp_write_integer(reply, command->keys.last);
    resp_write_integer(reply, command->keys.step);
    write_set_of(reply, categories_of(command), category_names, CATEGORY_COUNT, protocol);
    write_tips(reply, command->tips);
    write_key_specifications(reply, &command->keys, protocol);
}

static void write_entry(struct buffer *reply, const struct command *command, int protocol) {
    write_entry_head(reply, command, protocol);
    resp_write_array(reply, command->subcommand_count);
    for (size_t i = 0; i < command->subcommand_count; i++) {
        write_entry_head(reply, &command->subcommands[i], protocol);
        resp_write_array(reply, 0);
    }
}

static void write_all_entries(struct call *call) {
    size_t count;
    const struct command *table = command_table(&count);
    resp_write_array(call->reply, count);
    for (size_t i = 0; i < count; i++) {
        write_entry(call->reply, &table[i], call_protocol(call));
    }
}

/* "get", or "client|list". */
static const struct command *find_by_full_name(const struct call *call, struct view name) {
    const struct refusal *refusal;
    size_t bar = view_find(name, '|');
    const struct command *command = command_find(&call->front->commands, view_slice(name, 0, bar), &refusal);
    if (command == NULL || bar == name.size) {
        return command;
    }
    return command_find_subcommand(command, view_slice(name, bar + 1, name.size - bar - 1));
}

void run_command(struct call *call) {
    if (call->count > 1) {
        call_unknown_subcommand(call);
    } else {
        write_all_entries(call);
    }
}

void run_command_info(struct call *call) {
    if (call->count == 2) {
        write_all_entries(call);
        return;
    }
    resp_write_array(call->reply, call->count - 2);
    for (size_t i = 2; i < call->count; i++) {
        const struct command *command = find_by_full_name(call, call->arguments[i]);
        if (command != NULL) {
            write_entry(call->reply, command, call_protocol(call));
        } else {
            resp_write_null(call->reply, call_protocol(call));
        }
    }
}

void run_command_count(struct call *call) {
    size_t count;
    (void)command_table(&count);
    resp_write_integer(call->reply, (int64_t)count);
}

/* ---- COMMAND DOCS ---- */

static void write_text(struct buffer *reply, struct view name, const char *text) {
    resp_write_bulk(reply, name);
    resp_write_bulk(reply, view_of_string(text));
}

static void write_documentation_head(struct buffer *reply, const struct command *command, size_t more, int protocol) {
    char name[COMMAND_NAME_BYTES];
    const struct command_note *note = command_note_find(view_of(name, command_full_name(command, name)));
    write_name(reply, command);
    resp_write_map(reply, 3 + more + (note == NULL ? 0 : 1), protocol);
    write_text(reply, VIEW("summary"), command->summary);
    write_text(reply, VIEW("since"), command->since);
    write_text(reply, VIEW("group"), group_names[command->group]);
    if (note != NULL) {
        write_text(reply, VIEW("complexity"), note->complexity);
    }
}

static void write_documentation(struct buffer *reply, const struct command *command, int protocol) {
    bool has_parts = command->subcommand_count > 0;
    write_documentation_head(reply, command, has_parts ? 1 : 0, protocol);
    if (has_parts) {
        resp_write_bulk(reply, VIEW("subcommands"));
        resp_write_map(reply, command->subcommand_count, protocol);
        for (size_t i = 0; i < command->subcommand_count; i++) {
            write_documentation_head(reply, &command->subcommands[i], 0, protocol);
        }
    }
}

void run_command_docs(struct call *call) {
    size_t count;
    const struct command *table = command_table(&count);
    int protocol = call_protocol(call);
    if (call->count == 2) {
        resp_write_map(call->reply, count, protocol);
        for (size_t i = 0; i < count; i++) {
            write_documentation(call->reply, &table[i], protocol);
        }
        return;
    }
    size_t known = 0;
    for (size_t i = 2; i < call->count; i++) {
        known += find_by_full_name(call, call->arguments[i]) != NULL ? 1 : 0;
    }
    resp_write_map(call->reply, known, protocol);
    for (size_t i = 2; i < call->count; i++) {
        const struct command *command = find_by_full_name(call, call->arguments[i]);
        if (command != NULL) {
            write_documentation(call->reply, command, protocol);
        }
    }
}

/* ---- COMMAND LIST ---- */

enum list_filter { FILTER_NONE, FILTER_MODULE, FILTER_CATEGORY, FILTER_PATTERN };

static bool category_matches(const struct command *command, struct view wanted) {
    uint32_t categories = categories_of(command);
    for (int i = 0; i < CATEGORY_COUNT; i++) {
        /* Without the at sign. */
        if ((categories >> i & 1) != 0 && view_equal_ignoring_case(wanted, view_of_string(category_names[i] + 1))) {
            return true;
        }
    }
    return false;
}

static bool filter_passes(enum list_filter filter, const struct command *command, struct view wanted) {
    char name[COMMAND_NAME_BYTES];
    switch (filter) {
    case FILTER_MODULE:
        return false;
    case FILTER_CATEGORY:
        return category_matches(command, wanted);
    case FILTER_PATTERN:
        return text_matches(wanted, view_of(name, command_full_name(command, name)), TEXT_CASE_ASIDE);
    case FILTER_NONE:
        break;
    }
    return true;
}

/* Writes the names that pass, or only counts them. Unlike the table, a list has subcommands among the commands, but
 * only a filtered one. */
static size_t list_names(struct buffer *reply, enum list_filter filter, struct view wanted) {
    size_t count;
    size_t passed = 0;
    const struct command *table = command_table(&count);
    for (size_t i = 0; i < count; i++) {
        const struct command *command = &table[i];
        size_t parts = filter == FILTER_NONE ? 0 : command->subcommand_count;
        for (size_t place = 0; place <= parts; place++) {
            const struct command *listed = place == 0 ? command : &command->subcommands[place - 1];
            if (filter_passes(filter, listed, wanted)) {
                passed++;
                if (reply != NULL) {
                    write_name(reply, listed);
                }
            }
        }
    }
    return passed;
}

void run_command_list(struct call *call) {
    enum list_filter filter = FILTER_NONE;
    struct view wanted = {0};
    if (call->count == 5 && call_is(call, 2, VIEW("filterby"))) {
        wanted = call->arguments[4];
        filter = call_is(call, 3, VIEW("module"))    ? FILTER_MODULE
                 : call_is(call, 3, VIEW("aclcat"))  ? FILTER_CATEGORY
                 : call_is(call, 3, VIEW("pattern")) ? FILTER_PATTERN
                                                     : FILTER_NONE;
    }
    if (call->count > 2 && filter == FILTER_NONE) {
        call_syntax_error(call);
        return;
    }
    resp_write_set(call->reply, list_names(NULL, filter, wanted), call_protocol(call));
    (void)list_names(call->reply, filter, wanted);
}

/* ---- COMMAND GETKEYS ---- */

void run_command_getkeys(struct call *call) {
    const struct refusal *refusal;
    const struct command *command = command_find(&call->front->commands, call->arguments[2], &refusal);
    size_t count = call->count - 2;
    if (command == NULL) {
        call_error(call, VIEW("ERR Invalid command specified"));
    } else if (command->keys.first == 0) {
        call_error(call, VIEW("ERR The command has no key arguments"));
    } else if (!command_accepts(command, count)) {
        call_error(call, VIEW("ERR Invalid number of arguments specified for command"));
    } else {
        size_t first = (size_t)command->keys.first;
        size_t step = (size_t)command->keys.step;
        size_t keys = (command_last_key(command, count) - first) / step + 1;
        resp_write_array(call->reply, keys);
        for (size_t i = 0; i < keys; i++) {
            resp_write_bulk(call->reply, call->arguments[2 + first + i * step]);
        }
    }
}

/* ---- HELP ---- */

/* A line with the command's name, two lines for each subcommand: what it is, and what it does. */
void run_help(struct call *call) {
    const struct refusal *refusal;
    const struct command *parent =
        command_find(&call->front->commands, view_of_string(call->command->parent), &refusal);
    struct buffer *text = &call->front->encoding;
    resp_write_array(call->reply, 1 + 2 * parent->subcommand_count);
    buffer_clear(text);
    text_append_upper(text, view_of_string(parent->name));
    buffer_append_view(text, VIEW(" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    resp_write_simple(call->reply, buffer_view(text));
    for (size_t i = 0; i < parent->subcommand_count; i++) {
        buffer_clear(text);
        text_append_upper(text, view_of_string(parent->subcommands[i].name));
        resp_write_simple(call->reply, buffer_view(text));
        buffer_clear(text);
        buffer_append_view(text, VIEW("    "));
        buffer_append_view(text, view_of_string(parent->subcommands[i].summary));
        buffer_append_view(text, VIEW("."));
        resp_write_simple(call->reply, buffer_view(text));
    }
}
