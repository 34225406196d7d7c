/* test_loop.c - timers, descriptors, tasks and signals of the loop, under the fake clock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/net/loop.h"

enum { MONO = 1000, WALL = 500000 };

static struct loop *l;
static char said[200];          /* what ran, in order */
static int64_t said_at[100];
static size_t n_said;

static int setup(void **state)
{
    (void)state;
    l = loop_new_fake(MONO, WALL);
    said[0] = '\0';
    n_said = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(&l);
    assert_null(l);
    return 0;
}

static void say(const char *word)
{
    if (n_said < 100)
        said_at[n_said++] = loop_now_ms(l);
    strncat(said, word, sizeof(said) - strlen(said) - 1);
}

static void say_arg(void *arg)
{
    say(arg);
}

/* ---- timers ---- */

static void test_timers_in_order(void **state)
{
    struct loop_timer t[5] = { 0 };

    (void)state;
    loop_timer_start(l, &t[0], 30, say_arg, "c");
    loop_timer_start(l, &t[1], 10, say_arg, "a");
    loop_timer_start(l, &t[2], 20, say_arg, "b");
    loop_timer_start(l, &t[3], 30, say_arg, "d");      /* same time: in the order of their start */
    loop_timer_start(l, &t[4], 25, say_arg, "X");
    loop_timer_stop(&t[4]);
    loop_fake_advance(l, 9);
    assert_string_equal(said, "");
    assert_true(loop_timer_active(&t[1]));
    loop_fake_advance(l, 1);
    assert_string_equal(said, "a");
    assert_false(loop_timer_active(&t[1]));
    loop_fake_advance(l, 100);
    assert_string_equal(said, "abcd");
    assert_int_equal(said_at[1], MONO + 20);           /* each at its own time, not at the end of the advance */
    assert_int_equal(said_at[3], MONO + 30);
    assert_int_equal(loop_now_ms(l), MONO + 110);
    assert_int_equal(loop_wall_ms(l), WALL + 110);
}

static void test_timer_moves(void **state)
{
    struct loop_timer t = { 0 };

    (void)state;
    loop_timer_start(l, &t, 10, say_arg, "1");
    loop_timer_start(l, &t, 50, say_arg, "2");
    loop_fake_advance(l, 20);
    assert_string_equal(said, "");
    loop_timer_start(l, &t, 5, say_arg, "3");
    loop_fake_advance(l, 5);
    assert_string_equal(said, "3");
    loop_fake_advance(l, 100);
    assert_string_equal(said, "3");
    loop_timer_start(l, &t, INT64_MAX, say_arg, "4");  /* no overflow into the past */
    loop_fake_advance(l, DAYS(10000));
    assert_string_equal(said, "3");
    loop_timer_stop(&t);
    loop_timer_stop(&t);
}

static struct loop_timer again;

static void start_again(void *arg)
{
    (void)arg;
    say("r");
    loop_timer_start(l, &again, 0, start_again, NULL);
}

/* A delay of 0 is the next turn, not this one for ever. */
static void test_zero_delay(void **state)
{
    (void)state;
    again = (struct loop_timer){ 0 };
    loop_timer_start(l, &again, -5, start_again, NULL);
    assert_true(loop_turn(l, 0));
    assert_string_equal(said, "r");
    assert_true(loop_turn(l, 0));
    assert_string_equal(said, "rr");
    loop_timer_stop(&again);
    assert_false(loop_turn(l, 0));
}

static struct loop_timer victim;

static void stop_victim(void *arg)
{
    say(arg);
    loop_timer_stop(&victim);
}

static void test_stopped_by_another(void **state)
{
    struct loop_timer t = { 0 };

    (void)state;
    victim = (struct loop_timer){ 0 };
    loop_timer_start(l, &t, 10, stop_victim, "a");
    loop_timer_start(l, &victim, 10, say_arg, "X");    /* due in the same turn */
    loop_fake_advance(l, 10);
    assert_string_equal(said, "a");
}

