/* test_ctl_server.c - requests, replies, descriptors, and clients that misbehave.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/app/ctl_client.h"
#include "lib/app/ctl_server.h"
#include "lib/base/buf.h"

static struct ctl_request *held;     /* of the command "later" */

static void run_echo(struct ctl_request *r, void *arg)
{
    span v = { NULL, 0 };

    ctl_print(r, "%s:", (const char *)arg);
    for (size_t i = 0; i < ctl_argc(r); i++)
        ctl_print(r, " [%.*s]", SPAN_ARG(ctl_arg(r, i)));
    if (ctl_option(r, "--name", &v))
        ctl_print(r, " name=%.*s", SPAN_ARG(v));
    if (ctl_option(r, "--flag", NULL))
        ctl_print(r, " flag");
    assert_int_equal(ctl_arg(r, 99).n, 0);
    ctl_complain(r, "%s", "mind you");
    ctl_finish(&r, 3);
    assert_null(r);
}

static void run_read(struct ctl_request *r, void *arg)
{
    const int *fds;
    size_t n = ctl_fds(r, &fds);
    char text[64];

    (void)arg;
    for (size_t i = 0; i < n; i++) {
        ssize_t got = pread(fds[i], text, sizeof text, 0);

        ctl_write(r, span_of(text, got > 0 ? (size_t)got : 0));
    }
    ctl_finish(&r, 0);
}

static void run_later(struct ctl_request *r, void *arg)
{
    (void)arg;
    held = r;
}

static void run_flood(struct ctl_request *r, void *arg)
{
    static char block[100000];

    (void)arg;
    memset(block, 'f', sizeof block);
    for (int i = 0; i < 50; i++)
        ctl_write(r, span_of(block, sizeof block));
    ctl_finish(&r, 0);
}

static const struct ctl_command first[] = {
    { "echo", "WORDS...", "Says them again.", run_echo },
    { "later", "", "Answers when told.", run_later },
    { NULL, NULL, NULL, NULL },
};
static const struct ctl_command second[] = {
    { "read", "", "Content of descriptors.", run_read },
    { "echo twice", "", "Two words.", run_read },
    { "flood", "", "A lot.", run_flood },
    { NULL, NULL, NULL, NULL },
};
static const struct ctl_command *const tables[] = { first, NULL, second };

struct rig {
    struct loop *loop;
    struct ctl_server *server;
    int fd;                          /* the client's end */
    bool closed;
};

static void on_closed(void *arg)
{
    ((struct rig *)arg)->closed = true;
}

static void setup(struct rig *r)
{
    int pair[2];

    *r = (struct rig){ .loop = loop_new_fake(1000, 1000000) };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    r->server = ctl_server_new(r->loop, tables, 3, (void *)(uintptr_t)"arg");
    ctl_server_serve(r->server, pair[0], on_closed, r);
    r->fd = pair[1];
}

static void teardown(struct rig *r)
{
    if (r->fd >= 0)
        close(r->fd);
    ctl_server_free(&r->server);
    loop_free(&r->loop);
}

static void turns(struct rig *r)
{
    for (int i = 0; i < 20; i++)
        loop_turn(r->loop, 0);
}

/* ---- a client in a thread of its own, because it blocks ---- */

struct call {
    int fd;
    const char *const *argv;
    size_t argc;
    const int *fds;
    size_t n_fds;
    struct buf out, complaints;
    int status;
    struct errtext err;
    volatile bool done;
};

static void on_output(bool is_error, span text, void *arg)
{
    struct call *c = arg;

    buf_append(is_error ? &c->complaints : &c->out, text);
}

static void *call_thread(void *arg)
{
    struct call *c = arg;

    c->status = ctl_client_call(c->fd, c->argv, c->argc, c->fds, c->n_fds, on_output, c, &c->err);
    __atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
    return NULL;
}

static void call(struct rig *r, struct call *c)
{
    pthread_t thread;

    c->fd = r->fd;
    buf_init(&c->out, 64 << 20);
    buf_init(&c->complaints, 1 << 20);
    assert_int_equal(pthread_create(&thread, NULL, call_thread, c), 0);
    for (int i = 0; i < 4000 && !__atomic_load_n(&c->done, __ATOMIC_ACQUIRE); i++)
        loop_turn(r->loop, 1);
    pthread_join(thread, NULL);
}

static void call_free(struct call *c)
{
    buf_free(&c->out);
    buf_free(&c->complaints);
}

#define WORDS(...) .argv = (const char *const[]){ __VA_ARGS__ }, .argc = sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)

static void test_calls(void **state)
{
    static const struct { const char *name; const char *words[5]; size_t n; int status; const char *out, *complaint; } rows[] = {
        { "words", { "echo", "a b", "", "c" }, 4, 3, "arg: [a b] [] [c]", "mind you" },
        { "options", { "echo", "--name=v=1", "x", "--flag" }, 4, 3, "arg: [--name=v=1] [x] [--flag] name=v=1 flag", "mind you" },
        { "longer option is another", { "echo", "--names=v" }, 2, 3, "arg: [--names=v]", "mind you" },
        { "the longest name wins", { "echo", "twice" }, 2, 0, "", "" },
        { "unknown", { "nonsense" }, 1, 64, "", "no such command here: nonsense (help lists them)\n" },
        { "empty word", { "" }, 1, 64, "", "no such command here:  (help lists them)\n" },
    };
    struct rig r;

    (void)state;
    setup(&r);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {     /* one connection, one after the other */
        struct call c = { .argv = rows[i].words, .argc = rows[i].n };

        call(&r, &c);
        if (c.status != rows[i].status || strcmp(buf_cstr(&c.out), rows[i].out) != 0 ||
            strcmp(buf_cstr(&c.complaints), rows[i].complaint) != 0)
            fail_msg("%s: %d %s %s %s", rows[i].name, c.status, buf_cstr(&c.out), buf_cstr(&c.complaints), c.err.text);
        call_free(&c);
    }
    struct call help = { WORDS("help") };
    call(&r, &help);
    assert_non_null(strstr(buf_cstr(&help.out), "echo WORDS...\n    Says them again.\n"));
    assert_non_null(strstr(buf_cstr(&help.out), "flood\n"));
    call_free(&help);
    teardown(&r);
}

