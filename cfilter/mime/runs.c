/* runs.c - encoded runs, wherever they stand and whatever the header fields say.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/runs.h"

#include "cfilter/mime/decode_base64.h"
#include "cfilter/mime/decode_binhex.h"
#include "cfilter/mime/decode_cms.h"
#include "cfilter/mime/decode_uu.h"
#include "cfilter/mime/decode_yenc.h"
#include "cfilter/mime/reading.h"

enum { WORD_MIN = 40, RUN_MIN = 40, FIRST_WORD_MIN = 20, LONG_LINE = 40, BLANK_LINES_MAX = 2, AFTER_BLANK_MIN = 16, GROWTH_UU = 64, SLACK = 1024 };

/* ---- where runs of base64 are ---- */

static bool in_alphabet(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
}

/* "-" and "_" are digits of the URL alphabet, but rows of them are rules and delimiters. */
static bool in_run(span in, size_t i)
{
    char c = in.p[i];

    if (in_alphabet(c))
        return true;
    if (c != '-' && c != '_')
        return false;
    char before = i > 0 ? in.p[i - 1] : c, after = i + 1 < in.n ? in.p[i + 1] : c;
    return before != '-' && before != '_' && after != '-' && after != '_';
}

/* Padding ends a word: what goes on behind "=" is quoted-printable, or the value of a name. */
static size_t word_end(span in, size_t at)
{
    while (at < in.n && in_run(in, at) && in.p[at] != '=')
        at++;
    while (at < in.n && in.p[at] == '=')
        at++;
    return at;
}

/* Nothing but signs of quoting stands before it on its line: no reader decodes that. */
static bool is_quoted(span in, size_t at)
{
    enum { BACK = 20 };
    bool sign = false;

    for (size_t i = at; i > 0 && at - i < BACK; i--) {
        char c = in.p[i - 1];
        if (c == '\n' || c == '\r')
            return sign;
        if (c != '>' && c != '|' && c != ':' && c != ' ' && c != '\t')
            return false;
        sign |= c == '>' || c == '|';
    }
    return false;
}

/* Behind blanks and one line end; 0: the line goes on. */
static size_t next_line(span in, size_t at)
{
    while (at < in.n && (in.p[at] == ' ' || in.p[at] == '\t'))
        at++;
    if (at == in.n)
        return at;
    if (in.p[at] == '\r')
        at++;
    else if (in.p[at] != '\n')
        return 0;
    return at < in.n && in.p[at] == '\n' ? at + 1 : at;
}

/* A line of base64 alone at `at`: its end, and where the next begins; false: none. */
static bool pure_line(span in, size_t at, size_t *from, size_t *end, size_t *next)
{
    while (at < in.n && (in.p[at] == ' ' || in.p[at] == '\t'))
        at++;
    *from = at;
    *end = word_end(in, at);
    *next = *end > at ? next_line(in, *end) : 0;
    return *next != 0;
}

/* The same, behind a few blank lines if what follows is long enough. */
static bool next_pure_line(span in, size_t at, size_t *from, size_t *end, size_t *next)
{
    for (int blank = 0; blank <= BLANK_LINES_MAX && at < in.n; blank++) {
        if (pure_line(in, at, from, end, next))
            return blank == 0 || *end - *from >= AFTER_BLANK_MIN;
        size_t behind = next_line(in, at);
        if (behind == 0 || behind == at)
            return false;
        at = behind;
    }
    return false;
}

static void candidate(struct run *run, span in, size_t from, size_t end)
{
    if (end - from >= RUN_MIN && run->n < RUN_CANDIDATES)
        run->candidate[run->n++] = span_of(in.p + from, end - from);
}

