/* smtp_dot.c - end of data and dot transparency, both directions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/smtp_dot.h"

/* Where in its line a direction stands.  A line starts at the beginning and behind CR LF, nowhere else. */
enum line_state {
    AT_START,
    AFTER_DOT,        /* decoder: a dot at the start, not yet known what it is */
    AFTER_DOT_CR,     /* decoder: that dot and a CR */
    IN_TEXT,
    AFTER_CR,         /* a CR that may be half of a CR LF; not yet written (decoder: and not yet judged) */
};

/* The most a held back state adds to what a piece itself yields. */
enum { DECODE_SLACK = 2 };

static char *put_blank(char *out, uint64_t *counter)
{
    ++*counter;
    *out = ' ';
    return out + 1;
}

/* A byte in the middle of a line that is not CR. */
static char *put_text(char *out, char c, struct smtp_dot_stray *stray)
{
    if (c == '\n')
        return put_blank(out, &stray->lf);
    if (c == '\0')
        return put_blank(out, &stray->nul);
    *out = c;
    return out + 1;
}

static bool has_stray(const char *p, size_t n)
{
    return memchr(p, '\n', n) != NULL || memchr(p, '\0', n) != NULL;
}

/* Copies what stands before the next CR; the common case is one memchr a line and nothing to replace. */
static char *put_run(char *out, const char *p, size_t n, struct smtp_dot_stray *stray)
{
    memcpy(out, p, n);
    if (!has_stray(p, n))
        return out + n;
    for (size_t i = 0; i < n; i++)
        put_text(out + i, p[i], stray);
    return out + n;
}

typedef uint8_t lanes __attribute__((vector_size(16)));
enum { LANE_MAX = 255 };            /* so often a lane can be counted up */

static size_t sum(lanes counts)
{
    size_t all = 0;

    for (size_t i = 0; i < sizeof(lanes); i++)
        all += counts[i];
    return all;
}

static lanes load(const char *p)
{
    lanes bytes;

    memcpy(&bytes, p, sizeof(bytes));
    return bytes;
}

static bool any(lanes set)
{
    uint64_t halves[2];

    memcpy(halves, &set, sizeof(halves));
    return (halves[0] | halves[1]) != 0;
}

/* A mail is counted through for stray bytes from its first to its last one: sixteen at a time. */
static size_t count_byte(const char *p, size_t n, char c)
{
    size_t found = 0;

    while (n >= sizeof(lanes)) {
        size_t rounds = n / sizeof(lanes) < LANE_MAX ? n / sizeof(lanes) : LANE_MAX;
        lanes counts = { 0 };

        n -= rounds * sizeof(lanes);
        for (; rounds > 0; rounds--, p += sizeof(lanes))
            counts -= (lanes)(load(p) == (uint8_t)c);        /* equal is -1 */
        found += sum(counts);
    }
    for (; n > 0; n--)
        found += *p++ == c;
    return found;
}

/* Copies a run of the decoder, which keeps every byte; `pairs` of its LF stand behind a CR. */
static char *keep_run(char *out, const char *p, size_t n, size_t pairs, struct smtp_dot_stray *stray)
{
    memcpy(out, p, n);
    stray->lf += count_byte(p, n, '\n') - pairs;
    if (memchr(p, '\0', n) != NULL)
        stray->nul += count_byte(p, n, '\0');
    return out + n;
}

static size_t run_before_cr(const char *p, const char *end)
{
    const char *cr = memchr(p, '\r', (size_t)(end - p));

    return (size_t)((cr != NULL ? cr : end) - p);
}

void smtp_dot_decode_init(struct smtp_dot_decoder *d)
{
    *d = (struct smtp_dot_decoder){ .state = AT_START };
}

/* One byte in any state but the fast path's; sets *ended_out at the end of data. */
static char *decode_byte(struct smtp_dot_decoder *d, char c, char *out, bool *ended_out)
{
    switch ((enum line_state)d->state) {
    case AFTER_DOT_CR:
        if (c == '\n') {
            *ended_out = true;
            d->state = AT_START;
            return out;
        }
        d->state = AFTER_CR;   /* ". CR x": the dot was stuffing, the CR belongs to the line */
        return decode_byte(d, c, out, ended_out);
    case AFTER_CR:
        if (c == '\n') {
            memcpy(out, "\r\n", 2);
            d->state = AT_START;
            return out + 2;
        }
        *out++ = '\r';
        d->stray.cr++;
        break;
    case AT_START:
        if (c == '.') {
            d->state = AFTER_DOT;
            return out;
        }
        break;
    case AFTER_DOT:
        if (c == '\r') {
            d->state = AFTER_DOT_CR;
            return out;
        }
        if (c == '.')
            d->dot_lines++;
        break;
    case IN_TEXT:
        break;
    }
    if (c == '\r') {
        d->state = AFTER_CR;
        return out;
    }
    d->state = IN_TEXT;
    return keep_run(out, &c, 1, 0, &d->stray);
}

