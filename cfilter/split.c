/* split.c - messages that could not be split, remembered for their next try.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/split.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"
#include "lib/net/loop.h"
#include "lib/proto/mailbox.h"

/* Senders try again within hours, and give up after days. */
#define KEEP_MS DAYS(1)

struct split_memory {
    struct lru *messages;         /* reverse-path NUL first recipient -> nothing */
};

struct split_memory *split_memory_new(void)
{
    struct split_memory *m = xcalloc(1, sizeof(*m));

    m->messages = lru_new(SPLIT_MEMORY_MAX, 1, NULL);
    return m;
}

void split_memory_free(struct split_memory **m)
{
    if (*m == NULL)
        return;
    lru_free(&(*m)->messages);
    free(*m);
    *m = NULL;
}

/* Longer paths than any mailbox share an entry with what begins alike: all that follows is one answer for all. */
static span key_of(span reverse_path, span first_recipient, char key[2 * MAILBOX_MAX + 1])
{
    span from = span_head(reverse_path, MAILBOX_MAX), to = span_head(first_recipient, MAILBOX_MAX);

    if (from.n > 0)
        memcpy(key, from.p, from.n);
    key[from.n] = '\0';
    if (to.n > 0)
        memcpy(key + from.n + 1, to.p, to.n);
    return span_of(key, from.n + 1 + to.n);
}

void split_cut_short(struct split_memory *m, span reverse_path, span first_recipient, int64_t now_ms)
{
    char key[2 * MAILBOX_MAX + 1];

    (void)lru_put(m->messages, key_of(reverse_path, first_recipient, key), now_ms + KEEP_MS);
}

bool split_was_cut_short(struct split_memory *m, span reverse_path, span first_recipient, int64_t now_ms)
{
    char key[2 * MAILBOX_MAX + 1];
    int64_t expires_ms;

    return lru_get(m->messages, key_of(reverse_path, first_recipient, key), &expires_ms) != NULL && expires_ms > now_ms;
}
