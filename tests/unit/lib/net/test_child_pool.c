/* test_child_pool.c - jobs and workers: each outcome its own, and nobody else pays for a bad job.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/net/child.h"

/* A worker that does what the job says. */
static int role_worker(int argc, char **argv)
{
    static char msg[CHILD_MESSAGE_MAX];
    char pid[20];
    int fd;

    (void)argc, (void)argv;
    for (;;) {
        size_t nfds = 1;
        long n = child_recv_blocking(CHILD_FD, msg, sizeof msg, &fd, &nfds);
        span job = span_of(msg, n > 0 ? (size_t)n : 0);
        if (n <= 0)
            return 0;
        if (span_eq(job, SPAN("hang")))
            pause();
        if (span_eq(job, SPAN("crash")))
            raise(SIGKILL);
        if (span_eq(job, SPAN("slow")))
            usleep(60 * 1000);
        if (span_starts(job, SPAN("ask"))) {           /* so many questions on the way, each answered before the next */
            for (int i = 0; i < msg[3] - '0'; i++) {
                child_send_blocking(CHILD_FD, SPAN("?"), NULL, 0);
                n = child_recv_blocking(CHILD_FD, pid, sizeof pid, NULL, NULL);
                if (n <= 0)
                    return 0;
            }
            job = span_of(pid, (size_t)n);
        }
        if (span_eq(job, SPAN("pid")))
            job = span_of(pid, (size_t)snprintf(pid, sizeof pid, "%ld", (long)getpid()));
        if (nfds == 1)
            job = span_of(msg, (size_t)read(fd, msg, sizeof msg));
        child_send_blocking(CHILD_FD, job, nfds == 1 ? &fd : NULL, nfds);
        if (nfds == 1)
            close(fd);
        if (span_eq(span_of(msg, (size_t)n), SPAN("talk")))
            child_send_blocking(CHILD_FD, SPAN("and another thing"), NULL, 0);
    }
}

static int role_stillborn(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 3;
}

static const struct child_role roles[] = { { "worker", role_worker }, { "stillborn", role_stillborn }, { NULL, NULL } };

static struct loop *loop;
static char notes[4000];
static size_t n_notes;

struct job {
    struct child_pool *pool;
    struct child_job *handle;
    size_t calls;
    enum child_outcome outcome;
    char reply[100];
    size_t nfds;
    bool distrust;
    struct child_pool **free_pool;
    int64_t ran_ms;
};

