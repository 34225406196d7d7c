/* test_listener.c - sockets that are bound, replaced, refused, full, short of descriptors, or handed over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/net/address.h"
#include "lib/net/listener.h"

static struct loop *l;
static char folder[64], path[80], address[96];
static int clients[100];
static size_t n_clients;
static int fulls;
static char full_why[200];

static void on_client(struct listener *from, int fd, void *arg)
{
    (void)from, (void)arg;
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    clients[n_clients++] = fd;
}

static void on_full(struct listener *from, const char *why, void *arg)
{
    (void)from, (void)arg;
    fulls++;
    snprintf(full_why, sizeof(full_why), "%s", why);
}

static const struct listener_handler handler = { on_client, on_full };

static int setup(void **state)
{
    (void)state;
    l = loop_new_fake(1000, 1000);
    n_clients = 0;
    fulls = 0;
    snprintf(folder, sizeof(folder), "/tmp/gatepost-test-listener-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/s", folder);
    snprintf(address, sizeof(address), "unix:%s", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    while (n_clients > 0)
        close(clients[--n_clients]);
    loop_free(&l);
    unlink(path);
    return rmdir(folder);
}

static void turns(void)
{
    for (int i = 0; i < 50 && loop_turn(l, 0); i++)
        ;
}

/* A client's connected socket, or -1. */
static int dial(const char *to)
{
    struct address a;
    int fd;

    assert_int_equal(address_parse(to, &a, NULL), 0);
    fd = socket(a.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, &a.sa.any, a.len) == 0)
        return fd;
    close(fd);
    return -1;
}

static struct listener *bound(size_t max_clients)
{
    const struct listener_spec spec = { .address = address, .max_clients = max_clients };
    struct errtext err = { "" };
    struct listener *x = listener_bind(&spec, &err);

