/* CONFIG REWRITE: settings that were changed while the node ran, written into its configuration. */
#ifndef GRAMME_SERVER_CONFIG_REWRITE_H
#define GRAMME_SERVER_CONFIG_REWRITE_H

#include "base/view.h"

/* Lines of the file that set what `settings` (lines of `name value`) sets are gone, and those stand at its end; all
 * else stays as it is, comments too. Another file takes the old one's place, fsynced: blocking. NULL, or why not: an
 * error line, valid until the next call in this thread. */
const char *config_rewrite(const char *path, struct view settings);

#endif
