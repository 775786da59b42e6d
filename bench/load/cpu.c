#include "load/cpu.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROCESSES_MOST = 1024 };

/* A walk over process trees, each process once even when a parent and its child are both named. */
struct walk {
    size_t known;
    long pids[PROCESSES_MOST];
};

struct stat_line {
    char name[32];
    unsigned long user, system, children_user, children_system;
};

/* Fields 14 to 17 of proc(5)'s stat; the name stands in parentheses and may hold any byte. */
static bool stat_read(const char *path, struct stat_line *ret_line) {
    char text[1024];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t count = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[count] = '\0';
    char *open = strchr(text, '(');
    char *close = strrchr(text, ')');
    if (open == NULL || close == NULL) {
        return false;
    }
    *close = '\0';
    snprintf(ret_line->name, sizeof ret_line->name, "%s", open + 1);
    return sscanf(close + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu", &ret_line->user,
                  &ret_line->system, &ret_line->children_user, &ret_line->children_system) == 4;
}

static bool is_storage(const char *name) {
    return strncmp(name, "rocks", 5) == 0 || strncmp(name, "gramme-store", 12) == 0 || strncmp(name, "writer", 6) == 0;
}

static void walk_add(struct walk *walk, long pid) {
    for (size_t i = 0; i < walk->known; i++) {
        if (walk->pids[i] == pid) {
            return;
        }
    }
    if (walk->known < PROCESSES_MOST) {
        walk->pids[walk->known++] = pid;
    }
}

static void walk_add_children(struct walk *walk, const char *task) {
    char path[400];
    snprintf(path, sizeof path, "%s/children", task);
    FILE *file = fopen(path, "re");
    long child = 0;
    while (file != NULL && fscanf(file, "%ld", &child) == 1) {
        walk_add(walk, child);
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* The threads of one process: adds its children to the walk, returns its storage ticks. */
static uint64_t threads_read(struct walk *walk, long pid) {
    char folder[64];
    snprintf(folder, sizeof folder, "/proc/%ld/task", pid);
    DIR *tasks = opendir(folder);
    if (tasks == NULL) {
        return 0;
    }
    uint64_t ticks = 0;
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char task[64 + sizeof entry->d_name];
        char path[sizeof task + 8];
        struct stat_line line;
        snprintf(task, sizeof task, "%s/%s", folder, entry->d_name);
        snprintf(path, sizeof path, "%s/stat", task);
        if (stat_read(path, &line) && is_storage(line.name)) {
            ticks += line.user + line.system;
        }
        walk_add_children(walk, task);
    }
    closedir(tasks);
    return ticks;
}

int cpu_time_read(const long *pids, size_t pid_count, struct cpu_time *ret_time) {
    struct walk walk = {0};
    for (size_t i = 0; i < pid_count; i++) {
        walk_add(&walk, pids[i]);
    }
    size_t named = walk.known;
    uint64_t all = 0;
    uint64_t storage = 0;
    for (size_t i = 0; i < walk.known; i++) {
        char path[64];
        struct stat_line line;
        snprintf(path, sizeof path, "/proc/%ld/stat", walk.pids[i]);
        if (stat_read(path, &line)) {
            all += line.user + line.system + line.children_user + line.children_system;
            storage += threads_read(&walk, walk.pids[i]);
        } else if (i < named) {
            return -1;
        }
    }
    uint64_t tick_us = 1000000U / (uint64_t)sysconf(_SC_CLK_TCK);
    ret_time->all_us = all * tick_us;
    ret_time->storage_us = storage * tick_us;
    return 0;
}