    if (x == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(listener_start(x, l, &handler, NULL), 0);
    return x;
}

static bool is_closed(int fd)
{
    char c;

    return recv(fd, &c, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

static void test_tcp(void **state)
{
    static const char *const forms[] = { "inet:127.0.0.1:0", "127.0.0.1:0", "inet:[::1]:0" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct listener_spec spec = { .address = forms[i] };
        struct errtext err = { "" };
        struct listener *x = listener_bind(&spec, &err);
        char to[64];
        int fd;

        print_message("%s\n", forms[i]);
        if (x == NULL && i == 2 && strstr(err.text, "annot assign") != NULL)
            continue;                                /* a machine without IPv6 */
        assert_non_null(x);
        assert_true(listener_port(x) > 0);
        assert_string_equal(listener_address(x), forms[i]);
        snprintf(to, sizeof(to), "%s%d", i == 2 ? "[::1]:" : "127.0.0.1:", listener_port(x));
        fd = dial(to);                               /* listening, but nobody accepts before the start */
        assert_true(fd >= 0);
        assert_int_equal(listener_start(x, l, &handler, NULL), 0);
        turns();
        assert_int_equal(n_clients, i + 1);
        assert_int_equal(listener_clients(x), 1);
        close(fd);
        listener_close(&x, true);
        assert_null(x);
        assert_int_equal(dial(to), -1);
    }
}

static void test_unix_mode_and_owner(void **state)
{
    const struct passwd *me = getpwuid(getuid());
    const struct group *gr = getgrgid(getgid());
    struct listener_spec spec = { .address = address, .mode = 0600 };
    struct errtext err = { "" };
    struct listener *x;
    struct stat st;

    (void)state;
    x = bound(0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(listener_port(x), -1);
    listener_close(&x, true);
    assert_int_equal(access(path, F_OK), -1);

    spec.owner = me != NULL ? me->pw_name : NULL;
    spec.group = gr != NULL ? gr->gr_name : NULL;
    assert_non_null(x = listener_bind(&spec, &err));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_uid, getuid());
    assert_int_equal(st.st_gid, getgid());
    listener_close(&x, true);

    spec.group = "no-such-group-here";
    assert_null(listener_bind(&spec, &err));
    assert_non_null(strstr(err.text, "no-such-group-here"));
    assert_int_equal(access(path, F_OK), -1);        /* and nothing is left behind */
    spec.group = NULL;
    spec.owner = "no-such-user-here";
    assert_null(listener_bind(&spec, &err));
    assert_non_null(strstr(err.text, "no-such-user-here"));
}

static void test_stale_and_living_sockets(void **state)
{
    const struct listener_spec spec = { .address = address };
    struct errtext err = { "" };
    struct listener *x = bound(0), *y;
    FILE *f;
    int fd;

    (void)state;
    assert_null(listener_bind(&spec, &err));         /* somebody answers */
    assert_non_null(strstr(err.text, path));
    fd = dial(address);
    assert_true(fd >= 0);                            /* and was not disturbed */
    close(fd);
    listener_close(&x, false);                       /* as a killed process leaves it */
    assert_int_equal(access(path, F_OK), 0);
    y = bound(0);
    fd = dial(address);
    assert_true(fd >= 0);
    close(fd);
    listener_close(&y, true);

    f = fopen(path, "w");
    fclose(f);
    assert_null(listener_bind(&spec, &err));         /* somebody's file is not ours to remove */
    assert_int_equal(access(path, F_OK), 0);
}

/* The old process ends after the new one has taken its place: the new one's socket stays. */
static void test_unlinks_only_its_own(void **state)
{
    struct listener *old = bound(0), *young;
    int fd;

    (void)state;
    unlink(path);
    young = bound(0);
    listener_close(&old, true);
    fd = dial(address);
    assert_true(fd >= 0);
    close(fd);
    listener_close(&young, true);
}

static void test_errors(void **state)
{
    static const struct { const char *address, *why; } rows[] = {
        { "nonsense",                         "nonsense" },
        { "inet:192.0.2.1:1",                 "192.0.2.1" },      /* not an address of this machine */
        { "unix:/nonexistent/folder/socket",  "/nonexistent/folder/socket" },
        { "systemd:policyd",                  "policyd" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct listener_spec spec = { .address = rows[i].address };
        struct errtext err = { "" };

        print_message("%s\n", rows[i].address);
        assert_null(listener_bind(&spec, &err));
        assert_non_null(strstr(err.text, rows[i].why));
    }
}

static void test_client_limit(void **state)
{
    struct listener *x = bound(2);
    int fd[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        fd[i] = dial(address);
    turns();
    assert_int_equal(n_clients, 2);
    assert_int_equal(fulls, 1);
    assert_false(loop_turn(l, 0));                   /* two wait, and nothing spins */
    listener_client_gone(x);
    turns();
    assert_int_equal(n_clients, 3);
    listener_client_gone(x);
    turns();
    assert_int_equal(n_clients, 4);
    assert_int_equal(listener_clients(x), 2);
    assert_int_equal(fulls, 1);                      /* full for the third time, told once a minute */
    loop_fake_advance(l, MINUTES(1) - 1);
    assert_int_equal(fulls, 1);
    loop_fake_advance(l, 1);
    assert_int_equal(fulls, 2);                      /* and still full then */
    listener_client_gone(x);
    loop_fake_advance(l, MINUTES(5));
    assert_int_equal(fulls, 2);
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    listener_close(&x, true);
}

static void test_pause(void **state)
{
    struct listener *x = bound(0);
    int fd;

    (void)state;
    listener_pause(x);
    fd = dial(address);
    turns();
    loop_fake_advance(l, MINUTES(5));
    assert_int_equal(n_clients, 0);
    close(fd);
    listener_close(&x, true);
}

/* Takes every descriptor there is, all but `leave`. */
static int hold[1000];
static int n_hold;

static void take_descriptors(rlim_t limit, int leave)
{
    const struct rlimit rl = { limit, limit < 4096 ? 4096 : limit };
    struct rlimit old;

    getrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ rl.rlim_cur, old.rlim_max }), 0);
    n_hold = 0;
    while (n_hold < 1000 && (hold[n_hold] = dup(STDERR_FILENO)) >= 0)
        n_hold++;
    while (leave-- > 0)
        close(hold[--n_hold]);
}

static void give_descriptors_back(rlim_t limit)
{
    struct rlimit old;

    while (n_hold > 0)
        close(hold[--n_hold]);
    getrlimit(RLIMIT_NOFILE, &old);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ limit, old.rlim_max });
}