static void on_done(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
{
    struct job *j = arg;

    (void)fds;
    j->calls++;
    j->outcome = outcome;
    j->nfds = nfds;
    j->ran_ms = child_pool_ran_ms(j->pool);
    snprintf(j->reply, sizeof j->reply, "%.*s", SPAN_ARG(reply));
    if (j->distrust)
        child_pool_distrust(j->pool);
    if (j->free_pool != NULL)
        child_pool_free(j->free_pool);
}

static bool asks(span msg)
{
    return span_eq(msg, SPAN("?"));
}

static bool answer_later;
static size_t n_asked;

static void on_interim(span msg, void *arg)
{
    struct job *j = arg;
    char text[20];

    assert_true(asks(msg));
    n_asked++;
    snprintf(text, sizeof text, "answer %zu", n_asked);
    if (!answer_later)
        assert_int_equal(child_pool_say(j->handle, span_str(text)), 0);
}

static void on_note(struct child_pool *p, const char *what, void *arg)
{
    (void)p, (void)arg;
    snprintf(notes + strlen(notes), sizeof notes - strlen(notes), "%s\n", what);
    n_notes++;
}

#define UNTIL(condition)                                      \
    do {                                                      \
        for (int turns = 0; !(condition) && turns < 500; turns++) \
            loop_turn(loop, 10);                              \
        assert_true(condition);                               \
    } while (0)

static struct child_pool *pool_of(size_t workers, const char *role, uint64_t recycle)
{
    struct child_pool_spec spec = {
        .workers = workers, .recycle_after_jobs = recycle, .restart_delay_ms = 20, .queue_limit = 5, .on_note = on_note,
        .is_interim = asks, .interim = on_interim, .interim_refusal = SPAN("nobody"),
    };
    struct child_spec child = { .role = role };

    return child_pool_new_exec(loop, &spec, &child);
}

static struct job submit(struct child_pool *p, struct job *j, const char *what, int64_t deadline_ms)
{
    *j = (struct job){ .pool = p };
    j->handle = child_pool_submit(p, span_str(what), NULL, 0, deadline_ms, on_done, j);
    return *j;
}

static int setup(void **state)
{
    (void)state;
    loop = loop_new(NULL);
    notes[0] = '\0';
    n_notes = 0;
    return loop == NULL;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(&loop);
    return 0;
}

static const struct { const char *name, *job; int64_t deadline_ms; enum child_outcome want; const char *reply; } rows[] = {
    { "an answer", "hello", 5000, CHILD_ANSWERED, "hello" },
    { "a hang is killed at its deadline", "hang", 80, CHILD_TIMED_OUT, "" },
    { "a crash", "crash", 5000, CHILD_CRASHED, "" },
};

/* Beside each bad job a good one runs to its end, and after it the pool is whole again. */
static void test_outcomes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct child_pool *p = pool_of(2, "worker", 0);
        struct job bad, good, after;
        UNTIL(child_pool_idle(p) == 2);
        submit(p, &bad, rows[i].job, rows[i].deadline_ms);
        submit(p, &good, "slow", 5000);
        assert_int_equal(bad.calls, 0);
        UNTIL(bad.calls == 1 && good.calls == 1);
        if (bad.outcome != rows[i].want || strcmp(bad.reply, rows[i].reply) != 0)
            fail_msg("%s: outcome %d reply %s", rows[i].name, (int)bad.outcome, bad.reply);
        assert_int_equal(good.outcome, CHILD_ANSWERED);
        assert_string_equal(good.reply, "slow");
        UNTIL(child_pool_idle(p) == 2);
        submit(p, &after, "after", 5000);
        UNTIL(after.calls == 1);
        assert_string_equal(after.reply, "after");
        child_pool_free(&p);
        assert_int_equal(bad.calls + good.calls + after.calls, 3);
    }
}

static void test_descriptors_go_along(void **state)
{
    struct child_pool *p = pool_of(1, "worker", 0);
    struct job j = { .pool = p };
    int pipes[2];

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], "through the pipe", 16), 16);
    child_pool_submit(p, SPAN("read"), pipes, 1, 5000, on_done, &j);
    close(pipes[0]);                      /* a duplicate is the pool's own */
    UNTIL(j.calls == 1);
    assert_string_equal(j.reply, "through the pipe");
    assert_int_equal(j.nfds, 1);
    close(pipes[1]);
    child_pool_free(&p);
}

static void test_never_started(void **state)
{
    struct child_pool *p = pool_of(1, "worker", 0);
    struct job running, waiting;

    (void)state;
    submit(p, &running, "hang", 300);
    submit(p, &waiting, "x", 100);
    UNTIL(waiting.calls == 1);
    assert_int_equal(waiting.outcome, CHILD_UNAVAILABLE);
    assert_int_equal(waiting.ran_ms, 0);
    assert_int_equal(running.calls, 0);
    UNTIL(running.calls == 1);
    assert_int_equal(running.outcome, CHILD_TIMED_OUT);
    assert_true(running.ran_ms > 100);
    child_pool_free(&p);
}

static void test_queue_has_a_limit(void **state)
{
    struct child_pool *p = pool_of(1, "worker", 0);
    struct job jobs[10];
    size_t answered = 0;

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        submit(p, &jobs[i], "x", 5000);   /* no worker is there yet: 5 wait */
        assert_int_equal(jobs[i].calls, 0);
    }
    for (size_t i = 0; i < 10; i++) {
        UNTIL(jobs[i].calls == 1);
        answered += jobs[i].outcome == CHILD_ANSWERED;
        assert_int_equal(jobs[i].outcome, i < 5 ? CHILD_ANSWERED : CHILD_UNAVAILABLE);
    }
    assert_int_equal(answered, 5);
    child_pool_free(&p);
}

