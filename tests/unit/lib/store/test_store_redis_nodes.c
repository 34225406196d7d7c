/* test_store_redis_nodes.c - Cluster and Sentinels that redirect in circles, lie, or say half of it; limits that stand on two nodes.
 *
 * The nodes are scripted: each answers from a list of texts, and notes what it was asked.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "store_rig.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/base/buf.h"
#include "lib/proto/redis_slot.h"
#include "lib/store/store_redis_memory.h"

enum { NODES = 3, CONNS = 8 };

struct fake;
struct fake_conn { struct fake *fake; struct loop_io io; int fd; redisReader *reader; };

struct fake {
    struct loop *loop;
    struct loop_io io;
    int fd;
    char address[32], port[8];
    struct fake_conn conns[CONNS];
    const char *topology;                /* what CLUSTER SLOTS or SENTINEL is answered; NULL: nothing */
    const char *scripts[16];             /* what each EVAL or EVALSHA is answered, in order; then the last again */
    size_t n_scripts, at;
    struct buf asked;                    /* "EVALSHA(refund) ASKING " ... */
};

struct world { struct rig rig; struct fake nodes[NODES]; };

static char room[4][400];                /* for what nodes are made to say */

/* A tilde stands for a NUL. */
static void say(int fd, const char *text)
{
    char bytes[1024];
    size_t n = text != NULL ? strlen(text) : 0;

    assert_true(n <= sizeof(bytes));
    for (size_t i = 0; i < n; i++)
        bytes[i] = text[i] == '~' ? '\0' : text[i];
    if (n > 0)
        assert_int_equal(write(fd, bytes, n), n);
}

static void answer(struct fake_conn *c, const redisReply *r)
{
    struct fake *f = c->fake;
    const char *word = r->element[0]->str;

    if (strncmp(word, "EVAL", 4) == 0) {
        buf_printf(&f->asked, "EVAL ");
        say(c->fd, f->n_scripts > 0 ? f->scripts[f->at] : NULL);
        if (f->at + 1 < f->n_scripts)
            f->at++;
    } else if (strcmp(word, "ASKING") == 0) {
        buf_printf(&f->asked, "ASKING ");
        say(c->fd, "+OK\r\n");
    } else {
        buf_printf(&f->asked, "MAP ");
        say(c->fd, f->topology);
    }
}

static void on_bytes(int events, void *arg)
{
    struct fake_conn *c = arg;
    char bytes[16384];
    ssize_t n = read(c->fd, bytes, sizeof(bytes));
    void *reply;

    (void)events;
    if (n <= 0) {
        loop_io_stop(&c->io);
        close(c->fd);
        redisReaderFree(c->reader);
        *c = (struct fake_conn){ .fake = c->fake, .fd = -1 };
        return;
    }
    redisReaderFeed(c->reader, bytes, (size_t)n);
    while (redisReaderGetReply(c->reader, &reply) == REDIS_OK && reply != NULL) {
        answer(c, reply);
        freeReplyObject(reply);
    }
}

static void on_connection(int events, void *arg)
{
    struct fake *f = arg;

    (void)events;
    for (size_t i = 0; i < CONNS; i++) {
        struct fake_conn *c = &f->conns[i];

        if (c->fd >= 0)
            continue;
        c->fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC);
        c->fake = f;
        c->reader = redisReaderCreate();
        memset(&c->io, 0, sizeof(c->io));
        assert_int_equal(loop_io_start(f->loop, &c->io, c->fd, LOOP_READ, on_bytes, c), 0);
        return;
    }
}

static void fake_start(struct fake *f, struct loop *l)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(a);

    *f = (struct fake){ .loop = l };
    for (size_t i = 0; i < CONNS; i++)
        f->conns[i].fd = -1;
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(f->fd, 8), 0);
    assert_int_equal(getsockname(f->fd, (struct sockaddr *)&a, &n), 0);
    snprintf(f->port, sizeof(f->port), "%u", ntohs(a.sin_port));
    snprintf(f->address, sizeof(f->address), "inet:127.0.0.1:%s", f->port);
    buf_init(&f->asked, 65536);
    assert_int_equal(loop_io_start(l, &f->io, f->fd, LOOP_READ, on_connection, f), 0);
}

