/* handover.c - writes and verifies the X-Gatepost header field.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/handover.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/app/key_file.h"

/* FIELD_BYTES: more than the longest field that handover_write makes; FUTURE_S: what clocks of two hosts may differ. */
enum { MAC_TEXT = 44, FIELD_BYTES = 4096, FUTURE_S = 300 };

_Static_assert((int)HANDOVER_KEY_BYTES == (int)KEY_FILE_BYTES, "a handover key is a key file's content");

int handover_key_load(const char *path, bool create, struct handover_key *out, struct errtext *err)
{
    if (key_file_load(path, create, out->b, err) == 0)
        return 0;
    errtext_prefix(err, "handover");
    return -1;
}

int handover_key_of(const struct settings *set, bool create, struct handover_key *out, struct errtext *err)
{
    char path[4096];

    if (set->handover.key_file != NULL && set->handover.key_file[0] != '\0')
        return handover_key_load(set->handover.key_file, create, out, err);
    snprintf(path, sizeof path, "%s/handover.key", set->process.state_directory);
    return handover_key_load(path, create, out, err);
}

/* ---- the mac ---- */

/* Base 64 of HMAC-SHA-256(key, signed NUL reverse-path), NUL-terminated. */
static void make_mac(span signed_part, span reverse_path, const struct handover_key *key, char out[MAC_TEXT + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_len = 0;
    struct buf all;

    buf_init(&all, signed_part.n + 1 + reverse_path.n);
    buf_append(&all, signed_part);
    buf_append_char(&all, '\0');
    buf_append(&all, reverse_path);
    if (HMAC(EVP_sha256(), key->b, HANDOVER_KEY_BYTES, (const unsigned char *)buf_span(&all).p, all.len, digest, &digest_len) == NULL)
        abort();                /* only out of memory */
    EVP_EncodeBlock((unsigned char *)out, digest, (int)digest_len);
    buf_free(&all);
}

/* ---- writing ---- */

static void put_value(struct buf *to, const char *name, const char *value)
{
    buf_printf(to, "%s=", name);
    for (const char *p = value; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;

        if (c > 0x20 && c < 0x7f && c != ';' && c != '%')
            buf_append_char(to, *p);
        else
            buf_printf(to, "%%%02X", c);
    }
    buf_append_str(to, "; ");
}

static void put_score(struct buf *to, double score)
{
    char text[64];

    if (!isfinite(score) || fabs(score) > 1e6)
        score = isnan(score) ? 0 : copysign(1e6, score);
    snprintf(text, sizeof text, "%.3f", score);
    put_value(to, "score", text);
}

void handover_write(const struct handover *h, span reverse_path, const struct handover_key *key, struct buf *to)
{
    char number[32], mac[MAC_TEXT + 1];
    struct buf body;

    buf_init(&body, FIELD_BYTES);
    buf_append_str(&body, "v=1; ");
    put_value(&body, "id", h->id);
    snprintf(number, sizeof number, "%" PRId64, h->time_s);
    put_value(&body, "t", number);
    put_value(&body, "client", h->client);
    put_score(&body, h->score);
    put_value(&body, "hits", h->hits);
    put_value(&body, "login", h->login);
    put_value(&body, "trusted", h->trusted ? "1" : "0");
    put_value(&body, "class", h->msg_class);
    make_mac(buf_span(&body), reverse_path, key, mac);
    buf_append_str(to, HANDOVER_FIELD ": ");
    buf_append(to, buf_span(&body));
    buf_printf(to, "mac=%s", mac);
    buf_free(&body);
}

/* ---- reading ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* RFC 5322 2.2.3: a line end with a blank behind it is a fold.  Values hold no blanks, so a run of them counts as one space: the
 * field survives whoever folds it.  false on bytes that handover_write never writes. */
static bool unfold(span in, struct buf *out)
{
    bool gap = false;

    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];

        if (c == '\r' && i + 1 < in.n && in.p[i + 1] == '\n')
            c = in.p[++i];
        if (c == '\n') {
            if (i + 1 < in.n && !is_blank(in.p[i + 1]))
                return false;
            gap = true;
        } else if (is_blank(c)) {
            gap = true;
        } else if (c < 0x21 || c > 0x7e) {
            return false;
        } else {
            if (gap && out->len > 0)
                buf_append_char(out, ' ');
            gap = false;
            buf_append_char(out, c);
        }
    }
    return !out->overflow;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Into a NUL-terminated array; false when it does not fit or is not as put_value writes it. */
