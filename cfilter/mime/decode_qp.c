/* decode_qp.c - quoted-printable under the policies of mail readers.
 *
 * What real readers do, by policy: Perl, PHP, KDE, JavaMail and Dovecot keep a bad "=" and read on; GMime and Mozilla copy it with two more bytes;
 * Python makes "==" one "=" and lets "=" CR swallow up to LF; MIME::Decoder takes out soft breaks before escapes in some files.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/decode_qp.h"

struct run {
    unsigned policy, seen;
    const char *p, *end;
    char *start, *to, *to_end;
    bool full;
};

static void put(struct run *r, const char *p, size_t n)
{
    size_t room = (size_t)(r->to_end - r->to);

    if (n > room) {
        r->full = true;
        n = room;
    }
    memcpy(r->to, p, n);
    r->to += n;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* between "=" and the line end that it makes soft */
static bool is_soft_blank(char c)
{
    return is_blank(c) || c == '\f' || c == '\v';
}

static int digit(struct run *r, char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c < 'a' || c > 'f')
        return -1;
    r->seen |= QP_SAW_LOWER;
    return (r->policy & QP_UPPER_ONLY) != 0 ? -1 : c - 'a' + 10;
}

/* Behind the line end at p, or p when none is there. */
static const char *line_end(const char *p, const char *end)
{
    if (p < end && *p == '\n')
        return p + 1;
    if (p < end && *p == '\r')
        return p + 1 < end && p[1] == '\n' ? p + 2 : p + 1;
    return p;
}

/* A soft line break after the "=" at p - 1: what is behind it, or NULL. */
static const char *soft_break(struct run *r, const char *p)
{
    const char *q = p, *behind;

    while (q < r->end && is_soft_blank(*q))
        q++;
    behind = line_end(q, r->end);
    if (behind == q && q < r->end)
        return NULL;
    if (q > p) {
        r->seen |= QP_SAW_SOFT_BLANKS;
        if ((r->policy & QP_BLANKS_NOT_SOFT) != 0)
            return NULL;
    }
    if (behind > q && behind[-1] == '\r') {
        r->seen |= QP_SAW_CR;
        if ((r->policy & QP_CR_KEPT) != 0)
            return NULL;
        if ((r->policy & QP_CR_TO_LF) != 0) {
            const char *lf = memchr(behind, '\n', (size_t)(r->end - behind));
            return lf != NULL ? lf + 1 : r->end;
        }
    }
    if (behind > q && behind[-1] == '\n' && behind < r->end && *behind == '\r' && !(behind + 1 < r->end && behind[1] == '\n')) {
        r->seen |= QP_SAW_LF_CR;
        if ((r->policy & QP_LF_CR) != 0)
            behind++;
    }
    return behind;
}

/* Past soft line breaks, and past plain line ends if they may split. */
static const char *skip_breaks(const struct run *r, const char *p, bool plain_too)
{
    for (;;) {
        const char *q = p;

        if (plain_too && (r->policy & QP_SPLIT) != 0)
            q = line_end(p, r->end);
        if (q == p && (r->policy & QP_SOFT_FIRST) != 0 && p < r->end && *p == '=') {
            for (q = p + 1; q < r->end && is_soft_blank(*q);)
                q++;
            q = line_end(q, r->end) > q ? line_end(q, r->end) : p;
        }
        if (q == p)
            return p;
        p = q;
    }
}

/* The escape whose "=" is at p - 1 when breaks may stand in it; NULL when there is none.  A line end right behind the "=" is a soft break, and
 * nothing else. */
static const char *split_escape(struct run *r, const char *p, char *c_out)
{
    const char *q = skip_breaks(r, p, false);
    int high, low;

    if (q >= r->end || (high = digit(r, *q)) < 0)
        return NULL;
    q = skip_breaks(r, q + 1, true);
    if (q >= r->end || (low = digit(r, *q)) < 0)
        return NULL;
    *c_out = (char)(high << 4 | low);
    return q + 1;
}

/* Would another policy find an escape here? */
static bool looks_split(const struct run *r, const char *p)
{
    struct run other = { .policy = QP_SPLIT | QP_SOFT_FIRST, .p = r->p, .end = r->end };
    const char *behind;
    char c;

    if (p == r->end || *p == '\r' || *p == '\n')
        return false;
    behind = split_escape(&other, p, &c);
    return behind != NULL && behind - p > 2;
}

