/* Changes a stopped node's store behind its back: edit_store FOLDER [flip|remove|flip-metadata|remove-metadata KEY]...
 * A flipped record has one bit of its value turned over; a removed one is gone. Prints how many bytes each had. */
#include <rocksdb/c.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAMILIES = 4, OBJECTS = 0, METADATA = 2, PLACE_BYTES = 10 };

static void check(char *error) {
    if (error != NULL) {
        fprintf(stderr, "edit_store: %s\n", error);
        exit(1);
    }
}

/* Objects rest under their place and key. */
static void edit(rocksdb_t *database, rocksdb_column_family_handle_t *objects, size_t place_bytes, const char *what,
                 const char *key) {
    rocksdb_readoptions_t *reading = rocksdb_readoptions_create();
    rocksdb_writeoptions_t *writing = rocksdb_writeoptions_create();
    rocksdb_iterator_t *at = rocksdb_create_iterator_cf(database, reading, objects);
    char *error = NULL;
    size_t size = 0;
    for (rocksdb_iter_seek_to_first(at); rocksdb_iter_valid(at); rocksdb_iter_next(at)) {
        size_t place_size;
        const char *place = rocksdb_iter_key(at, &place_size);
        if (place_size != place_bytes + strlen(key) || memcmp(place + place_bytes, key, strlen(key)) != 0) {
            continue;
        }
        const char *value = rocksdb_iter_value(at, &size);
        char *changed = malloc(size);
        memcpy(changed, value, size);
        changed[size / 2] ^= 4;
        if (strncmp(what, "remove", 6) == 0) {
            rocksdb_delete_cf(database, writing, objects, place, place_size, &error);
        } else {
            rocksdb_put_cf(database, writing, objects, place, place_size, changed, size, &error);
        }
        check(error);
        free(changed);
        break;
    }
    printf("%zu\n", size);
    rocksdb_iter_destroy(at);
    rocksdb_readoptions_destroy(reading);
    rocksdb_writeoptions_destroy(writing);
}

int main(int argc, char **argv) {
    static const char *const names[FAMILIES] = {"objects", "hints", "metadata", "default"};
    rocksdb_options_t *options = rocksdb_options_create();
    const rocksdb_options_t *family_options[FAMILIES] = {options, options, options, options};
    rocksdb_column_family_handle_t *families[FAMILIES];
    char *error = NULL;
    rocksdb_t *database =
        rocksdb_open_column_families(options, argv[1], FAMILIES, names, family_options, families, &error);
    check(error);
    for (int index = 2; index + 1 < argc; index += 2) {
        bool is_metadata = strstr(argv[index], "-metadata") != NULL;
        edit(database, families[is_metadata ? METADATA : OBJECTS], is_metadata ? 0 : PLACE_BYTES, argv[index],
             argv[index + 1]);
    }
    for (int index = 0; index < FAMILIES; index++) {
        rocksdb_column_family_handle_destroy(families[index]);
    }
    rocksdb_close(database);
    rocksdb_options_destroy(options);
    return 0;
}
