/* Feeds files, or all files of a folder in order of their names, to a fuzz target: libFuzzer's corpus as a test. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    struct stat status;
    if (fstat(fileno(file), &status) != 0) {
        perror(path);
        fclose(file);
        return -1;
    }

    /* Exactly as large as the input, so that a read past its end is a read past the allocation. */
    size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL || fread(data, 1, size, file) != size) {
        fprintf(stderr, "%s: could not be read\n", path);
        free(data);
        fclose(file);
        return -1;
    }
    fclose(file);
    fprintf(stderr, "replay %s\n", path);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* The number of inputs replayed, or -1. */
static int replay_path(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(status.st_mode)) {
        return replay_file(path);
    }

    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort);
    int replayed = 0;
    for (int i = 0; i < count; i++) {
        char name[4096];
        int length = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        int result = length < (int)sizeof name ? replay_file(name) : -1;
        replayed = result < 0 || replayed < 0 ? -1 : replayed + result;
        free(entries[i]);
    }
    free(entries);
    return count < 0 ? -1 : replayed;
}

int main(int argc, char **argv) {
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int replayed = replay_path(argv[i]);
        if (replayed < 0) {
            return EXIT_FAILURE;
        }
        total += replayed;
    }
    if (total == 0) {
        fprintf(stderr, "no input to replay\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