static void fake_stop(struct fake *f)
{
    for (size_t i = 0; i < CONNS; i++) {
        if (f->conns[i].fd >= 0) {
            loop_io_stop(&f->conns[i].io);
            close(f->conns[i].fd);
            redisReaderFree(f->conns[i].reader);
        }
    }
    loop_io_stop(&f->io);
    close(f->fd);
    buf_free(&f->asked);
}

static int setup(void **state)
{
    struct set_log quiet = { .to = LOG_TO_STDERR, .level = LOG_LEVEL_ERROR };
    struct world *w = xcalloc(1, sizeof(*w));

    log_open("test", &quiet, true);
    rig_make(&w->rig);
    for (size_t i = 0; i < NODES; i++)
        fake_start(&w->nodes[i], w->rig.loop);
    w->rig.set.store.type = STORE_TYPE_REDIS;
    w->rig.set.store.redis.prefix = "p";
    w->rig.set.store.redis.timeout_ms = 500;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    store_close(&w->rig.store);
    loop_turn(w->rig.loop, 0);
    for (size_t i = 0; i < NODES; i++)
        fake_stop(&w->nodes[i]);
    rig_free(&w->rig);
    free(w);
    log_close();
    return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void settle(struct world *w)
{
    for (int i = 0, idle = 0; i < 300 && idle < 5; i++)
        idle = loop_turn(w->rig.loop, 1) ? 0 : idle + 1;
}

static void open_cluster(struct world *w)
{
    static const char *seeds[1];

    seeds[0] = w->nodes[0].address;
    w->rig.set.store.redis.cluster = (struct conf_strings){ seeds, 1 };
    rig_open(&w->rig);
    settle(w);
}

/* Slots up to `last` at the first node, the others at the second. */
static const char *map(struct world *w, char *text, int last)
{
    snprintf(text, 400, "*2\r\n*3\r\n:0\r\n:%d\r\n*2\r\n$9\r\n127.0.0.1\r\n:%s\r\n*3\r\n:%d\r\n:16383\r\n*2\r\n$0\r\n\r\n:%s\r\n", last, w->nodes[0].port,
             last + 1, w->nodes[1].port);
    return text;
}

static struct got ask(struct world *w, const struct store_limits_request *q)
{
    struct store_call *call;
    struct got g = { 0 };

    store_limits(w->rig.store, q, on_limits, &g, &call);
    for (int i = 0; i < 100 && !g.done; i++)
        loop_turn(w->rig.loop, 1);
    if (!g.done)
        loop_fake_advance(w->rig.loop, 600);
    assert_true(g.done);
    assert_int_equal(g.times, 1);
    return g;
}

static struct store_limit limit(const char *key)
{
    return (struct store_limit){ .key = span_str(key), .count = 10, .per_ms = 1000, .burst = 10, .cost = 1 };
}

static struct got ask_one(struct world *w)
{
    struct store_limit l = limit("a/x");

    return ask(w, &(struct store_limits_request){ .limits = &l, .n = 1 });
}

/* Little-endian doubles, as struct.pack writes them. */
#define ZERO     "~~~~~~~~"
#define ONE      "~~~~~~\xf0?"
#define MILLION  "~~~~\x80\x84.A"
#define CHARGED  "$40\r\n" ZERO ZERO ZERO ZERO ZERO "\r\n"
#define EXCEEDED "$40\r\n" ONE ONE MILLION ZERO ZERO "\r\n"

/* ---- slots ---- */

static void test_slots(void **state)
{
    (void)state;
    assert_int_equal(redis_slot(SPAN("123456789")), 0x31c3);
    assert_int_equal(redis_slot(SPAN("foo{bar}baz")), redis_slot(SPAN("bar")));
    assert_int_equal(redis_slot(SPAN("foo{}{bar}")), redis_slot(SPAN("foo{}{bar}")));
    assert_int_not_equal(redis_slot(SPAN("foo{}{bar}")), redis_slot(SPAN("bar")));
    assert_int_equal(redis_slot(SPAN("p:limit:{a}b}")), redis_slot(SPAN("a")));
    assert_int_not_equal(redis_slot(SPAN("foo{bar")), redis_slot(SPAN("bar")));
    assert_int_equal(redis_slot(SPAN("")), 0);
}

/* ---- Cluster ---- */

static void test_each_key_at_its_node(void **state)
{
    struct world *w = *state;
    struct store_limit l = limit("a/x");
    bool first;

    w->nodes[0].topology = map(w, room[0], 8000);
    w->nodes[1].topology = w->nodes[0].topology;
    open_cluster(w);
    for (int i = 0; i < 2; i++) {
        w->nodes[i].scripts[0] = CHARGED;
        w->nodes[i].n_scripts = 1;
    }
    first = redis_slot(SPAN("p:limit:{a/x}")) <= 8000;
    assert_int_equal(ask(w, &(struct store_limits_request){ .limits = &l, .n = 1 }).limits.outcome, STORE_HIT);
    assert_string_equal(buf_cstr(&w->nodes[first ? 0 : 1].asked), first ? "MAP EVAL " : "EVAL ");
    assert_true(store_up(w->rig.store));
}

static void test_moved_and_ask(void **state)
{
    struct world *w = *state;

    w->nodes[0].topology = map(w, room[0], 16382);
    open_cluster(w);
    snprintf(room[1], 400, "-MOVED %u 127.0.0.1:%s\r\n", redis_slot(SPAN("a/x")), w->nodes[1].port);
    snprintf(room[2], 400, "-ASK %u 127.0.0.1:%s\r\n", redis_slot(SPAN("a/x")), w->nodes[2].port);
    w->nodes[0].scripts[0] = room[1];
    w->nodes[0].n_scripts = 1;
    w->nodes[0].topology = NULL;                     /* the map stays the old one */
    w->nodes[1].scripts[0] = room[2];
    w->nodes[1].scripts[1] = "-NOSCRIPT No matching script\r\n";
    w->nodes[1].scripts[2] = CHARGED;
    w->nodes[1].n_scripts = 3;
    w->nodes[2].scripts[0] = CHARGED;
    w->nodes[2].n_scripts = 1;
    assert_int_equal(ask_one(w).limits.outcome, STORE_HIT);
    assert_string_equal(buf_cstr(&w->nodes[1].asked), "EVAL ");
    assert_string_equal(buf_cstr(&w->nodes[2].asked), "ASKING EVAL ");
    assert_int_equal(ask_one(w).limits.outcome, STORE_HIT);                      /* MOVED was learnt, ASK was not */
    assert_string_equal(buf_cstr(&w->nodes[1].asked), "EVAL EVAL EVAL ");
    assert_string_equal(buf_cstr(&w->nodes[2].asked), "ASKING EVAL ");
}

static void test_moved_in_a_circle(void **state)
{
    struct world *w = *state;
    struct got g;

    w->nodes[0].topology = map(w, room[0], 16382);
    open_cluster(w);
    for (int i = 0; i < 2; i++) {
        snprintf(room[1 + i], 400, "-MOVED %u 127.0.0.1:%s\r\n", redis_slot(SPAN("a/x")), w->nodes[1 - i].port);
        w->nodes[i].scripts[0] = room[1 + i];
        w->nodes[i].n_scripts = 1;
    }
    g = ask_one(w);
    assert_int_equal(g.limits.outcome, STORE_DOWN);
    assert_true(strncmp(g.why, "Redis says: MOVED", 17) == 0);
    assert_true(w->nodes[0].asked.len + w->nodes[1].asked.len < 60);
}

static const char *const bad_redirections[] = {
    "-MOVED\r\n", "-MOVED x y\r\n", "-MOVED 99999 127.0.0.1:1\r\n", "-MOVED 1\r\n", "-MOVED 1 :\r\n", "-MOVED 1 127.0.0.1:\r\n", "-ASK 1 host\r\n",
    "-CLUSTERDOWN Hash slot not served\r\n", "-TRYAGAIN Multiple keys\r\n", "-LOADING\r\n",
};

static void test_bad_redirections(void **state)
{
    struct world *w = *state;

    w->nodes[0].topology = map(w, room[0], 16382);
    open_cluster(w);
    for (size_t i = 0; i < sizeof(bad_redirections) / sizeof(bad_redirections[0]); i++) {
        w->nodes[0].scripts[0] = bad_redirections[i];
        w->nodes[0].n_scripts = 1;
        assert_int_equal(ask_one(w).limits.outcome, STORE_DOWN);
    }
    w->nodes[0].scripts[0] = CHARGED;
    assert_int_equal(ask_one(w).limits.outcome, STORE_HIT);
}

#define NOT_A_NUMBER  "~~~~~~\xf8\x7f"
#define HUGEST "\xff\xff\xff\xff\xff\xff\xef\x7f"
static const char *const odd_replies[] = {
    "*5\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n", "$-1\r\n", "+OK\r\n", ":0\r\n", "*0\r\n", "$0\r\n\r\n", "$8\r\n" ZERO "\r\n",
    "$39\r\n" ZERO ZERO ZERO ZERO "~~~~~~~\r\n", "$48\r\n" ZERO ZERO ZERO ZERO ZERO ZERO "\r\n",
    "$40\r\n" ZERO ZERO NOT_A_NUMBER ZERO ZERO "\r\n",
};

/* What the script cannot have said decides nothing; a number without measure, out of a value of somebody else's, does. */
static void test_odd_replies(void **state)
{
    struct world *w = *state;

    w->nodes[0].topology = map(w, room[0], 16382);
    open_cluster(w);
    w->nodes[0].n_scripts = 1;
    for (size_t i = 0; i < sizeof(odd_replies) / sizeof(odd_replies[0]); i++) {
        w->nodes[0].scripts[0] = odd_replies[i];
        assert_int_equal(ask_one(w).limits.outcome, STORE_DOWN);
    }
    w->nodes[0].scripts[0] = "$40\r\n" ONE ONE HUGEST ZERO ZERO "\r\n";
    assert_int_equal(ask_one(w).limits.outcome, STORE_HIT);
}

static const char *const bad_maps[] = {
    "*0\r\n", "$-1\r\n", "+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*2\r\n:0\r\n:16383\r\n", "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$9\r\n127.0.0.1\r\n:6379\r\n",
    "*1\r\n*3\r\n:-1\r\n:5\r\n*2\r\n$9\r\n127.0.0.1\r\n:6379\r\n", "*1\r\n*3\r\n:9\r\n:5\r\n*2\r\n$9\r\n127.0.0.1\r\n:6379\r\n",
    "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:0\r\n", "*1\r\n*3\r\n:0\r\n:16383\r\n*1\r\n$9\r\n127.0.0.1\r\n",
    "-ERR This instance has cluster support disabled\r\n", "-LOADING\r\n",
};

static void test_bad_maps(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(bad_maps) / sizeof(bad_maps[0]); i++) {
        w->nodes[0].topology = bad_maps[i];
        open_cluster(w);
        assert_int_equal(ask_one(w).limits.outcome, STORE_DOWN);
        assert_false(store_up(w->rig.store));
        assert_true(store_problem(w->rig.store)[0] != '\0');
        w->nodes[0].topology = map(w, room[0], 16382);      /* it comes to its senses */
        w->nodes[0].scripts[0] = CHARGED;
        w->nodes[0].n_scripts = 1;
        loop_fake_advance(w->rig.loop, 1100);
        settle(w);
        assert_int_equal(ask_one(w).limits.outcome, STORE_HIT);
        store_close(&w->rig.store);
        settle(w);
    }
}