static bool decode(span value, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];

        if (c == '%') {
            int high = i + 2 < value.n ? hex_digit(value.p[i + 1]) : -1, low = i + 2 < value.n ? hex_digit(value.p[i + 2]) : -1;

            if (high < 0 || low < 0 || (c = (char)(high << 4 | low)) == '\0')
                return false;
            i += 2;
        }
        if (n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

static bool read_version(span v, struct handover *h)
{
    (void)h;
    return span_eq(v, SPAN("1"));
}

static bool read_id(span v, struct handover *h)
{
    return id_valid(v) && decode(v, h->id, sizeof h->id);
}

static bool read_time(span v, struct handover *h)
{
    uint64_t t;

    if (!span_to_u64(v, &t) || t > INT64_MAX / 2)
        return false;
    h->time_s = (int64_t)t;
    return true;
}

static bool read_client(span v, struct handover *h)
{
    return decode(v, h->client, sizeof h->client);
}

static bool read_score(span v, struct handover *h)
{
    char text[32], *end;

    for (size_t i = 0; i < v.n; i++)       /* strtod(3) alone would take "inf" and "0x1p3" */
        if ((v.p[i] < '0' || v.p[i] > '9') && v.p[i] != '.' && !(v.p[i] == '-' && i == 0))
            return false;
    if (v.n == 0 || !decode(v, text, sizeof text))
        return false;
    h->score = strtod(text, &end);
    return *end == '\0' && end != text;
}

static bool read_hits(span v, struct handover *h)
{
    return decode(v, h->hits, sizeof h->hits);
}

static bool read_login(span v, struct handover *h)
{
    return decode(v, h->login, sizeof h->login);
}

static bool read_trusted(span v, struct handover *h)
{
    h->trusted = span_eq(v, SPAN("1"));
    return h->trusted || span_eq(v, SPAN("0"));
}

static bool read_class(span v, struct handover *h)
{
    return decode(v, h->msg_class, sizeof h->msg_class);
}

static const struct {
    const char *name;
    bool (*read)(span value, struct handover *h);
} attributes[] = {
    { "v", read_version }, { "id", read_id },       { "t", read_time },          { "client", read_client }, { "score", read_score },
    { "hits", read_hits }, { "login", read_login }, { "trusted", read_trusted }, { "class", read_class },
};

enum { N_ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

/* "name=value; " pieces: all of them, each once, v first. */
static bool read_attributes(span text, struct handover *h)
{
    unsigned seen = 0;

    while (text.n > 0) {
        size_t end = span_find(text, ';'), eq, k = 0;
        span piece = span_head(text, end);

        if (end == text.n || (eq = span_find(piece, '=')) == piece.n)
            return false;
        while (k < N_ATTRIBUTES && !span_eq(span_head(piece, eq), span_str(attributes[k].name)))
            k++;
        if (k == N_ATTRIBUTES || (seen & 1U << k) != 0 || (seen == 0 && k != 0) || !attributes[k].read(span_from(piece, eq + 1), h))
            return false;
        seen |= 1U << k;
        text = span_from(text, end + 1);
        if (text.n == 0 || text.p[0] != ' ')
            return false;
        text = span_from(text, 1);
    }
    return seen == (1U << N_ATTRIBUTES) - 1;
}

static enum handover_status verify(span body, span reverse_path, const struct handover_key *key, struct handover *h)
{
    size_t at = span_find_span(body, SPAN("; mac="));
    char want[MAC_TEXT + 1];
    span mac;

    if (at == body.n)
        return HANDOVER_BAD_SYNTAX;
    at += 2;
    mac = span_from(body, at + 4);
    if (mac.n != MAC_TEXT || !read_attributes(span_head(body, at), h))
        return HANDOVER_BAD_SYNTAX;
    make_mac(span_head(body, at), reverse_path, key, want);
    return CRYPTO_memcmp(want, mac.p, MAC_TEXT) == 0 ? HANDOVER_OK : HANDOVER_BAD_MAC;
}

enum handover_status handover_read(span field_body, span reverse_path, const struct handover_key *key, int64_t now_s,
                                   int64_t max_age_s, struct handover *out)
{
    struct handover h = { .time_s = 0 };
    enum handover_status status = HANDOVER_BAD_SYNTAX;
    struct buf body;

    buf_init(&body, FIELD_BYTES);
    if (unfold(field_body, &body))
        status = verify(buf_span(&body), reverse_path, key, &h);
    buf_free(&body);
    if (status != HANDOVER_OK)
        return status;
    if (h.time_s < now_s - max_age_s || h.time_s > now_s + FUTURE_S)
        return HANDOVER_TOO_OLD;
    *out = h;
    return HANDOVER_OK;
}
