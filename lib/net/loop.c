/* loop.c - the one event loop of a daemon, and its only clocks.
 *
 * libevent_core watches the descriptors and does the one wait.  Timers are a binary heap of our own, because they
 * must obey the fake clock; what ends the wait for them is one timerfd, which is set again only when the nearest
 * timer moves nearer: a deadline that is set and removed with every request costs no system call.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/alloc.h"

#define NEVER INT64_MAX

enum { TASK_ROUNDS_MAX = 64, ADVANCE_TURNS_MAX = 100 };

struct heap_entry {
    int64_t due_ms;
    uint64_t seq;                 /* equal times run in the order of their start */
    struct loop_timer *timer;
};

struct signal_watch {
    struct signal_watch *next;
    struct event *event;
    struct loop *loop;
    loop_signal_fn *fn;
    void *arg;
};

/* Two events, so that a change of one interest is one epoll_ctl(MOD) and not a DEL and an ADD. */
struct io_events {
    struct event rd, wr;
};

struct loop {
    struct event_base *base;
    int64_t now_ms, wall_ms;
    bool fake;
    bool clock_stale;             /* the wait is over, the clocks were not read yet */
    bool stopping;
    uint64_t ran;                 /* callbacks run; to tell whether a turn did anything */

    struct heap_entry *heap;      /* from 1 */
    size_t heap_len, heap_cap;
    uint64_t next_seq;

    int wake_fd;                  /* timerfd */
    int64_t wake_ms;              /* what it is set to, or NEVER */
    struct event wake_event;

    struct loop_task *tasks, **tasks_tail;
    struct loop_task *running;
    struct loop_task *at_free;
    struct signal_watch *signals;
};

/* ---- clocks ---- */

static int64_t clock_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void read_clocks(struct loop *l)
{
    l->clock_stale = false;
    if (l->fake)
        return;
    l->now_ms = clock_us(CLOCK_MONOTONIC) / 1000;
    l->wall_ms = clock_us(CLOCK_REALTIME) / 1000;
}

static inline void callback_begins(struct loop *l)
{
    if (l->clock_stale)
        read_clocks(l);
    l->ran++;
}

int64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

int64_t loop_wall_ms(const struct loop *l)
{
    return l->wall_ms;
}

int64_t loop_now_us(const struct loop *l)
{
    return l->fake ? l->now_ms * 1000 : clock_us(CLOCK_MONOTONIC);
}

/* ---- making and freeing ---- */

/* What libevent would say goes to nobody: each failure also comes back as a return value. */
static void no_words(int severity, const char *words)
{
    (void)severity;
    (void)words;
}

static void on_wake(evutil_socket_t fd, short events, void *arg)
{
    struct loop *l = arg;
    uint64_t expirations;

    (void)events;
    if (read(fd, &expirations, sizeof(expirations)) > 0)
        l->wake_ms = NEVER;
}

static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config == NULL)
        return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
    base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

struct loop *loop_new(struct errtext *err)
{
    struct loop *l = xcalloc(1, sizeof(*l));

    event_set_log_callback(no_words);
    /* sendfile(2) and OpenSSL's writes know no MSG_NOSIGNAL; a gone peer is an error code, never a death. */
    signal(SIGPIPE, SIG_IGN);
    l->tasks_tail = &l->tasks;
    l->wake_ms = NEVER;
    if ((l->base = base_new()) == NULL) {
        errtext_errno(err, "cannot make an event loop");
        goto fail;
    }
    if ((l->wake_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) < 0) {
        errtext_errno(err, "timerfd_create");
        goto fail;
    }
    if (event_assign(&l->wake_event, l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l) != 0 ||
        event_add(&l->wake_event, NULL) != 0) {
        errtext_errno(err, "cannot watch a timerfd");
        close(l->wake_fd);
        goto fail;
    }
    read_clocks(l);
    return l;
fail:
    if (l->base != NULL)
        event_base_free(l->base);
    free(l);
    return NULL;
}

