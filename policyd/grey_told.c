/* grey_told.c - whom this process has told to come again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/grey_told.h"

#include "lib/base/lru.h"

enum { TOLD_MAX = 50000 };

struct lru *grey_told_new(void)
{
    return lru_new(TOLD_MAX, sizeof(int64_t), NULL);
}

bool grey_told_again(struct lru *told, span key, const struct set_greylist *set, int64_t now_ms)
{
    int64_t expires_ms;
    const int64_t *first_ms = lru_get(told, key, &expires_ms);

    if (first_ms != NULL && expires_ms > now_ms)
        return now_ms - *first_ms >= set->delay_ms;
    if (first_ms != NULL)
        lru_remove(told, key);
    *(int64_t *)lru_put(told, key, now_ms + set->window_ms) = now_ms;
    return false;
}
