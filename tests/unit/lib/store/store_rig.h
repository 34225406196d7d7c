/* store_rig.h - stores to test: one in memory, one in a redis-server of the test's own; and calls that wait for their answer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_TESTS_STORE_RIG_H
#define GATEPOST_TESTS_STORE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/rand.h"
#include "lib/net/child.h"
#include "lib/store/store.h"

#define UNUSED __attribute__((unused))
#define RIG_MONO SECONDS(5000)
#define RIG_WALL ((int64_t)1790000000000)

struct rig {
    struct loop *loop;
    struct store *store;
    struct settings set;
    struct errtext err;
    char dir[64], run[96], state[96], redis[128];
    char prefix[32];
    pid_t redis_pid;
};

static UNUSED void rig_make(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    snprintf(r->dir, sizeof(r->dir), "/tmp/gatepost-test-store.XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->run, sizeof(r->run), "%s/run", r->dir);
    snprintf(r->state, sizeof(r->state), "%s/state", r->dir);
    assert_int_equal(mkdir(r->run, 0700), 0);
    assert_int_equal(mkdir(r->state, 0700), 0);
    r->set.process.run_directory = r->run;
    r->set.process.state_directory = r->state;
    r->set.store.max_entries = 10000;
    r->loop = loop_new_fake(RIG_MONO, RIG_WALL);
}

static UNUSED void rig_open(struct rig *r)
{
    r->store = store_open(r->loop, "test", &r->set, &r->err);
    if (r->store == NULL)
        fail_msg("%s", r->err.text);
}

/* Seconds of real time pass for processes, none for the store. */
static UNUSED void rig_turns(struct rig *r, int ms)
{
    for (int i = 0; i < ms / 10; i++)
        loop_turn(r->loop, 10);
}

/* The socket's file is there before anybody listens on it: only a connection shows a server. */
static UNUSED bool rig_redis_listens(const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens;

    assert_true(fd >= 0);
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    listens = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
    close(fd);
    return listens;
}

/* 0, or -1: there is no redis-server here. */
static UNUSED int rig_redis_start(struct rig *r)
{
    char path[96], log[96];

    snprintf(path, sizeof(path), "%s/redis.sock", r->dir);
    snprintf(log, sizeof(log), "%s/redis.log", r->dir);
    snprintf(r->redis, sizeof(r->redis), "unix:%s", path);
    unlink(path);
    r->redis_pid = fork();
    if (r->redis_pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        dup2(fd, 1);
        dup2(fd, 2);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", r->dir, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500; i++) {
        int status;

        if (waitpid(r->redis_pid, &status, WNOHANG) == r->redis_pid) {
            r->redis_pid = 0;
            return -1;
        }
        if (rig_redis_listens(path))
            return 0;
        usleep(10000);
    }
    fail_msg("redis-server does not listen");
    return -1;
}

static UNUSED void rig_redis_stop(struct rig *r)
{
    if (r->redis_pid <= 0)
        return;
    kill(r->redis_pid, SIGKILL);
    waitpid(r->redis_pid, NULL, 0);
    r->redis_pid = 0;
}

static UNUSED void rig_use_redis(struct rig *r)
{
    static int n;

    snprintf(r->prefix, sizeof(r->prefix), "test%d", n++);
    r->set.store.type = STORE_TYPE_REDIS;
    r->set.store.redis.server = r->redis;
    r->set.store.redis.prefix = r->prefix;
    r->set.store.redis.timeout_ms = 500;
}

static UNUSED void rig_free(struct rig *r)
{
    char command[96];

    store_close(&r->store);
    loop_turn(r->loop, 0);
    loop_free(&r->loop);
    rig_redis_stop(r);
    snprintf(command, sizeof(command), "rm -rf %s", r->dir);
    assert_int_equal(system(command), 0);
}

/* ---- calls that wait ---- */

struct got {
    bool done;
    struct store_limits_result limits;
    struct store_grey_result grey;
    struct store_value_result value;
    char bytes[STORE_VALUE_MAX + 1], why[256];
    int times;
};

static UNUSED void rig_wait(struct rig *r, const struct got *g)
{
    for (int i = 0; i < 1000 && !g->done; i++)
        loop_turn(r->loop, 10);
    assert_true(g->done);
    assert_int_equal(g->times, 1);
}

static void got_why(struct got *g, const char *why)
{
    g->times++;
    g->done = true;
    snprintf(g->why, sizeof(g->why), "%s", why != NULL ? why : "");
}

