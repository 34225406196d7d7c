/* test_log.c - lines to syslog, and how a decision's line is built.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/app/log.h"

/* ---- logline ---- */

static void test_line(void **state)
{
    struct ipaddr a;
    struct logline l;

    (void)state;
    assert_true(ipaddr_parse(SPAN("192.0.2.7"), &a));
    logline_begin(&l, "4KQ7ZB0M2X123");
    logline_addr(&l, "rcpt", SPAN("bob@example.com"));
    logline_client(&l, "client", SPAN("mx.example.net"), &a);
    logline_str(&l, "action", SPAN("DEFER_IF_PERMIT"));
    logline_num(&l, "score", 6.5);
    logline_num(&l, "zero", -0.001);
    logline_int(&l, "n", -3);
    logline_str(&l, "text", SPAN("two words"));
    logline_ms(&l, "delay", 3);
    assert_string_equal(l.text, "4KQ7ZB0M2X123: rcpt=<bob@example.com> client=mx.example.net[192.0.2.7] action=DEFER_IF_PERMIT score=6.5 "
                                "zero=0 n=-3 text=\"two words\" delay=3ms");
    assert_int_equal(l.n, strlen(l.text));
}

static void test_escapes(void **state)
{
    static const struct { const char *name; char kind; span in; const char *want; } rows[] = {
        { "line end", 's', SPAN("a\r\nb"), "x: k=a\\x0D\\x0Ab" },
        { "terminal escape", 's', SPAN("\x1b[2J"), "x: k=\\x1B[2J" },
        { "NUL", 's', { "a\0b", 3 }, "x: k=a\\x00b" },
        { "not ASCII", 's', SPAN("\xc3\xa9"), "x: k=\\xC3\\xA9" },
        { "quote and backslash", 's', SPAN("a\"b\\ c"), "x: k=\"a\\\"b\\\\ c\"" },
        { "mailbox that would end itself", 'a', SPAN("a> action=OK x=<b@c"), "x: k=<a\\x3E\\x20action=OK\\x20x=\\x3Cb@c>" },
        { "host name that would end itself", 'c', SPAN("h[1.2.3.4] y"), "x: k=h\\x5B1.2.3.4\\x5D\\x20y[unknown]" },
        { "no host name", 'c', SPAN(""), "x: k=unknown[unknown]" },
    };
    struct ipaddr none = { .family = 0 };
    struct logline l;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        logline_begin(&l, "x");
        if (rows[i].kind == 's')
            logline_str(&l, "k", rows[i].in);
        else if (rows[i].kind == 'a')
            logline_addr(&l, "k", rows[i].in);
        else
            logline_client(&l, "k", rows[i].in, &none);
        if (strcmp(l.text, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, l.text);
    }
}

static void test_long_values_and_lines(void **state)
{
    char big[5000];
    struct logline l;

    (void)state;
    memset(big, 'h', sizeof big);
    logline_begin(&l, "x");
    logline_str(&l, "helo", span_of(big, sizeof big));
    logline_str(&l, "action", SPAN("REJECT"));
    assert_true(l.n < 400);
    assert_non_null(strstr(l.text, "h... action=REJECT"));
    for (int i = 0; i < 20; i++)
        logline_str(&l, "more", span_of(big, sizeof big));
    assert_true(l.cut);
    assert_true(l.n <= 2003);
    assert_string_equal(l.text + l.n - 3, "...");
    memset(big, '\n', sizeof big);      /* each byte takes four */
    logline_begin(&l, "x");
    for (int i = 0; i < 20; i++)
        logline_str(&l, "more", span_of(big, sizeof big));
    assert_true(l.n <= 2003);
}

/* ---- syslog ---- */

