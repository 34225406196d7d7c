/* test_child.c - exec'd and adopted children: talk, descriptors, ends of every kind.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/net/child.h"

/* ---- roles ---- */

static int role_echo(int argc, char **argv)
{
    static char msg[CHILD_MESSAGE_MAX];
    int fds[CHILD_FDS_MAX];

    (void)argc, (void)argv;
    for (;;) {
        size_t nfds = CHILD_FDS_MAX;
        long n = child_recv_blocking(CHILD_FD, msg, sizeof msg, fds, &nfds);
        if (n <= 0)
            return n == 0 ? 0 : 1;
        child_send_blocking(CHILD_FD, span_of(msg, (size_t)n), fds, nfds);
        for (size_t i = 0; i < nfds; i++)
            close(fds[i]);
    }
}

static int role_bye(int argc, char **argv)
{
    (void)argc, (void)argv;
    child_send_blocking(CHILD_FD, SPAN("one"), NULL, 0);
    child_send_blocking(CHILD_FD, SPAN("two"), NULL, 0);
    return 7;
}

/* Says what it was given: arguments, descriptors, environment, signals, death signal. */
static int role_report(int argc, char **argv)
{
    char text[1000], from_four[16] = "";
    size_t n = 0;
    int death = 0;
    DIR *d = opendir("/proc/self/fd");

    for (int i = 0; i < argc; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s ", argv[i]);
    n += (size_t)snprintf(text + n, sizeof text - n, "fds:");
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
            n += (size_t)snprintf(text + n, sizeof text - n, " %s", e->d_name);
    closedir(d);
    if (read(4, from_four, sizeof from_four - 1) < 0)
        snprintf(from_four, sizeof from_four, "none");
    prctl(PR_GET_PDEATHSIG, &death);
    raise(SIGTERM);
    raise(SIGINT);
    snprintf(text + n, sizeof text - n, " four: %s notify: %d other: %s death: %d nnp: %d", from_four, getenv("NOTIFY_SOCKET") != NULL,
             getenv("OTHER"), death, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    child_send_blocking(CHILD_FD, span_str(text), NULL, 0);
    return 0;
}

static int role_close_and_stay(int argc, char **argv)
{
    (void)argc, (void)argv;
    close(CHILD_FD);
    pause();
    return 0;
}

static int role_crash(int argc, char **argv)
{
    (void)argc, (void)argv;
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    return 0;
}

static const struct child_role roles[] = {
    { "echo", role_echo },   { "bye", role_bye },     { "report", role_report }, { "close-and-stay", role_close_and_stay },
    { "crash", role_crash }, { NULL, NULL },
};

/* ---- the parent's side ---- */

struct seen_by_parent {
    char text[CHILD_MESSAGE_MAX + 1];      /* of all messages, one after the other */
    size_t n, messages, last;
    int fds[CHILD_FDS_MAX];
    size_t nfds;
    bool exited;
    int status;
    bool free_at_message;
    struct child *child;
};

static void on_message(struct child *c, span msg, const int *fds, size_t nfds, void *arg)
{
    struct seen_by_parent *s = arg;

    (void)c;
    s->last = msg.n;
    s->messages++;
    if (s->n + msg.n < sizeof s->text) {
        memcpy(s->text + s->n, msg.p, msg.n);
        s->n += msg.n;
        s->text[s->n] = '\0';
    }
    for (size_t i = 0; i < nfds; i++)
        s->fds[i] = fds[i];
    s->nfds = nfds;
    if (s->free_at_message)
        child_free(&s->child);
}

static void on_exit_of_child(struct child *c, int status, void *arg)
{
    struct seen_by_parent *s = arg;

    (void)c;
    s->exited = true;
    s->status = status;
}

static const struct child_handler handler = { .on_message = on_message, .on_exit = on_exit_of_child };

static struct loop *loop;

#define UNTIL(condition)                                      \
    do {                                                      \
        for (int turns = 0; !(condition) && turns < 500; turns++) \
            loop_turn(loop, 10);                              \
        assert_true(condition);                               \
    } while (0)

static struct seen_by_parent *start(const char *role, const struct child_spec *more)
{
    struct seen_by_parent *s = calloc(1, sizeof *s);
    struct child_spec spec = more != NULL ? *more : (struct child_spec){ 0 };
    struct errtext err = { "" };

    spec.role = role;
    s->child = child_start(loop, &spec, &handler, s, &err);
    assert_string_equal(err.text, "");
    assert_non_null(s->child);
    return s;
}

static void end(struct seen_by_parent *s)
{
    child_free(&s->child);
    free(s);
}

static int setup(void **state)
{
    (void)state;
    loop = loop_new(NULL);
    return loop == NULL;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(&loop);
    return 0;
}

static void test_talks(void **state)
{
    struct seen_by_parent *s = start("echo", NULL);

    (void)state;
    assert_int_equal(child_send(s->child, SPAN("hello"), NULL, 0), 0);
    UNTIL(s->messages == 1);
    assert_string_equal(s->text, "hello");
    assert_int_equal(s->nfds, 0);
    end(s);
}

static void test_sizes(void **state)
{
    static char big[CHILD_MESSAGE_MAX + 1];
    struct seen_by_parent *s = start("echo", NULL);

    (void)state;
    memset(big, 'x', sizeof big);
    assert_int_equal(child_send(s->child, SPAN(""), NULL, 0), -1);
    assert_int_equal(child_send(s->child, span_of(big, sizeof big), NULL, 0), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(child_send(s->child, span_of(big, CHILD_MESSAGE_MAX), NULL, 0), 0);
    UNTIL(s->messages == 1);
    assert_int_equal(s->last, CHILD_MESSAGE_MAX);
    end(s);
}

static void test_passes_descriptors(void **state)
{
    struct seen_by_parent *s = start("echo", NULL);
    int pipes[2];
    char c = 0;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(child_send(s->child, SPAN("take"), pipes, 2), 0);
    UNTIL(s->messages == 1);
    assert_int_equal(s->nfds, 2);
    assert_int_equal(write(s->fds[1], "k", 1), 1);
    assert_int_equal(read(pipes[0], &c, 1), 1);
    assert_int_equal(c, 'k');
    assert_int_not_equal(fcntl(s->fds[0], F_GETFD) & FD_CLOEXEC, 0);
    for (int i = 0; i < 2; i++) {
        close(pipes[i]);
        close(s->fds[i]);
    }
    end(s);
}

static void test_inherits_nothing_else(void **state)
{
    const char *const args[] = { "a", "b c", NULL };
    int pipes[2], other = dup(2);

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], "kept", 4), 4);
    setenv("NOTIFY_SOCKET", "/run/x", 1);
    setenv("OTHER", "yes", 1);
    struct child_spec spec = { .args = args, .keep_fds = pipes, .n_keep = 1 };
    struct seen_by_parent *s = start("report", &spec);
    UNTIL(s->exited);
    assert_string_equal(s->text, "report a b c fds: 0 1 2 3 4 four: kept notify: 0 other: yes death: 9 nnp: 1");
    assert_int_equal(s->status, 0);
    unsetenv("NOTIFY_SOCKET");
    close(other);
    close(pipes[0]);
    close(pipes[1]);
    end(s);
}

