#include "base/mutant.h"

#include <stddef.h>
#include <string.h>

#ifdef GRAMME_MUTANTS
enum mutant mutant_active = MUTANT_NONE;
#endif

struct mutant_text {
    const char *name;
    const char *summary;
};

/* A macro that expands to items is more than the formatter sees through. */
/* clang-format off */
static const struct mutant_text texts[MUTANT_COUNT] = {
    {"none", "the code as it ships"},
#define MUTANT_TEXT(name, text, summary) {text, summary},
    MUTANT_LIST(MUTANT_TEXT)
#undef MUTANT_TEXT
};
/* clang-format on */

const char *mutant_name(enum mutant mutant) {
    return mutant >= 0 && mutant < MUTANT_COUNT ? texts[mutant].name : NULL;
}

const char *mutant_summary(enum mutant mutant) {
    return mutant >= 0 && mutant < MUTANT_COUNT ? texts[mutant].summary : NULL;
}

bool mutant_find(const char *name, enum mutant *ret_mutant) {
    for (int index = 0; index < MUTANT_COUNT; index++) {
        if (strcmp(texts[index].name, name) == 0) {
            *ret_mutant = (enum mutant)index;
            return true;
        }
    }
    return false;
}
