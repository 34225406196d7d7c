/* loop.h - the one event loop of a daemon, and its only clocks.
 *
 * Units:     milliseconds; loop_now_ms is monotonic, loop_wall_ms is Unix time.  Both are read once a turn.
 * Ownership: timers, io watches and tasks are embedded in the caller's structs; stop them before the struct goes.
 *            No callback is run after its stop function returned.
 * Signals:   loop_new ignores SIGPIPE for the process.
 * Fake:      loop_new_fake has the same interface, real descriptors and clocks that stand still until
 *            loop_fake_advance: tests move time instead of sleeping.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_LOOP_H
#define GATEPOST_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/errtext.h"

#define SECONDS(n) ((int64_t)(n) * 1000)
#define MINUTES(n) SECONDS((int64_t)(n) * 60)
#define HOURS(n)   MINUTES((int64_t)(n) * 60)
#define DAYS(n)    HOURS((int64_t)(n) * 24)

struct loop;

typedef void loop_timer_fn(void *arg);
typedef void loop_task_fn(void *arg);
enum { LOOP_READ = 1, LOOP_WRITE = 2 };                 /* bit set; hang-up and error show as each that is wanted; read and write
                                                         * readiness of one turn may come in two calls */
typedef void loop_io_fn(int events, void *arg);
typedef void loop_signal_fn(int signo, void *arg);

struct loop_timer {                                     /* zero it before first use; fields are the loop's */
    struct loop *loop;
    int64_t due_ms;
    size_t heap_pos;                                    /* 0 = not armed */
    loop_timer_fn *fn;
    void *arg;
};

struct loop_io {                                        /* zero it before first use */
    struct loop *loop;
    int fd;
    int want;
    void *event;
    loop_io_fn *fn;
    void *arg;
};

struct loop_task {                                      /* zero it before first use */
    struct loop *loop;
    struct loop_task *next, **link;                     /* link == NULL: not queued */
    loop_task_fn *fn;
    void *arg;
};

struct loop *loop_new(struct errtext *err);             /* NULL: see err */
struct loop *loop_new_fake(int64_t mono_ms, int64_t wall_ms);
void loop_free(struct loop **l);                        /* everything on it must have been stopped */

int64_t loop_now_ms(const struct loop *l);
int64_t loop_wall_ms(const struct loop *l);
int64_t loop_now_us(const struct loop *l);              /* monotonic, read afresh: for measuring what a step took */

/* Arms t to run fn(arg) once, delay_ms from now; an armed timer is moved.  delay_ms <= 0: in the next turn. */
void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t delay_ms, loop_timer_fn *fn, void *arg);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_active(const struct loop_timer *t);

/* Watches fd (level-triggered).  want may be 0.  0, or -1 with errno when the kernel cannot watch it. */
int loop_io_start(struct loop *l, struct loop_io *io, int fd, int want, loop_io_fn *fn, void *arg);
void loop_io_want(struct loop_io *io, int want);
void loop_io_stop(struct loop_io *io);                  /* does not close fd */

/* Runs fn(arg) in this turn, when all descriptors were seen to (what timers defer: when all of these have run), before the loop waits
 * again: for freeing and for one write per turn. */
void loop_defer(struct loop *l, struct loop_task *t, loop_task_fn *fn, void *arg);
void loop_task_cancel(struct loop_task *t);
/* Runs fn(arg) at the beginning of loop_free: for objects that only the loop still knows. */
void loop_at_free(struct loop *l, struct loop_task *t, loop_task_fn *fn, void *arg);

/* One handler per signal, run in the loop, never in signal context. */
int loop_signal(struct loop *l, int signo, loop_signal_fn *fn, void *arg);

void loop_run(struct loop *l);                          /* until loop_stop */
void loop_stop(struct loop *l);
/* One turn: waits at most max_wait_ms (0: only looks), runs what is due.  true if anything ran. */
bool loop_turn(struct loop *l, int64_t max_wait_ms);

/* Fake loops only.  Moves both clocks by ms, running each timer at its own due time and ready io between. */
void loop_fake_advance(struct loop *l, int64_t ms);
void loop_fake_wall_step(struct loop *l, int64_t ms);   /* somebody set the clock */

#endif
