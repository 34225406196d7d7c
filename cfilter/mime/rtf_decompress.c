/* rtf_decompress.c - compressed RTF (MS-OXRTFCP): runs out of a window of 4096 bytes that begins with the words of RTF.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/decode_tnef.h"

enum { WINDOW = 4096, HEAD_BYTES = 16, RUN_MAX = 17, OUT_BYTES = 1024 };

/* MS-OXRTFCP 2.1.2.1 */
static const char preset[] =
    "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier"
    "{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

_Static_assert(sizeof preset - 1 == 207, "MS-OXRTFCP 2.1.2.1");

struct lz {
    struct buf *to;
    bool full;
    size_t n_out;
    unsigned write;
    char out[OUT_BYTES];
    char window[WINDOW];
};

static void flush(struct lz *z)
{
    size_t room = z->to->limit - z->to->len;

    z->full |= z->n_out > room;
    buf_append(z->to, (span){ z->out, z->n_out < room ? z->n_out : room });
    z->n_out = 0;
}

static void put(struct lz *z, char c)
{
    if (z->n_out == OUT_BYTES)
        flush(z);
    z->out[z->n_out++] = c;
    z->window[z->write] = c;
    z->write = (z->write + 1) % WINDOW;
}

/* One control byte and its eight tokens; true at the end mark (a run that begins where writing goes on). */
static bool tokens(struct lz *z, const unsigned char **p, const unsigned char *end)
{
    unsigned control = *(*p)++;

    for (unsigned bit = 0; bit < 8 && *p < end; bit++, control >>= 1) {
        unsigned offset, length;

        if ((control & 1) == 0) {
            put(z, (char)*(*p)++);
            continue;
        }
        if (end - *p < 2) {
            *p = end;
            break;
        }
        offset = (unsigned)(*p)[0] << 4 | (unsigned)(*p)[1] >> 4;
        length = ((*p)[1] & 15u) + 2;
        *p += 2;
        if (offset == z->write)
            return true;
        for (; length > 0; length--, offset = (offset + 1) % WINDOW)
            put(z, z->window[offset]);
    }
    return false;
}

struct decode_result rtf_decompress(span in, struct buf *to)
{
    const unsigned char *p, *end;
    struct decode_result r = { .used_bytes = in.n };
    size_t from = to->len;
    struct lz z = { .to = to };

    if (in.n < HEAD_BYTES) {
        r.seen = 1;
        return r;
    }
    if (span_eq((span){ in.p + 8, 4 }, SPAN("MELA"))) {
        size_t room = to->limit - to->len;

        r.full = in.n - HEAD_BYTES > room;
        buf_append(to, span_head(span_from(in, HEAD_BYTES), room));
        r.ended = true;
    } else {
        r.seen = !span_eq((span){ in.p + 8, 4 }, SPAN("LZFu"));
        memcpy(z.window, preset, sizeof preset - 1);
        memset(z.window + sizeof preset - 1, ' ', WINDOW - (sizeof preset - 1));
        z.write = sizeof preset - 1;
        p = (const unsigned char *)in.p + HEAD_BYTES;
        end = (const unsigned char *)in.p + in.n;
        while (p < end && !r.ended && !z.full)
            r.ended = tokens(&z, &p, end);
        flush(&z);
        r.seen |= !r.ended;
        r.full = z.full;
    }
    to->overflow |= r.full;
    r.made_bytes = to->len - from;
    return r;
}
