/* source_static.c - recipients that are written down: in the configuration or in files.
 *
 * They are read whole before anything of them counts.  A file that has changed is read again by a child, beside the ones in use; one that
 * has a mistake is told of, with file and line, and the old ones stay.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/net/child.h"
#include "socketmapd/list_child.h"
#include "socketmapd/list_patterns.h"
#include "socketmapd/list_read.h"
#include "socketmapd/source.h"

#define LOOK_MS SECONDS(5)
#define READ_MS MINUTES(5)

struct stamp {
    struct timespec changed;
    uint64_t inode, size;
};

struct static_list {
    struct loop *loop;
    const struct set_recipient_source *set;
    bool fold;
    struct rcpt_set *entries;
    struct list_patterns *patterns;
    struct stamp *read, *seen;       /* of each file: when it was read, and at the last look */
    struct loop_timer look;
    struct child_pool *pool;
    struct child_job *job;
    struct log_fence fence;
};

static bool static_wanted(const struct set_recipient_source *set)
{
    return set->servers.n == 0 && (set->addresses.n > 0 || set->files.n > 0);
}

/* ---- taking over ---- */

static bool take_over(struct static_list *list, int set_fd, span patterns, struct errtext *err)
{
    struct list_patterns *compiled = list_patterns_new(patterns, err);
    struct rcpt_set *set = NULL;

    if (compiled == NULL)
        return false;
    if (rcpt_set_open_fd(set_fd, "the list", false, &set, err) != RCPT_SET_OK) {
        list_patterns_free(&compiled);
        return false;
    }
    rcpt_set_close(&list->entries);
    list_patterns_free(&list->patterns);
    list->entries = set;
    list->patterns = compiled;
    return true;
}

static bool encode(const struct static_list *list, struct buf *job)
{
    return list_job_encode(list->fold, &list->set->addresses, &list->set->files, job);
}

static bool read_now(struct static_list *list, struct errtext *err)
{
    struct buf job, patterns;
    bool ok = false;
    int fd = -1;

    buf_init(&job, 64 << 20);
    buf_init(&patterns, LIST_PATTERNS_BYTES);
    if (encode(list, &job))
        fd = list_job_run(buf_span(&job), &patterns, err);
    if (fd >= 0) {
        ok = take_over(list, fd, buf_span(&patterns), err);
        close(fd);
    }
    buf_free(&patterns);
    buf_free(&job);
    return ok;
}

/* ---- files that change ---- */

static bool stamp_all(const struct static_list *list, struct stamp *out)
{
    bool all = true;

    for (size_t i = 0; i < list->set->files.n; i++) {
        struct stat st;

        out[i] = (struct stamp){ .inode = 0 };
        if (stat(list->set->files.v[i], &st) == 0)
            out[i] = (struct stamp){ st.st_mtim, st.st_ino, (uint64_t)st.st_size };
        else
            all = false;
    }
    return all;
}

static bool same(const struct static_list *list, const struct stamp *a, const struct stamp *b)
{
    return memcmp(a, b, list->set->files.n * sizeof(*a)) == 0;
}

static void complain(struct static_list *list, const char *why)
{
    log_error("recipients source %s: %s; the lists that were read before stay in use", list->set->name, why);
}

static span whole_of(int fd, char **bytes_out)
{
    struct stat st;
    ssize_t n = 0;

    *bytes_out = NULL;
    if (fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > LIST_PATTERNS_BYTES)
        return SPAN("");
    *bytes_out = xmalloc((size_t)st.st_size);
    n = pread(fd, *bytes_out, (size_t)st.st_size, 0);
    return span_of(*bytes_out, n > 0 ? (size_t)n : 0);
}

