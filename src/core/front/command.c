#include "core/front/command.h"

#include "base/ensure.h"

static uint32_t name_hash(struct view name) {
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        hash = (hash ^ (byte >= 'A' && byte <= 'Z' ? byte | 0x20U : byte)) * 16777619U;
    }
    return (hash ^ hash >> 15) % COMMAND_INDEX_SLOTS;
}

static void index_add(struct command_index *index, const char *name, size_t place) {
    uint32_t slot = name_hash(view_of_string(name));
    while (index->slots[slot] != 0) {
        slot = (slot + 1) % COMMAND_INDEX_SLOTS;
    }
    index->slots[slot] = (uint16_t)(place + 1);
}

void command_index_init(struct command_index *index) {
    size_t commands;
    size_t refusals;
    const struct command *table = command_table(&commands);
    const struct refusal *refused = refusal_table(&refusals);
    ENSURE(commands + refusals <= COMMAND_INDEX_SLOTS / 2);
    memset(index, 0, sizeof(*index));
    for (size_t i = 0; i < commands; i++) {
        index_add(index, table[i].name, i);
    }
    for (size_t i = 0; i < refusals; i++) {
        index_add(index, refused[i].name, commands + i);
    }
}

const struct command *command_find(const struct command_index *index, struct view name,
                                   const struct refusal **ret_refusal) {
    size_t commands;
    size_t refusals;
    const struct command *table = command_table(&commands);
    const struct refusal *refused = refusal_table(&refusals);
    *ret_refusal = NULL;
    if (name.size > COMMAND_NAME_BYTES) {
        return NULL;
    }
    for (uint32_t slot = name_hash(name); index->slots[slot] != 0; slot = (slot + 1) % COMMAND_INDEX_SLOTS) {
        size_t place = index->slots[slot] - 1U;
        if (place < commands) {
            if (view_equal_ignoring_case(name, view_of_string(table[place].name))) {
                return &table[place];
            }
        } else if (view_equal_ignoring_case(name, view_of_string(refused[place - commands].name))) {
            *ret_refusal = &refused[place - commands];
            return NULL;
        }
    }
    return NULL;
}

const struct command *command_find_subcommand(const struct command *command, struct view name) {
    for (size_t i = 0; i < command->subcommand_count; i++) {
        if (view_equal_ignoring_case(name, view_of_string(command->subcommands[i].name))) {
            return &command->subcommands[i];
        }
    }
    return NULL;
}

bool command_accepts(const struct command *command, size_t count) {
    return command->arity >= 0 ? count == (size_t)command->arity : count >= (size_t)-command->arity;
}

size_t command_full_name(const struct command *command, char name[COMMAND_NAME_BYTES]) {
    size_t parent = command->parent == NULL ? 0 : strlen(command->parent);
    size_t own = strlen(command->name);
    ENSURE(parent + 1 + own <= COMMAND_NAME_BYTES);
    if (parent > 0) {
        memcpy(name, command->parent, parent);
        name[parent++] = '|';
    }
    memcpy(name + parent, command->name, own);
    return parent + own;
}

size_t command_last_key(const struct command *command, size_t count) {
    if (command->keys.first == 0) {
        return 0;
    }
    return command->keys.last >= 0 ? (size_t)command->keys.last : count - (size_t)-command->keys.last;
}

size_t command_next_key(const struct command *command, size_t count, size_t after) {
    size_t last = command_last_key(command, count);
    size_t next = after == 0 ? (size_t)command->keys.first : after + (size_t)command->keys.step;
    return next <= last && next < count ? next : 0;
}
