/* decode_binhex.c - BinHex 4.0 files.
 *
 * Six bits a character, then run lengths (0x90), then a header, the data fork and the resource fork.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/decode_binhex.h"

/* !"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr: the place of each from 1 on, 0 for what is none. */
static const uint8_t digits[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0,
    14, 15, 16, 17, 18, 19, 20, 0, 21, 22, 0, 0, 0, 0, 0, 0,
    23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 0,
    38, 39, 40, 41, 42, 43, 44, 0, 45, 46, 47, 48, 0, 0, 0, 0,
    49, 50, 51, 52, 53, 54, 55, 0, 56, 57, 58, 59, 60, 61, 0, 0,
    62, 63, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};

enum { REPEAT = 0x90, NAME_MAX_ = 63, AFTER_NAME = 1 + 4 + 4 + 2 + 4 + 4 + 2, CRC = 2 };

enum phase { IN_HEADER, IN_DATA, IN_DATA_CRC, IN_RESOURCE, IN_REST };

struct run {
    struct buf *to;
    struct binhex_file *f;
    enum phase phase;
    unsigned char head[1 + NAME_MAX_ + AFTER_NAME];
    size_t n_head;
    uint64_t data_left, resource_left;
    size_t crc_left;
    bool full;
};

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void header_done(struct run *r)
{
    size_t n = r->head[0];
    const unsigned char *lengths = r->head + 1 + n + 11;

    memcpy(r->f->name, r->head + 1, n);
    r->f->name[n] = '\0';
    r->data_left = be32(lengths);
    r->resource_left = be32(lengths + 4);
    r->crc_left = CRC;
    r->phase = IN_DATA;
}

static void header_byte(struct run *r, unsigned char c)
{
    if (r->n_head == 0 && (c == 0 || c > NAME_MAX_))
        c = c == 0 ? 0 : NAME_MAX_;    /* a name too long: Finder cuts it, and so the fields behind lie as if it were whole */
    r->head[r->n_head++] = c;
    if (r->n_head == (size_t)1 + r->head[0] + AFTER_NAME)
        header_done(r);
}

/* As many of n equal bytes as belong to the fork; the number used. */
static size_t fork_bytes(struct run *r, unsigned char c, size_t n, uint64_t *left, size_t *made)
{
    char run[256];
    size_t room = r->to->limit - r->to->len;

    if (n > *left)
        n = (size_t)*left;
    *left -= n;
    r->full |= n > room;
    memset(run, c, sizeof run);
    for (size_t done = 0, step; done < n && done < room; done += step) {
        step = n - done < room - done ? n - done : room - done;
        step = step < sizeof run ? step : sizeof run;
        buf_append(r->to, (span){ run, step });
        *made += step;
    }
    return n;
}

/* n equal bytes. */
static void emit(struct run *r, unsigned char c, size_t n)
{
    while (n > 0 && !r->full) {
        size_t used = 1;

        switch (r->phase) {
        case IN_HEADER:
            header_byte(r, c);
            break;
        case IN_DATA:
            used = fork_bytes(r, c, n, &r->data_left, &r->f->data_bytes);
            if (r->data_left == 0)
                r->phase = IN_DATA_CRC;
            break;
        case IN_DATA_CRC:
            if (--r->crc_left == 0)
                r->phase = IN_RESOURCE;
            break;
        case IN_RESOURCE:
            used = fork_bytes(r, c, n, &r->resource_left, &r->f->resource_bytes);
            if (r->resource_left == 0)
                r->phase = IN_REST;
            break;
        default:
            return;
        }
        n -= used;
    }
}

struct expand {                /* run lengths */
    unsigned char last;
    bool repeat, any;
};

static void expand_byte(struct run *r, struct expand *x, unsigned char c)
{
    if (x->repeat) {
        x->repeat = false;
        if (c == 0) {
            x->last = REPEAT;
            x->any = true;
            emit(r, REPEAT, 1);
        } else if (x->any) {
            emit(r, x->last, c - 1u);
        }
    } else if (c == REPEAT) {
        x->repeat = true;
    } else {
        x->last = c;
        x->any = true;
        emit(r, c, 1);
    }
}

static void decode_body(span in, size_t at, struct binhex_file *f, struct buf *to)
{
    struct run r = { .to = to, .f = f };
    struct expand x = { 0 };
    uint32_t bits = 0;
    unsigned n = 0;

    for (; at < in.n && !r.full; at++) {
        unsigned char c = (unsigned char)in.p[at];

        if (c == ':') {
            f->r.ended = true;
            at++;
            break;
        }
        if (c >= sizeof digits || digits[c] == 0)
            continue;          /* line ends, and whatever a gateway put in */
        bits = bits << 6 | (digits[c] - 1u);
        if (++n == 4)
            n = 0;
        if (n == 2)
            expand_byte(&r, &x, (unsigned char)(bits >> 4));
        else if (n == 3)
            expand_byte(&r, &x, (unsigned char)(bits >> 2));
        else if (n == 0)
            expand_byte(&r, &x, (unsigned char)bits);
    }
    f->r.used_bytes = at - f->at;
    f->r.made_bytes = f->data_bytes + f->resource_bytes;
    f->r.full = r.full;
    to->overflow |= r.full;
}

static size_t find_start(span in, size_t at, bool bare)
{
    if (!bare) {
        size_t found = at + span_find_span(span_from(in, at), SPAN("(This file must be converted with BinHex"));

        if (found >= in.n)
            return in.n;
        at = found;
    }
    for (; at < in.n; at++)
        if (in.p[at] == ':' && (at == 0 || in.p[at - 1] == '\n' || in.p[at - 1] == '\r'))
            return at;
    return in.n;
}

bool binhex_next(span in, size_t *at, bool bare, struct binhex_file *out, struct buf *to)
{
    size_t pos = *at < in.n ? find_start(in, *at, bare) : in.n;
    struct binhex_file f = { .at = pos };

    if (pos >= in.n) {
        *at = in.n;
        return false;
    }
    decode_body(in, pos + 1, &f, to);
    *at = pos + f.r.used_bytes;
    *out = f;
    return true;
}
