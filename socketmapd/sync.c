/* sync.c - the whole of a directory's recipients: the set in force, and what is known beside it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "socketmapd/sync_private.h"

#define CURRENT_MS MINUTES(2)
enum { INTERVALS_FRESH = 3, MISSED_ENOUGH = 2 };

/* ---- answers ---- */

enum sync_knows sync_find(const struct sync *s, span address, bool *internal_out)
{
    struct rcpt_set_entry e;
    const struct sync_news *n;

    *internal_out = false;
    e.flags = 0;
    if (map_count(s->dropped) > 0 && map_get(s->dropped, address) != NULL)
        return SYNC_GONE;
    if (s->in_force != NULL && rcpt_set_find(s->in_force, address, &e)) {
        *internal_out = (e.flags & RCPT_SET_INTERNAL) != 0;
        if ((e.flags & RCPT_SET_MISSING) == 0)
            return SYNC_HAS;
    }
    if (map_count(s->news) > 0 && (n = map_get(s->news, address)) != NULL) {
        *internal_out = n->internal;
        return SYNC_HAS;
    }
    if ((e.flags & RCPT_SET_MISSING) == 0)
        return SYNC_UNKNOWN;
    return e.missed >= MISSED_ENOUGH && loop_wall_ms(s->loop) - e.since_ms >= s->set->sync.grace_ms ? SYNC_GONE : SYNC_GOING;
}

/* The time within which a sign of life is to be expected. */
static int64_t interval_ms(const struct sync *s)
{
    return strcmp(s->way, "full") == 0 ? s->set->sync.full_interval_ms : s->set->sync.interval_ms;
}

enum sync_state sync_state(const struct sync *s)
{
    if (s->in_force == NULL)
        return SYNC_EMPTY;
    if (s->sure_ms < 0)
        return SYNC_LOADED;
    return loop_now_ms(s->loop) - s->sure_ms <= INTERVALS_FRESH * interval_ms(s) ? SYNC_FRESH : SYNC_STALE;
}

bool sync_is_current(const struct sync *s)
{
    return s->in_force != NULL && s->sure_ms >= 0 && loop_now_ms(s->loop) - s->sure_ms <= CURRENT_MS;
}

int64_t sync_age_ms(const struct sync *s)
{
    return s->in_force != NULL ? loop_now_ms(s->loop) - s->complete_ms : -1;
}

size_t sync_count(const struct sync *s)
{
    return (s->in_force != NULL ? (size_t)(rcpt_set_count(s->in_force) - rcpt_set_missing(s->in_force)) : 0) + map_count(s->news);
}

enum sync_login sync_login(const struct sync *s, span address, struct buf *out)
{
    struct rcpt_set_entry e;
    span login;

    if (s->in_force == NULL)
        return SYNC_LOGIN_LATER;
    if (!rcpt_set_find(s->in_force, address, &e))
        return map_get(s->news, address) != NULL ? SYNC_LOGIN_LATER : SYNC_LOGIN_NONE;
    login = rcpt_set_login(s->in_force, e.object);
    buf_append(out, login);
    return login.n > 0 ? SYNC_LOGIN_FOUND : SYNC_LOGIN_NONE;
}

/* ---- news ---- */

static void add_news(struct sync *s, span address, uint64_t serial, bool internal, const char *detail)
{
    struct sync_news *n = xcalloc(1, sizeof(*n) + strlen(detail) + 1);

    n->serial = serial;
    n->internal = internal;
    n->learned_ms = loop_now_ms(s->loop);
    strcpy(n->detail, detail);
    free(map_put(s->news, address, n));
    map_remove(s->dropped, address);
}

void sync_learn(struct sync *s, span address, bool internal, const char *detail)
{
    add_news(s, address, 0, internal, detail);
}

void sync_drop(struct sync *s, span address)
{
    free(map_remove(s->news, address));
    map_put(s->dropped, address, s);
}

void sync_on_news(struct sync *s, void (*fn)(span address, void *arg), void *arg)
{
    s->on_news = fn;
    s->news_arg = arg;
}

