/* test_session.c - conversations: whole, in pieces, many at once, junk, and peers that leave or do not read.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "policyd/session.h"

#define HEAD "request=smtpd_access_policy\nprotocol_state=RCPT\n"
#define GOOD HEAD "client_address=192.0.2.1\n\n"
#define BAD  HEAD "client_address=203.0.113.66\n\n"
#define SLOW HEAD "client_address=192.0.2.77\n\n"

static struct sessions all;
static size_t gone;
static int peer = -1;
static char got[256 * 1024];
static size_t got_n;
static bool closed;

static void on_gone(void *from, void *arg)
{
    (void)from;
    (void)arg;
    gone++;
}

static int connect_one(void)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    session_new(&all, NULL, pair[0]);
    return pair[1];
}

static int setup(void **state)
{
    (void)state;
    rig_open(NULL);
    dns_list("bl.example");
    rig_load("policy: {rules: {deny: {clients: [203.0.113.66]}}, dnsbl: [{name: zen, zone: bl.example}]}\n");
    dns_set("77.2.0.192.bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 200);
    sessions_init(&all, &rig_services, &rig_rules);
    all.gone = on_gone;
    gone = 0;
    got_n = 0;
    closed = false;
    peer = connect_one();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(peer);
    sessions_close(&all);
    assert_int_equal(all.n, 0);
    assert_int_equal(all.busy, 0);
    loop_fake_advance(rig_loop, 1);
    rig_close();
    return 0;
}

static void receive(void)
{
    ssize_t n;

    while (!closed && (n = read(peer, got + got_n, sizeof(got) - 1 - got_n)) >= 0) {
        closed = n == 0;
        got_n += (size_t)n;
    }
    got[got_n] = '\0';
}

static void advance(int64_t ms)
{
    for (int i = 0; i < 20; i++)
        while (loop_turn(rig_loop, 0))
            receive();
    loop_fake_advance(rig_loop, ms);
    for (int i = 0; i < 20; i++)
        while (loop_turn(rig_loop, 0))
            receive();
    receive();
}

static void send_all(const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = write(peer, bytes, n);

        if (sent < 0 && errno != EAGAIN)
            break;
        if (sent > 0) {
            bytes += sent;
            n -= (size_t)sent;
        }
        advance(0);
    }
}

static void say(const char *bytes)
{
    send_all(bytes, strlen(bytes));
    advance(1);
}

static size_t count_of(const char *what)
{
    size_t n = 0;

    for (const char *p = got; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

static void test_one(void **state)
{
    (void)state;
    say(GOOD);
    assert_string_equal(got, "action=DUNNO\n\n");
    assert_false(closed);
    say(BAD);
    assert_says(got, "action=DUNNO\n\naction=REJECT 5.7.1 ");
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    for (const char *p = GOOD BAD; *p != '\0'; p++)
        send_all(p, 1);
    advance(1);
    assert_int_equal(count_of("action="), 2);
    assert_says(got, "action=DUNNO\n\naction=REJECT");
}

/* The slow one in the middle holds the others up, in order, and one only is judged at a time. */
static void test_pipelined(void **state)
{
    (void)state;
    say(GOOD BAD SLOW GOOD BAD);
    assert_int_equal(count_of("action="), 2);
    assert_int_equal(all.busy, 1);
    advance(500);
    assert_int_equal(count_of("action="), 5);
    assert_says(got, "by zen (id ");
    assert_int_equal(count_of("action=DUNNO"), 2);
}

static void test_more_than_the_buffer(void **state)
{
    char *many = xmalloc(3000 * sizeof(GOOD BAD));
    size_t n = 0;

    (void)state;
    for (int i = 0; i < 1500; i++)
        n += (size_t)sprintf(many + n, "%s", i % 2 ? BAD : GOOD);
    send_all(many, n);
    advance(10);
    assert_int_equal(count_of("action="), 1500);
    assert_int_equal(count_of("action=REJECT"), 750);
    free(many);
}