static void bad(struct run *r)
{
    size_t n = (size_t)(r->end - r->p) < 2 ? (size_t)(r->end - r->p) : 2;

    r->seen |= QP_SAW_BAD;
    switch (r->policy & QP_BAD_MASK) {
    case QP_BAD_COPIED:
        put(r, r->p - 1, n + 1);
        r->p += n;
        break;
    case QP_BAD_SIGN_DROPPED:
        break;
    case QP_BAD_DROPPED:
        r->p += n;
        break;
    default:
        put(r, "=", 1);
        break;
    }
}

/* r->p is behind a "=". */
static void escape(struct run *r)
{
    const char *p = r->p, *behind;
    int high, low;
    char c;

    if (r->end - p >= 2 && (high = digit(r, p[0])) >= 0 && (low = digit(r, p[1])) >= 0) {
        c = (char)(high << 4 | low);
        put(r, &c, 1);
        r->p += 2;
        return;
    }
    if (p < r->end && *p == '=') {
        r->seen |= QP_SAW_DOUBLE;
        if ((r->policy & QP_DOUBLE) != 0) {
            put(r, "=", 1);
            r->p++;
            return;
        }
    }
    if (looks_split(r, p)) {
        r->seen |= QP_SAW_SPLIT;
        if ((r->policy & (QP_SPLIT | QP_SOFT_FIRST)) != 0 && (behind = split_escape(r, p, &c)) != NULL) {
            put(r, &c, 1);
            r->p = behind;
            return;
        }
    }
    if ((behind = soft_break(r, p)) != NULL) {
        r->p = behind;
        return;
    }
    bad(r);
}

/* Text up to the next "=", all of it without one; blanks before line ends are seen to. */
static void plain(struct run *r, const char *end)
{
    while (r->p < end && !r->full) {
        const char *lf = memchr(r->p, '\n', (size_t)(end - r->p)), *stop = lf != NULL ? lf : end, *q = stop;

        if (lf != NULL || end == r->end) {
            if (lf != NULL && q > r->p && q[-1] == '\r')
                q--;
            if (q > r->p && is_blank(q[-1])) {
                const char *text = q;

                r->seen |= QP_SAW_BLANKS;
                while (text > r->p && is_blank(text[-1]))
                    text--;
                if ((r->policy & QP_BLANKS_STRIPPED) != 0) {
                    put(r, r->p, (size_t)(text - r->p));
                    r->p = q;
                }
            }
        }
        if (lf != NULL)
            stop++;
        put(r, r->p, (size_t)(stop - r->p));
        r->p = stop;
    }
}

struct decode_result qp_decode(span in, unsigned policy, struct buf *to)
{
    size_t room = to->limit - to->len, want = in.n < room ? in.n : room;
    struct decode_result result = { 0 };
    struct run r = { .policy = policy, .p = in.p };

    if (in.n == 0)
        return result;
    r.end = in.p + in.n;
    r.start = r.to = buf_reserve(to, want);
    r.to_end = r.to + want;
    while (r.p < r.end && !r.full) {
        const char *sign = memchr(r.p, '=', (size_t)(r.end - r.p));

        plain(&r, sign != NULL ? sign : r.end);
        if (sign == NULL || r.full)
            break;
        r.p = sign + 1;
        escape(&r);
    }
    result.used_bytes = (size_t)(r.p - in.p);
    result.made_bytes = (size_t)(r.to - r.start);
    result.seen = r.seen;
    result.full = r.full;
    to->overflow |= r.full;
    buf_commit(to, result.made_bytes);
    return result;
}

size_t qp_policies(unsigned seen, unsigned policies_out[QP_POLICIES_MAX])
{
    static const struct { unsigned when, policy; } rows[] = {
        { QP_SAW_SPLIT, QP_SOFT_FIRST },
        { QP_SAW_SPLIT, QP_SOFT_FIRST | QP_SPLIT },
        { QP_SAW_BAD, QP_BAD_SIGN_DROPPED },
        { QP_SAW_BAD, QP_BAD_DROPPED },
        { QP_SAW_BAD, QP_BAD_COPIED },
        { QP_SAW_DOUBLE, QP_DOUBLE | QP_BLANKS_NOT_SOFT | QP_CR_TO_LF },
        { QP_SAW_LF_CR, QP_LF_CR },
        { QP_SAW_CR, QP_CR_TO_LF },
        { QP_SAW_CR, QP_CR_KEPT },
        { QP_SAW_CR, QP_CR_KEPT | QP_BAD_SIGN_DROPPED },
        { QP_SAW_SOFT_BLANKS, QP_BLANKS_NOT_SOFT },
        { QP_SAW_LOWER, QP_UPPER_ONLY },
        { QP_SAW_BLANKS, QP_BLANKS_STRIPPED },
    };
    size_t n = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((seen & rows[i].when) != 0)
            policies_out[n++] = rows[i].policy;
    return n;
}