struct loop *loop_new_fake(int64_t mono_ms, int64_t wall_ms)
{
    struct errtext err = { "" };
    struct loop *l = loop_new(&err);

    if (l == NULL) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    l->fake = true;
    l->now_ms = mono_ms;
    l->wall_ms = wall_ms;
    return l;
}

static void run_tasks(struct loop *l);

void loop_free(struct loop **lp)
{
    struct loop *l = *lp;
    struct signal_watch *w;
    struct loop_task *t;

    if (l == NULL)
        return;
    while ((t = l->at_free) != NULL) {
        loop_task_cancel(t);
        t->fn(t->arg);
    }
    run_tasks(l);
    while ((w = l->signals) != NULL) {
        l->signals = w->next;
        event_free(w->event);
        free(w);
    }
    event_del(&l->wake_event);
    close(l->wake_fd);
    event_base_free(l->base);
    free(l->heap);
    free(l);
    *lp = NULL;
}

/* ---- timers ---- */

static inline bool before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->due_ms < b->due_ms || (a->due_ms == b->due_ms && a->seq < b->seq);
}

static inline void heap_set(struct loop *l, size_t pos, struct heap_entry e)
{
    l->heap[pos] = e;
    e.timer->heap_pos = pos;
}

/* Puts e where it belongs, starting from the free position pos. */
static void heap_place(struct loop *l, size_t pos, struct heap_entry e)
{
    while (pos > 1 && before(&e, &l->heap[pos / 2])) {
        heap_set(l, pos, l->heap[pos / 2]);
        pos /= 2;
    }
    for (size_t child; (child = pos * 2) <= l->heap_len; pos = child) {
        if (child < l->heap_len && before(&l->heap[child + 1], &l->heap[child]))
            child++;
        if (!before(&l->heap[child], &e))
            break;
        heap_set(l, pos, l->heap[child]);
    }
    heap_set(l, pos, e);
}

void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t delay_ms, loop_timer_fn *fn, void *arg)
{
    if (delay_ms < 0)
        delay_ms = 0;
    if (t->heap_pos != 0 && t->loop != l)
        loop_timer_stop(t);
    t->loop = l;
    t->due_ms = delay_ms > NEVER - 1 - l->now_ms ? NEVER - 1 : l->now_ms + delay_ms;
    t->fn = fn;
    t->arg = arg;
    if (t->heap_pos == 0) {
        if (l->heap_len + 2 > l->heap_cap) {
            l->heap_cap = l->heap_cap > 0 ? l->heap_cap * 2 : 64;
            l->heap = xreallocarray(l->heap, l->heap_cap, sizeof(*l->heap));
        }
        t->heap_pos = ++l->heap_len;
    }
    heap_place(l, t->heap_pos, (struct heap_entry){ t->due_ms, l->next_seq++, t });
}

void loop_timer_stop(struct loop_timer *t)
{
    struct loop *l = t->loop;
    size_t pos = t->heap_pos;
    struct heap_entry last;

    if (pos == 0)
        return;
    t->heap_pos = 0;
    last = l->heap[l->heap_len--];
    if (last.timer != t)
        heap_place(l, pos, last);
}

bool loop_timer_active(const struct loop_timer *t)
{
    return t->heap_pos != 0;
}

/* Timers started since `first_new` wait for the next turn: a timer that starts itself anew cannot starve the rest. */
static void run_timers(struct loop *l, uint64_t first_new)
{
    while (l->heap_len > 0 && l->heap[1].due_ms <= l->now_ms && l->heap[1].seq < first_new) {
        struct loop_timer *t = l->heap[1].timer;

        loop_timer_stop(t);
        l->ran++;
        t->fn(t->arg);
    }
}

/* ---- descriptors ---- */

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
    struct loop_io *io = arg;

    (void)fd;
    (void)events;
    callback_begins(io->loop);
    io->fn(LOOP_READ, io->arg);
}

static void on_writable(evutil_socket_t fd, short events, void *arg)
{
    struct loop_io *io = arg;

    (void)fd;
    (void)events;
    callback_begins(io->loop);
    io->fn(LOOP_WRITE, io->arg);
}