void sync_tell_news(struct sync *s, span address, uint64_t serial, bool internal, const char *detail)
{
    add_news(s, address, serial, internal, detail);
    if (s->on_news != NULL)
        s->on_news(address, s->news_arg);
}

struct sift { struct sync *sync; struct sync_upto upto; struct map *kept; };

/* What the new set has, or what it would have if it were still so, is no news. */
static bool sift_one(span address, void *value, void *arg)
{
    struct sift *f = arg;
    struct sync_news *n = value;
    struct rcpt_set_entry e;
    bool there = rcpt_set_find(f->sync->in_force, address, &e) && (e.flags & RCPT_SET_MISSING) == 0;
    bool over = n->serial > 0 && f->upto.serial != SYNC_BY_TIME ? n->serial <= f->upto.serial : n->learned_ms < f->upto.asked_ms;

    if (there || over)
        free(n);
    else
        map_put(f->kept, address, n);
    return true;
}

static void sift_news(struct sync *s, struct sync_upto upto)
{
    struct sift f = { s, upto, map_new() };

    map_each(s->news, sift_one, &f);
    map_free(&s->news, NULL);
    s->news = f.kept;
}

/* ---- the set in force ---- */

static void wake_waiters(struct sync *s)
{
    while (s->waiters != NULL) {
        struct sync_waiter *w = s->waiters;

        sync_wait_end(w);
        w->fn(w->arg);
    }
}

/* A child of ours has just written it, so only its head is read; at a start all of it is. */
void sync_set_in_force(struct sync *s, struct sync_upto upto, bool at_start)
{
    struct errtext err = { "" };
    struct rcpt_set *neu = NULL;
    enum rcpt_set_status st = rcpt_set_open(s->set_path, at_start, &neu, &err);

    if (st == RCPT_SET_OK && strcmp(rcpt_set_about(neu)->asked, s->asked) != 0) {
        if (s->serving)
            log_info("recipients source %s: %s was read for another base, filter or list of domains; it is not used", s->set->name, s->set_path);
        rcpt_set_close(&neu);
        return;
    }
    if (st != RCPT_SET_OK) {
        if (s->serving && (st != RCPT_SET_NO_FILE || !at_start))
            log_warning("recipients source %s: %s; it is read from the directory anew", s->set->name, err.text);
        return;
    }
    rcpt_set_close(&s->in_force);
    s->in_force = neu;
    sift_news(s, upto);
    wake_waiters(s);
}

void sync_confirmed(struct sync *s, bool complete)
{
    s->sure_ms = loop_now_ms(s->loop);
    if (complete)
        s->complete_ms = s->sure_ms;
}

void sync_confirmed_at(struct sync *s, int64_t sure_ms, int64_t complete_ms)
{
    if (sure_ms > s->sure_ms) {
        s->sure_ms = sure_ms;
        if (s->in_force != NULL && map_count(s->news) > 0)
            sift_news(s, (struct sync_upto){ SYNC_BY_TIME, sure_ms });     /* learned before then, and not in it: gone again */
    }
    if (complete_ms > s->complete_ms)
        s->complete_ms = complete_ms;
}

void sync_wait(struct sync *s, struct sync_waiter *w, void (*fn)(void *arg), void *arg)
{
    *w = (struct sync_waiter){ s->waiters, &s->waiters, fn, arg };
    if (w->next != NULL)
        w->next->link = &w->next;
    s->waiters = w;
}

void sync_wait_end(struct sync_waiter *w)
{
    if (w->link == NULL)
        return;
    *w->link = w->next;
    if (w->next != NULL)
        w->next->link = w->link;
    w->link = NULL;
}

/* ---- a source's life ---- */

static int make_folder(const struct settings *all, char **path_out, struct errtext *err)
{
    char *path = xasprintf("%s/recipients", all->process.state_directory);

    if (mkdir(path, 0750) != 0 && errno != EEXIST) {
        errtext_errno(err, "%s", path);
        free(path);
        return -1;
    }
    *path_out = path;
    return 0;
}