static int server(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static char *receive(int fd, char *line, size_t size)
{
    ssize_t n = recv(fd, line, size - 1, 0);

    if (n < 0)
        return NULL;
    line[n] = '\0';
    return line;
}

static void test_syslog(void **state)
{
    char folder[] = "/tmp/test_log.XXXXXX", path[64], line[4096], want[64];
    const struct set_log to_syslog = { .to = LOG_TO_SYSLOG, .level = LOG_LEVEL_INFO };
    uint64_t lost;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    log_syslog_path(path);
    fd = server(path);
    log_open("gatepost-x", &to_syslog, false);

    log_info("one %d\nforged", 1);
    assert_non_null(receive(fd, line, sizeof line));
    assert_true(strncmp(line, "<22>", 4) == 0);          /* mail.info */
    snprintf(want, sizeof want, " gatepost-x[%d]: one 1\\x0Aforged", (int)getpid());
    assert_string_equal(line + 4 + 15, want);
    log_error("bad");
    assert_true(strncmp(receive(fd, line, sizeof line), "<19>", 4) == 0);
    assert_non_null(strstr(line, ": error: bad"));
    log_debug("not wanted");
    assert_null(receive(fd, line, sizeof line));

    /* a syslogd that does not read: nothing waits, what was lost is counted and told */
    for (int i = 0; i < 3000; i++)
        log_info("flood %d", i);
    lost = log_dropped();
    assert_true(lost > 1000);
    while (receive(fd, line, sizeof line) != NULL)
        ;
    log_info("after");
    assert_non_null(strstr(receive(fd, line, sizeof line), ": after"));
    snprintf(want, sizeof want, "warning: %llu log lines were lost", (unsigned long long)lost);
    assert_non_null(strstr(receive(fd, line, sizeof line), want));
    log_info("told once");
    assert_non_null(strstr(receive(fd, line, sizeof line), "told once"));
    assert_null(receive(fd, line, sizeof line));

    /* a syslogd that was started anew */
    close(fd);
    fd = server(path);
    log_info("again");
    assert_non_null(strstr(receive(fd, line, sizeof line), ": again"));
    /* none at all */
    close(fd);
    unlink(path);
    lost = log_dropped();
    log_info("to nobody");
    assert_true(log_dropped() == lost + 1);
    fd = server(path);
    log_info("back");
    assert_non_null(strstr(receive(fd, line, sizeof line), ": back"));

    log_close();
    close(fd);
    unlink(path);
    rmdir(folder);
}

static int told_waiting;

static void on_waiting(void *arg)
{
    told_waiting++;
    (void)arg;
}

static void drain_lines(int fd, char *all, size_t size)
{
    ssize_t n = read(fd, all, size - 1);

    all[n > 0 ? n : 0] = '\0';
}

/* A daemon's lines of one turn: told of once, written together, and at once when one is urgent. */
static void test_batch(void **state)
{
    const struct set_log to_stderr = { .to = LOG_TO_STDERR, .level = LOG_LEVEL_INFO };
    int pair[2], saved = dup(STDERR_FILENO);
    char all[65536], big[1900];
    size_t n = 0;

    (void)state;
    assert_int_equal(pipe2(pair, O_NONBLOCK), 0);
    dup2(pair[1], STDERR_FILENO);
    log_open("x", &to_stderr, true);
    log_info("what other tests lost is told here");
    drain_lines(pair[0], all, sizeof all);
    log_batch(on_waiting, NULL);
    told_waiting = 0;
    log_info("one");
    log_info("two");
    drain_lines(pair[0], all, sizeof all);
    assert_string_equal(all, "");
    assert_int_equal(told_waiting, 1);
    log_flush();
    drain_lines(pair[0], all, sizeof all);
    assert_string_equal(all, "x: one\nx: two\n");
    log_info("three");
    log_warning("four");
    drain_lines(pair[0], all, sizeof all);
    assert_string_equal(all, "x: three\nx: warning: four\n");

    /* more than one write and more than a pipe promises to take at once: whole and in order */
    memset(big, 'b', sizeof big);
    for (int i = 0; i < 12; i++)
        log_info("%02d%.*s", i, (int)sizeof big, big);
    log_flush();
    dup2(saved, STDERR_FILENO);
    log_close();
    drain_lines(pair[0], all, sizeof all);
    for (char *line = strtok(all, "\n"); line != NULL; line = strtok(NULL, "\n"), n++) {
        assert_int_equal(strlen(line), 3 + 2 + sizeof big);
        assert_int_equal((line[3] - '0') * 10 + line[4] - '0', (int)n);
    }
    assert_int_equal(n, 12);
    close(saved);
    close(pair[0]);
    close(pair[1]);
}

/* A full pipe as stderr must not stop a daemon. */
static void test_stderr_never_blocks(void **state)
{
    const struct set_log to_stderr = { .to = LOG_TO_STDERR, .level = LOG_LEVEL_INFO };
    int pair[2], saved = dup(STDERR_FILENO);
    uint64_t before = log_dropped();
    char line[65536];
    ssize_t n;

    (void)state;
    assert_int_equal(pipe(pair), 0);
    dup2(pair[1], STDERR_FILENO);
    log_open("gatepost-x", &to_stderr, true);
    log_info("first");
    n = read(pair[0], line, sizeof line);
    for (int i = 0; i < 2000; i++)
        log_info("%0500d", i);
    dup2(saved, STDERR_FILENO);
    log_close();
    assert_true(n > 0 && strncmp(line, "gatepost-x: first\n", (size_t)n) == 0);
    assert_true(log_dropped() > before);
    close(saved);
    close(pair[0]);
    close(pair[1]);
}

static void test_fence(void **state)
{
    struct log_fence f = { .next_ms = 0 };

    (void)state;
    assert_true(log_fence_pass(&f, 1000, 60000));
    assert_false(log_fence_pass(&f, 1001, 60000));
    assert_false(log_fence_pass(&f, 60999, 60000));
    assert_int_equal(f.suppressed, 2);
    assert_true(log_fence_pass(&f, 61000, 60000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),   cmocka_unit_test(test_escapes),             cmocka_unit_test(test_long_values_and_lines),
        cmocka_unit_test(test_syslog), cmocka_unit_test(test_stderr_never_blocks), cmocka_unit_test(test_batch),
        cmocka_unit_test(test_fence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