int loop_io_start(struct loop *l, struct loop_io *io, int fd, int want, loop_io_fn *fn, void *arg)
{
    struct io_events *ev = xmalloc(sizeof(*ev));

    assert(io->event == NULL);
    event_assign(&ev->rd, l->base, fd, EV_READ | EV_PERSIST, on_readable, io);
    event_assign(&ev->wr, l->base, fd, EV_WRITE | EV_PERSIST, on_writable, io);
    *io = (struct loop_io){ .loop = l, .fd = fd, .want = want, .event = ev, .fn = fn, .arg = arg };
    if (((want & LOOP_READ) != 0 && event_add(&ev->rd, NULL) != 0) ||
        ((want & LOOP_WRITE) != 0 && event_add(&ev->wr, NULL) != 0)) {
        int saved = errno;

        loop_io_stop(io);
        errno = saved != 0 ? saved : EPERM;
        return -1;
    }
    return 0;
}

static void switch_event(struct event *ev, bool on)
{
    if (on)
        event_add(ev, NULL);   /* the kernel already watches the descriptor or did before; memory is libevent's own */
    else
        event_del(ev);
}

void loop_io_want(struct loop_io *io, int want)
{
    struct io_events *ev = io->event;
    int changed = io->want ^ want;

    assert(ev != NULL);
    io->want = want;
    /* First what is added, so that epoll never lets go of the descriptor in between. */
    for (int on = 1; on >= 0; on--) {
        if ((changed & LOOP_READ) != 0 && ((want & LOOP_READ) != 0) == on)
            switch_event(&ev->rd, on);
        if ((changed & LOOP_WRITE) != 0 && ((want & LOOP_WRITE) != 0) == on)
            switch_event(&ev->wr, on);
    }
}

void loop_io_stop(struct loop_io *io)
{
    struct io_events *ev = io->event;

    if (ev == NULL)
        return;
    event_del(&ev->rd);
    event_del(&ev->wr);
    free(ev);
    io->event = NULL;
    io->want = 0;
}

/* ---- tasks ---- */

void loop_defer(struct loop *l, struct loop_task *t, loop_task_fn *fn, void *arg)
{
    t->fn = fn;
    t->arg = arg;
    if (t->link != NULL)
        return;
    t->loop = l;
    t->next = NULL;
    t->link = l->tasks_tail;
    *l->tasks_tail = t;
    l->tasks_tail = &t->next;
}

void loop_at_free(struct loop *l, struct loop_task *t, loop_task_fn *fn, void *arg)
{
    assert(t->link == NULL);
    *t = (struct loop_task){ .loop = l, .next = l->at_free, .link = &l->at_free, .fn = fn, .arg = arg };
    if (t->next != NULL)
        t->next->link = &t->next;
    l->at_free = t;
}

void loop_task_cancel(struct loop_task *t)
{
    if (t->link == NULL)
        return;
    *t->link = t->next;
    if (t->next != NULL)
        t->next->link = t->link;
    else if (t->loop->tasks_tail == &t->next)
        t->loop->tasks_tail = t->link;
    t->next = NULL;
    t->link = NULL;
}

static void run_tasks(struct loop *l)
{
    for (int round = 0; l->tasks != NULL && round < TASK_ROUNDS_MAX; round++) {
        l->running = l->tasks;
        l->running->link = &l->running;
        l->tasks = NULL;
        l->tasks_tail = &l->tasks;
        while (l->running != NULL) {
            struct loop_task *t = l->running;

            loop_task_cancel(t);
            l->ran++;
            t->fn(t->arg);
        }
    }
}

/* ---- signals ---- */

static void on_signal(evutil_socket_t signo, short events, void *arg)
{
    struct signal_watch *w = arg;

    (void)events;
    callback_begins(w->loop);
    w->fn((int)signo, w->arg);
}