/* ---- limits on two nodes ---- */

static void pair(struct world *w, const char *first, const char *second)
{
    w->nodes[0].topology = w->nodes[1].topology = map(w, room[0], (int)redis_slot(SPAN("a/x")));
    if (w->rig.store == NULL)
        open_cluster(w);
    for (int i = 0; i < 2; i++) {
        w->nodes[i].scripts[0] = i == 0 ? first : second;
        w->nodes[i].scripts[1] = ":1\r\n";           /* undone */
        w->nodes[i].n_scripts = 2;
        w->nodes[i].at = 0;
        buf_reset(&w->nodes[i].asked);
    }
}

/* a/x is the last slot of the first node; the other key must be beyond. */
static const char *beyond(void)
{
    static char key[16];

    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "b/%d", i);
        if (redis_slot(span_str(key)) > redis_slot(SPAN("a/x")))
            return key;
    }
    fail();
    return NULL;
}

static void test_two_nodes(void **state)
{
    struct world *w = *state;
    struct store_limit l[2] = { limit("a/x"), limit(beyond()) };
    struct store_limits_request q = { .limits = l, .n = 2, .once = SPAN("m1"), .once_ms = 1000 };
    struct got g;

    pair(w, CHARGED, CHARGED);
    g = ask(w, &q);
    assert_true(g.limits.outcome == STORE_HIT && g.limits.committed);
    assert_string_equal(buf_cstr(&w->nodes[0].asked), "EVAL ");
    pair(w, CHARGED, EXCEEDED);
    g = ask(w, &q);
    settle(w);
    assert_true(g.limits.outcome == STORE_HIT && !g.limits.committed && !g.limits.each[0].exceeded && g.limits.each[1].exceeded);
    assert_string_equal(buf_cstr(&w->nodes[0].asked), "EVAL EVAL ");             /* and undone */
    assert_string_equal(buf_cstr(&w->nodes[1].asked), "EVAL ");
    loop_fake_advance(w->rig.loop, DENIED_KEPT_MS);                              /* until then it is known here */
    pair(w, CHARGED, "-OOM command not allowed\r\n");
    g = ask(w, &(struct store_limits_request){ .limits = l, .n = 2 });           /* without a name of its own */
    settle(w);
    assert_true(g.limits.outcome == STORE_DOWN && !g.limits.committed);
    assert_string_equal(buf_cstr(&w->nodes[0].asked), "EVAL EVAL ");
    l[0].cost = l[1].cost = 0;                      /* looks take nothing */
    pair(w, CHARGED, EXCEEDED);
    g = ask(w, &(struct store_limits_request){ .limits = l, .n = 2 });
    settle(w);
    assert_string_equal(buf_cstr(&w->nodes[0].asked), "EVAL ");
}

