/* ctl_replay.c - gatepostctl policy replay: what other rules would have answered.
 *
 * It runs in a process of its own, with the new configuration; so it may take its time.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/ctl_replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "policyd/policyd.h"
#include "policyd/replay.h"

enum { SHOW_DEFAULT = 20, EXIT_SAME = 0, EXIT_CHANGES = 1, EXIT_NOTHING = 2, EXIT_USAGE = 64 };

struct telling {
    struct ctl_request *request;
    struct settings *set;
    struct replay *replay;
    struct arena *arena;                 /* of a record */
    size_t show;
    size_t n, partial, changed;
    struct map *reasons, *missing;       /* text -> size_t * */
    char **shown;
    size_t n_shown;
};

static const char *const answer_words[] = { [RECORDED_PASS] = "pass", [RECORDED_DEFER] = "defer", [RECORDED_REJECT] = "reject" };

/* ---- counting ---- */

static void count(struct map *m, span text)
{
    size_t *n = map_get(m, text);

    if (n == NULL) {
        n = xcalloc(1, sizeof(*n));
        map_put(m, text, n);
    }
    ++*n;
}

static void count_each(struct map *m, const char *list)
{
    span rest = span_str(list), piece;

    while (rest.n > 0 && span_next(&rest, ',', &piece))
        count(m, piece);
}

/* ---- one record ---- */

static void keep_line(struct telling *t, const struct recorded *r, const struct replayed *now)
{
    time_t s = (time_t)(r->time_ms / 1000);
    char when[40] = "";
    struct tm tm;

    if (t->n_shown == t->show)
        return;
    if (localtime_r(&s, &tm) != NULL)
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    t->shown[t->n_shown++] = xasprintf("%s -> %-6s  %s  %s  client=%.*s from=<%.*s> rcpt=<%.*s>%s%.*s%s%s; %s\n", answer_words[r->answer],
                                       answer_words[now->answer], r->id, when, SPAN_ARG(r->attrs.v[POLICY_CLIENT_ADDRESS]),
                                       SPAN_ARG(r->attrs.v[POLICY_SENDER]), SPAN_ARG(r->attrs.v[POLICY_RECIPIENT]),
                                       r->attrs.v[POLICY_SASL_USERNAME].n > 0 ? " login=" : "", SPAN_ARG(r->attrs.v[POLICY_SASL_USERNAME]),
                                       now->hits[0] != '\0' ? " hits=" : "", now->hits, now->reply);
}

static void take(struct telling *t, const struct recorded *r)
{
    struct replayed now;
    char key[300];

    t->n++;
    t->partial += !r->whole;
    replay_one(t->replay, r, &now);
    count_each(t->missing, now.missing);
    if (now.answer == r->answer)
        return;
    t->changed++;
    snprintf(key, sizeof(key), "%s -> %s  %.200s", answer_words[r->answer], answer_words[now.answer],
             now.hits[0] != '\0' ? now.hits : "nothing refuses it any more");
    count(t->reasons, span_str(key));
    keep_line(t, r, &now);
}

/* false with err: the configuration cannot run. */
static bool take_line(struct telling *t, span line, struct errtext *err)
{
    struct recorded *r = arena_alloc(t->arena, sizeof(*r));
    bool ok = true;

    if (recorded_read(line, t->arena, r)) {
        if (t->replay == NULL && (t->replay = replay_new(t->set, r->time_ms, err)) == NULL)
            ok = false;
        else
            take(t, r);
    }
    arena_reset(t->arena);
    return ok;
}

static bool take_all(struct telling *t, int fd, struct errtext *err)
{
    FILE *f = fdopen(dup(fd), "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t n = 0;
    bool ok = f != NULL;

    if (f == NULL)
        errtext_errno(err, "the records cannot be read");
    else
        rewind(f);
    while (ok && (n = getline(&line, &size, f)) > 0)
        ok = take_line(t, span_of(line, (size_t)n), err);
    free(line);
    if (f != NULL)
        fclose(f);
    return ok;
}

/* ---- telling ---- */

struct row { span text; size_t n; };
struct rows { struct row *v; size_t n; };

static bool add_row(span key, void *value, void *arg)
{
    struct rows *r = arg;

    r->v[r->n++] = (struct row){ key, *(const size_t *)value };
    return true;
}

static int most_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    size_t n = x->text.n < y->text.n ? x->text.n : y->text.n;
    int order = memcmp(x->text.p, y->text.p, n);

    return x->n != y->n ? (x->n > y->n ? -1 : 1) : order != 0 ? order : x->text.n < y->text.n ? -1 : 1;
}

static void print_counts(struct ctl_request *q, const struct map *m, const char *head)
{
    struct rows rows = { xcalloc(map_count(m) + 1, sizeof(*rows.v)), 0 };

    map_each(m, add_row, &rows);
    qsort(rows.v, rows.n, sizeof(*rows.v), most_first);
    if (rows.n > 0)
        ctl_print(q, "%s", head);
    for (size_t i = 0; i < rows.n; i++)
        ctl_print(q, "%8zu  %.*s\n", rows.v[i].n, SPAN_ARG(rows.v[i].text));
    free(rows.v);
}

static void print_all(struct telling *t)
{
    struct ctl_request *q = t->request;

    ctl_print(q, "%zu requests decided again: %zu would be answered otherwise\n", t->n, t->changed);
    print_counts(q, t->reasons, "why:\n");
    print_counts(q, t->missing, "not recorded, so without a say here (a list that was not asked then, or had another name):\n");
    if (t->partial > 0)
        ctl_print(q, "%zu were recorded short (events.replay was off): rules on other attributes than client, helo, sender, recipient and login do not see them\n",
                  t->partial);
    if (t->set->events.hash_addresses)
        ctl_print(q, "addresses are recorded as hashes (events.hash_addresses): rules on them do not see them\n");
    if (t->n_shown > 0)
        ctl_print(q, "%s%zu of them:\n", t->n_shown < t->changed ? "the first " : "", t->n_shown);
    for (size_t i = 0; i < t->n_shown; i++)
        ctl_print(q, "%s", t->shown[i]);
}

static void telling_free(struct telling *t)
{
    for (size_t i = 0; i < t->n_shown; i++)
        free(t->shown[i]);
    free(t->shown);
    map_free(&t->reasons, free);
    map_free(&t->missing, free);
    replay_free(&t->replay);
    arena_free(&t->arena);
}

void ctl_replay(struct ctl_request *q, void *arg)
{
    const struct daemon *d = arg;
    struct telling t = { .request = q, .set = d->settings, .show = SHOW_DEFAULT };
    struct errtext err = { "" };
    const int *fds;
    uint64_t show = SHOW_DEFAULT;
    span text;

    if (ctl_fds(q, &fds) != 1 || (ctl_option(q, "--show", &text) && (!span_to_u64(text, &show) || show > 1000000))) {
        ctl_complain(q, "usage: policy replay [--show=N], with the records\n");
        return ctl_finish(&q, EXIT_USAGE);
    }
    t.show = show;
    t.shown = xcalloc(t.show + 1, sizeof(*t.shown));
    t.arena = arena_new(16384);
    t.reasons = map_new();
    t.missing = map_new();
    if (!take_all(&t, fds[0], &err))
        ctl_complain(q, "%s\n", err.text);
    else if (t.n == 0)
        ctl_complain(q, "no decision is recorded in this time (events.keep says how long records are kept)\n");
    else
        print_all(&t);
    ctl_finish(&q, t.n == 0 ? EXIT_NOTHING : t.changed > 0 ? EXIT_CHANGES : EXIT_SAME);
    telling_free(&t);
}
