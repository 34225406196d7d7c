/* test_fate.c - what was refused reaches policyd: once, in batches, and again after a failure.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cfilter/fate.h"
#include "lib/app/ctl_server.h"
#include "lib/app/log.h"
#include "lib/base/buf.h"

static struct loop *l;
static struct stats *stats;
static struct fate *fate;
static struct ctl_server *server;
static char dir[64], path[96];
static struct buf heard;                     /* "ID ID=deferred |" a request */
static int status;

static void on_refused(struct ctl_request *r, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < ctl_argc(r); i++)
        buf_printf(&heard, "%.*s ", SPAN_ARG(ctl_arg(r, i)));
    buf_append_char(&heard, '|');
    ctl_print(r, "well\n");
    ctl_finish(&r, status);
}

static const struct ctl_command commands[] = { { "refused", "", "", on_refused }, { NULL, NULL, NULL, NULL } };
static const struct ctl_command *const tables[] = { commands };

static void serve(void)
{
    struct errtext err = { "" };

    server = ctl_server_new(l, tables, 1, NULL);
    assert_int_equal(ctl_server_listen(server, path, NULL, &err), 0);
}

static void settle(void)
{
    for (int i = 0; i < 50; i++)
        loop_turn(l, 0);
}

static int setup(void **state)
{
    struct set_log quiet = { .to = LOG_TO_STDERR, .level = LOG_LEVEL_ERROR };

    (void)state;
    log_open("test", &quiet, true);
    snprintf(dir, sizeof(dir), "/tmp/gatepost-test-fate.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/policyd.ctl", dir);
    l = loop_new_fake(SECONDS(1000), SECONDS(1700000000));
    stats = stats_new("cfilter");
    fate = fate_new(l, path, stats);
    buf_init(&heard, 1 << 20);
    status = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fate_free(&fate);
    ctl_server_free(&server);
    settle();
    stats_free(&stats);
    loop_free(&l);
    buf_free(&heard);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    log_close();
    return 0;
}

static const char *id(int n)
{
    static char text[ID_TEXT];

    snprintf(text, sizeof(text), "%013d", n);
    return text;
}

static void test_told(void **state)
{
    (void)state;
    serve();
    fate_tell(fate, id(1), true);
    fate_tell(fate, id(2), false);
    fate_tell(fate, id(3), true);
    settle();
    assert_string_equal(buf_cstr(&heard), "0000000000001 |0000000000002=deferred 0000000000003 |");
    fate_tell(fate, id(4), true);                      /* over the same connection */
    settle();
    assert_string_equal(buf_cstr(&heard), "0000000000001 |0000000000002=deferred 0000000000003 |0000000000004 |");
}

static void test_policyd_comes_later(void **state)
{
    (void)state;
    fate_tell(fate, id(1), true);
    settle();
    fate_tell(fate, id(2), true);
    loop_fake_advance(l, 5000);
    assert_int_equal(heard.len, 0);
    serve();
    loop_fake_advance(l, 1000);
    settle();
    assert_string_equal(buf_cstr(&heard), "0000000000001 0000000000002 |");
    ctl_server_free(&server);                          /* restarted between two */
    settle();
    fate_tell(fate, id(3), true);
    settle();
    serve();
    loop_fake_advance(l, 1000);
    settle();
    assert_string_equal(buf_cstr(&heard), "0000000000001 0000000000002 |0000000000003 |");
}

static void test_not_taken(void **state)
{
    (void)state;
    serve();
    status = 64;
    fate_tell(fate, id(1), true);
    settle();
    status = 0;
    loop_fake_advance(l, 1000);
    settle();
    assert_string_equal(buf_cstr(&heard), "0000000000001 |0000000000001 |");
    loop_fake_advance(l, 10000);
    settle();
    assert_string_equal(buf_cstr(&heard), "0000000000001 |0000000000001 |");
}

static void test_the_oldest_go(void **state)
{
    (void)state;
    for (int i = 0; i < FATE_WAITING_MAX + 3; i++)
        fate_tell(fate, id(i), true);
    serve();
    for (int i = 0; i < 10; i++)
        loop_fake_advance(l, 1000);
    settle();
    assert_true(span_starts(buf_span(&heard), SPAN("0000000000003 ")));
    assert_int_equal(span_count(buf_span(&heard), ' '), FATE_WAITING_MAX);
    assert_true(span_find_span(buf_span(&heard), SPAN("0000000004098 |")) < heard.len);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = { T(test_told), T(test_policyd_comes_later), T(test_not_taken), T(test_the_oldest_go) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
