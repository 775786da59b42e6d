/* What must hold when everything has healed: G5 (owners equal byte for byte), G17 (sequences of plain SETs leave one
 * value, the last), expiry as last set, and the causal account of every key (G1, G2, G4). Reads the disks, not the
 * nodes. */
#ifndef GRAMME_SIM_FINAL_H
#define GRAMME_SIM_FINAL_H

#include "sim/account.h"
#include "sim/cluster.h"
#include "version/object.h"

/* Every object on the node's disk, hints among them. */
void final_each_object(struct node *node, struct arena *arena,
                       void (*visit)(void *self, struct node *node, bool is_hint, struct view key,
                                     const struct object *object),
                       void *self);

/* How many nodes would still hold the value, or something that follows it, if all crashed now (G14): owners and
 * fallbacks, and owners alone: those that reads ask. */
struct durable_copies {
    uint32_t all;
    uint32_t owners;
};
struct durable_copies final_durable_copies(struct cluster *cluster, struct account *account, struct view key,
                                           uint32_t value_id);

/* After a crash of all, the owner would hold or cover every value of the object: a hint may leave (G9). */
bool final_is_home(struct cluster *cluster, const struct node *owner, struct view key, const struct object *object);

/* Writes the first violation found and fails the world; nothing when all holds. */
void final_check(struct cluster *cluster, struct history *history, struct account *account, char *violation,
                 size_t violation_bytes);

#endif
