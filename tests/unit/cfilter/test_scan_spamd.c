/* test_scan_spamd.c - what a spamd may answer, and what is made of it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cfilter/scan_spamd.h"
#include "cfilter/scanner.h"
#include "lib/base/alloc.h"

/* ---- the reply alone ---- */

static void parses(void **state)
{
    static const struct {
        const char *name, *reply;
        bool ok;
        double score;
        const char *symbols, *why;
    } rows[] = {
        { "as measured", "SPAMD/1.1 0 EX_OK\r\nContent-length: 12\r\nSpam: True ; 1000.0 / 5.0\r\n\r\nGTUBE,A,B_C\r\n", true, 1000, "GTUBE,A,B_C", NULL },
        { "negative", "SPAMD/1.1 0 EX_OK\r\nSpam: False ; -2.3 / 5.0\r\n\r\nX", true, -2.3, "X", NULL },
        { "headers in any order and case, unknown ones", "SPAMD/1.5 0 OK\r\nX-New: y\r\nsPAM: Yes ; 7 / 5\r\nContent-Length: 1\r\n\r\nA", true, 7, "A", NULL },
        { "no symbols", "SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.0 / 5.0\r\n\r\n", true, 0, "", NULL },
        { "status 69", "SPAMD/1.0 69 Service Unavailable: x\r\n\r\n", false, 0, NULL, "status 69" },
        { "status 75", "SPAMD/1.0 75 Temp\r\nSpam: True ; 10 / 5\r\n\r\n", false, 0, NULL, "status 75" },
        { "status 76 without headers", "SPAMD/1.0 76 Bad header line: (Content-Length mismatch: Expected 5 bytes, got 28 bytes)\r\n", false, 0, NULL, "status 76" },
        { "status that begins with 0", "SPAMD/1.0 01 x\r\nSpam: True ; 10 / 5\r\n\r\n", false, 0, NULL, "status" },
        { "nothing", "", false, 0, NULL, "without an answer" },
        { "another protocol", "HTTP/1.1 200 OK\r\n\r\n", false, 0, NULL, "something else" },
        { "no Spam line", "SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\n\r\nAB", false, 0, NULL, "no readable" },
        { "cut in the headers", "SPAMD/1.1 0 EX_OK\r\nContent-length: 12\r\n", false, 0, NULL, "no readable" },
        { "no number", "SPAMD/1.1 0 EX_OK\r\nSpam: True ; lots / 5.0\r\n\r\n", false, 0, NULL, "no readable" },
        { "not finite", "SPAMD/1.1 0 EX_OK\r\nSpam: True ; inf / 5.0\r\n\r\n", false, 0, NULL, "no readable" },
        { "nan", "SPAMD/1.1 0 EX_OK\r\nSpam: True ; nan / 5.0\r\n\r\n", false, 0, NULL, "no readable" },
        { "Spam line in the body only", "SPAMD/1.1 0 EX_OK\r\n\r\nSpam: True ; 10 / 5\r\n", false, 0, NULL, "no readable" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct spamd_reply r;
        struct errtext err = { "" };
        bool ok = spamd_parse_reply(span_str(rows[i].reply), &r, &err);

        print_message("  %s\n", rows[i].name);
        assert_int_equal(ok, rows[i].ok);
        if (ok) {
            assert_true(r.score - rows[i].score < 0.001 && rows[i].score - r.score < 0.001);
            assert_true(span_eq(r.symbols, span_str(rows[i].symbols)));
        } else {
            assert_non_null(strstr(err.text, rows[i].why));
        }
    }
}

/* A reply that is cut anywhere before its Spam: line gives no verdict, and no cut one crashes. */
static void cuts(void **state)
{
    static const char whole[] = "SPAMD/1.1 0 EX_OK\r\nContent-length: 7\r\nSpam: True ; 12.5 / 5.0\r\n\r\nA,B,C\r\n";

    (void)state;
    for (size_t n = 0; n < sizeof(whole); n++) {
        struct spamd_reply r;
        bool ok = spamd_parse_reply(span_of(whole, n), &r, NULL);

        if (n < (size_t)(strstr(whole, "12.5 / 5") - whole))
            assert_false(ok);
        if (n >= sizeof(whole) - 3)
            assert_true(ok && r.score > 12.4 && r.score < 12.6);
    }
}

/* ---- the dialogue ---- */

#define RECEIVED "Received: from h (n [192.0.2.1])\r\n\tby me\r\n"

static struct loop *loop;
static char dir[] = "/tmp/gatepost-test-spamd.XXXXXX", path[100], address[120];
static int listener = -1, peer = -1, message = -1;
static struct settings set;
static struct scan_message msg;
static struct facts facts;
static int outcome;                 /* -1: none yet */
static char why[300], got[256 * 1024];
static size_t got_n;
static bool got_end;

static void on_lookup(bool ok, const char *text, void *arg)
{
    assert_ptr_equal(arg, &outcome);
    assert_int_equal(outcome, -1);
    outcome = ok;
    snprintf(why, sizeof(why), "%s", text);
}

static void settle(void)
{
    for (int i = 0; i < 60; i++) {
        ssize_t n;

        loop_turn(loop, 0);
        if (peer < 0 && listener >= 0)
            peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer >= 0 && !got_end && (n = read(peer, got + got_n, sizeof(got) - 1 - got_n)) >= 0) {
            got_end = n == 0;
            got_n += (size_t)n;
            got[got_n] = '\0';
        }
    }
}

