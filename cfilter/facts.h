/* facts.h - what a worker found in one message: a flat record that crosses from the cage to the front.
 *
 * Pure.  The front reads it as foreign input: facts_decode checks every length, kind, name byte and offset.
 * A fact states what is there; what follows from it is decided in verdict.c.
 * Units:     bytes, points, microseconds.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_FACTS_H
#define GATEPOST_CFILTER_FACTS_H

#include "cfilter/digest.h"
#include "lib/base/buf.h"
#include "lib/base/errtext.h"

enum fact_kind {
    FACT_VIRUS = 1,       /* name: signature; source: parser whose reading held it */
    FACT_HEURISTIC,       /* name: libclamav heuristic (macro, phishing, PUA); class in `klass` */
    FACT_UNCHECKED,       /* name: what could not be checked (its class, or the shape); klass */
    FACT_SPAM,            /* a scanner's hit: name, points, detail */
    FACT_NOTE,            /* for the record only: number of parts, parser disagreement, ... */
    FACT_KINDS
};

/* Each has an action of its own in the settings, under the name that fact_class_name gives. */
enum fact_class {
    FACT_CLASS_NONE,
    FACT_CLASS_ENCRYPTED_ARCHIVE,
    FACT_CLASS_ENCRYPTED_DOCUMENT,
    FACT_CLASS_ENCRYPTED_MAIL,       /* S/MIME, OpenPGP */
    FACT_CLASS_UNREADABLE_ARCHIVE,   /* neither libclamav nor libarchive can say what is in it */
    FACT_CLASS_MACRO,
    FACT_CLASS_PHISHING,
    FACT_CLASS_PUA,
    FACT_CLASS_LIMIT,       /* libclamav's: size, files, recursion */
    FACT_CLASS_BUDGET,      /* our readers': bytes, parts, depth or engine calls are spent */
    FACT_CLASS_TIMEOUT,
    FACT_CLASS_AMBIGUOUS,   /* parsers disagree on what is in it */
    FACT_CLASS_SHAPE,       /* malformed in one of the ways of the short list: the fact's name is the shape's */
    FACT_CLASS_OTHER,
    FACT_CLASSES
};

enum { FACT_NAME_MAX = 128, FACT_DETAIL_MAX = 256, FACTS_MAX = 256, FACTS_CLEAN_MAX = 64 };

struct fact {
    uint8_t kind, klass;
    float points;                      /* finite; 0 unless FACT_SPAM */
    char scanner[16];                  /* row of scanners.c that said it */
    char name[FACT_NAME_MAX];          /* printable ASCII without blanks */
    char detail[FACT_DETAIL_MAX];      /* printable ASCII; may be "" */
};

struct facts {
    uint32_t generation;               /* of the signature database; 0: none was used */
    uint64_t signatures;
    uint32_t engine_calls;
    uint32_t cache_hits;               /* layers and parts that were known clean (clean_cache.h) */
    uint64_t scanned_bytes;
    int64_t took_us;
    bool complete;                     /* every extract step ran to its end: false is never "clean" */
    char incomplete_why[FACT_DETAIL_MAX];
    bool crowded;                      /* not complete because others had taken the room to unpack in: says nothing of the message */
    size_t n_clean;                    /* for the verdict cache; none unless complete and without virus, heuristic or anything unchecked */
    struct digest clean[FACTS_CLEAN_MAX];
    size_t n;
    struct fact v[FACTS_MAX];
};

const char *fact_kind_name(enum fact_kind k);     /* "virus", "spam", ...: for events and JSON */
const char *fact_class_name(enum fact_class c);   /* "encrypted_archive", ...; "" of FACT_CLASS_NONE */
void facts_init(struct facts *f);
/* Adds one; name and detail are cleaned and cut.  When full, `complete` is cleared: never silently. */
void facts_add(struct facts *f, const char *scanner, enum fact_kind kind, enum fact_class klass, double points, const char *name,
               const char *detail);
/* What the verdict cache may be told: keys of parts that were seen whole.  Nothing is kept when the facts are not clean. */
void facts_add_clean(struct facts *f, const struct digest *keys, size_t n);
bool facts_are_clean(const struct facts *f);
bool facts_have_virus(const struct facts *f);
/* Clears `complete`; the first reason stays. */
void facts_incomplete(struct facts *f, const char *why);
/* Within to's limit: facts that do not fit are left out, and the record says that it is not complete. */
void facts_encode(const struct facts *f, struct buf *to);
/* On false *out is empty and not complete. */
bool facts_decode(span bytes, struct facts *out, struct errtext *err);

#endif
