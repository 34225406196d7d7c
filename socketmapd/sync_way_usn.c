/* sync_way_usn.c - Active Directory's update sequence numbers: what has one above the last is asked for.
 *
 * A number is of one domain controller; each process reads one and begins anew with another.  An object that leaves the filter still
 * gets a number, one that is deleted or moved away does not: the whole reading finds those.
 * Source:    [MS-ADTS] 3.1.1.1.9 (usnChanged), learn.microsoft.com "Polling for Changes Using USNChanged".
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "socketmapd/sync_child.h"

static bool usn_offered(struct sync_child *c)
{
    char usn[32];

    return c->order.active_directory && dir_get(&c->reader, "", "highestCommittedUSN", usn, sizeof(usn));
}

/* Sets usn_next to what the next poll begins with. */
static bool usn_mark(struct sync_child *c)
{
    char text[32];
    uint64_t n;

    if (!dir_get(&c->reader, "", "highestCommittedUSN", text, sizeof(text)) || !span_to_u64(span_str(text), &n))
        return dir_failed(&c->reader, LDAP_NO_SUCH_ATTRIBUTE, "reading highestCommittedUSN");
    snprintf(c->usn_next, sizeof(c->usn_next), "%llu", (unsigned long long)n + 1);
    sync_ask_for_hints(c);
    return true;
}

static bool note_id(struct dir_reader *r, void *arg)
{
    map_put(arg, span_of(r->entry.id, r->entry.id_n), r);
    return true;
}

/* All that has changed, by id; then those of them that still match.  What is left has left the filter. */
static bool usn_poll(struct sync_child *c, bool *current_out)
{
    char *changed = xasprintf("(uSNChanged>=%s)", c->usn_next), *matching = xasprintf("(&%s%.*s)", changed, SPAN_ARG(c->order.filter));
    struct map *ids = map_new();
    bool ok = usn_mark(c) && dir_search(&c->reader, changed, true, note_id, ids) && sync_read_changed(c, matching, ids);

    if (ok)
        sync_drop_unseen(c, ids);
    *current_out = ok;
    map_free(&ids, NULL);
    free(changed);
    free(matching);
    return ok;
}

const struct sync_way sync_way_usn = { .name = "usn", .method = SYNC_USN, .offered = usn_offered, .mark = usn_mark, .poll = usn_poll,
                                       .message = sync_hint };