static void test_cancelled_on_two_nodes(void **state)
{
    struct world *w = *state;
    struct store_limit l[2] = { limit("a/x"), limit(beyond()) };
    struct store_limits_request q = { .limits = l, .n = 2, .once = SPAN("m1"), .once_ms = 1000 };
    struct store_call *call;
    struct got g = { 0 };

    pair(w, CHARGED, EXCEEDED);
    store_limits(w->rig.store, &q, on_limits, &g, &call);
    assert_non_null(call);
    store_cancel(&call);
    settle(w);
    assert_false(g.done);
    assert_string_equal(buf_cstr(&w->nodes[0].asked), "EVAL EVAL ");             /* undone all the same */
    store_limits(w->rig.store, &q, on_limits, &g, &call);                        /* closed in the middle: teardown */
    assert_non_null(call);
}

/* ---- Sentinels ---- */

static void open_sentinels(struct world *w)
{
    static const char *both[2];

    both[0] = w->nodes[0].address;
    both[1] = w->nodes[1].address;
    w->rig.set.store.redis.sentinels = (struct conf_strings){ both, 2 };
    w->rig.set.store.redis.master = "mymaster";
    rig_open(&w->rig);
    settle(w);
}

static const char *master_is(struct world *w, char *text, size_t node)
{
    snprintf(text, 400, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(w->nodes[node].port), w->nodes[node].port);
    return text;
}