/* Follows the lines of a run from the word that begins it; where it may begin or end otherwise is remembered. */
static void follow(span in, size_t word, bool starts_line, struct run *run)
{
    size_t from = word, end = word_end(in, word), next = next_line(in, end);
    size_t second = 0, widest = end - from, short_end = 0, previous = end - from;

    *run = (struct run){ .at = word, .end = end, .lines = 1 };
    while (next != 0 && next < in.n && next_pure_line(in, next, &from, &end, &next)) {
        size_t width = end - from;
        if (run->lines == 1)
            second = from;
        if (short_end == 0 && run->lines > 1 && previous < widest)
            short_end = run->end;
        widest = width > widest ? width : widest;
        previous = width;
        run->lines++;
        run->end = end;
    }
    size_t first_width = word_end(in, word) - word;
    if (starts_line || first_width >= FIRST_WORD_MIN)
        candidate(run, in, word, run->end);
    if (second != 0 && (!starts_line || first_width < widest))
        candidate(run, in, second, run->end);
    if (short_end != 0) {
        candidate(run, in, word, short_end);
        if (second != 0 && second < short_end && first_width < widest)
            candidate(run, in, second, short_end);
    }
}

bool run_next(span in, size_t *at, struct run *out)
{
    for (size_t i = *at; i < in.n;) {
        if (!in_run(in, i)) {
            i++;
            continue;
        }
        size_t end = word_end(in, i), line = i;
        while (line > *at && (in.p[line - 1] == ' ' || in.p[line - 1] == '\t'))
            line--;
        bool starts_line = line == 0 || in.p[line - 1] == '\n' || in.p[line - 1] == '\r';
        if ((end - i >= WORD_MIN || next_line(in, end) != 0) && !is_quoted(in, i)) {
            follow(in, i, starts_line, out);
            if (out->n > 0) {
                *at = out->end;
                return true;
            }
            end = out->end;
        }
        i = end;
    }
    *at = in.n;
    return false;
}

/* ---- what they hold ---- */

/* Words and links decode to noise: what does not look like something must be long, and then the plainest reading will do. */
static bool is_long(const struct run *run)
{
    return run->lines >= 3 && run->end - run->at >= run->lines * LONG_LINE;
}

/* Returns whether it looks like something; *seen_out: what was odd. */
static bool decode_run(struct reading *r, const struct run *run, span in, unsigned policy, unsigned flags, unsigned *seen_out)
{
    struct buf to = reading_buffer(r, in.n + SLACK);
    struct decode_result d = base64_decode(in, policy, &to);
    bool looks = look_text(buf_span(&to)) || look_file(buf_span(&to)), good = looks || (policy == 0 && is_long(run));

    r->report->decoded_bytes += d.made_bytes;
    if (d.full)
        reading_full(r);
    if (good)
        product_take(r, buf_span(&to), NULL, flags | EXACT, "base64");
    *seen_out = d.seen;
    buf_free(&to);
    return good;
}

static void decode_candidate(struct reading *r, const struct run *run, span in, unsigned flags)
{
    unsigned policy[BASE64_POLICIES_MAX], seen, ignored;

    decode_run(r, run, in, 0, flags, &seen);
    size_t n = seen != 0 ? base64_policies(seen, policy) : 0;
    for (size_t i = 0; i < n && !r->stop; i++)
        decode_run(r, run, in, policy[i], flags, &ignored);
}

static void read_base64(struct reading *r, span in, unsigned flags)
{
    struct run run;
    size_t offset = r->page != NULL && in.p >= r->page->bytes.p && in.p <= r->page->bytes.p + r->page->bytes.n ? (size_t)(in.p - r->page->bytes.p) : 0;

    for (size_t at = 0; !r->stop && run_next(in, &at, &run);)
        for (size_t i = 0; i < run.n && !r->stop; i++)
            if (!once_has(&r->decoded, once_mix(offset + (size_t)(run.candidate[i].p - in.p), 0, r->limits->key.k1)))
                decode_candidate(r, &run, run.candidate[i], flags);
}

static void decode_uu(struct reading *r, span in, unsigned policy, unsigned flags)
{
    struct uu_file f = { 0 };

    for (size_t at = 0; at < in.n && !r->stop;) {
        struct buf to = reading_buffer(r, in.n * GROWTH_UU);
        bool more = uu_next(in, &at, policy, &f, &to);
        r->report->decoded_bytes += to.len;
        if (more && f.r.full)
            reading_full(r);
        if (more)
            product_take(r, buf_span(&to), NULL, flags | ATTACHED, "uuencode");
        buf_free(&to);
        if (!more)
            return;
    }
}

