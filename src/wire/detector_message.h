/* Words between failure detectors (core/detector.h): one body for four kinds of message, little-endian with varints.
 *
 *      PROBE  "say something"                       ACK   "`subject` lives, with this incarnation"
 *      ASK    "probe `subject` in my stead"         NACK  "`subject` did not answer me either"
 *
 * Each carries the sender's own incarnation and some rumours: verdicts about members, and who spoke them. */
#ifndef GRAMME_WIRE_DETECTOR_MESSAGE_H
#define GRAMME_WIRE_DETECTOR_MESSAGE_H

#include "wire/message.h"

enum { RUMOURS_MOST = 6 };

enum rumour_verdict { RUMOUR_ALIVE = 0, RUMOUR_SUSPECT = 1, RUMOUR_DEAD = 2 };

struct message_rumour {
    struct node_id subject;
    struct node_id accuser; /* who said it first; the subject itself when it says that it lives */
    enum rumour_verdict verdict;
    uint64_t incarnation; /* of the subject, as the accuser knew it */
};

struct message_probe {
    uint64_t sequence;            /* the asker's, echoed */
    uint64_t incarnation;         /* the sender's own */
    struct node_id subject;       /* PROBE: the receiver */
    uint64_t subject_incarnation; /* ACK; else 0 */
    uint8_t rumour_count;
    struct message_rumour rumours[RUMOURS_MOST];
};

/* `kind` is MESSAGE_PROBE, _PROBE_ACK, _PROBE_ASK or _PROBE_NACK. */
void message_encode_probe(struct buffer *buffer, enum message_kind kind, const struct message_probe *message);
/* False on anything malformed. */
bool message_decode_probe(struct view body, struct message_probe *ret_message);

#endif
