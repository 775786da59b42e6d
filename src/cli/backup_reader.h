/* Reads backups (server/backup.h) of nodes of one cluster as one: each key once, with what all of them held of it
 * merged. Nothing in them is changed. */
#ifndef GRAMME_CLI_BACKUP_READER_H
#define GRAMME_CLI_BACKUP_READER_H

#include "base/identity.h"
#include "version/object.h"

enum { BACKUP_ERROR_SIZE = 1024 };

struct backup_reader;

/* NULL, with a sentence, when one of them is no whole backup, or they are of different clusters. */
struct backup_reader *backup_reader_open(const char *const *folders, size_t count, char ret_error[BACKUP_ERROR_SIZE]);
void backup_reader_close(struct backup_reader *reader);

struct cluster_id backup_reader_cluster(const struct backup_reader *reader);

/* The next key with its object, in the order of the store; valid until the next call. False at the end, or when
 * something cannot be read: then backup_reader_error() is not empty. */
bool backup_reader_next(struct backup_reader *reader, struct view *ret_key, struct object *ret_object);
const char *backup_reader_error(const struct backup_reader *reader);

struct backup_reading {
    uint64_t records; /* hints among them */
    uint64_t damaged; /* passed over: what other backups hold of the key counts alone */
};
struct backup_reading backup_reader_figures(const struct backup_reader *reader);

#endif
