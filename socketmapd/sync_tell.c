/* sync_tell.c - what a person is told of a synchronised source.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <time.h>

#include "socketmapd/sync_private.h"

static void append_time(struct buf *to, int64_t wall_ms)
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    char text[32] = "?";

    if (gmtime_r(&t, &tm) != NULL)
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    buf_append_str(to, text);
}

static const char *state_name(enum sync_state st)
{
    static const char *const names[] = { [SYNC_EMPTY] = "EMPTY", [SYNC_LOADED] = "LOADED", [SYNC_FRESH] = "FRESH", [SYNC_STALE] = "STALE" };

    return names[st];
}

const char *sync_name(const struct sync *s)
{
    return s->set->name;
}

void sync_describe_address(const struct sync *s, span address, struct buf *to)
{
    const struct rcpt_set_about *about = s->in_force != NULL ? rcpt_set_about(s->in_force) : NULL;
    const struct sync_news *n = map_get(s->news, address);
    struct rcpt_set_entry e;

    if (about != NULL && rcpt_set_find(s->in_force, address, &e)) {
        buf_printf(to, "%.*s, attribute %s, set %llu (%llds old)", SPAN_ARG(rcpt_set_dn(s->in_force, e.object)), about->attr[e.attr],
                   (unsigned long long)about->generation, (long long)(sync_age_ms(s) / 1000));
        if ((e.flags & RCPT_SET_MISSING) != 0) {
            buf_printf(to, "; gone from the directory since set %llu, ", (unsigned long long)e.missed_by);
            append_time(to, e.since_ms);
            buf_printf(to, ", missed %u times", e.missed);
        }
        if ((e.flags & RCPT_SET_INTERNAL) != 0)
            buf_append_str(to, "; takes mail from inside only");
    }
    if (n != NULL)
        buf_printf(to, "%s%s, told by the directory %llds ago", to->len > 0 ? "; " : "", n->detail,
                   (long long)((loop_now_ms(s->loop) - n->learned_ms) / 1000));
}

static void describe_set(const struct sync *s, struct buf *to)
{
    const struct rcpt_set_about *about;

    if (s->in_force == NULL) {
        buf_append_str(to, "  no set yet: known addresses are asked for one by one, unknown ones are put off\n");
        return;
    }
    about = rcpt_set_about(s->in_force);
    buf_printf(to, "  set %llu: %zu addresses, %llu missing, %zu told since; complete ", (unsigned long long)about->generation, sync_count(s),
               (unsigned long long)rcpt_set_missing(s->in_force), map_count(s->news));
    append_time(to, about->complete_ms);
    buf_printf(to, " (%llds ago)\n  read from %s, base %s", (long long)(sync_age_ms(s) / 1000), about->server, about->base);
    for (size_t i = 0; i < RCPT_SET_ATTRS_MAX && about->attr[i][0] != '\0'; i++)
        buf_printf(to, ", %s %llu", about->attr[i], (unsigned long long)about->per_attr[i]);
    buf_append_char(to, '\n');
}

static void describe_reading(const struct sync *s, struct buf *to)
{
    if (s->trouble[0] != '\0')
        buf_printf(to, "  trouble: %s (%u times)\n", s->trouble, s->failures);
    if (s->child != NULL && s->reading)
        buf_printf(to, "  reading now by %s: %llu entries\n", s->way, (unsigned long long)s->entries);
    else if (s->child != NULL)
        buf_printf(to, "  kept current by %s\n", s->way);
    else if (loop_timer_active(&s->start))
        buf_printf(to, "  next try in %llds\n", (long long)((s->start.due_ms - loop_now_ms(s->loop)) / 1000));
    if (s->merging != NULL)
        buf_append_str(to, "  a reading is being judged\n");
}

void sync_describe(const struct sync *s, struct buf *to)
{
    buf_printf(to, "%s: %s%s\n", s->set->name, state_name(sync_state(s)), s->held ? ", HELD" : "");
    describe_set(s, to);
    describe_reading(s, to);
    share_describe(s->share, to);
    if (s->held)
        buf_printf(to, "  held: %s (%llu addresses in all, %u readings, %llds; `recipient sync diff` shows it, `recipient sync accept` takes it)\n",
                   s->held_why, (unsigned long long)s->last.removed, s->held_times, (long long)((loop_now_ms(s->loop) - s->held_since_ms) / 1000));
    if (s->hold_all)
        buf_append_str(to, "  removals are held until `recipient sync hold off`\n");
}

struct listing { const struct sync *sync; span part; size_t left; struct buf *to; };

static bool wanted(const struct listing *l, span address)
{
    return span_starts(address, l->part) || (address.n >= l->part.n && span_eq(span_from(address, address.n - l->part.n), l->part));
}

static bool list_news(span address, void *value, void *arg)
{
    struct listing *l = arg;

    (void)value;
    if (l->left > 0 && wanted(l, address)) {
        l->left--;
        buf_printf(l->to, "%.*s\tnew\n", SPAN_ARG(address));
    }
    return l->left > 0;
}

void sync_list(const struct sync *s, span part, size_t limit, struct buf *to)
{
    struct listing l = { s, part, limit, to };
    struct rcpt_set_entry e;

    for (uint64_t cursor = 0; l.left > 0 && s->in_force != NULL && rcpt_set_next(s->in_force, &cursor, &e);) {
        if (!wanted(&l, e.address))
            continue;
        l.left--;
        buf_printf(to, "%.*s\t%s\n", SPAN_ARG(e.address), (e.flags & RCPT_SET_MISSING) != 0 ? "gone" : (e.flags & RCPT_SET_INTERNAL) != 0 ? "internal" : "");
    }
    map_each(s->news, list_news, &l);
}