static void start(size_t size)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    char *text = xmalloc(size + 1);

    loop = loop_new_fake(1000, 1800000000000);
    strcpy(a.sun_path, path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 4), 0);
    set = (struct settings){ .filter.spam.spamd = { address, "somebody", 10000, 1 } };
    message = memfd_create("m", MFD_CLOEXEC);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + i % 26);
    assert_int_equal(write(message, text, size), (ssize_t)size);
    free(text);
    msg = (struct scan_message){ .fd = message, .size = size, .id = "x" };
    facts_init(&facts);
    outcome = -1;
    got_n = 0;
    got_end = false;
}

static void stop(void)
{
    if (peer >= 0)
        close(peer);
    if (listener >= 0)
        close(listener);
    close(message);
    peer = listener = -1;
    unlink(path);
    loop_turn(loop, 0);
    loop_free(&loop);
}

static struct lookup *ask(int64_t deadline_ms)
{
    struct lookup_context c = { loop, &set, &msg, RECEIVED };
    struct lookup *l = scanner_spamd.lookup(&c, &facts, deadline_ms, on_lookup, &outcome);

    assert_non_null(l);
    assert_int_equal(outcome, -1);
    settle();
    return l;
}

static void say(const char *text)
{
    assert_int_equal(send(peer, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    settle();
}

static void leave(void)
{
    close(peer);
    peer = -1;
    close(listener);
    listener = -1;
    settle();
}

static void asks(void **state)
{
    const size_t top = sizeof(RECEIVED) - 1;
    const char *body;
    char length[60];

    (void)state;
    start(100000);
    ask(45000);
    assert_non_null(strstr(got, "SYMBOLS SPAMC/1."));
    assert_non_null(strstr(got, "\r\nUser: somebody\r\n"));
    snprintf(length, sizeof(length), "\r\nContent-length: %zu\r\n", 100000 + top);
    assert_non_null(strstr(got, length));
    body = strstr(got, "\r\n\r\n");
    assert_non_null(body);
    assert_memory_equal(body + 4, RECEIVED, top);
    assert_int_equal(got_n - (size_t)(body + 4 - got), 100000 + top);
    for (size_t i = 0; i < 100000; i++)
        if (body[4 + top + i] != (char)('a' + i % 26))
            fail_msg("byte %zu of the message is wrong", i);
    say("SPAMD/1.1 0 EX_OK\r\nContent-length: 9\r\nSpam: True ; 7.5 / 5.0\r\n\r\n");
    assert_int_equal(outcome, -1);
    say("ONE,TWO\r\n");
    leave();
    assert_int_equal(outcome, 1);
    assert_int_equal(facts.n, 1);
    assert_int_equal(facts.v[0].kind, FACT_SPAM);
    assert_string_equal(facts.v[0].scanner, "spamd");
    assert_true(facts.v[0].points > 7.49f && facts.v[0].points < 7.51f);
    assert_string_equal(facts.v[0].detail, "ONE,TWO");
    stop();
}

static void weight_and_bounds(void **state)
{
    static const struct {
        double weight;
        const char *score;
        float points;
    } rows[] = { { 0.5, "9.0", 4.5f }, { 1, "1e30", 1000 }, { 1, "-1e30", -1000 }, { 100, "999", 1000 }, { 0, "50", 0 } };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[200];

        start(10);
        set.filter.spam.spamd.weight = rows[i].weight;
        ask(45000);
        snprintf(text, sizeof(text), "SPAMD/1.1 0 EX_OK\r\nSpam: True ; %s / 5.0\r\n\r\nbad\r\n\001symbols\xff", rows[i].score);
        say(text);
        leave();
        assert_int_equal(outcome, 1);
        assert_true(facts.v[0].points == rows[i].points);
        for (const char *p = facts.v[0].detail; *p != '\0'; p++)
            assert_true(*p >= ' ' && *p < 127);
        stop();
    }
}

static void failures(void **state)
{
    static const struct {
        const char *name, *says;
        bool leaves;
        int64_t deadline_ms, wait_ms;
        const char *why;
    } rows[] = {
        { "silent: its own limit", "", false, 45000, 10000, "in time" },
        { "silent: the scan's deadline", "", false, 3000, 3000, "in time" },
        { "half an answer, then silent", "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 50", false, 45000, 10000, "in time" },
        { "an error", "SPAMD/1.0 75 try later\r\n", true, 45000, 0, "status 75" },
        { "closes at once", "", true, 45000, 0, "" },
        { "garbage", "what?\r\n", true, 45000, 0, "something else" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("  %s\n", rows[i].name);
        start(1000);
        ask(rows[i].deadline_ms);
        say(rows[i].says);
        if (rows[i].leaves) {
            leave();
        } else {
            loop_fake_advance(loop, rows[i].wait_ms - 1);
            assert_int_equal(outcome, -1);
            loop_fake_advance(loop, 1);
            settle();
        }
        assert_int_equal(outcome, 0);
        assert_non_null(strstr(why, rows[i].why));
        assert_int_equal(facts.n, 0);
        stop();
    }
}

static void not_there(void **state)
{
    (void)state;
    start(10);
    close(listener);
    listener = -1;
    unlink(path);
    ask(45000);
    assert_int_equal(outcome, 0);
    assert_true(why[0] != '\0');
    stop();
}

static void endless(void **state)
{
    static char junk[8001];

    (void)state;
    memset(junk, 'x', 8000);
    start(10);
    ask(45000);
    for (int i = 0; i < 12 && outcome == -1; i++) {
        if (send(peer, junk, 8000, MSG_NOSIGNAL) < 0)
            break;
        settle();
    }
    assert_int_equal(outcome, 0);
    assert_non_null(strstr(why, "too long"));
    stop();
}

/* Cancelled at any moment: nothing is told, the connection goes. */
static void cancelled(void **state)
{
    (void)state;
    for (int when = 0; when < 3; when++) {
        struct lookup_context c;
        struct lookup *l;

        start(100000);
        c = (struct lookup_context){ loop, &set, &msg, "" };
        if (when == 2)
            set.filter.spam.spamd.server = "unix:/nonexistent/spamd";
        l = scanner_spamd.lookup(&c, &facts, 45000, on_lookup, &outcome);
        assert_non_null(l);
        if (when == 1)
            settle();
        scanner_spamd.lookup_cancel(&l);
        assert_null(l);
        settle();
        loop_fake_advance(loop, 60000);
        assert_int_equal(outcome, -1);
        assert_true(when != 1 || got_end);
        stop();
    }
}

static void not_wanted(void **state)
{
    (void)state;
    start(10);
    assert_true(scanner_spamd.lookup_wanted(&set));
    set.filter.spam.spamd.server = NULL;
    assert_false(scanner_spamd.lookup_wanted(&set));
    set.filter.spam.spamd.server = "";
    assert_false(scanner_spamd.lookup_wanted(&set));
    stop();
}

static int make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/spamd", dir);
    snprintf(address, sizeof(address), "unix:%s", path);
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),   cmocka_unit_test(cuts),      cmocka_unit_test(asks),    cmocka_unit_test(weight_and_bounds),
        cmocka_unit_test(failures), cmocka_unit_test(not_there), cmocka_unit_test(endless), cmocka_unit_test(cancelled),
        cmocka_unit_test(not_wanted),
    };

    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