static const char *const bad_sentinels[] = {
    "*-1\r\n", "$-1\r\n", "-ERR No such master\r\n", "*0\r\n", "*2\r\n$0\r\n\r\n$0\r\n\r\n", "*2\r\n:1\r\n:2\r\n", "+OK\r\n", "garbage\r\n",
    "*2\r\n$9\r\n127.0.0.1\r\n$6\r\n123456\r\n",
};

static void test_the_other_sentinel(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(bad_sentinels) / sizeof(bad_sentinels[0]); i++) {
        w->nodes[0].topology = bad_sentinels[i];
        w->nodes[1].topology = master_is(w, room[0], 2);
        w->nodes[2].scripts[0] = CHARGED;
        w->nodes[2].n_scripts = 1;
        open_sentinels(w);
        settle(w);
        assert_int_equal(ask_one(w).limits.outcome, STORE_HIT);
        assert_true(store_up(w->rig.store));
        store_close(&w->rig.store);
        settle(w);
    }
}

static void test_no_sentinel_knows(void **state)
{
    struct world *w = *state;
    struct got g;

    w->nodes[0].topology = w->nodes[1].topology = "*-1\r\n";
    open_sentinels(w);
    g = ask_one(w);
    assert_int_equal(g.limits.outcome, STORE_DOWN);
    assert_non_null(strstr(g.why, "knows no master of this name"));
    w->nodes[0].topology = master_is(w, room[0], 2);
    w->nodes[2].scripts[0] = CHARGED;
    w->nodes[2].n_scripts = 1;
    loop_fake_advance(w->rig.loop, 2500);
    settle(w);
    assert_int_equal(ask_one(w).limits.outcome, STORE_HIT);
}

