#include "server/memory.h"

#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

/* jemalloc's, where it is linked: sanitizers bring allocators of their own. */
extern int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size) __attribute__((weak));

/* A number that a file of the kernel begins with; 0: there is none. */
static uint64_t number_of_file(const char *path, const char *format) {
    unsigned long long number = 0;
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, format, &number) != 1) {
            number = 0;
        }
        (void)fclose(file);
    }
    return number;
}

uint64_t memory_resident_bytes(void) {
    return number_of_file("/proc/self/statm", "%*u %llu") * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool memory_is_jemalloc(void) {
    return mallctl != NULL;
}

uint64_t memory_allocated_bytes(uint64_t otherwise) {
    if (mallctl == NULL) {
        return otherwise;
    }
    uint64_t epoch = 1;
    size_t size = sizeof(epoch);
    size_t allocated = 0;
    size_t allocated_size = sizeof(allocated);
    (void)mallctl("epoch", &epoch, &size, &epoch, size); /* its numbers are those of the last epoch */
    return mallctl("stats.allocated", &allocated, &allocated_size, NULL, 0) == 0 ? allocated : otherwise;
}

void memory_give_back(void) {
    if (mallctl != NULL) {
        (void)mallctl("arena.4096.purge", NULL, NULL, NULL, 0); /* 4096: all arenas */
    }
}

uint64_t memory_of_machine(void) {
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = number_of_file("/sys/fs/cgroup/memory.max", "%llu"); /* or the word "max" */
    return group != 0 && group < machine ? group : machine;
}
