/* The text of a context in a client's hands: base64url of (format, encoded context, SipHash-2-4-128 tag over cluster
 * id, key, format and encoded context under the cluster's secret). Opaque to clients; forged, damaged or foreign-key
 * contexts are errors. Two secrets may be live, for rotation: the first signs, both verify. */
#ifndef GRAMME_VERSION_TOKEN_H
#define GRAMME_VERSION_TOKEN_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/identity.h"
#include "version/context.h"

struct token_secrets {
    struct cluster_id cluster;
    struct secret current;
    struct secret previous;
    bool has_previous;
};

/* Text lives in the arena. */
struct view token_encode(const struct token_secrets *secrets, struct view key, const struct context *context,
                         struct arena *arena);
/* False, nothing written, unless the text is exactly what token_encode() gave for this key and cluster. */
bool token_decode(const struct token_secrets *secrets, struct view key, struct view text, struct arena *arena,
                  struct context *ret_context);

#endif
