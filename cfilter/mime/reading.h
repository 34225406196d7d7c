/* reading.h - what the files of our own reader share: see union.h for what it does.
 *
 *   union.c     the list of pages that are to be read, and its end
 *   page.c      one page: entities, multiparts, every split into parts
 *   leaf.c      one body: every decoder that its header names or its bytes ask for
 *   product.c   what came out of a decoder: containers, charsets, and what is to be read again
 *   runs.c      encoded runs, wherever they stand and whatever the header says
 *   emit.c      outputs, each handed out once
 *   look.c      quick looks at bytes that decide whether a decoder is worth its time
 *   shapes.c    the short list of shapes
 *
 * A page is a run of bytes read under one idea of line ends: the message, or what a decoder made that looks like MIME again.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_READING_H
#define GATEPOST_CFILTER_MIME_READING_H

#include "cfilter/mime/entity.h"
#include "cfilter/mime/marks.h"
#include "cfilter/mime/once.h"
#include "cfilter/mime/union.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

enum flag {
    DECLARED = 1,              /* by the plain reading of the header fields */
    EXACT = 2,                 /* may be a whole file */
    ATTACHED = 4,              /* is declared to be a file */
    TOP = 8,                   /* an entity of the message itself, not of one that is attached to it */
    RUNS_ONLY = 16,            /* a page: look for encoded runs alone */
    OUTSIDE = 32,              /* a region before the first or behind the last delimiter */
    GUESSED = 128,             /* decoded on a guess that is often wrong: what came out is not read again */
    VERBATIM = 256,            /* stood in the message without an encoding: its line ends are those of the transport */
    HIDDEN = 512,              /* a region in the middle of a text that begins like a part */
    CONTAINER = 64,            /* a body that was split: it is no leaf itself */
};

struct page {
    struct page *next;
    span bytes;
    char *owned;               /* the same, if it is the page's own; else NULL */
    enum line_ends how;
    unsigned flags;
    size_t depth;
};

struct region {                /* a part of a page that may be an entity */
    size_t at, end;
    unsigned flags;
};

struct regions {
    struct region *v;
    size_t n, cap, at;         /* at: the next to be read */
};

struct reading {
    const struct union_limits *limits;
    union_sink *sink;
    void *arg;
    struct union_report *report;
    bool stop;                 /* the sink wants no more, or a limit was hit */
    size_t work;               /* bytes read again; counts with decoded bytes */
    struct once outputs;       /* digests */
    struct once pages_seen;
    struct page *first, **last;        /* declared pages first, speculative ones in a second list */
    struct page *later, **later_last;
    size_t depth;              /* of what is being read */
    struct arena *arena;       /* of one region */
    /* The page that is being read: */
    const struct page *page;
    struct marks marks;
    struct mark_list found;
    struct regions regions;
    struct once regions_seen;
    struct once bodies_seen;
    struct once decoded;       /* where bodies begin whose base64 was decoded: no run to look for there */
    struct once boundaries;    /* digests of all that were declared so far, anywhere, and of their closing forms */
};

/* ---- budget ---- */
bool reading_work(struct reading *r, size_t bytes);                /* false: the budget is spent */
void reading_limit(struct reading *r, const char *which);          /* tells it, and stops */
size_t reading_room(const struct reading *r);                      /* bytes that decoders may still make */
struct buf reading_buffer(const struct reading *r, size_t wanted); /* for one decoder: its limit told by the caller with reading_full */
void reading_full(struct reading *r);

/* ---- union.c ---- */
/* Puts a copy of the bytes on the list, to be read as a page of its own one level deeper. */
void page_later(struct reading *r, span bytes, unsigned flags);
/* ---- page.c ---- */
void page_read(struct reading *r, const struct page *p);
void boundary_known(struct reading *r, span boundary);
/* ---- leaf.c ---- */
void leaf_read(struct reading *r, span body, const struct entity *e, unsigned flags);
/* ---- product.c ---- */
/* e: the entity it came from, for its types and charsets; NULL: none. */
void product_take(struct reading *r, span bytes, const struct entity *e, unsigned flags, const char *how);
/* Does this look like MIME again, or (then RUNS_ONLY is added) hold encoded runs? */
bool product_is_read_again(span bytes, unsigned *flags);
/* TNEF, S/MIME: what is in it, if it is one. */
void containers_open(struct reading *r, span bytes, unsigned flags);
/* ---- runs.c ---- */
void runs_read(struct reading *r, span bytes, unsigned flags);
bool runs_any(span bytes);     /* a quick look: is there any? */
/* ---- emit.c ---- */
void emit(struct reading *r, span bytes, unsigned flags, const char *how);
/* ---- look.c ---- */
bool look_base64(span body);               /* most of it is base64, whatever else is in it */
bool look_qp(span body);                   /* holds escapes that stand for text, not for digits in a link */
bool look_mime(span bytes);                /* MIME fields at the beginning of lines near its start, or behind a delimiter */
bool look_text(span bytes);                /* printable, for the most part */
bool look_binary(span bytes);              /* control characters, more than any text has */
bool look_file(span bytes);                /* begins as a known kind of binary file does */
/* ---- shapes.c ---- */
void shapes_entity(struct reading *r, const struct entity *e, unsigned flags);

#endif