/* How far, in whole steps, each CR is half of a CR LF that no dot follows; adds how many there are. */
static size_t plain_steps(const char *p, size_t n, size_t *pairs)
{
    enum { AHEAD = 2 };                 /* what the last byte of a step may need to see */
    size_t at = 0;

    while (n - at >= sizeof(lanes) + AHEAD) {
        size_t rounds = (n - at - AHEAD) / sizeof(lanes) < LANE_MAX ? (n - at - AHEAD) / sizeof(lanes) : LANE_MAX;
        lanes counts = { 0 }, cr, odd;

        for (; rounds > 0; rounds--, at += sizeof(lanes)) {
            cr = (lanes)(load(p + at) == (uint8_t)'\r');
            odd = cr & (lanes)((load(p + at + 1) != (uint8_t)'\n') | (load(p + at + 2) == (uint8_t)'.'));
            if (any(odd))
                break;
            counts -= cr;
        }
        *pairs += sum(counts);
        if (rounds > 0)
            break;
    }
    return at;
}

/* From inside a line, or from the start of one that does not begin with a dot: how far bytes just stay what they are, be it over many
 * lines.  Stops before a dot at the start of a line, or a CR that is not seen to be half of a CR LF. */
static const char *end_of_run(struct smtp_dot_decoder *d, const char *p, const char *end, size_t *pairs_out)
{
    size_t pairs = 0;
    const char *cr;

    d->state = IN_TEXT;
    p += plain_steps(p, (size_t)(end - p), &pairs);
    while ((cr = memchr(p, '\r', (size_t)(end - p))) != NULL) {
        p = cr;
        if (end - p < 2 || p[1] != '\n')
            break;
        pairs++;
        p += 2;
        if (p == end || *p == '.') {
            d->state = AT_START;
            break;
        }
    }
    *pairs_out = pairs;
    return cr != NULL ? p : end;
}

enum smtp_dot_status smtp_dot_decode(struct smtp_dot_decoder *d, span in, struct buf *to, size_t *used_out)
{
    const char *p = in.n > 0 ? in.p : "", *end = p + in.n;
    char *start = in.n > SIZE_MAX / 2 ? NULL : buf_reserve(to, in.n + DECODE_SLACK), *out = start;
    bool ended = false;

    if (start == NULL)
        return SMTP_DOT_E_ROOM;
    while (p < end && !ended) {
        if (d->state == IN_TEXT || (d->state == AT_START && *p != '.')) {
            size_t pairs;
            const char *stop = end_of_run(d, p, end, &pairs);

            out = keep_run(out, p, (size_t)(stop - p), pairs, &d->stray);
            p = stop;
            if (p == end)
                break;
        }
        out = decode_byte(d, *p++, out, &ended);
    }
    buf_commit(to, (size_t)(out - start));
    d->out_bytes += (uint64_t)(out - start);
    *used_out = in.n - (size_t)(end - p);
    return ended ? SMTP_DOT_END : SMTP_DOT_MORE;
}

void smtp_dot_encode_init(struct smtp_dot_encoder *e)
{
    *e = (struct smtp_dot_encoder){ .state = AT_START };
}

bool smtp_dot_encode_at_start(const struct smtp_dot_encoder *e)
{
    return e->state == AT_START;
}

bool smtp_dot_is_stray(span in, size_t at)
{
    char c = in.p[at];

    if (c == '\r')
        return at + 1 >= in.n || in.p[at + 1] != '\n';
    return c == '\0' || (c == '\n' && (at == 0 || in.p[at - 1] != '\r'));
}

void smtp_dot_wash(span in, char *out)
{
    for (size_t i = 0; i < in.n; i++)
        out[i] = smtp_dot_is_stray(in, i) ? ' ' : in.p[i];
}

static char *encode_byte(struct smtp_dot_encoder *e, char c, char *out)
{
    if (e->state == AFTER_CR) {
        if (c == '\n') {
            memcpy(out, "\r\n", 2);
            e->state = AT_START;
            return out + 2;
        }
        out = put_blank(out, &e->stray.cr);
    } else if (e->state == AT_START && c == '.') {
        *out++ = '.';
    }
    if (c == '\r') {
        e->state = AFTER_CR;
        return out;
    }
    e->state = IN_TEXT;
    return put_text(out, c, &e->stray);
}

bool smtp_dot_encode(struct smtp_dot_encoder *e, span in, struct buf *to)
{
    const char *p = in.n > 0 ? in.p : "", *end = p + in.n;
    char *start = in.n > SIZE_MAX / 2 ? NULL : buf_reserve(to, smtp_dot_encode_room(in.n)), *out = start;

    if (start == NULL)
        return false;
    while (p < end) {
        if (e->state == IN_TEXT) {
            size_t n = run_before_cr(p, end);

            out = put_run(out, p, n, &e->stray);
            p += n;
            if (p == end)
                break;
        }
        out = encode_byte(e, *p++, out);
    }
    buf_commit(to, (size_t)(out - start));
    return true;
}

bool smtp_dot_encode_end(struct smtp_dot_encoder *e, struct buf *to)
{
    char *start = buf_reserve(to, 6), *out = start;

    if (start == NULL)
        return false;
    if (e->state == AFTER_CR)
        out = put_blank(out, &e->stray.cr);
    if (e->state != AT_START) {
        memcpy(out, "\r\n", 2);
        out += 2;
    }
    memcpy(out, ".\r\n", 3);
    out += 3;
    buf_commit(to, (size_t)(out - start));
    e->state = AT_START;
    return true;
}
