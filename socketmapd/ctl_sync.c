/* ctl_sync.c - `gatepostctl recipient sync ...`: the synchronised sources, seen and steered.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/ctl_sync.h"

#include <stdio.h>

#include "socketmapd/sync.h"

enum { USAGE = 64, TEXT_MAX = 64 * 1024 };

struct steering {
    struct ctl_request *q;
    span word;                       /* behind the verb: "on" or "off" of hold */
    int status;
};

static void sync_now(struct sync *s, struct steering *t)
{
    ctl_print(t->q, "%s: %s\n", sync_name(s), sync_read_now(s) ? "is read now" : "no process was reading; one is started now");
}

static void sync_status(struct sync *s, struct steering *t)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    sync_describe(s, &text);
    ctl_write(t->q, buf_span(&text));
    buf_free(&text);
    if (sync_state(s) != SYNC_FRESH)
        t->status = 1;
}

static void sync_diff(struct sync *s, struct steering *t)
{
    const char *path = sync_diff_path(s);
    FILE *f = path != NULL ? fopen(path, "re") : NULL;
    char piece[8192];
    size_t n;

    if (f == NULL) {
        ctl_print(t->q, "%s: nothing is held\n", sync_name(s));
        return;
    }
    ctl_print(t->q, "%s: \"-\" would go, \"+\" has come\n", sync_name(s));
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        ctl_write(t->q, span_of(piece, n));
    fclose(f);
}

static void accept_held(struct sync *s, struct steering *t)
{
    uint64_t removed;

    if (sync_accept(s, &removed)) {
        ctl_print(t->q, "%s: accepted: %llu addresses go, each is still taken for sync.grace\n", sync_name(s), (unsigned long long)removed);
        return;
    }
    ctl_print(t->q, "%s: nothing is held\n", sync_name(s));
    t->status = 1;
}

static void sync_hold_on_off(struct sync *s, struct steering *t)
{
    bool on = !span_eq(t->word, SPAN("off"));

    sync_hold(s, on);
    ctl_print(t->q, "%s: readings %s\n", sync_name(s), on ? "remove nothing until `recipient sync hold off`" : "remove what is gone again");
}

static const struct {
    const char *verb;
    void (*run)(struct sync *s, struct steering *t);
} verbs[] = { { "now", sync_now }, { "status", sync_status }, { "diff", sync_diff }, { "accept", accept_held }, { "hold", sync_hold_on_off } };

static bool is_switch(span word)
{
    return span_eq(word, SPAN("on")) || span_eq(word, SPAN("off"));
}

static void on_each(struct steering *t, struct lookup *k, span name, void (*run)(struct sync *s, struct steering *t))
{
    const struct sources *s = lookup_sources(k);
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        struct sync *engine = s->v[i].type->sync != NULL ? s->v[i].type->sync(s->v[i].state) : NULL;

        if (engine == NULL || (name.n > 0 && !span_eq(name, span_str(s->v[i].set->name))))
            continue;
        run(engine, t);
        n++;
    }
    if (n == 0) {
        ctl_complain(t->q, "no source %.*s keeps a whole directory (recipients.sync)\n", SPAN_ARG(name));
        t->status = 1;
    }
}

void ctl_sync(struct ctl_request *q, struct lookup *k)
{
    struct steering t = { q, ctl_arg(q, 2), 0 };
    span name = ctl_arg(q, 2);

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (!span_eq(ctl_arg(q, 1), span_str(verbs[i].verb)))
            continue;
        if (verbs[i].run == sync_hold_on_off && is_switch(name))
            name = ctl_arg(q, 3);
        on_each(&t, k, name, verbs[i].run);
        ctl_finish(&q, t.status);
        return;
    }
    ctl_complain(q, "usage: recipient sync now|status|diff|accept|hold [on|off] [SOURCE]\n");
    ctl_finish(&q, USAGE);
}