static void test_recycles(void **state)
{
    struct child_pool *p = pool_of(1, "worker", 2);
    struct job j;
    char pids[4][100];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        submit(p, &j, "pid", 5000);
        UNTIL(j.calls == 1);
        memcpy(pids[i], j.reply, sizeof pids[i]);
    }
    assert_string_equal(pids[0], pids[1]);
    assert_string_not_equal(pids[1], pids[2]);
    assert_string_equal(pids[2], pids[3]);
    child_pool_free(&p);
}

static void test_cancelled(void **state)
{
    struct child_pool *p = pool_of(1, "worker", 0);
    struct job running, waiting, after;

    (void)state;
    UNTIL(child_pool_idle(p) == 1);
    submit(p, &running, "hang", 100);
    submit(p, &waiting, "x", 5000);
    child_pool_cancel(&running.handle);
    child_pool_cancel(&waiting.handle);
    child_pool_cancel(&waiting.handle);   /* NULL by now */
    submit(p, &after, "after", 5000);
    UNTIL(after.calls == 1);              /* once the worker that nobody waits for was killed */
    assert_int_equal(running.calls + waiting.calls, 0);
    child_pool_free(&p);
}

static void test_distrusted_worker_is_replaced(void **state)
{
    struct child_pool *p = pool_of(1, "worker", 0);
    struct job first, second;

    (void)state;
    submit(p, &first, "pid", 5000);
    first.distrust = true;
    UNTIL(first.calls == 1);
    submit(p, &second, "pid", 5000);
    UNTIL(second.calls == 1);
    assert_string_not_equal(first.reply, second.reply);
    assert_non_null(strstr(notes, "not to be trusted"));
    child_pool_free(&p);
}

/* What an idle worker says could be taken for the answer to the next job. */
static void test_second_answer_ends_the_worker(void **state)
{
    struct child_pool *p = pool_of(1, "worker", 0);
    struct job first, second;

    (void)state;
    submit(p, &first, "talk", 5000);
    UNTIL(first.calls == 1);
    UNTIL(strstr(notes, "without a job") != NULL);
    submit(p, &second, "second", 5000);
    UNTIL(second.calls == 1);
    assert_string_equal(second.reply, "second");
    child_pool_free(&p);
}

static void test_stillborn_workers_are_not_started_in_a_frenzy(void **state)
{
    struct child_pool *p = pool_of(1, "stillborn", 0);
    int64_t start_ms = loop_now_ms(loop);

    (void)state;
    UNTIL(n_notes >= 4);                  /* delays of 20, 40 and 80 ms lie between four starts */
    assert_true(loop_now_ms(loop) - start_ms >= 130);
    assert_non_null(strstr(notes, "exit status 3"));
    child_pool_free(&p);
}

static void test_retired(void **state)
{
    struct child_pool *p = pool_of(2, "worker", 0);
    struct job busy, waiting, waiting_too, late;

    (void)state;
    UNTIL(child_pool_idle(p) == 2);
    submit(p, &busy, "slow", 5000);
    submit(p, &waiting, "slow", 5000);
    submit(p, &waiting_too, "x", 5000);
    child_pool_retire(p);
    submit(p, &late, "late", 5000);
    assert_int_equal(late.calls, 0);
    UNTIL(child_pool_live(p) == 0);
    assert_int_equal(busy.outcome, CHILD_ANSWERED);
    assert_int_equal(waiting.outcome, CHILD_ANSWERED);
    assert_int_equal(waiting_too.outcome, CHILD_ANSWERED);
    assert_int_equal(busy.calls + waiting.calls + waiting_too.calls + late.calls, 4);
    assert_int_equal(late.outcome, CHILD_UNAVAILABLE);
    child_pool_free(&p);
}

