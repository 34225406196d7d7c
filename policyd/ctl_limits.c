/* ctl_limits.c - gatepostctl limits: what is counted, and what an administrator does about it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/ctl_limits.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/conf/conf_units.h"
#include "policyd/ctl_store.h"
#include "policyd/marks.h"

enum { SHOW_MAX = 1000, TOP_DEFAULT = 20, TOP_MAX = 1000, TOP_SCAN_MAX = 20000000 };

/* ---- show and top ---- */

struct counted {
    char *key, *value;
    double used;                 /* 1: nothing is left */
    int64_t ttl_ms;
};

/* A walk under way. */
struct walk {
    struct ctl_request *request;
    bool top;
    size_t n, max;
    struct counted *best;        /* top: the fullest, in no order */
};

/* "left=3 of=10 ..." of a bucket; of two counters only what is used is known. */
static bool number_in(span text, span name, double *out)
{
    span piece;

    while (span_next(&text, ' ', &piece)) {
        size_t equals = span_find(piece, '=');

        if (span_eq(span_head(piece, equals), name))
            return conf_number_parse(span_from(piece, equals + 1), out);
    }
    return false;
}

static double used_of(span value)
{
    double left, of, used;

    if (number_in(value, SPAN("left"), &left) && number_in(value, SPAN("of"), &of) && of > 0)
        return of - left;
    return number_in(value, SPAN("used"), &used) ? used : 0;
}

static void print_count(struct ctl_request *q, span key, span value, int64_t ttl_ms)
{
    ctl_print(q, "%-40.*s %.*s free_in=%llds\n", SPAN_ARG(key), SPAN_ARG(value), (long long)((ttl_ms + 999) / 1000));
}

static void keep_best(struct walk *w, const struct store_scan_item *item)
{
    double used = used_of(item->value);
    size_t at = w->n;

    if (w->n == w->max) {
        at = 0;
        for (size_t i = 1; i < w->n; i++) {
            if (w->best[i].used < w->best[at].used)
                at = i;
        }
        if (w->best[at].used >= used)
            return;
        free(w->best[at].key);
        free(w->best[at].value);
    } else {
        w->n++;
    }
    w->best[at] = (struct counted){ xspandup(item->key), xspandup(item->value), used, item->ttl_left_ms };
}

static int fuller_first(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;

    return x->used > y->used ? -1 : x->used < y->used ? 1 : strcmp(x->key, y->key);
}

static void print_best(struct walk *w)
{
    qsort(w->best, w->n, sizeof(*w->best), fuller_first);
    for (size_t i = 0; i < w->n; i++) {
        print_count(w->request, span_str(w->best[i].key), span_str(w->best[i].value), w->best[i].ttl_ms);
        free(w->best[i].key);
        free(w->best[i].value);
    }
    free(w->best);
}

static void on_item(const struct store_scan_item *item, enum store_outcome outcome, bool done, void *arg)
{
    struct walk *w = arg;

    if (!done) {
        if (w->top)
            keep_best(w, item);
        else if (++w->n <= w->max)
            print_count(w->request, item->key, item->value, item->ttl_left_ms);
        return;
    }
    if (w->top)
        print_best(w);
    else if (w->n > w->max)
        ctl_complain(w->request, "only the first %zu: name more of the key\n", w->max);
    else if (w->n == 0)
        ctl_print(w->request, "nothing is counted under such a key\n");
    ctl_store_walked(&w->request, outcome);
    free(w);
}

static void walk_start(struct policyd *p, struct ctl_request *q, bool top, span prefix, size_t max)
{
    struct walk *w = xcalloc(1, sizeof(*w));

    w->request = q;
    w->top = top;
    w->max = max;
    if (top)
        w->best = xcalloc(max, sizeof(*w->best));
    store_scan(p->services.store, "limits", prefix, top ? TOP_SCAN_MAX : max + 1, on_item, w);
}

/* ---- one key ---- */

struct change {
    struct ctl_request *request;
    const char *done, *not_there;
};

static void on_changed(const struct store_value_result *r, void *arg)
{
    struct change *c = arg;

    ctl_store_changed(&c->request, r->outcome, r->why, c->done, c->not_there);
    free(c);
}

static struct change *change_new(struct ctl_request *q, const char *done, const char *not_there)
{
    struct change *c = xcalloc(1, sizeof(*c));

    *c = (struct change){ q, done, not_there };
    return c;
}

static void usage(struct ctl_request *q)
{
    ctl_complain(q, "usage: limits show [KEY...] | top [N] | reset KEY | exempt KEY [FOR] | override KEY RATE|default [FOR] | block LOGIN | release LOGIN | marks\n"
                    "KEY as the log has it: NAME/VALUE; FOR: 2h, 7d (default 1d, 0 ends it)\n");
    ctl_finish(&q, CTL_USAGE);
}