static size_t open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;

    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static void test_descriptors(void **state)
{
    struct rig r;
    int fds[CTL_FDS_MAX];
    size_t before;

    (void)state;
    setup(&r);
    for (int i = 0; i < CTL_FDS_MAX; i++) {
        FILE *f = tmpfile();

        fprintf(f, "%d ", i);
        fflush(f);
        fds[i] = dup(fileno(f));
        fclose(f);
    }
    before = open_descriptors();
    struct call c = { WORDS("read"), .fds = fds, .n_fds = CTL_FDS_MAX };
    call(&r, &c);
    assert_string_equal(buf_cstr(&c.out), "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 ");
    call_free(&c);
    turns(&r);
    assert_int_equal(open_descriptors(), before);          /* closed with the request */
    struct call too_many = { WORDS("read"), .fds = fds, .n_fds = CTL_FDS_MAX + 1 };
    call(&r, &too_many);
    assert_int_equal(too_many.status, -1);
    call_free(&too_many);
    for (int i = 0; i < CTL_FDS_MAX; i++)
        close(fds[i]);
    teardown(&r);
}

static void test_later_and_gone(void **state)
{
    struct rig r;

    (void)state;
    setup(&r);
    assert_int_equal(write(r.fd, "6:later\0,", 9), 9);
    turns(&r);
    assert_non_null(held);
    assert_false(ctl_gone(held));
    assert_int_equal(write(r.fd, "5:echo\0,", 8), 8);      /* waits for its turn */
    turns(&r);
    close(r.fd);
    r.fd = -1;
    turns(&r);
    assert_true(ctl_gone(held));
    assert_false(r.closed);                                /* the command still runs */
    ctl_print(held, "to nobody");
    ctl_finish(&held, 0);
    turns(&r);
    assert_true(r.closed);
    teardown(&r);

    /* the same, answered late */
    setup(&r);
    assert_int_equal(write(r.fd, "6:later\0,5:echo\0,", 17), 17);
    turns(&r);
    ctl_print(held, "late");
    ctl_finish(&held, 7);
    turns(&r);
    char reply[256];
    ssize_t n = recv(r.fd, reply, sizeof reply - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    reply[n] = '\0';
    assert_string_equal(reply, "5:olate,2:x7,5:oarg:,9:emind you,2:x3,");
    teardown(&r);

    /* the server goes while a command runs */
    setup(&r);
    assert_int_equal(write(r.fd, "6:later\0,", 9), 9);
    turns(&r);
    teardown(&r);
    held = NULL;
}

static void test_bad_requests(void **state)
{
    static const struct { const char *name; span bytes; } rows[] = {
        { "no netstring", SPAN("GET / HTTP/1.0\r\n") }, { "no NUL at the end", SPAN("4:echo,") }, { "empty", SPAN("0:,") },
        { "too long", SPAN("99999999:") },              { "no comma", { "5:echo\0x", 8 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig r;

        setup(&r);
        assert_true(write(r.fd, rows[i].bytes.p, rows[i].bytes.n) > 0);
        turns(&r);
        if (!r.closed)
            fail_msg("%s", rows[i].name);
        teardown(&r);
    }
    /* half a request is waited for, but not for ever */
    struct rig r;
    setup(&r);
    assert_int_equal(write(r.fd, "5:ec", 4), 4);
    turns(&r);
    loop_fake_advance(r.loop, 29000);
    assert_false(r.closed);
    loop_fake_advance(r.loop, 2000);
    assert_true(r.closed);
    teardown(&r);
}

/* 5 MB come through a client that reads, and a client that does not read costs no more than the limit. */
static void test_much_output(void **state)
{
    struct rig r;

    (void)state;
    setup(&r);
    struct call c = { WORDS("flood") };
    call(&r, &c);
    assert_int_equal(c.status, 0);
    assert_int_equal(c.out.len, 5000000);
    call_free(&c);
    for (int i = 0; i < 5; i++)
        assert_int_equal(write(r.fd, "6:flood\0,", 9), 9);
    turns(&r);
    assert_false(r.closed);                                /* 5 MB wait: one reply at a time */
    teardown(&r);
}

static void test_listen(void **state)
{
    char folder[] = "/tmp/test_ctl.XXXXXX", path[64];
    struct errtext err;
    struct stat st;
    struct rig r;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.ctl", folder);
    setup(&r);
    assert_int_equal(ctl_client_connect(path, &err), -1);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(ctl_server_listen(r.server, path, NULL, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    close(r.fd);
    r.fd = ctl_client_connect(path, &err);
    assert_true(r.fd >= 0);
    struct call c = { WORDS("echo", "hello") };
    call(&r, &c);
    assert_string_equal(buf_cstr(&c.out), "arg: [hello]");
    call_free(&c);
    teardown(&r);
    assert_int_equal(stat(path, &st), -1);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_later_and_gone),
        cmocka_unit_test(test_bad_requests), cmocka_unit_test(test_much_output), cmocka_unit_test(test_listen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