static void test_free_answers_everybody(void **state)
{
    struct child_pool *p = pool_of(1, "worker", 0);
    struct job running, waiting, refused[5];

    (void)state;
    UNTIL(child_pool_idle(p) == 1);
    submit(p, &running, "hang", 5000);
    submit(p, &waiting, "x", 5000);
    for (size_t i = 0; i < 5; i++)
        submit(p, &refused[i], "x", 5000);
    child_pool_free(&p);
    assert_int_equal(running.calls, 1);
    assert_int_equal(running.outcome, CHILD_CRASHED);
    assert_int_equal(waiting.calls, 1);
    assert_int_equal(waiting.outcome, CHILD_UNAVAILABLE);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(refused[i].calls, 1);
}

static void test_freed_in_a_callback(void **state)
{
    struct child_pool *p = pool_of(2, "worker", 0);
    struct job first, other;

    (void)state;
    UNTIL(child_pool_idle(p) == 2);
    submit(p, &first, "x", 5000);
    submit(p, &other, "hang", 5000);
    first.free_pool = &p;
    UNTIL(first.calls == 1);
    assert_null(p);
    assert_int_equal(other.calls, 1);
    assert_int_equal(other.outcome, CHILD_CRASHED);
    loop_turn(loop, 0);
}

/* ---- a supply that is somebody else's ---- */

static size_t asked;

static void count_asked(struct child_pool *p, void *arg)
{
    (void)p, (void)arg;
    asked++;
}

static void test_supply_that_fails_is_asked_again(void **state)
{
    struct child_pool_spec spec = { .workers = 2, .restart_delay_ms = 10, .supply = count_asked, .on_note = on_note };
    struct child_pool *p = child_pool_new(loop, &spec);

    (void)state;
    asked = 0;
    UNTIL(asked == 2);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, 1);
    assert_int_equal(asked, 2);           /* each place is asked for once */
    child_pool_supply_failed(p, "no more of them");
    UNTIL(asked == 3);
    assert_non_null(strstr(notes, "no more of them"));
    child_pool_free(&p);
}

/* Questions on the way to an answer are no answers. */
static void test_questions_on_the_way(void **state)
{
    struct child_pool *p = pool_of(1, "worker", 0);
    struct job a, b, c;

    (void)state;
    n_asked = 0;
    answer_later = false;
    submit(p, &a, "ask3", 2000);
    UNTIL(a.calls == 1);
    assert_int_equal(a.outcome, CHILD_ANSWERED);
    assert_string_equal(a.reply, "answer 3");
    answer_later = true;                               /* then it is killed at its deadline */
    submit(p, &a, "ask1", 50);
    UNTIL(a.calls == 1);
    assert_int_equal(a.outcome, CHILD_TIMED_OUT);
    submit(p, &b, "ask2", 5000);
    UNTIL(n_asked == 5);
    child_pool_say(b.handle, SPAN("one"));
    UNTIL(n_asked == 6);
    child_pool_cancel(&b.handle);                      /* asked while somebody waited */
    submit(p, &c, "plain", 8000);
    loop_turn(loop, 50);
    assert_int_equal(b.calls, 0);
    child_pool_free(&p);
    loop_turn(loop, 0);
    assert_int_equal(c.outcome, CHILD_UNAVAILABLE);
    p = pool_of(1, "worker", 0);
    answer_later = false;
    submit(p, &a, "ask9", 5000);
    UNTIL(n_asked >= 7);
    child_pool_cancel(&a.handle);                      /* the further ones are refused: its worker is free again */
    submit(p, &c, "plain", 5000);
    UNTIL(c.calls == 1);
    assert_string_equal(c.reply, "plain");
    child_pool_free(&p);
}

int main(int argc, char **argv)
{
    child_main_if_asked(roles, argc, argv);

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_outcomes), TEST(test_descriptors_go_along), TEST(test_never_started), TEST(test_queue_has_a_limit),
        TEST(test_recycles), TEST(test_cancelled), TEST(test_distrusted_worker_is_replaced), TEST(test_second_answer_ends_the_worker),
        TEST(test_stillborn_workers_are_not_started_in_a_frenzy), TEST(test_retired), TEST(test_free_answers_everybody),
        TEST(test_questions_on_the_way), TEST(test_freed_in_a_callback), TEST(test_supply_that_fails_is_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