/* The heap against a plain array: random starts, moves and stops, then all in order. */
static void test_many_timers(void **state)
{
    enum { N = 500 };
    static struct loop_timer t[N];
    static char fired[N];
    int64_t last = 0;
    int left = 0;

    (void)state;
    memset(t, 0, sizeof(t));
    memset(fired, 0, sizeof(fired));
    srandom(4);
    for (int i = 0; i < 5000; i++) {
        size_t k = (size_t)random() % N;

        if (random() % 3 == 0)
            loop_timer_stop(&t[k]);
        else
            loop_timer_start(l, &t[k], random() % 1000, say_arg, "");
    }
    for (size_t i = 0; i < N; i++)
        left += loop_timer_active(&t[i]);
    assert_true(left > 100);
    for (int ms = 0; ms <= 1000; ms++) {
        int due = 0;

        for (size_t i = 0; i < N; i++)
            due += loop_timer_active(&t[i]) && t[i].due_ms <= MONO + ms;
        if (ms == 0)
            loop_turn(l, 0);
        else
            loop_fake_advance(l, 1);
        for (size_t i = 0; i < N; i++)
            if (loop_timer_active(&t[i]))
                assert_true(t[i].due_ms > MONO + ms);
        left -= due;
    }
    assert_int_equal(left, 0);
    assert_true(loop_now_ms(l) > last);
}

static void test_wall_step(void **state)
{
    struct loop_timer t = { 0 };

    (void)state;
    loop_timer_start(l, &t, 10, say_arg, "a");
    loop_fake_wall_step(l, HOURS(5));
    assert_int_equal(loop_wall_ms(l), WALL + HOURS(5));
    assert_int_equal(loop_now_ms(l), MONO);
    loop_turn(l, 0);
    assert_string_equal(said, "");                     /* somebody set the clock: no timer notices */
    loop_timer_stop(&t);
}

/* ---- tasks ---- */

static struct loop_task task_a, task_b, task_c;

static void cancel_b(void *arg)
{
    say(arg);
    loop_task_cancel(&task_b);
    loop_defer(l, &task_c, say_arg, "c");
}

static void test_tasks(void **state)
{
    (void)state;
    task_a = task_b = task_c = (struct loop_task){ 0 };
    loop_defer(l, &task_a, cancel_b, "a");
    loop_defer(l, &task_b, say_arg, "X");
    loop_defer(l, &task_a, cancel_b, "A");             /* queued already: runs once, with the newest argument */
    assert_true(loop_turn(l, 0));
    assert_string_equal(said, "Ac");
    assert_false(loop_turn(l, 0));

    loop_defer(l, &task_a, say_arg, "1");
    loop_defer(l, &task_b, say_arg, "2");
    loop_task_cancel(&task_b);                         /* the last one: the queue's end must move back */
    loop_task_cancel(&task_b);
    loop_defer(l, &task_c, say_arg, "3");
    loop_turn(l, 0);
    assert_string_equal(said, "Ac13");
}

static void test_at_free(void **state)
{
    struct loop *other = loop_new_fake(0, 0);
    struct loop_task t = { 0 }, gone = { 0 };

    (void)state;
    loop_at_free(other, &t, say_arg, "f");
    loop_at_free(other, &gone, say_arg, "X");
    loop_task_cancel(&gone);
    loop_turn(other, 0);
    assert_string_equal(said, "");
    loop_free(&other);
    assert_string_equal(said, "f");
}

/* ---- descriptors ---- */

static struct loop_io io_a, io_b;

static void say_events(int events, void *arg)
{
    say(arg);
    say(events == LOOP_READ ? "r" : events == LOOP_WRITE ? "w" : "?");
}

static void stop_both(int events, void *arg)
{
    say_events(events, arg);
    loop_io_stop(&io_a);
    loop_io_stop(&io_b);
}