/* The policies of the whole text, by all that was odd in any file of it. */
static void read_uu(struct reading *r, span in, unsigned flags)
{
    decode_uu(r, in, UU_SKIP, flags);
    decode_uu(r, in, UU_STOP, flags);
    decode_uu(r, in, UU_TRUST, flags);
}

static void read_yenc(struct reading *r, span in, unsigned flags)
{
    struct buf all = reading_buffer(r, in.n + SLACK);
    struct yenc_part p;
    size_t parts = 0, from = 0;

    for (size_t at = 0; at < in.n && !r->stop && yenc_next(in, &at, &p, &all); from = all.len, parts++) {
        if (p.r.full)
            reading_full(r);
        product_take(r, span_from(buf_span(&all), from), NULL, flags | ATTACHED, "yenc");
    }
    r->report->decoded_bytes += all.len;
    if (parts > 1)
        product_take(r, buf_span(&all), NULL, flags | ATTACHED, "yenc");
    buf_free(&all);
}

static void read_binhex(struct reading *r, span in, unsigned flags)
{
    struct binhex_file f;

    for (size_t at = 0; at < in.n && !r->stop;) {
        struct buf to = reading_buffer(r, in.n * GROWTH_UU);
        bool more = binhex_next(in, &at, false, &f, &to);
        r->report->decoded_bytes += to.len;
        if (more && f.r.full)
            reading_full(r);
        if (more) {
            product_take(r, span_head(buf_span(&to), f.data_bytes), NULL, flags | ATTACHED, "binhex");
            product_take(r, span_from(buf_span(&to), f.data_bytes), NULL, flags | ATTACHED, "binhex");
        }
        buf_free(&to);
        if (!more)
            return;
    }
}

static bool holds(span in, span word)
{
    return in.n >= word.n && memmem(in.p, in.n, word.p, word.n) != NULL;
}

/* RFC 9580, 6.2: what is only signed has other words. */
static const span pgp = { "-----BEGIN PGP MESSAGE-----", 27 };

static void read_armour(struct reading *r, span in, unsigned flags)
{
    struct buf to = reading_buffer(r, in.n * GROWTH_UU + SLACK), scratch = reading_buffer(r, in.n + SLACK);
    struct decode_result d = { 0 };
    enum cms_kind kind = cms_open_text(in, &scratch, &to, &d);

    r->report->decoded_bytes += to.len + scratch.len;
    if (d.full)
        reading_full(r);
    if (kind == CMS_ENCRYPTED || holds(in, pgp))
        r->report->encrypted = true;
    else if (to.len > 0)
        page_later(r, buf_span(&to), flags & (unsigned)DECLARED);
    buf_free(&to);
    buf_free(&scratch);
}

static const span armour = { "-----BEGIN ", 11 }, binhex = { "with BinHex", 11 }, yenc = { "=ybegin", 7 }, uu = { "begin", 5 },
                  uu_capitals = { "\nBEGIN", 6 };

void runs_read(struct reading *r, span in, unsigned flags)
{
    if (r->stop || in.n < RUN_MIN / 2)
        return;
    read_base64(r, in, flags);
    if (holds(in, uu) || holds(in, uu_capitals))
        read_uu(r, in, flags);
    if (holds(in, yenc))
        read_yenc(r, in, flags);
    if (holds(in, binhex))
        read_binhex(r, in, flags);
    if (holds(in, armour))
        read_armour(r, in, flags);
}

bool runs_any(span in)
{
    struct run run;
    size_t at = 0;

    return holds(in, span_of("\nbegin", 6)) || span_starts(in, SPAN("begin")) || holds(in, yenc) || holds(in, binhex) || holds(in, armour) ||
           run_next(in, &at, &run);
}
