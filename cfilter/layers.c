/* layers.c - the layers that libclamav takes out of one message.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/layers.h"

#include <stdlib.h>

#include "lib/base/alloc.h"

#define MAIL "CL_TYPE_MAIL"
enum { KEY_BYTES_MAX = 256 };

struct open_layer {
    bool reads_mail;               /* the parts of a mail may come out of it */
    bool has_key;
    bool known;                    /* passed over */
    struct digest key;
};

struct layers {
    struct seen *seen;
    const struct clean_view *known;
    uint32_t generation, serial;

    enum layers_root root;         /* of the call under way */
    struct digest root_digest;
    size_t depth;
    struct open_layer open[LAYERS_DEPTH_MAX];
    bool unbalanced;

    bool alerted;                  /* of the message */
    size_t hits, n, n_passed;
    struct digest clean[LAYERS_CLEAN_MAX];
    struct digest passed[LAYERS_CLEAN_MAX];    /* contents of what was passed over: more are not told apart from what was looked at */
};

struct layers *layers_new(void)
{
    struct layers *l = xcalloc(1, sizeof *l);

    if ((l->seen = seen_new(LAYERS_SEEN_MAX)) == NULL) {
        free(l);
        return NULL;
    }
    return l;
}

void layers_free(struct layers **lp)
{
    if (*lp != NULL)
        seen_free(&(*lp)->seen);
    free(*lp);
    *lp = NULL;
}

void layers_use_cache(struct layers *l, const struct clean_view *known, uint32_t generation, uint32_t serial)
{
    l->known = known;
    l->generation = generation;
    l->serial = serial;
}

void layers_begin_message(struct layers *l)
{
    seen_reset(l->seen);
    l->alerted = false;
    l->hits = 0;
    l->n = l->n_passed = 0;
}

/* ---- keys ---- */

static bool make_key(const struct layers *l, enum layers_root root, const char *type, uint32_t attributes, size_t size, const struct digest *digest,
                     struct digest *out)
{
    char text[KEY_BYTES_MAX];
    uint64_t head[4] = { l->generation, root, attributes, size };
    size_t n = strlen(type);

    if (sizeof head + sizeof digest->b + n > sizeof text)
        return false;
    memcpy(text, head, sizeof head);
    memcpy(text + sizeof head, digest->b, sizeof digest->b);
    memcpy(text + sizeof head + sizeof digest->b, type, n);
    return seen_digest(l->seen, span_of(text, sizeof head + sizeof digest->b + n), out);
}

/* A part's type follows from its bytes: it needs none in its key, and can be asked for before the engine has told it. */
static bool part_key(const struct layers *l, size_t size, const struct digest *digest, struct digest *out)
{
    return make_key(l, LAYERS_PART, "", 0, size, digest, out);
}

static bool vouched(const struct layers *l, const struct digest *key)
{
    return clean_view_has(l->known, key, clean_worker(l->generation, l->serial));
}

static void pass_over(struct layers *l, const struct digest *content)
{
    l->hits++;
    if (l->n_passed < LAYERS_CLEAN_MAX)
        l->passed[l->n_passed++] = *content;
}

static bool part_is_known(struct layers *l, span part, const struct digest *digest)
{
    struct digest key;

    if (l->known == NULL || l->alerted || !part_key(l, part.n, digest, &key) || !vouched(l, &key))
        return false;
    pass_over(l, digest);
    seen_add(l->seen, part, digest, true);
    return true;
}

/* ---- parts ---- */

bool layers_seen(struct layers *l, span part, bool text, struct digest *digest_out)
{
    if (!seen_digest(l->seen, part, digest_out)) {
        memset(digest_out, 0, sizeof *digest_out);
        l->alerted = true;         /* nothing may be known by this */
        return false;
    }
    return seen_has(l->seen, digest_out) || (text && seen_has_text(l->seen, part)) || part_is_known(l, part, digest_out);
}

