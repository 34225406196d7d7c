/* assess.h - one message through all scanners, to its verdict: the same way for the proxy and for `gatepostctl scan`.
 *
 * Worker and lookups run side by side within one deadline; a message that cannot be scanned again and again is counted by
 * its digest in the store.
 * Calls:     fn runs exactly once, not before assess_start has returned, unless cancelled.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_ASSESS_H
#define GATEPOST_CFILTER_ASSESS_H

#include "cfilter/front.h"
#include "cfilter/mixed.h"

struct assess;

struct assess_result {
    const struct verdict *verdict;
    const struct settings *set;       /* of the class that has decided */
    const struct mixed_class *classes;    /* what each class would have got; as many as were given, at least one */
    size_t n_classes, decided_by;
    enum scan_outcome outcome;
    const char *why;                  /* of an outcome other than SCAN_DONE */
    const struct facts *facts;        /* of the worker; NULL unless SCAN_DONE */
    const struct facts *lookups;
    int64_t took_us;
};
typedef void assess_fn(const struct assess_result *r, void *arg);

struct assess_message {
    int fd;                           /* -1: small enough for scan.h to do without */
    span bytes;                       /* the same, mapped; stays until fn or cancel */
    const char *id;
    const char *client_address, *client_name, *helo, *reverse_path;
    size_t n_rcpt;
    const struct class_share *classes;    /* of the recipients, each once; copied */
    size_t n_classes;                 /* MIXED_CLASSES_MAX at most; 0: the default one alone */
    bool trusted;
    bool strays;                      /* there are CR, LF or NUL bytes that will be washed: lookups get a washed copy */
    bool counts;                      /* a try of a real message: unscannable ones are counted */
};

struct assess *assess_start(struct front *f, const struct settings *set, const struct assess_message *m, assess_fn *fn, void *arg);
void assess_cancel(struct assess **a);

#endif
