/* name_list.c - addresses, domains and host names that a rule names.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/name_list.h"

#include <stdlib.h>

static int compare(span a, span b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

    return order != 0 ? order : a.n < b.n ? -1 : a.n > b.n;
}

static int compare_entries(const void *a, const void *b)
{
    return compare(*(const span *)a, *(const span *)b);
}

void name_list_make(struct name_list *list, const struct conf_strings *names, struct arena *arena)
{
    list->v = arena_alloc(arena, (names->n + 1) * sizeof(*list->v));
    list->n = 0;
    for (size_t i = 0; i < names->n; i++) {
        span name = span_str(names->v[i]);

        if (name.n > 1 && name.p[0] == '@')
            name = span_from(name, 1);
        if (name.n > 0)
            list->v[list->n++] = arena_lower(arena, name);
    }
    qsort(list->v, list->n, sizeof(*list->v), compare_entries);
}

static bool has(const struct name_list *list, span name)
{
    return bsearch(&name, list->v, list->n, sizeof(*list->v), compare_entries) != NULL;
}

bool name_list_has(const struct name_list *list, span name)
{
    return list->n > 0 && name.n > 0 && has(list, name);
}

bool name_list_has_domain(const struct name_list *list, span domain)
{
    if (list->n == 0 || domain.n == 0)
        return false;
    if (has(list, domain))
        return true;
    for (size_t dot; (dot = span_find(domain, '.')) < domain.n; domain = span_from(domain, dot + 1)) {
        if (has(list, span_from(domain, dot)))
            return true;
    }
    return false;
}

bool name_list_has_mailbox(const struct name_list *list, span mailbox, span domain)
{
    return list->n > 0 && mailbox.n > 0 && (has(list, mailbox) || name_list_has_domain(list, domain));
}
