/* relay_keep.c - connections to the re-injection server that wait for their next message.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/relay_keep.h"

#include <stdlib.h>
#include <string.h>

#include "cfilter/relay_private.h"
#include "lib/base/alloc.h"

struct relay_keep {
    struct relay_kept *first;
    size_t n;
};

struct relay_keep *relay_keep_new(void)
{
    return xcalloc(1, sizeof(struct relay_keep));
}

void relay_keep_free(struct relay_keep **k)
{
    if (*k == NULL)
        return;
    while ((*k)->first != NULL)
        relay_end_kept((*k)->first->relay, true);
    free(*k);
    *k = NULL;
}

bool relay_keep_has_room(const struct relay_keep *k)
{
    return k->n < RELAY_KEEP_MAX;
}

void relay_keep_put(struct relay_keep *k, struct relay_kept *n)
{
    n->next = k->first;
    n->link = &k->first;
    if (n->next != NULL)
        n->next->link = &n->next;
    k->first = n;
    k->n++;
}

void relay_keep_remove(struct relay_keep *k, struct relay_kept *n)
{
    *n->link = n->next;
    if (n->next != NULL)
        n->next->link = n->link;
    n->link = NULL;
    k->n--;
}

struct relay *relay_keep_take(struct relay_keep *k, const char *address, const char *hostname)
{
    for (struct relay_kept *n = k->first; n != NULL; n = n->next)
        if (strcmp(n->address, address) == 0 && strcmp(n->hostname, hostname) == 0) {
            relay_keep_remove(k, n);
            return n->relay;
        }
    return NULL;
}