/* What a process left behind that was killed while it wrote: NAME.set.PID, NAME.proposal.PID. */
static void sweep(const struct sync *s, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *e;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        span name = span_str(e->d_name), rest = span_from(name, strlen(s->set->name) + 1);
        uint64_t pid;

        if (!span_starts(name, span_str(s->set->name)) || (!span_starts(rest, SPAN("set.")) && !span_starts(rest, SPAN("proposal."))) ||
            !span_to_u64(span_from(name, span_rfind(name, '.') + 1), &pid))
            continue;
        unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir != NULL)
        closedir(dir);
}

static void load_at_start(struct sync *s)
{
    sync_set_in_force(s, (struct sync_upto){ 0, INT64_MIN }, true);
    if (s->in_force == NULL)
        return;
    s->complete_ms = loop_now_ms(s->loop) - (loop_wall_ms(s->loop) - rcpt_set_about(s->in_force)->complete_ms);
    if (s->complete_ms > loop_now_ms(s->loop))
        s->complete_ms = loop_now_ms(s->loop);         /* the wall clock was set back meanwhile */
    if (s->serving)
        log_info("recipients source %s: %zu addresses from %s, read %llds ago; the directory is asked now", s->set->name, sync_count(s), s->set_path,
                 (long long)(sync_age_ms(s) / 1000));
}

static void begin(void *arg)
{
    struct sync *s = arg;
    struct errtext err = { "" };
    char *folder = NULL;

    if (make_folder(s->all, &folder, &err) != 0) {
        log_error("recipients source %s: %s; its set cannot be kept over a restart", s->set->name, err.text);
        return;
    }
    sweep(s, folder);
    free(folder);
    if (s->share == NULL)
        sync_reader_start(s, 0);
}

struct sync *sync_new(struct loop *l, const struct settings *all, const struct set_recipient_source *set, bool serving, struct errtext *err)
{
    struct sync *s = xcalloc(1, sizeof(*s));

    s->loop = l;
    s->all = all;
    s->set = set;
    s->serving = serving;
    s->news = map_new();
    s->dropped = map_new();
    s->sure_ms = -1;
    s->set_path = xasprintf("%s/recipients/%s.set", all->process.state_directory, set->name);
    s->proposal_path = xasprintf("%s/recipients/%s.proposal", all->process.state_directory, set->name);
    s->diff_path = xasprintf("%s/recipients/%s.diff", all->process.state_directory, set->name);
    s->hold_path = xasprintf("%s/recipients/%s.hold", all->process.state_directory, set->name);
    buf_init(&s->password, 1024);
    buf_init(&s->domains, SYNC_DOMAINS_BYTES_MAX);
    if (sync_order_fill(all, set, &s->password, &s->domains, &s->order, err) != 0) {
        sync_free(&s);
        return NULL;
    }
    sync_order_digest(&s->order, s->asked);
    s->order.asked = span_str(s->asked);
    s->order.proposal_path = span_str(s->proposal_path);
    s->hold_all = access(s->hold_path, F_OK) == 0;
    load_at_start(s);
    s->share = share_new(s, err);
    if (s->share == NULL && err->text[0] != '\0') {
        sync_free(&s);
        return NULL;
    }
    if (serving)
        loop_timer_start(l, &s->start, 0, begin, s);
    return s;
}

void sync_free(struct sync **s)
{
    struct sync *gone = *s;

    if (gone == NULL)
        return;
    *s = NULL;
    loop_timer_stop(&gone->start);
    share_free(&gone->share);
    sync_reader_stop(gone);
    sync_judge_stop(gone);
    while (gone->waiters != NULL)
        sync_wait_end(gone->waiters);
    rcpt_set_close(&gone->in_force);
    map_free(&gone->news, free);
    map_free(&gone->dropped, NULL);
    if (gone->password.base != NULL)
        explicit_bzero(gone->password.base, gone->password.cap);
    buf_free(&gone->password);
    buf_free(&gone->domains);
    free(gone->set_path);
    free(gone->proposal_path);
    free(gone->diff_path);
    free(gone->hold_path);
    free(gone);
}
