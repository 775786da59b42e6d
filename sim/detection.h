/* Verdicts of death about live nodes (G13). Only judged where nothing excuses them: in runs whose network
 * neither loses, delays, breaks nor cuts, and where nobody is paused. */
#ifndef GRAMME_SIM_DETECTION_H
#define GRAMME_SIM_DETECTION_H

#include "core/trace.h"
#include "sim/nemesis.h"

/* False, and a sentence, when the record is a verdict that may not be. */
bool detection_holds(const struct nemesis *nemesis, const struct node *observer, const struct trace_record *record,
                     char *sentence, size_t sentence_bytes);

#endif
