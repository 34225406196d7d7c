/* seen.c - digests of what was already scanned of one message.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/seen.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "lib/base/alloc.h"

enum { DIGEST = 32, CHUNK = 4096 };

struct entry {
    uint8_t digest[DIGEST];
    bool text;                 /* of the text form: is no digest of plain bytes */
};

struct seen {
    EVP_MD *sha256;
    EVP_MD_CTX *ctx;
    struct entry *v;
    size_t n, max;
};

struct seen *seen_new(size_t max_entries)
{
    struct seen *s = xcalloc(1, sizeof *s);

    s->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    s->ctx = EVP_MD_CTX_new();
    s->v = xreallocarray(NULL, max_entries, sizeof s->v[0]);
    s->max = max_entries;
    if (s->sha256 == NULL || s->ctx == NULL)
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
    free(s->v);
    free(s);
}

void seen_reset(struct seen *s)
{
    s->n = 0;
}

static bool digest(const struct seen *s, span b, uint8_t out[DIGEST])
{
    return EVP_DigestInit_ex2(s->ctx, s->sha256, NULL) == 1 && EVP_DigestUpdate(s->ctx, b.p, b.n) == 1 &&
           EVP_DigestFinal_ex(s->ctx, out, NULL) == 1;
}

static bool digest_text(const struct seen *s, span b, uint8_t out[DIGEST])
{
    char chunk[CHUNK];
    size_t n = 0;

    while (b.n > 0 && (b.p[b.n - 1] == '\n' || b.p[b.n - 1] == '\r'))
        b.n--;
    if (EVP_DigestInit_ex2(s->ctx, s->sha256, NULL) != 1)
        return false;
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '\r' && i + 1 < b.n && b.p[i + 1] == '\n')
            continue;
        chunk[n++] = b.p[i];
        if (n == CHUNK) {
            if (EVP_DigestUpdate(s->ctx, chunk, n) != 1)
                return false;
            n = 0;
        }
    }
    return EVP_DigestUpdate(s->ctx, chunk, n) == 1 && EVP_DigestFinal_ex(s->ctx, out, NULL) == 1;
}

static bool can_be_text(span b)
{
    return b.n == 0 || memchr(b.p, '\0', b.n) == NULL;
}

static bool make_entry(const struct seen *s, span bytes, bool text, struct entry *out)
{
    out->text = text;
    return text ? digest_text(s, bytes, out->digest) : digest(s, bytes, out->digest);
}

void seen_add(struct seen *s, span bytes)
{
    if (s->n < s->max && make_entry(s, bytes, false, &s->v[s->n]))
        s->n++;
    if (can_be_text(bytes) && s->n < s->max && make_entry(s, bytes, true, &s->v[s->n]))
        s->n++;
}

bool seen_has(const struct seen *s, span bytes, bool as_text)
{
    struct entry e;

    if (!make_entry(s, bytes, as_text && can_be_text(bytes), &e))
        return false;
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].text == e.text && memcmp(s->v[i].digest, e.digest, DIGEST) == 0)
            return true;
    return false;
}
