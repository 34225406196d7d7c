/* mixed.h - one answer for a message to recipients of several classes (filter.mixed: decide-once).
 *
 * Pure.  One scan, a verdict for each class, and of these one:
 *   every class refuses          refused, with the words of what weighs most: a virus, then what could hide one, then spam
 *   spam, not refused by all     marked for all; it refuses nobody's mail
 *   anything else                the strictest class: refused before put off before tagged before passed on
 * Observing classes count by what they do, and what enforcing would do is combined in the same way.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIXED_H
#define GATEPOST_CFILTER_MIXED_H

#include "cfilter/verdict.h"

enum { MIXED_CLASSES_MAX = RCPT_CLASSES_MAX + 1 };   /* and the default one */

struct class_share {
    const struct set_rcpt_class *klass;   /* NULL: default */
    size_t recipients;                    /* of the message's are of it */
};

struct mixed_class {
    struct class_share share;
    struct verdict verdict;               /* had all recipients been of this class */
};

/* One recipient more; shares has room for MIXED_CLASSES_MAX. */
void class_share_add(struct class_share *shares, size_t *n, const struct set_rcpt_class *c);

/* Fills classes[].verdict and *out; in->set is the default class's.  The index of the class that has decided: its settings hold for tags. */
size_t mixed_verdict(const struct verdict_input *in, struct mixed_class *classes, size_t n, struct verdict *out);
/* What scanners are wanted by any of the classes; n == 0: by the default one. */
bool mixed_wants_virus(const struct settings *set, const struct class_share *shares, size_t n);
bool mixed_wants_spam(const struct settings *set, const struct class_share *shares, size_t n, bool trusted, uint64_t size);

#endif
