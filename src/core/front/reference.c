#include "core/front/reference.h"

#include "core/front/command.h"
#include "core/front/text.h"

static void say(struct buffer *text, const char *words) {
    buffer_append_view(text, view_of_string(words));
}

/* "CLIENT ID" of "client|id". */
static void say_name(struct buffer *text, const struct command *command) {
    char name[COMMAND_NAME_BYTES];
    size_t size = command_full_name(command, name);
    for (size_t i = 0; i < size; i++) {
        name[i] = name[i] == '|' ? ' ' : name[i];
    }
    text_append_upper(text, view_of(name, size));
}

static void say_row(struct buffer *text, const struct command *command) {
    char name[COMMAND_NAME_BYTES];
    const struct command_note *note = command_note_find(view_of(name, command_full_name(command, name)));
    if (note == NULL) {
        return;
    }
    say(text, "| `");
    say_name(text, command);
    say(text, "` | ");
    say(text, command->summary);
    say(text, " | ");
    say(text, note->complexity);
    say(text, " | ");
    say(text, note->meaning);
    say(text, " |\n");
}

static void say_group(struct buffer *text, enum command_group group, const char *title) {
    size_t count;
    const struct command *table = command_table(&count);
    say(text, "\n## ");
    say(text, title);
    say(text, "\n\n| command | what it does | complexity | in a store with quorums |\n|---|---|---|---|\n");
    for (size_t i = 0; i < count; i++) {
        if (table[i].group != group) {
            continue;
        }
        say_row(text, &table[i]);
        for (size_t part = 0; part < table[i].subcommand_count; part++) {
            say_row(text, &table[i].subcommands[part]);
        }
    }
}

static bool is_same_reason(const struct refusal *a, const struct refusal *b) {
    return view_equal(view_of_string(a->reason), view_of_string(b->reason));
}

/* Those of one reason together, in the order in which the reasons come. */
static void say_refusals(struct buffer *text) {
    size_t count;
    const struct refusal *table = refusal_table(&count);
    say(text, "\n## Not here\n\nKnown, and refused with a sentence that says why:\n\n| commands | '...' is not "
              "supported |\n|---|---|\n");
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && is_same_reason(&table[i], &table[i - 1])) {
            continue;
        }
        say(text, "| `");
        for (size_t other = i; other < count && is_same_reason(&table[i], &table[other]); other++) {
            say(text, other == i ? "" : " ");
            text_append_upper(text, view_of_string(table[other].name));
        }
        const char *reason = table[i].reason;
        say(text, "` | ");
        say(text, reason[0] == ':' ? reason + 2 : reason + 1);
        say(text, " |\n");
    }
}

void reference_write(struct buffer *text) {
    static const struct {
        enum command_group group;
        const char *title;
    } groups[] = {{GROUP_STRING, "Strings"},
                  {GROUP_GENERIC, "Keys"},
                  {GROUP_TRANSACTIONS, "Batches"},
                  {GROUP_PUBSUB, "Channels"},
                  {GROUP_CONNECTION, "Connections"},
                  {GROUP_SERVER, "The node, and the whole"},
                  {GROUP_CLUSTER, "The cluster, as Redis' clients ask for it"}};
    say(text,
        "# Commands\n\n"
        "Made by `make docs` from the table that runs them (`src/core/front/table.c`, `notes.c`); `gramme commands` "
        "prints the\n"
        "same. Where the last column is empty a command is what it is in Redis 7.0. N, R and W are those of the key's\n"
        "keyspace. Errors of Gramme's own are in the README.\n");
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        say_group(text, groups[i].group, groups[i].title);
    }
    say_refusals(text);
}
