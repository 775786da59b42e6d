/* A copy of this node's store in a new folder, made while it serves, by a thread of libuv's pool.
 *
 *      FOLDER.partial-RUN/db            a checkpoint of RocksDB: hard links where it is the same file system
 *      FOLDER.partial-RUN/gramme.backup the manifest: lines of name and value, that of the format first
 *      all fsynced, then renamed to FOLDER, which must not be there: a backup that was cut short has another name
 *
 * It holds all that was acknowledged by this node before it began, but for keyspaces of durability `none`. */
#ifndef GRAMME_SERVER_BACKUP_H
#define GRAMME_SERVER_BACKUP_H

#include "server/loop.h"

#define BACKUP_MANIFEST "gramme.backup"
#define BACKUP_FORMAT   "gramme-backup 1"

/* As driver->backup (core/shard.h): NULL, and shard_backup_done() follows; or why not. One at a time. */
const char *backup_begin(struct loop *loop, struct view path, uint64_t token);

#endif
