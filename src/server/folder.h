/* Folders that are made, and made to last. Blocking. */
#ifndef GRAMME_SERVER_FOLDER_H
#define GRAMME_SERVER_FOLDER_H

#include "base/view.h"

#include <stdbool.h>

/* The folder and those above it; true when they are there already. False with errno. */
bool folder_make(const char *path);
/* The one above. */
bool folder_make_parent(const char *path);
/* Every file of the folder, and the folder. */
bool folder_sync(const char *path);
bool folder_sync_parent(const char *path);
/* A new file with these bytes, fsynced. */
bool folder_write_file(const char *path, struct view bytes);
/* With what lies in it, and in folders in it, not deeper. */
void folder_remove(const char *path);
/* Fails with EEXIST when there is something by that name. */
bool folder_rename(const char *from, const char *to);

#endif