static void test_last_words_come_before_the_end(void **state)
{
    struct seen_by_parent *s = start("bye", NULL);

    (void)state;
    UNTIL(s->exited);
    assert_string_equal(s->text, "onetwo");
    assert_true(WIFEXITED(s->status));
    assert_int_equal(WEXITSTATUS(s->status), 7);
    assert_int_equal(child_send(s->child, SPAN("x"), NULL, 0), -1);
    end(s);
}

static const struct { const char *name, *role; int signal; } ends[] = {
    { "a crash", "crash", SIGSEGV },
    { "a closed channel is the end", "close-and-stay", SIGKILL },
};

static void test_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct seen_by_parent *s = start(ends[i].role, NULL);
        UNTIL(s->exited);
        if (!WIFSIGNALED(s->status) || WTERMSIG(s->status) != ends[i].signal)
            fail_msg("%s: status %x", ends[i].name, (unsigned)s->status);
        end(s);
    }
}

static void test_kill_tells_the_owner(void **state)
{
    struct seen_by_parent *s = start("echo", NULL);

    (void)state;
    child_kill(s->child);
    UNTIL(s->exited);
    assert_int_equal(WTERMSIG(s->status), SIGKILL);
    end(s);
}

static void test_unknown_role_ends(void **state)
{
    struct seen_by_parent *s = start("no-such-role", NULL);

    (void)state;
    UNTIL(s->exited);
    assert_true(WIFEXITED(s->status) && WEXITSTATUS(s->status) != 0);
    end(s);
}

