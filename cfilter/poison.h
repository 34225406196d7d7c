/* poison.h - the messages that a worker did not survive: remembered, so that a retry does not take the next one down.
 *
 * A message is recognised by its body and the fields of its header that a retry brings again, so that another one with the same words is none.  Looking
 * costs nothing while nothing is remembered, and no digest while no body of the same length is.
 * The memory is this process' own: small, and there without a store; unscannable.c keeps the count in the store, and fills the memory from it
 * at start.
 * Pure: the wall clock is given.
 * Units:     bytes, milliseconds of wall time.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_POISON_H
#define GATEPOST_CFILTER_POISON_H

#include "cfilter/digest.h"
#include "cfilter/scan.h"
#include "lib/base/span.h"

enum { POISON_MAX = 256 };

struct poison;

struct poison_key {
    struct digest digest;
    uint64_t size_bytes;              /* of the body */
};

struct poison_record {
    struct poison_key key;
    enum scan_outcome outcome;        /* of the last try */
    bool apart;                       /* that was in a worker of its own: it is the message, not chance */
    int64_t tries, first_ms, last_ms;
};

enum poison_advice {
    POISON_NONE,                      /* scan it like any other */
    POISON_APART,                     /* try it once more, in a worker of its own */
    POISON_WAIT,                      /* not yet: answer as after the last try */
    POISON_ENOUGH,                    /* it has had its tries: what `unscannable` says, without another one */
};

struct poison *poison_new(void);
void poison_free(struct poison **p);

void poison_key_of(span message, struct poison_key *out);
/* NULL: not known.  Valid until the next poison_put or poison_forget.  p may be NULL: nothing is known. */
const struct poison_record *poison_find(const struct poison *p, span message);
const struct poison_record *poison_find_key(const struct poison *p, const struct poison_key *key);
void poison_put(struct poison *p, const struct poison_record *r);     /* in place of the record of the same key, or of the one that was tried longest ago */
void poison_forget(struct poison *p, const struct poison_key *key);
size_t poison_count(const struct poison *p);

enum poison_advice poison_advice(const struct poison_record *r, const struct set_unscannable *set, int64_t now_ms);

#endif