static void test_io(void **state)
{
    int p[2], q[2];

    (void)state;
    io_a = io_b = (struct loop_io){ 0 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, q), 0);
    assert_int_equal(loop_io_start(l, &io_a, p[0], LOOP_READ, say_events, "a"), 0);
    assert_false(loop_turn(l, 0));
    assert_int_equal(write(p[1], "x", 1), 1);
    assert_true(loop_turn(l, 0));
    assert_true(loop_turn(l, 0));                      /* level-triggered: until it is read */
    assert_string_equal(said, "arar");
    loop_io_want(&io_a, 0);
    assert_false(loop_turn(l, 0));
    loop_io_want(&io_a, LOOP_WRITE);
    loop_turn(l, 0);
    assert_string_equal(said, "araraw");
    loop_io_want(&io_a, LOOP_READ);

    /* both are ready in one turn; the first to run stops the other, which must not run any more */
    assert_int_equal(write(q[1], "x", 1), 1);
    assert_int_equal(loop_io_start(l, &io_b, q[0], LOOP_READ, stop_both, "b"), 0);
    io_a.fn = stop_both;
    said[0] = '\0';
    loop_turn(l, 0);
    assert_int_equal(strlen(said), 2);
    assert_false(loop_turn(l, 0));
    for (int i = 0; i < 2; i++)
        close(p[i]), close(q[i]);
}

static void test_hangup_shows(void **state)
{
    int p[2];

    (void)state;
    io_a = (struct loop_io){ 0 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p), 0);
    loop_io_start(l, &io_a, p[0], LOOP_READ, say_events, "a");
    close(p[1]);
    assert_true(loop_turn(l, 0));
    assert_string_equal(said, "ar");
    loop_io_stop(&io_a);
    close(p[0]);
}

static void test_what_cannot_be_watched(void **state)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    (void)state;
    io_a = (struct loop_io){ 0 };
    assert_int_equal(loop_io_start(l, &io_a, fd, LOOP_READ, say_events, "a"), -1);
    assert_int_equal(errno, EPERM);
    close(fd);
    assert_int_equal(loop_io_start(l, &io_a, fd, LOOP_READ, say_events, "a"), -1);
    assert_int_equal(errno, EBADF);
}

/* ---- signals, the real clock, the wait ---- */

static void on_usr1(int signo, void *arg)
{
    assert_int_equal(signo, SIGUSR1);
    say(arg);
}

static void test_signal(void **state)
{
    (void)state;
    assert_int_equal(loop_signal(l, SIGUSR1, on_usr1, "s"), 0);
    raise(SIGUSR1);
    assert_string_equal(said, "");                     /* not in signal context */
    while (said[0] == '\0')
        assert_true(loop_turn(l, 1000));
    assert_string_equal(said, "s");
    raise(SIGPIPE);                                    /* ignored */
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void test_real_clock(void **state)
{
    struct errtext err = { "" };
    struct loop *real = loop_new(&err);
    struct loop_timer t = { 0 }, gone = { 0 };
    int64_t begin, took;

    (void)state;
    assert_non_null(real);
    begin = loop_now_us(real);
    do {                                               /* again where the machine itself slept through the five */
        said[0] = '\0';
        loop_timer_start(real, &gone, 5, say_arg, "X");
    } while (loop_turn(real, 1));
    loop_timer_stop(&gone);                            /* the wait was set for it: waking for nothing must not end a turn */
    loop_timer_start(real, &t, 20, stop_loop, real);
    loop_run(real);
    took = loop_now_us(real) - begin;
    assert_in_range(took, 19000, 2000000);
    begin = loop_now_us(real);
    assert_false(loop_turn(real, 10));                 /* nothing there: waits as long as told */
    took = loop_now_us(real) - begin;
    assert_in_range(took, 9000, 2000000);
    loop_stop(real);
    loop_run(real);                                    /* stopped before it began */
    loop_free(&real);
    assert_string_equal(said, "");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_timers_in_order), T(test_timer_moves), T(test_zero_delay), T(test_stopped_by_another),
        T(test_many_timers), T(test_wall_step), T(test_tasks), T(test_at_free), T(test_io), T(test_hangup_shows),
        T(test_what_cannot_be_watched), T(test_signal), T(test_real_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