static void exempt(struct policyd *p, struct ctl_request *q)
{
    int64_t for_ms = DAYS(1);

    if (ctl_argc(q) > 2 && (!conf_duration_parse(ctl_arg(q, 2), &for_ms) || for_ms < 0))
        return usage(q);
    if (for_ms == 0)
        return marks_clear(p->services.marks, MARK_EXEMPT, ctl_arg(q, 1), on_changed, change_new(q, "counted again", "it was not exempt"));
    marks_set(p->services.marks, MARK_EXEMPT, ctl_arg(q, 1), "by gatepostctl", for_ms, on_changed, change_new(q, "exempt", ""));
}

static const struct limit_rule *limit_of(const struct policyd *p, span key)
{
    span name = span_head(key, span_find(key, '/'));

    for (size_t i = 0; i < p->rules->n_limits; i++) {
        if (span_eq(span_str(p->rules->limits[i].set->name), name))
            return &p->rules->limits[i];
    }
    return NULL;
}

/* A rate of its own for one key, on all hosts that share the store. */
static void override(struct policyd *p, struct ctl_request *q)
{
    const struct limit_rule *rule = limit_of(p, ctl_arg(q, 1));
    struct arena *arena = arena_new(1024);
    const char *text = arena_str(arena, ctl_arg(q, 2));
    int64_t for_ms = BLOCK_KEEP_MS;
    struct limit_rates rates;
    struct errtext err;

    if (ctl_argc(q) < 3 || (ctl_argc(q) > 3 && (!conf_duration_parse(ctl_arg(q, 3), &for_ms) || for_ms <= 0))) {
        usage(q);
    } else if (strcmp(text, "default") == 0) {
        marks_clear(p->services.marks, MARK_RATE, ctl_arg(q, 1), on_changed, change_new(q, "the limit's own rate again", "it had no rate of its own"));
    } else if (rule == NULL) {
        ctl_complain(q, "there is no limit \"%.*s\" (KEY is NAME/VALUE)\n", SPAN_ARG(span_head(ctl_arg(q, 1), span_find(ctl_arg(q, 1), '/'))));
        ctl_finish(&q, CTL_USAGE);
    } else if (!limit_rates_override(rule->set, &(struct conf_strings){ &text, 1 }, arena, &rates, &err)) {
        ctl_complain(q, "the rate %s\n", err.text);
        ctl_finish(&q, CTL_USAGE);
    } else {
        marks_set(p->services.marks, MARK_RATE, ctl_arg(q, 1), text, for_ms, on_changed, change_new(q, "overridden", ""));
    }
    arena_free(&arena);
}

static void top(struct policyd *p, struct ctl_request *q)
{
    uint64_t n = TOP_DEFAULT;

    if (ctl_argc(q) > 1 && (!span_to_u64(ctl_arg(q, 1), &n) || n == 0 || n > TOP_MAX))
        return usage(q);
    walk_start(p, q, true, (span){ NULL, 0 }, n);
}

/* ---- marks ---- */

struct marks_walk { struct ctl_request *request; struct store *store; enum mark mark; };

static void on_mark(const struct store_scan_item *item, enum store_outcome outcome, bool done, void *arg)
{
    static const char *const words[MARK_COUNT] = { "exempt", "rate", "blocked", "greylist" };
    struct marks_walk *w = arg;

    if (!done) {
        ctl_print(w->request, "%-8s %-40.*s %.*s\n", words[w->mark], SPAN_ARG(item->key), SPAN_ARG(item->value));
        return;
    }
    if (outcome == STORE_HIT && ++w->mark < MARK_COUNT)
        return store_scan(w->store, marks_table(w->mark), (span){ NULL, 0 }, SHOW_MAX, on_mark, w);
    ctl_store_walked(&w->request, outcome);
    free(w);
}

static void marks(struct policyd *p, struct ctl_request *q)
{
    struct marks_walk *w = xcalloc(1, sizeof(*w));

    *w = (struct marks_walk){ q, p->services.store, MARK_EXEMPT };
    store_scan(w->store, marks_table(MARK_EXEMPT), (span){ NULL, 0 }, SHOW_MAX, on_mark, w);
}

void ctl_limits(struct ctl_request *q, void *arg)
{
    struct policyd *p = ctl_store_ready(&q, arg);
    span word, key;

    if (p == NULL)
        return;
    word = ctl_arg(q, 0);
    key = ctl_arg(q, 1);
    if (span_eq(word, SPAN("show")))
        return walk_start(p, q, false, key, SHOW_MAX);
    if (span_eq(word, SPAN("top")))
        return top(p, q);
    if (span_eq(word, SPAN("marks")))
        return marks(p, q);
    if (key.n == 0)
        return usage(q);
    if (span_eq(word, SPAN("reset")))
        return store_forget(p->services.store, "limits", key, on_changed, change_new(q, "reset", "nothing was counted under this key"));
    if (span_eq(word, SPAN("exempt")))
        return exempt(p, q);
    if (span_eq(word, SPAN("override")))
        return override(p, q);
    if (span_eq(word, SPAN("block")))
        return marks_set(p->services.marks, MARK_BLOCKED, key, "by gatepostctl", BLOCK_KEEP_MS, on_changed, change_new(q, "blocked", ""));
    if (span_eq(word, SPAN("release")))
        return marks_clear(p->services.marks, MARK_BLOCKED, key, on_changed, change_new(q, "released", "it was not blocked"));
    usage(q);
}
