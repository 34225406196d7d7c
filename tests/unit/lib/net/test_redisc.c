/* test_redisc.c - the Redis client against a server that answers, stops, lies and hangs as it is told.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/net/redisc.h"

struct frame {
    struct loop *loop;
    struct redisc *r;
    char dir[64], path[96], address[112];
    int listen_fd, fd;              /* the server's; fd -1: nobody is connected */
    struct buf said;                /* what came on fd */
};

static void listen_now(struct frame *f)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->path);
    unlink(f->path);
    f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(f->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(f->listen_fd, 5), 0);
}

static void client_make(struct frame *f, const char *user, const char *password, int db)
{
    redisc_free(&f->r);
    f->r = redisc_new(f->loop, &(struct redisc_settings){ .address = f->address, .user = user, .password = password, .db = db, .max_pending = 100 });
}

static int setup(void **state)
{
    struct frame *f = calloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/gatepost-test-redisc.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
    snprintf(f->address, sizeof(f->address), "unix:%s", f->path);
    f->loop = loop_new_fake(SECONDS(1000), SECONDS(1700000000));
    f->fd = -1;
    buf_init(&f->said, 1 << 20);
    listen_now(f);
    client_make(f, NULL, NULL, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct frame *f = *state;

    redisc_free(&f->r);
    loop_turn(f->loop, 0);
    loop_free(&f->loop);
    if (f->fd >= 0)
        close(f->fd);
    close(f->listen_fd);
    buf_free(&f->said);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return 0;
}

static void hang_up(struct frame *f)
{
    close(f->fd);
    f->fd = -1;
    buf_reset(&f->said);
}

/* A few turns; the server takes a connection and reads. */
static void turns(struct frame *f)
{
    for (int i = 0; i < 6; i++) {
        char bytes[65536];
        ssize_t n;
        int fd;

        loop_turn(f->loop, 0);
        fd = accept4(f->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            if (f->fd >= 0)
                hang_up(f);
            f->fd = fd;
        }
        while (f->fd >= 0 && (n = read(f->fd, bytes, sizeof(bytes))) > 0)
            buf_append(&f->said, span_of(bytes, (size_t)n));
    }
}

static void say(struct frame *f, span bytes)
{
    assert_true(f->fd >= 0);
    assert_int_equal(send(f->fd, bytes.p, bytes.n, MSG_NOSIGNAL), bytes.n);
    turns(f);
}

static void heard(struct frame *f, const char *want)
{
    assert_string_equal(buf_cstr(&f->said), want);
    buf_reset(&f->said);
}

struct got {
    int times;
    bool down;
    int type;
    long long number;
    char text[300];
    struct redisc_call **cancel;
    struct frame *ask_again;
    struct got *again;
};

static void on_got(const redisReply *reply, const char *why, void *arg);

static struct redisc_call *ping(struct frame *f, struct got *g)
{
    return redisc_command(f->r, 1, (span[]){ SPAN("PING") }, on_got, g);
}

static void on_got(const redisReply *reply, const char *why, void *arg)
{
    struct got *g = arg;

    g->times++;
    g->down = reply == NULL;
    if (reply != NULL) {
        g->type = reply->type;
        g->number = reply->integer;
    }
    snprintf(g->text, sizeof(g->text), "%s", reply == NULL ? why : reply->str != NULL ? reply->str : "");
    if (g->cancel != NULL)
        redisc_cancel(g->cancel);
    if (g->ask_again != NULL)
        ping(g->ask_again, g->again);
}

#define PING "*1\r\n$4\r\nPING\r\n"

static void must_be_down(const struct got *g, const char *word)
{
    assert_int_equal(g->times, 1);
    assert_true(g->down);
    if (strstr(g->text, word) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", g->text, word);
}

static void test_replies(void **state)
{
    struct frame *f = *state;
    struct got g[5];

    memset(g, 0, sizeof(g));
    assert_false(redisc_up(f->r));
    redisc_command(f->r, 3, (span[]){ SPAN("SET"), span_of("k\0\r\n", 4), SPAN("") }, on_got, &g[0]);
    for (int i = 1; i < 5; i++)
        ping(f, &g[i]);
    turns(f);
    assert_memory_equal(buf_cstr(&f->said), "*3\r\n$3\r\nSET\r\n$4\r\nk\0\r\n\r\n$0\r\n\r\n" PING PING PING PING, 29 + 4 * 14);
    assert_int_equal(f->said.len, 29 + 4 * 14);
    say(f, SPAN("+OK\r\n:42\r"));
    assert_int_equal(g[0].times, 1);
    assert_string_equal(g[0].text, "OK");
    assert_int_equal(g[1].times, 0);                 /* half a reply is none */
    say(f, SPAN("\n$-1\r\n-ERR no\r\n*2\r\n:1\r\n:2\r\n"));
    assert_int_equal(g[1].number, 42);
    assert_int_equal(g[2].type, REDIS_REPLY_NIL);
    assert_false(g[2].down);                         /* nil is an answer */
    assert_int_equal(g[3].type, REDIS_REPLY_ERROR);
    assert_string_equal(g[3].text, "ERR no");
    assert_int_equal(g[4].type, REDIS_REPLY_ARRAY);
    assert_true(redisc_up(f->r));
}

static void test_login(void **state)
{
    struct frame *f = *state;
    struct got g = { 0 };

    client_make(f, "me", "pass word", 7);
    ping(f, &g);
    turns(f);
    heard(f, "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$9\r\npass word\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n" PING);
    say(f, SPAN("+OK\r\n"));
    assert_false(redisc_up(f->r));
    say(f, SPAN("+OK\r\n"));
    assert_true(redisc_up(f->r));
    say(f, SPAN("+PONG\r\n"));
    assert_string_equal(g.text, "PONG");

    memset(&g, 0, sizeof(g));
    client_make(f, NULL, "wrong", 0);
    ping(f, &g);
    turns(f);
    say(f, SPAN("-WRONGPASS invalid\r\n-NOAUTH Authentication required.\r\n"));
    must_be_down(&g, "login refused: WRONGPASS");
    assert_null(strstr(g.text, "wrong"));
    loop_fake_advance(f->loop, SECONDS(5));          /* no timer is left behind */
}

static void test_nobody_listens_and_back(void **state)
{
    struct frame *f = *state;
    struct got g;
    int64_t began;

    close(f->listen_fd);
    unlink(f->path);
    f->listen_fd = -1;
    for (int i = 0; i < 30; i++) {
        memset(&g, 0, sizeof(g));
        ping(f, &g);
        loop_fake_advance(f->loop, 100);
        must_be_down(&g, f->address);
    }
    listen_now(f);
    began = loop_now_ms(f->loop);
    do {
        memset(&g, 0, sizeof(g));
        ping(f, &g);
        turns(f);
        if (f->fd >= 0)
            say(f, SPAN("+PONG\r\n"));
        else
            loop_fake_advance(f->loop, 50);
    } while (g.down && loop_now_ms(f->loop) - began < 5000);
    assert_false(g.down);
    assert_true(loop_now_ms(f->loop) - began <= 1000);

    hang_up(f);                                      /* a fresh loss is not punished for the old ones */
    turns(f);
    loop_fake_advance(f->loop, 100);
    memset(&g, 0, sizeof(g));
    ping(f, &g);
    turns(f);
    say(f, SPAN("+PONG\r\n"));
    assert_false(g.down);
}

static void test_back_off(void **state)
{
    struct frame *f = *state;
    int connections = 0;
    struct got g;

    for (int i = 0; i < 1000; i++) {                 /* 10 s of a server that hangs up */
        memset(&g, 0, sizeof(g));
        ping(f, &g);
        turns(f);
        if (f->fd >= 0) {
            connections++;
            hang_up(f);
        }
        turns(f);
        assert_int_equal(g.times, 1);
        assert_true(g.down);
        loop_fake_advance(f->loop, 10);
    }
    assert_in_range(connections, 10, 40);
}

static void test_lost_connection(void **state)
{
    struct frame *f = *state;
    struct got g[3];

    memset(g, 0, sizeof(g));
    for (int i = 0; i < 3; i++)
        ping(f, &g[i]);
    turns(f);
    say(f, SPAN("+PONG\r\n$100\r\nhalf of"));
    hang_up(f);
    turns(f);
    assert_string_equal(g[0].text, "PONG");
    must_be_down(&g[1], "unix:");
    must_be_down(&g[2], "unix:");
    assert_false(redisc_up(f->r));
}

static void test_garbage(void **state)
{
    static const span rows[] = {
        SPAN("HTTP/1.1 400 Bad Request\r\n"), SPAN("\0\0\0\0"), SPAN("$-5\r\n"), SPAN(":12x\r\n"), SPAN("*1000000000\r\n"),
        SPAN("*200000\r\n"), SPAN("$99999999999999999999\r\n"), SPAN("+PONG\r\n+PONG\r\n"),
        SPAN("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"),
    };
    struct frame *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct got g = { 0 }, later = { 0 };

        loop_fake_advance(f->loop, SECONDS(2));
        ping(f, &g);
        turns(f);
        say(f, rows[i]);
        assert_int_equal(g.times, 1);
        if (rows[i].p[0] != '+')
            assert_true(g.down);
        loop_fake_advance(f->loop, SECONDS(2));
        ping(f, &later);                             /* over a new connection */
        turns(f);
        heard(f, PING);
        say(f, SPAN("+PONG\r\n"));
        assert_string_equal(later.text, "PONG");
        client_make(f, NULL, NULL, 0);
    }
}

static void test_endless_reply(void **state)
{
    struct frame *f = *state;
    struct got g = { 0 };
    static char block[100000];

    memset(block, 'x', sizeof(block));
    ping(f, &g);
    turns(f);
    say(f, SPAN("+"));
    for (int i = 0; i < 60 && g.times == 0; i++) {
        ssize_t n = send(f->fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT);

        assert_true(n > 0 || errno == EAGAIN || errno == EPIPE);
        loop_turn(f->loop, 0);
        loop_turn(f->loop, 0);
    }
    must_be_down(&g, "over 4 MB");
}

static void test_timeouts(void **state)
{
    struct frame *f = *state;
    struct got g[3];

    memset(g, 0, sizeof(g));
    ping(f, &g[0]);
    turns(f);
    loop_fake_advance(f->loop, 300);
    redisc_command_within(f->r, 1, (span[]){ SPAN("PING") }, 100, on_got, &g[1]);
    ping(f, &g[2]);
    turns(f);
    loop_fake_advance(f->loop, 99);
    assert_int_equal(g[1].times, 0);
    loop_fake_advance(f->loop, 1);
    assert_int_equal(g[1].times, 1);                 /* its own time is over, the one before it still waits */
    assert_true(g[1].down);
    assert_int_equal(g[0].times, 0);
    say(f, SPAN("+A\r\n+B\r\n+C\r\n"));
    assert_string_equal(g[0].text, "A");
    assert_int_equal(g[1].times, 1);                 /* B came for nobody */
    assert_string_equal(g[2].text, "C");
}

static void test_silence_ends_the_connection(void **state)
{
    struct frame *f = *state;
    struct got g[3];

    memset(g, 0, sizeof(g));
    ping(f, &g[0]);
    turns(f);
    loop_fake_advance(f->loop, 400);
    ping(f, &g[1]);
    loop_fake_advance(f->loop, 99);
    assert_int_equal(g[0].times, 0);
    loop_fake_advance(f->loop, 1);
    must_be_down(&g[0], "no reply in time");
    must_be_down(&g[1], "no reply in time");         /* behind it on the same dead connection */
    buf_reset(&f->said);
    loop_fake_advance(f->loop, SECONDS(1));
    ping(f, &g[2]);
    turns(f);
    heard(f, PING);                                  /* a new one */
    say(f, SPAN("+PONG\r\n"));
    assert_string_equal(g[2].text, "PONG");
}

/* The first answer comes, and then nothing more; nobody is left who waits with the full time. */
static void test_silence_behind_a_short_wait(void **state)
{
    struct frame *f = *state;
    struct got g[3];

    memset(g, 0, sizeof(g));
    ping(f, &g[0]);
    redisc_command_within(f->r, 1, (span[]){ SPAN("PING") }, 50, on_got, &g[1]);
    turns(f);
    loop_fake_advance(f->loop, 60);
    assert_int_equal(g[1].times, 1);
    say(f, SPAN("+PONG\r\n"));
    assert_int_equal(g[0].times, 1);
    assert_true(redisc_up(f->r));
    loop_fake_advance(f->loop, 600);
    assert_false(redisc_up(f->r));
}

static void test_cancel(void **state)
{
    struct frame *f = *state;
    struct redisc_call *c[4];
    struct got g[4];

    memset(g, 0, sizeof(g));
    for (int i = 0; i < 4; i++)
        c[i] = ping(f, &g[i]);
    g[0].cancel = &c[3];                             /* inside of a callback */
    redisc_cancel(&c[1]);
    assert_null(c[1]);
    redisc_cancel(&c[1]);
    turns(f);
    say(f, SPAN("+A\r\n+B\r\n+C\r\n+D\r\n"));
    assert_string_equal(g[0].text, "A");
    assert_int_equal(g[1].times, 0);
    assert_string_equal(g[2].text, "C");
    assert_int_equal(g[3].times, 0);

    memset(g, 0, sizeof(g));
    for (int i = 0; i < 4; i++)
        c[i] = ping(f, &g[i]);
    g[0].cancel = &c[2];
    turns(f);
    hang_up(f);                                      /* the same when all fail at once */
    turns(f);
    assert_int_equal(g[0].times + g[1].times + g[3].times, 3);
    assert_int_equal(g[2].times, 0);
}

static void test_asking_again_in_a_callback(void **state)
{
    struct frame *f = *state;
    struct got g = { 0 }, again = { 0 };

    g.ask_again = f;
    g.again = &again;
    ping(f, &g);
    turns(f);
    hang_up(f);
    turns(f);
    assert_int_equal(g.times, 1);
    assert_int_equal(again.times, 1);                /* at once: it is too early for another connection */
    assert_true(again.down);
    loop_fake_advance(f->loop, SECONDS(1));
    memset(&again, 0, sizeof(again));
    ping(f, &g);
    turns(f);
    say(f, SPAN("+A\r\n"));
    say(f, SPAN("+B\r\n"));
    assert_string_equal(again.text, "B");
}

static void test_too_many_wait(void **state)
{
    struct frame *f = *state;
    struct got g[101];

    memset(g, 0, sizeof(g));
    for (int i = 0; i < 101; i++)
        ping(f, &g[i]);
    must_be_down(&g[100], "too many");
    assert_int_equal(g[99].times, 0);
}

static void test_free_with_calls(void **state)
{
    struct frame *f = *state;
    struct got g = { 0 };

    ping(f, &g);
    turns(f);
    ping(f, &g);
    redisc_free(&f->r);
    loop_fake_advance(f->loop, SECONDS(5));
    assert_int_equal(g.times, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_replies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_login, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_listens_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_back_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endless_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timeouts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence_ends_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence_behind_a_short_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_asking_again_in_a_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_with_calls, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