static void test_freed_in_its_own_callback(void **state)
{
    struct seen_by_parent *s = start("bye", NULL);

    (void)state;
    s->free_at_message = true;
    UNTIL(s->messages == 1);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, 2);
    assert_int_equal(s->messages, 1);     /* no callback follows */
    assert_false(s->exited);
    free(s);
}

static void test_free_kills_and_reaps(void **state)
{
    struct seen_by_parent *s = start("echo", NULL), *other;
    pid_t pid = child_pid(s->child);
    int pidfd = pidfd_open(pid, 0);

    (void)state;
    assert_true(pid > 0 && pidfd >= 0);
    end(s);
    for (int i = 0; i < 500 && pidfd_send_signal(pidfd, 0, NULL, 0) == 0; i++) {
        other = start("echo", NULL);      /* the next one collects it */
        end(other);
        usleep(2000);
    }
    assert_int_equal(pidfd_send_signal(pidfd, 0, NULL, 0), -1);
    assert_int_equal(errno, ESRCH);
    close(pidfd);
}

/* A process that somebody else forked: here, for the sake of the test, we. */
static pid_t fork_echo(int *sock_out, int *pidfd_out)
{
    int pair[2];
    pid_t pid;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    if ((pid = fork()) == 0) {
        char msg[100];
        long n;
        close(pair[0]);
        while ((n = child_recv_blocking(pair[1], msg, sizeof msg, NULL, NULL)) > 0)
            child_send_blocking(pair[1], span_of(msg, (size_t)n), NULL, 0);
        _exit(0);
    }
    close(pair[1]);
    *sock_out = pair[0];
    *pidfd_out = pidfd_open(pid, 0);
    return pid;
}

static void test_adopted(void **state)
{
    struct seen_by_parent *s = calloc(1, sizeof *s);
    int sock, pidfd, status;
    pid_t pid = fork_echo(&sock, &pidfd);

    (void)state;
    s->child = child_adopt(loop, sock, pidfd, &handler, s);
    assert_int_equal(child_pid(s->child), -1);
    child_send(s->child, SPAN("ours?"), NULL, 0);
    UNTIL(s->messages == 1);
    child_kill(s->child);
    UNTIL(s->exited);
    assert_int_equal(s->status, -1);
    assert_int_equal(waitpid(pid, &status, 0), pid);      /* reaping stays its parent's */
    end(s);
}

static void test_too_much_said_is_the_end(void **state)
{
    static char big[CHILD_MESSAGE_MAX + 10];
    struct seen_by_parent *s = calloc(1, sizeof *s);
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    s->child = child_adopt(loop, pair[0], -1, &handler, s);
    assert_int_equal(send(pair[1], big, sizeof big, 0), sizeof big);
    UNTIL(s->exited);
    assert_int_equal(s->messages, 0);
    close(pair[1]);
    end(s);
}

int main(int argc, char **argv)
{
    child_main_if_asked(roles, argc, argv);

    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_talks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_passes_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inherits_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_words_come_before_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kill_tells_the_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_role_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_freed_in_its_own_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_kills_and_reaps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_adopted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_much_said_is_the_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
