/* scanner.h - the contract of a scanner: one file, one constant, one row in scanners.c.
 *
 * `extract` runs in the cage, over the message's bytes, and only reports facts; `lookup` runs in the front and may ask
 * DNS, Redis, spamd, rspamd within one deadline.  A scanner has either or both.  Scores and actions belong to verdict.c.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SCANNER_H
#define GATEPOST_CFILTER_SCANNER_H

#include "cfilter/facts.h"
#include "cfilter/scan.h"

struct clamav;
struct mime_parts;

struct view {                        /* the message as a worker sees it */
    const struct scan_message *msg;
    span bytes;                      /* whole message; loaded.h */
    int fd;
    const char *tmp_dir;             /* the worker's own folder on the tmpfs */
    const struct settings *set;      /* the part the holder was given */
    struct clamav *engine;            /* clamav.h; NULL: none */
    struct mime_parts *parts;         /* mime/parts.h: made by the first who asks (view_parts), gone with the message */
};

/* GMime's reading, made when first asked for. */
const struct mime_parts *view_parts(struct view *v);
void view_release(struct view *v);

struct lookup;                       /* one pending lookup of a scanner */
/* Runs exactly once unless cancelled.  ok == false: the scanner could not say (why), the verdict is made without it. */
typedef void lookup_fn(bool ok, const char *why, void *arg);

struct lookup_context {
    struct loop *loop;
    const struct settings *set;
    const struct scan_message *msg;  /* washed (washed.h): its fd holds what the next server gets */
    const char *received_line;       /* what a scanner that wants client and HELO in a Received field is given on top; "" if none */
};

struct scanner {
    const char *name;
    bool is_virus;                   /* runs when want_virus, else when want_spam */
    /* Extra start-up in the holder before workers are forked, may be NULL. */
    int (*holder_init)(const struct settings *set, struct errtext *err);
    void (*extract)(struct view *v, struct facts *f);
    bool (*lookup_wanted)(const struct settings *set);     /* NULL: always */
    /* NULL result: not wanted for this message (fn does not run). Facts go into f, which outlives the lookup. */
    struct lookup *(*lookup)(const struct lookup_context *c, struct facts *f, int64_t deadline_ms, lookup_fn *fn, void *arg);
    void (*lookup_cancel)(struct lookup **l);
};

extern const struct scanner scanner_clamav, scanner_mime, scanner_gtube, scanner_spamd;
extern const struct scanner *const scanners[];     /* NULL-terminated, in order */

#endif
