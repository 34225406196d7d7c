/* seen.c - digests of what was already scanned of one message.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/seen.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/rand.h"

enum { CHUNK = 16 * 1024 };

struct entry {
    struct digest digest;
    bool text;                 /* of the text form: is no digest of plain bytes */
};

/* A place counts as empty unless it was filled since the last reset. */
struct place {
    uint32_t reset, at;
};

struct seen {
    EVP_MD *sha256;
    EVP_MD_CTX *ctx, *fork;
    struct entry *v;
    size_t n, max;
    struct place *places;      /* twice as many as entries at least: a search ends soon */
    size_t mask;
    uint32_t resets;
};

struct seen *seen_new(size_t max_entries)
{
    struct seen *s = xcalloc(1, sizeof *s);
    size_t places = 2;

    while (places < 2 * max_entries)
        places *= 2;
    s->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    s->ctx = EVP_MD_CTX_new();
    s->fork = EVP_MD_CTX_new();
    s->v = xreallocarray(NULL, max_entries, sizeof s->v[0]);
    s->max = max_entries;
    s->places = xcalloc(places, sizeof s->places[0]);
    s->mask = places - 1;
    s->resets = 1;
    if (s->sha256 == NULL || s->ctx == NULL || s->fork == NULL)
        seen_free(&s);
    return s;
}

void seen_free(struct seen **sp)
{
    struct seen *s = *sp;

    *sp = NULL;
    if (s == NULL)
        return;
    EVP_MD_free(s->sha256);
    EVP_MD_CTX_free(s->ctx);
    EVP_MD_CTX_free(s->fork);
    free(s->v);
    free(s->places);
    free(s);
}

void seen_reset(struct seen *s)
{
    s->n = 0;
    if (++s->resets == 0) {    /* come round: what was filled long ago must not count again */
        memset(s->places, 0, (s->mask + 1) * sizeof s->places[0]);
        s->resets = 1;
    }
}

/* ---- digests ---- */

bool seen_digest(const struct seen *s, span b, struct digest *out)
{
    return EVP_DigestInit_ex2(s->ctx, s->sha256, NULL) == 1 && EVP_DigestUpdate(s->ctx, b.p, b.n) == 1 &&
           EVP_DigestFinal_ex(s->ctx, out->b, NULL) == 1;
}

/* Copies up to CHUNK bytes of the head of *in to `to`, without the CR of each CRLF; takes them off *in. */
static size_t take_text(span *in, char *to)
{
    size_t n = 0;

    while (in->n > 0 && n < CHUNK) {
        span run = span_head(*in, CHUNK - n);
        const char *cr = memchr(run.p, '\r', run.n);
        bool drops = cr != NULL && cr + 1 < in->p + in->n && cr[1] == '\n';
        size_t used = cr == NULL ? run.n : (size_t)(cr - run.p) + !drops;

        memcpy(to + n, run.p, used);
        n += used;
        *in = span_from(*in, used + drops);
    }
    return n;
}

static span without_line_ends(span b)
{
    while (b.n > 0 && (b.p[b.n - 1] == '\n' || b.p[b.n - 1] == '\r'))
        b.n--;
    return b;
}

static bool digest_text(const struct seen *s, span b, struct digest *out)
{
    char chunk[CHUNK];

    b = without_line_ends(b);
    if (EVP_DigestInit_ex2(s->ctx, s->sha256, NULL) != 1)
        return false;
    while (b.n > 0)
        if (EVP_DigestUpdate(s->ctx, chunk, take_text(&b, chunk)) != 1)
            return false;
    return EVP_DigestFinal_ex(s->ctx, out->b, NULL) == 1;
}

/* Of bytes without any CR: their text form is their beginning. */
static bool digest_both(const struct seen *s, span b, struct digest *plain, struct digest *text)
{
    span head = without_line_ends(b), tail = span_from(b, head.n);

    return EVP_DigestInit_ex2(s->ctx, s->sha256, NULL) == 1 && EVP_DigestUpdate(s->ctx, head.p, head.n) == 1 &&
           EVP_MD_CTX_copy_ex(s->fork, s->ctx) == 1 && EVP_DigestFinal_ex(s->fork, text->b, NULL) == 1 &&
           EVP_DigestUpdate(s->ctx, tail.p, tail.n) == 1 && EVP_DigestFinal_ex(s->ctx, plain->b, NULL) == 1;
}

static bool can_be_text(span b)
{
    return b.n == 0 || memchr(b.p, '\0', b.n) == NULL;
}

/* ---- the set ---- */

/* Keyed: the sender chooses the digests, not where they go. */
static struct place *place_of(const struct seen *s, const struct digest *d, bool text)
{
    size_t i = siphash(span_of((const char *)d->b, sizeof d->b), rand_process_key());

    for (;; i++) {
        struct place *p = &s->places[i & s->mask];
        if (p->reset != s->resets || (s->v[p->at].text == text && memcmp(s->v[p->at].digest.b, d->b, sizeof d->b) == 0))
            return p;
    }
}

static void add(struct seen *s, const struct digest *d, bool text)
{
    struct place *p = place_of(s, d, text);

    if (p->reset == s->resets || s->n == s->max)
        return;
    s->v[s->n] = (struct entry){ *d, text };
    *p = (struct place){ s->resets, (uint32_t)s->n++ };
}

void seen_add(struct seen *s, span bytes, const struct digest *digest, bool text_too)
{
    struct digest d;

    add(s, digest, false);
    if (text_too && can_be_text(bytes) && digest_text(s, bytes, &d))
        add(s, &d, true);
}

bool seen_take(struct seen *s, span bytes, bool text_too, struct digest *out)
{
    struct digest text;

    if (text_too && bytes.n > 0 && memchr(bytes.p, '\r', bytes.n) == NULL && can_be_text(bytes)) {
        if (!digest_both(s, bytes, out, &text))
            return false;
        add(s, out, false);
        add(s, &text, true);
        return true;
    }
    if (!seen_digest(s, bytes, out))
        return false;
    seen_add(s, bytes, out, text_too);
    return true;
}

bool seen_has(const struct seen *s, const struct digest *digest)
{
    return place_of(s, digest, false)->reset == s->resets;
}

bool seen_has_text(const struct seen *s, span bytes)
{
    struct digest d;

    return can_be_text(bytes) && digest_text(s, bytes, &d) && place_of(s, &d, true)->reset == s->resets;
}