/* The master became a replica: the Sentinels are asked at once, not ten seconds later. */
static void test_readonly(void **state)
{
    struct world *w = *state;

    w->nodes[0].topology = w->nodes[1].topology = master_is(w, room[0], 2);
    w->nodes[2].scripts[0] = "-READONLY You can't write against a read only replica.\r\n";
    w->nodes[2].n_scripts = 1;
    open_sentinels(w);
    assert_int_equal(ask_one(w).limits.outcome, STORE_DOWN);
    w->nodes[0].topology = w->nodes[1].topology = master_is(w, room[1], 1);
    w->nodes[1].scripts[0] = CHARGED;
    w->nodes[1].n_scripts = 1;
    loop_fake_advance(w->rig.loop, 300);
    settle(w);
    assert_int_equal(ask_one(w).limits.outcome, STORE_HIT);
    assert_true(store_up(w->rig.store));
}

/* One that failed long ago does not count: the other one is asked at once, without the pause that there is when all have failed. */
static void test_failures_in_a_row(void **state)
{
    struct world *w = *state;

    w->nodes[0].topology = "*-1\r\n";
    w->nodes[1].topology = master_is(w, room[0], 2);
    w->nodes[2].scripts[0] = "-READONLY You can't write against a read only replica.\r\n";
    w->nodes[2].n_scripts = 1;
    open_sentinels(w);
    assert_int_equal(ask_one(w).limits.outcome, STORE_DOWN);
    w->nodes[1].topology = "*-1\r\n";
    w->nodes[0].topology = master_is(w, room[1], 1);
    w->nodes[1].scripts[0] = CHARGED;
    w->nodes[1].n_scripts = 1;
    loop_fake_advance(w->rig.loop, 300);
    settle(w);
    assert_int_equal(ask_one(w).limits.outcome, STORE_HIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots), T(test_each_key_at_its_node), T(test_moved_and_ask), T(test_moved_in_a_circle), T(test_bad_redirections),
        T(test_odd_replies), T(test_bad_maps), T(test_two_nodes), T(test_cancelled_on_two_nodes), T(test_the_other_sentinel),
        T(test_no_sentinel_knows), T(test_readonly),
        T(test_failures_in_a_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