static void on_read(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
{
    struct static_list *list = arg;
    struct errtext err = { "" };
    char *patterns = NULL;

    list->job = NULL;
    if (outcome == CHILD_ANSWERED && nfds == 2) {
        if (take_over(list, fds[0], whole_of(fds[1], &patterns), &err))
            log_info("recipients source %s: the lists have changed and are in use: %llu entries", list->set->name,
                     (unsigned long long)rcpt_set_count(list->entries));
        else
            complain(list, err.text);
        free(patterns);
        return;
    }
    snprintf(err.text, sizeof(err.text), "%.*s", SPAN_ARG(span_head(reply, sizeof(err.text) - 1)));
    complain(list, outcome == CHILD_ANSWERED ? err.text : "the reading process ended, or took too long");
}

static void read_again(struct static_list *list)
{
    static const struct child_spec process = { .role = "rcpt-list" };
    struct buf job;

    if (list->pool == NULL)
        list->pool = child_pool_new_exec(list->loop, &(struct child_pool_spec){ .workers = 1, .recycle_after_jobs = 1, .restart_delay_ms = 1000 }, &process);
    buf_init(&job, CHILD_MESSAGE_MAX);
    if (encode(list, &job))
        list->job = child_pool_submit(list->pool, buf_span(&job), NULL, 0, READ_MS, on_read, list);
    else
        complain(list, "too many addresses stand in the configuration for a reading beside it (put them into a file, or reload)");
    buf_free(&job);
}

/* A file that is being written is left alone until it rests from one look to the next. */
static void look(void *arg)
{
    struct static_list *list = arg;
    size_t bytes = list->set->files.n * sizeof(struct stamp);
    struct stamp *now = xmalloc(bytes);
    bool all_there = stamp_all(list, now);

    if (list->job == NULL && same(list, now, list->seen) && !same(list, now, list->read)) {
        memcpy(list->read, now, bytes);
        if (all_there)
            read_again(list);
        else
            complain(list, "a file is not there any more");
    }
    memcpy(list->seen, now, bytes);
    free(now);
    loop_timer_start(list->loop, &list->look, LOOK_MS, look, list);
}

/* ---- the source ---- */

static void static_close(void *state)
{
    struct static_list *list = state;

    loop_timer_stop(&list->look);
    if (list->job != NULL)
        child_pool_cancel(&list->job);
    child_pool_free(&list->pool);
    rcpt_set_close(&list->entries);
    list_patterns_free(&list->patterns);
    free(list->read);
    free(list->seen);
    free(list);
}

static void *static_open(const struct source_env *env, const struct set_recipient_source *set, struct errtext *err)
{
    struct static_list *list = xcalloc(1, sizeof(*list));

    list->loop = env->loop;
    list->set = set;
    list->fold = env->all->recipients.fold_local_part;
    list->read = xcalloc(set->files.n + 1, sizeof(struct stamp));
    list->seen = xcalloc(set->files.n + 1, sizeof(struct stamp));
    stamp_all(list, list->read);
    memcpy(list->seen, list->read, set->files.n * sizeof(struct stamp));
    if (!read_now(list, err)) {
        static_close(list);
        return NULL;
    }
    if (env->serving && set->files.n > 0)
        loop_timer_start(env->loop, &list->look, LOOK_MS, look, list);
    return list;
}

static bool find(const struct static_list *list, span address, struct rcpt_set_entry *e)
{
    return rcpt_set_find(list->entries, address, e) || rcpt_set_find(list->entries, span_from(address, span_rfind(address, '@')), e);
}

static bool static_peek(void *state, span address, struct source_result *out)
{
    struct static_list *list = state;
    struct rcpt_set_entry e;
    const char *pattern;
    bool failed;

    *out = (struct source_result){ .answer = RCPT_VALID, .detail = "in the list" };
    if (find(list, address, &e))
        return true;
    pattern = list_patterns_match(list->patterns, address, &failed);
    if (pattern != NULL)
        out->detail = pattern;
    else
        *out = (struct source_result){ .answer = failed ? RCPT_TEMPFAIL : RCPT_INVALID,
                                       .detail = failed ? "a pattern took too long to match" : "not in the list" };
    if (failed && log_fence_pass(&list->fence, loop_now_ms(list->loop), MINUTES(1)))
        log_error("recipients source %s: a pattern takes too long to match; make it simpler (no nested repeats)", list->set->name);
    return true;
}

static void static_describe(void *state, span address, struct buf *to)
{
    const struct static_list *list = state;
    struct rcpt_set_entry e;
    bool failed;

    if (!find(list, address, &e)) {
        const char *pattern = list_patterns_match(list->patterns, address, &failed);

        if (pattern != NULL)
            buf_printf(to, "pattern /%s/", pattern);
        else
            buf_printf(to, "not in the list of %llu entries", (unsigned long long)rcpt_set_count(list->entries));
        return;
    }
    if (e.attr == 0)
        buf_append_str(to, "the configuration");
    else if (e.attr < LIST_FILES_MAX - 1 || list->set->files.n < LIST_FILES_MAX)
        buf_printf(to, "%s:%u", list->set->files.v[e.attr - 1], e.object);
    else
        buf_printf(to, "line %u of one of the files from %s on", e.object, list->set->files.v[e.attr - 1]);
}

const struct source_type source_static = {
    .name = "static", .wanted = static_wanted, .open = static_open, .close = static_close, .peek = static_peek, .describe = static_describe,
};