static void test_no_descriptors(void **state)
{
    struct listener *x = bound(0);
    struct rlimit before;
    int fd[3];

    (void)state;
    getrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 3; i++)
        fd[i] = dial(address);
    take_descriptors(200, 1);
    turns();
    assert_int_equal(n_clients, 1);                  /* the one descriptor there was */
    assert_int_equal(fulls, 1);
    assert_non_null(strstr(full_why, "LimitNOFILE"));
    assert_false(loop_turn(l, 0));                   /* no busy loop: the others wait in the kernel */
    loop_fake_advance(l, 1000);
    assert_int_equal(n_clients, 1);
    assert_false(is_closed(fd[1]));
    close(hold[--n_hold]);                           /* one comes free: taken within a tenth of a second */
    loop_fake_advance(l, 100);
    assert_int_equal(n_clients, 2);
    assert_false(is_closed(fd[2]));
    loop_fake_advance(l, 6000);                      /* it lasts: the third hears so instead of waiting on */
    assert_int_equal(n_clients, 2);
    assert_true(is_closed(fd[2]));
    assert_false(is_closed(fd[1]));
    give_descriptors_back(before.rlim_cur);
    loop_fake_advance(l, 200);
    close(fd[0]);
    fd[0] = dial(address);
    turns();
    assert_int_equal(n_clients, 3);                  /* and it goes on */
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    listener_close(&x, true);
}

/* As systemd starts a process: LISTEN_PID is the process itself, the sockets are descriptors 3 and 4. */
static int as_systemd_child(void)
{
    struct listener_spec spec = { .address = "systemd:second" };
    struct errtext err = { "" };
    struct listener *x, *y;
    char pid[20];
    int a, b;

    a = socket(AF_INET, SOCK_STREAM, 0);
    b = socket(AF_UNIX, SOCK_STREAM, 0);
    if (listen(a, 5) != 0 || a < 3)
        return 1;
    b = fcntl(b, F_DUPFD, 20);
    if (dup2(fcntl(a, F_DUPFD, 20), 3) != 3 || dup2(b, 4) != 4)
        return 2;
    snprintf(pid, sizeof(pid), "%d", getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_FDNAMES", "second:first", 1);
    if ((x = listener_bind(&spec, &err)) == NULL || listener_fd(x) != 3 || listener_port(x) <= 0)
        return 3;
    if ((fcntl(3, F_GETFL) & O_NONBLOCK) == 0 || (fcntl(3, F_GETFD) & FD_CLOEXEC) == 0)
        return 4;
    spec.address = "systemd:first";
    if ((y = listener_bind(&spec, &err)) == NULL || listener_fd(y) != 4)
        return 5;
    spec.address = "systemd:third";
    if (listener_bind(&spec, &err) != NULL || strstr(err.text, "third") == NULL)
        return 6;
    listener_close(&x, true);
    listener_close(&y, true);
    return 0;
}

static void test_systemd(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    if ((pid = fork()) == 0)
        _exit(as_systemd_child());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_tcp), T(test_unix_mode_and_owner), T(test_stale_and_living_sockets), T(test_unlinks_only_its_own),
        T(test_errors), T(test_client_limit), T(test_pause), T(test_no_descriptors), T(test_systemd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