static UNUSED void on_limits(const struct store_limits_result *res, void *arg)
{
    struct got *g = arg;

    g->limits.outcome = res->outcome;
    g->limits.committed = res->committed;
    g->limits.n = res->n;
    memcpy(g->limits.each, res->each, res->n * sizeof(res->each[0]));
    got_why(g, res->why);
}

static UNUSED void on_grey(const struct store_grey_result *res, void *arg)
{
    struct got *g = arg;

    g->grey = *res;
    got_why(g, res->why);
}

static UNUSED void on_value(const struct store_value_result *res, void *arg)
{
    struct got *g = arg;

    g->value = *res;
    assert_true(res->value.n <= STORE_VALUE_MAX);
    if (res->value.n > 0)
        memcpy(g->bytes, res->value.p, res->value.n);
    g->bytes[res->value.n] = '\0';
    g->value.value.p = g->bytes;
    got_why(g, res->why);
}

static UNUSED struct got limits(struct rig *r, const struct store_limits_request *q)
{
    struct store_call *call;
    struct got g = { 0 };

    store_limits(r->store, q, on_limits, &g, &call);
    rig_wait(r, &g);
    return g;
}

static void on_refund(enum store_outcome outcome, void *arg)
{
    struct got *g = arg;

    assert_false(g->done);
    g->value.outcome = outcome;
    got_why(g, NULL);
}

static UNUSED enum store_outcome refund(struct rig *r, const struct store_limits_request *q)
{
    struct store_call *call;
    struct got g = { 0 };

    store_refund(r->store, q, on_refund, &g, &call);
    rig_wait(r, &g);
    return g.value.outcome;
}

static UNUSED struct got grey(struct rig *r, struct store_grey_request q)
{
    struct store_call *call;
    struct got g = { 0 };

    store_grey(r->store, &q, on_grey, &g, &call);
    rig_wait(r, &g);
    return g;
}

static UNUSED struct got remember(struct rig *r, const char *table, span key, span value, int64_t ttl_ms, int64_t now_ms)
{
    struct got g = { 0 };

    store_remember(r->store, table, key, value, ttl_ms, now_ms, on_value, &g);
    rig_wait(r, &g);
    return g;
}

static UNUSED struct got recall(struct rig *r, const char *table, span key, int64_t now_ms)
{
    struct store_call *call;
    struct got g = { 0 };

    store_recall(r->store, table, key, now_ms, on_value, &g, &call);
    rig_wait(r, &g);
    return g;
}

static UNUSED struct got forget(struct rig *r, const char *table, span key)
{
    struct got g = { 0 };

    store_forget(r->store, table, key, on_value, &g);
    rig_wait(r, &g);
    return g;
}

enum { LISTED_MAX = 64 };
struct listed {
    size_t n;
    bool done;
    enum store_outcome outcome;
    char keys[LISTED_MAX][STORE_KEY_MAX + 1], values[LISTED_MAX][256];
    int64_t age_ms[LISTED_MAX], ttl_ms[LISTED_MAX];
};

static void on_item(const struct store_scan_item *item, enum store_outcome outcome, bool done, void *arg)
{
    struct listed *l = arg;

    assert_false(l->done);
    if (done) {
        assert_null(item);
        l->done = true;
        l->outcome = outcome;
        return;
    }
    assert_true(l->n < LISTED_MAX);
    snprintf(l->keys[l->n], sizeof(l->keys[0]), "%.*s", SPAN_ARG(item->key));
    snprintf(l->values[l->n], sizeof(l->values[0]), "%.*s", SPAN_ARG(item->value));
    l->age_ms[l->n] = item->age_ms;
    l->ttl_ms[l->n++] = item->ttl_left_ms;
}

static UNUSED void scan(struct rig *r, const char *table, span prefix, size_t limit, struct listed *l)
{
    memset(l, 0, sizeof(*l));
    store_scan(r->store, table, prefix, limit, on_item, l);
    for (int i = 0; i < 1000 && !l->done; i++)
        loop_turn(r->loop, 10);
    assert_true(l->done);
}

static UNUSED struct store_limit limit_of(const char *key, int64_t count, int64_t per_ms, int64_t burst, int64_t cost)
{
    return (struct store_limit){ .key = span_str(key), .count = count, .per_ms = per_ms, .burst = burst, .cost = cost };
}

#endif