/* A peer that asks and never reads is not answered into memory without end. */
static void test_never_reads(void **state)
{
    ssize_t total = 0, n;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        if ((n = write(peer, BAD, strlen(BAD))) > 0)
            total += n;
        loop_turn(rig_loop, 0);
    }
    assert_true(total < 2 * 1024 * 1024);                /* it is held back */
    assert_false(closed);
    for (int i = 0; i < 200; i++)
        advance(0);
    assert_int_equal(count_of("action=REJECT"), total / (ssize_t)strlen(BAD));
}

static const struct { const char *name, *bytes; } junks[] = {
    { "HTTP", "GET / HTTP/1.0\r\n\r\n" },
    { "no name", HEAD "nonsense\n\n" },
    { "another request", "request=something_else\n\n" },
    { "no request", "protocol_state=RCPT\n\n" },
    { "an SMTP client", "EHLO example.com\r\n" },
};

static void test_junk(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(junks) / sizeof(junks[0]); i++) {
        int others = connect_one();

        say(junks[i].bytes);
        if (!closed || strstr(got, "REJECT") != NULL || strstr(got, "action=4") != NULL)
            fail_msg("%s: %s%s", junks[i].name, got, closed ? "" : " (open)");
        assert_int_equal(*rig_services.count.junk, 1);
        close(others);
        teardown(NULL);
        setup(NULL);
    }
}

static void test_endless_request(void **state)
{
    char *huge = xmalloc(200000);

    (void)state;
    memset(huge, 'x', 200000);
    memcpy(huge, HEAD, strlen(HEAD));
    send_all(huge, 200000);
    advance(1);
    assert_true(closed);
    assert_int_equal(got_n, 0);
    free(huge);
}

/* What was answered before the junk stays answered; nothing after it is. */
static void test_junk_after_requests(void **state)
{
    (void)state;
    say(GOOD BAD "junk\n\n" GOOD);
    assert_true(closed);
    assert_int_equal(count_of("action="), 2);
}

static void test_half_close(void **state)
{
    (void)state;
    send_all(GOOD SLOW, strlen(GOOD SLOW));
    shutdown(peer, SHUT_WR);
    advance(500);
    assert_true(closed);
    assert_int_equal(count_of("action="), 2);
    assert_says(got, "by zen");
}

static void test_gone_while_judged(void **state)
{
    (void)state;
    say(SLOW);
    assert_int_equal(rig_dns_open, 1);
    shutdown(peer, SHUT_RDWR);
    close(peer);
    peer = open("/dev/null", O_RDONLY | O_CLOEXEC);
    loop_fake_advance(rig_loop, 500);
    while (loop_turn(rig_loop, 0))
        ;
    assert_int_equal(gone, 1);
    assert_int_equal(rig_dns_open, 0);
}

static void test_idle(void **state)
{
    (void)state;
    say(GOOD);
    for (int i = 0; i < 20; i++)
        advance(SECONDS(30));
    assert_false(closed);                                /* ten minutes: Postfix keeps a connection for 300 s */
    say(GOOD);
    assert_int_equal(count_of("action="), 2);
    say(HEAD);
    for (int i = 0; i < 4; i++)
        advance(SECONDS(30));
    assert_true(closed);                                 /* half a request and silence */
}

static void test_drain(void **state)
{
    int idle = connect_one();

    (void)state;
    say(SLOW);
    assert_int_equal(all.n, 2);
    sessions_drain(&all);
    advance(1);
    assert_int_equal(all.n, 1);                          /* the idle one has gone */
    assert_int_equal(all.busy, 1);
    advance(500);
    assert_int_equal(count_of("action="), 1);
    assert_true(closed);
    assert_int_equal(all.busy, 0);
    close(idle);
}

static void test_odd_but_readable(void **state)
{
    (void)state;
    say(HEAD "client_address=192.0.2.1\nclient_address=203.0.113.66\nfuture=x=y\n=empty\n\n");
    assert_int_equal(count_of("action="), closed ? 0 : 1);
    if (!closed)
        assert_string_equal(got, "action=DUNNO\n\n");    /* of a repeated attribute the first counts */
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_one), T(test_byte_by_byte), T(test_pipelined), T(test_more_than_the_buffer), T(test_never_reads), T(test_junk),
        T(test_endless_request), T(test_junk_after_requests), T(test_half_close), T(test_gone_while_judged), T(test_idle), T(test_drain),
        T(test_odd_but_readable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