int loop_signal(struct loop *l, int signo, loop_signal_fn *fn, void *arg)
{
    struct signal_watch *w = xcalloc(1, sizeof(*w));

    w->loop = l;
    w->fn = fn;
    w->arg = arg;
    w->event = evsignal_new(l->base, signo, on_signal, w);
    if (w->event == NULL || event_add(w->event, NULL) != 0) {
        if (w->event != NULL)
            event_free(w->event);
        free(w);
        return -1;
    }
    w->next = l->signals;
    l->signals = w;
    return 0;
}

/* ---- turns ---- */

/* Sees to it that the wait ends at due_ms; earlier is harmless. */
static void wake_at(struct loop *l, int64_t due_ms)
{
    struct itimerspec at = { .it_value = { .tv_sec = due_ms / 1000, .tv_nsec = due_ms % 1000 * 1000000 } };

    if (due_ms >= l->wake_ms)
        return;
    if (due_ms <= 0)
        at.it_value.tv_nsec = 1;   /* all zero would switch the timer off */
    if (timerfd_settime(l->wake_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0)
        l->wake_ms = due_ms;
}

static bool something_due(const struct loop *l)
{
    return l->tasks != NULL || (l->heap_len > 0 && l->heap[1].due_ms <= l->now_ms);
}

/* One wait and the io callbacks.  max_wait_ms < 0: without end. */
static void wait_and_dispatch(struct loop *l, int64_t max_wait_ms)
{
    bool look_only = max_wait_ms == 0 || something_due(l);

    if (!look_only && l->heap_len > 0 && !l->fake)
        wake_at(l, l->heap[1].due_ms);
    if (!look_only && max_wait_ms > 0)
        wake_at(l, clock_us(CLOCK_MONOTONIC) / 1000 + max_wait_ms);
    l->clock_stale = true;
    /* ONCE also when only looking: NONBLOCK alone goes on until no descriptor is ready, past due timers and tasks. */
    event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY | EVLOOP_ONCE | (look_only ? EVLOOP_NONBLOCK : 0));
    if (l->clock_stale)
        read_clocks(l);
}

bool loop_turn(struct loop *l, int64_t max_wait_ms)
{
    uint64_t ran_before = l->ran, first_new = l->next_seq;
    int64_t until_ms = max_wait_ms > 0 ? clock_us(CLOCK_MONOTONIC) / 1000 + max_wait_ms : 0;

    for (;;) {
        wait_and_dispatch(l, max_wait_ms);
        run_tasks(l);                    /* what has come is looked at before the time for it is said to be over */
        run_timers(l, first_new);
        run_tasks(l);
        if (l->ran != ran_before)
            return true;
        if (max_wait_ms == 0 || l->stopping)
            return false;
        if (max_wait_ms > 0) {   /* the timerfd may have been set for a timer that has gone since: wait on */
            max_wait_ms = until_ms - clock_us(CLOCK_MONOTONIC) / 1000;
            if (max_wait_ms <= 0)
                return false;
        }
    }
}

void loop_run(struct loop *l)
{
    while (!l->stopping)
        loop_turn(l, -1);
    l->stopping = false;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}

/* ---- the fake clock ---- */

static void turn_until_quiet(struct loop *l)
{
    for (int i = 0; i < ADVANCE_TURNS_MAX && loop_turn(l, 0); i++)
        ;
}

static void fake_move(struct loop *l, int64_t to_ms)
{
    l->wall_ms += to_ms - l->now_ms;
    l->now_ms = to_ms;
}

void loop_fake_advance(struct loop *l, int64_t ms)
{
    int64_t target = l->now_ms + ms;

    assert(l->fake && ms >= 0);
    turn_until_quiet(l);
    while (l->heap_len > 0 && l->heap[1].due_ms <= target) {
        if (l->heap[1].due_ms > l->now_ms)
            fake_move(l, l->heap[1].due_ms);
        turn_until_quiet(l);
    }
    fake_move(l, target);
    turn_until_quiet(l);
}

void loop_fake_wall_step(struct loop *l, int64_t ms)
{
    assert(l->fake);
    l->wall_ms += ms;
}