bool layers_passed_over(struct layers *l, span part)
{
    struct digest digest;

    if (l->n_passed == 0 || l->alerted || !seen_digest(l->seen, part, &digest))
        return false;
    for (size_t i = 0; i < l->n_passed; i++)
        if (memcmp(&l->passed[i], &digest, sizeof digest) == 0)
            return true;
    return false;
}

void layers_remember(struct layers *l, span part, const struct digest *digest)
{
    seen_add(l->seen, part, digest, true);
}

/* ---- one call ---- */

void layers_begin_call(struct layers *l, enum layers_root root, span bytes, const struct digest *digest)
{
    l->root = root;
    l->depth = 0;
    l->unbalanced = false;
    if (root == LAYERS_PART) {
        l->root_digest = *digest;
        seen_add(l->seen, bytes, digest, true);
    }
}

/* The outermost layer of a part, and what lies directly in the message or the bundle. */
static bool may_be_known(const struct layers *l, uint32_t level, const char *type)
{
    if (l->known == NULL || l->alerted || strcmp(type, MAIL) == 0)
        return false;
    size_t at = l->root == LAYERS_PART ? 0 : 1;
    return level == at && l->depth == at;
}

static bool reads_mail(const char *type)
{
    return strcmp(type, MAIL) == 0 || strncmp(type, "CL_TYPE_TEXT", 12) == 0 || strcmp(type, "CL_TYPE_HTML") == 0;
}

/* The digest of the layer; the message itself has none: no part of it is as long, and it does not come again.  Nor has a bundle, which is ours. */
static bool digest_of(struct layers *l, uint32_t level, span bytes, struct digest *out)
{
    if (level == 0 && l->root != LAYERS_PART)
        return false;
    if (level == 0)
        *out = l->root_digest;
    else
        return seen_take(l->seen, bytes, l->depth > 0 && l->open[l->depth - 1].reads_mail, out);
    return true;
}

bool layers_enter(struct layers *l, uint32_t level, const char *type, uint32_t attributes, span bytes)
{
    struct open_layer here = { .reads_mail = reads_mail(type) };
    struct digest digest;

    if (l->depth >= LAYERS_DEPTH_MAX) {
        l->unbalanced = true;
        return false;
    }
    if (bytes.p != NULL && digest_of(l, level, bytes, &digest) && may_be_known(l, level, type))
        here.has_key = l->root == LAYERS_MESSAGE ? make_key(l, LAYERS_MESSAGE, type, attributes, bytes.n, &digest, &here.key)
                                                 : part_key(l, bytes.n, &digest, &here.key);
    here.known = here.has_key && l->root == LAYERS_MESSAGE && vouched(l, &here.key);     /* a part was asked for before */
    if (here.known)
        pass_over(l, &digest);
    l->open[l->depth++] = here;
    return here.known;
}

static void note_clean(struct layers *l, const struct digest *key)
{
    for (size_t i = 0; i < l->n; i++)
        if (memcmp(&l->clean[i], key, sizeof *key) == 0)
            return;
    if (l->n < LAYERS_CLEAN_MAX)
        l->clean[l->n++] = *key;
}

void layers_leave(struct layers *l, bool clean)
{
    if (l->depth == 0) {
        l->unbalanced = true;
        return;
    }
    const struct open_layer *here = &l->open[--l->depth];
    if (here->has_key && !here->known && clean && !l->alerted)
        note_clean(l, &here->key);
}

bool layers_end_call(struct layers *l)
{
    bool ok = !l->unbalanced && l->depth == 0;

    if (!ok)
        l->alerted = true;
    return ok;
}

/* ---- of the message ---- */

void layers_alert(struct layers *l)
{
    l->alerted = true;
}

size_t layers_hits(const struct layers *l)
{
    return l->hits;
}

size_t layers_clean(const struct layers *l, const struct digest **keys_out)
{
    *keys_out = l->clean;
    return l->alerted ? 0 : l->n;
}
