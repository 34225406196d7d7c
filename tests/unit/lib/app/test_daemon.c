/* test_daemon.c - a whole daemon: start, check, reload, drain, what it gives up, and work without serving.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/lib/app/fake_daemon.h"

#define assert_contains(text, part) do { if (strstr(text, part) == NULL) fail_msg("no \"%s\" in: %s", part, text); } while (0)

static int run_to_end(struct home *h, const char *const *args)
{
    unlink(h->log);
    return wait_status(home_spawn(h, "policyd", args, -1));
}

static void test_check(void **state)
{
    struct home h;

    (void)state;
    home_new(&h, "policyd");
    const char *check[] = { "-c", h.config, "-t", NULL };
    const char *bad_option[] = { "--nonsense", NULL };
    const char *more[] = { "-t", "-c", h.config, "more", NULL };
    const char *version[] = { "-V", NULL };
    char *place;

    assert_int_equal(run_to_end(&h, check), 0);
    assert_string_equal(home_log(&h), "");
    assert_int_equal(access(h.ctl, F_OK), -1);
    home_config(&h, "nonsense: 1\npolicy: {score: {reject: lots}}\n");
    assert_int_equal(run_to_end(&h, check), 1);
    place = xasprintf("%s:4:1: nonsense: ", h.config);
    assert_contains(home_log(&h), place);
    free(place);
    place = xasprintf("%s:5:", h.config);
    assert_contains(home_log(&h), place);                  /* all errors in one run */
    free(place);
    home_config(&h, "policy: {score: {reject: 700}}\n");
    assert_int_equal(run_to_end(&h, check), 1);
    assert_contains(home_log(&h), "policy.score.reject: 700 is too much for this daemon");
    unlink(h.config);
    assert_int_equal(run_to_end(&h, check), 1);
    assert_contains(home_log(&h), "gatepost.yaml");
    assert_int_equal(run_to_end(&h, bad_option), 64);
    assert_int_equal(run_to_end(&h, more), 64);
    assert_int_equal(run_to_end(&h, version), 0);
    home_free(&h);
}

static void test_serves_and_answers(void **state)
{
    struct home h;
    int fd;
    char id[ID_TEXT];

    (void)state;
    home_new(&h, "policyd");
    assert_true(home_start(&h, "policyd"));
    fd = echo_connect(&h);
    assert_true(fd >= 0);
    echo_say(fd, "bob@example.com");
    assert_string_equal(echo_hear(fd), "bob@example.com");
    echo_say(fd, "id");
    snprintf(id, sizeof id, "%s", echo_hear(fd));

    assert_int_equal(ctl(&h, CTL_WORDS("explain", id)), 0);
    assert_contains(said.out, "\"daemon\":\"policyd\",\"outcome\":\"reject\"");
    assert_contains(said.out, id);
    assert_int_equal(ctl(&h, CTL_WORDS("explain", "ZZZZZZZZZZZZZ")), 1);
    assert_int_equal(ctl(&h, CTL_WORDS("explain", "x")), 64);
    assert_int_equal(ctl(&h, CTL_WORDS("events", "find", "--rcpt=bob@example.com")), 0);
    assert_int_equal(ctl(&h, CTL_WORDS("events", "find", "--rcpt=bob@example.com", "--since=junk")), 64);
    assert_int_equal(ctl(&h, CTL_WORDS("events", "find")), 64);
    assert_int_equal(ctl(&h, CTL_WORDS("events", "purge", "--address=bob@example.com")), 0);
    assert_string_equal(said.out, "{\"purged\":1}\n");
    assert_int_equal(ctl(&h, CTL_WORDS("explain", id)), 1);

    assert_int_equal(ctl(&h, CTL_WORDS("status")), 0);
    assert_contains(said.out, "daemon: gatepost-policyd\nversion: " GATEPOST_VERSION "\n");
    assert_contains(said.out, "(1 clients)");
    assert_contains(said.out, h.config);
    assert_int_equal(ctl(&h, CTL_WORDS("stats")), 0);
    assert_contains(said.out, "\ngatepost_policyd_lines 1\n");
    assert_contains(said.out, "\ngatepost_policyd_clients 1\n");
    assert_int_equal(ctl(&h, CTL_WORDS("config-digest")), 0);
    assert_int_equal(strlen(said.out), 65);
    assert_int_equal(ctl(&h, CTL_WORDS("log-level", "debug")), 0);
    assert_int_equal(ctl(&h, CTL_WORDS("log-level", "loud")), 64);
    assert_int_equal(ctl(&h, CTL_WORDS("nonsense")), 64);
    close(fd);
    assert_int_equal(home_stop(&h), 0);
    assert_int_equal(access(h.ctl, F_OK), -1);
    assert_int_equal(access(h.pid, F_OK), -1);
    assert_int_equal(access(h.echo, F_OK), -1);
    home_free(&h);
}

static void digest(const struct home *h, char out[128])
{
    assert_int_equal(ctl(h, CTL_WORDS("config-digest")), 0);
    snprintf(out, 128, "%.100s", said.out);
}

static void test_reload(void **state)
{
    struct home h;
    char old[128], now[128];
    int fd;

    (void)state;
    home_new(&h, "policyd");
    assert_true(home_start(&h, "policyd"));
    fd = echo_connect(&h);
    digest(&h, old);

    home_config(&h, "policy: {score: {reject: lots}}\n");
    assert_int_equal(ctl(&h, CTL_WORDS("reload")), 1);
    assert_contains(said.complaints, "gatepost.yaml:4:");
    home_config(&h, "policy: {score: {reject: 700}}\n");
    assert_int_equal(ctl(&h, CTL_WORDS("reload")), 1);
    assert_contains(said.complaints, "too much for this daemon");
    home_config(&h, "policy: {timeout: 7777ms}\n");
    assert_int_equal(ctl(&h, CTL_WORDS("reload")), 1);
    assert_contains(said.complaints, "the fake does not want this");
    kill(h.process, SIGHUP);                               /* refused, too */
    usleep(50000);
    digest(&h, now);
    assert_string_equal(now, old);

    home_config(&h, "policy: {score: {reject: 7}}\nlisten: {max_clients: 5}\n");
    assert_int_equal(ctl(&h, CTL_WORDS("reload")), 1);     /* listen twice */
    home_config(&h, "policy: {score: {reject: 7}}\n");
    kill(h.process, SIGHUP);
    for (int i = 0; i < 200; i++) {
        digest(&h, now);
        if (strcmp(now, old) != 0)
            break;
        usleep(5000);
    }
    assert_string_not_equal(now, old);
    home_config(&h, "mode: observe\n");
    assert_int_equal(ctl(&h, CTL_WORDS("reload")), 0);
    assert_string_equal(said.out, "ok\n");
    assert_int_equal(ctl(&h, CTL_WORDS("status")), 0);
    assert_contains(said.out, "mode: observe\nreloads: 2\nreloads-refused: 5\n");

    echo_say(fd, "still here");                            /* the connection has lived through all of it */
    assert_string_equal(echo_hear(fd), "still here");
    close(fd);
    assert_int_equal(home_stop(&h), 0);
    home_free(&h);
}

static void test_restart_keys(void **state)
{
    struct home h;
    char *other;

    (void)state;
    home_new(&h, "policyd");
    assert_true(home_start(&h, "policyd"));
    other = xasprintf("%s/elsewhere.sock", h.dir);
    char was[sizeof h.echo];
    strcpy(was, h.echo);
    strcpy(h.echo, other);
    home_config(&h, "");
    assert_int_equal(ctl(&h, CTL_WORDS("reload")), 0);
    assert_contains(said.complaints, "listen.policy");
    assert_contains(said.complaints, "restart");
    assert_int_equal(access(other, F_OK), -1);
    assert_int_equal(access(was, F_OK), 0);
    assert_int_equal(ctl(&h, CTL_WORDS("reload")), 0);     /* it still waits */
    assert_contains(said.complaints, "listen.policy");
    strcpy(h.echo, was);                                   /* as it was at the start: nothing waits any more */
    home_config(&h, "");
    assert_int_equal(ctl(&h, CTL_WORDS("reload")), 0);
    assert_null(strstr(said.complaints, "restart"));
    free(other);
    assert_int_equal(home_stop(&h), 0);
    home_free(&h);
}

static void test_drain(void **state)
{
    struct home h;
    int slow, idle, late;

    (void)state;
    home_new(&h, "policyd");
    assert_true(home_start(&h, "policyd"));
    slow = echo_connect(&h);
    idle = echo_connect(&h);
    echo_say(idle, "x");
    assert_string_equal(echo_hear(idle), "x");
    echo_say(slow, "slow");
    usleep(50000);
    kill(h.process, SIGTERM);
    assert_string_equal(echo_hear(idle), "");              /* closed at once: the other is still waiting for its answer */
    assert_int_equal(recv(slow, &(char){ 0 }, 1, MSG_DONTWAIT | MSG_PEEK), -1);
    late = echo_connect(&h);                               /* nobody accepts any more */
    assert_string_equal(echo_hear(slow), "slow");          /* answered to the end */
    assert_string_equal(echo_hear(slow), "");
    assert_int_equal(wait_status(h.process), 0);
    h.process = 0;
    if (late >= 0) {
        assert_string_equal(echo_hear(late), "");
        close(late);
    }
    close(slow);
    close(idle);
    home_free(&h);
}

/* Without -f: the first process ends when the daemon is ready, or tells why it is not. */
static void test_daemonized(void **state)
{
    struct home h;
    FILE *f;
    int pid = 0;

    (void)state;
    home_new(&h, "policyd");
    const char *args[] = { "-c", h.config, NULL };
    assert_int_equal(run_to_end(&h, args), 0);
    assert_int_equal(ctl(&h, CTL_WORDS("status")), 0);     /* ready: no waiting */
    f = fopen(h.pid, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &pid), 1);
    fclose(f);
    assert_int_not_equal(getsid(pid), getsid(0));
    assert_int_equal(run_to_end(&h, args), 1);             /* a second one */
    assert_contains(home_log(&h), "gatepost-policyd: ");
    assert_contains(home_log(&h), "echo.sock");
    assert_int_equal(ctl(&h, CTL_WORDS("status")), 0);     /* and the first is unharmed */
    kill(pid, SIGTERM);
    for (int i = 0; i < 1000 && access(h.pid, F_OK) == 0; i++)
        usleep(5000);
    home_config(&h, "policy: {timeout: 7777ms}\n");
    assert_int_equal(run_to_end(&h, args), 1);
    assert_contains(home_log(&h), "gatepost-policyd: the fake does not want to");
    assert_int_equal(access(h.ctl, F_OK), -1);             /* nothing is left */
    home_free(&h);
}

static int open_notify(const struct home *h, char *path, size_t size)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timeval limit = { .tv_sec = 10 };

    snprintf(path, size, "%s/notify", h->dir);
    snprintf(at.sun_path, sizeof at.sun_path, "%.100s", path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void wait_note(int fd, const char *part)
{
    char text[512] = "";

    for (;;) {
        ssize_t n = recv(fd, text, sizeof text - 1, 0);

        if (n <= 0)
            fail_msg("no note with %s", part);
        text[n] = '\0';
        if (strstr(text, part) != NULL)
            return;
    }
}

/* Type=notify: no fork, and the manager hears of every step. */
static void test_notify(void **state)
{
    struct home h;
    char path[100];
    int fd;

    (void)state;
    home_new(&h, "policyd");
    fd = open_notify(&h, path, sizeof path);
    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "200000", 1);
    const char *args[] = { "-c", h.config, NULL };
    h.process = home_spawn(&h, "policyd", args, -1);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    wait_note(fd, "READY=1");
    wait_note(fd, "WATCHDOG=1");
    kill(h.process, SIGHUP);
    wait_note(fd, "RELOADING=1\nMONOTONIC_USEC=");
    wait_note(fd, "READY=1");
    kill(h.process, SIGTERM);
    wait_note(fd, "STOPPING=1");
    assert_int_equal(wait_status(h.process), 0);
    h.process = 0;
    close(fd);
    home_free(&h);
}

/* ---- without serving ---- */

static void test_ctl_fd(void **state)
{
    struct home h;
    int pair[2], fd;
    char id[ID_TEXT];
    pid_t pid;

    (void)state;
    home_new(&h, "policyd");
    assert_true(home_start(&h, "policyd"));
    fd = echo_connect(&h);
    echo_say(fd, "bob@example.com");
    echo_hear(fd);
    echo_say(fd, "id");
    snprintf(id, sizeof id, "%s", echo_hear(fd));
    close(fd);
    assert_int_equal(home_stop(&h), 0);

    for (int common = 0; common < 2; common++) {
        const char *args[] = { "-c", h.config, "--ctl-fd", "3", common ? "--ctl-common" : NULL, NULL };

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        pid = home_spawn(&h, "policyd", args, pair[1]);
        close(pair[1]);
        assert_int_equal(ctl_on(pair[0], CTL_WORDS("explain", id)), 0);
        assert_contains(said.out, id);
        assert_int_equal(ctl_on(pair[0], CTL_WORDS("recipient", "why", "x")), common ? 64 : 0);
        assert_string_equal(said.out, common ? "" : "policyd (own): why x\n");
        assert_int_equal(ctl_on(pair[0], CTL_WORDS("status")), 0);
        assert_contains(said.out, "state: not serving");
        assert_int_equal(access(h.ctl, F_OK), -1);
        assert_int_equal(access(h.echo, F_OK), -1);
        close(pair[0]);
        assert_int_equal(wait_status(pid), 0);             /* ends when its socket closes */
    }
    home_free(&h);
}

/* ---- what it gives up ---- */

static void read_status(int pid, char *text, size_t size)
{
    char path[64];
    int fd;
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = read(fd, text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
}

static void test_privileges(void **state)
{
    struct home h;
    char text[8192], *more;
    struct stat st;

    (void)state;
    if (geteuid() != 0)
        skip();
    home_new(&h, "policyd");
    assert_int_equal(chmod(h.dir, 0755), 0);
    FILE *f = fopen(h.config, "w");
    fprintf(f, "process: {user: nobody, group: nogroup, run_directory: %s/run, state_directory: %s/state}\n"
               "listen: {policy: \"unix:%s\", group: \"\"}\n", h.dir, h.dir, h.echo);
    fclose(f);
    assert_true(home_start(&h, "policyd"));
    read_status(h.process, text, sizeof text);
    assert_contains(text, "\nUid:\t65534\t65534\t65534\t65534\n");
    assert_contains(text, "\nGid:\t65534\t65534\t65534\t65534\n");
    assert_contains(text, "\nCapPrm:\t0000000000000000\n");
    assert_contains(text, "\nCapEff:\t0000000000000000\n");
    assert_contains(text, "\nCapBnd:\t0000000000000000\n");
    assert_contains(text, "\nCapAmb:\t0000000000000000\n");
    assert_contains(text, "\nNoNewPrivs:\t1\n");
    assert_contains(text, "\nSeccomp:\t2\n");
    assert_int_equal(stat(h.ctl, &st), 0);
    assert_int_equal(st.st_uid, 65534);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_int_equal(stat(h.echo, &st), 0);                /* bound as root, given to the user */
    assert_int_equal(st.st_uid, 65534);
    assert_int_equal(ctl(&h, CTL_WORDS("cage")), 0);
    assert_string_equal(said.out, "unshare=EPERM");
    /* its children still start, inside of the filter */
    assert_int_equal(ctl(&h, CTL_WORDS("events", "find", "--rcpt=x")), 1);
    assert_string_equal(said.complaints, "");
    assert_int_equal(home_stop(&h), 0);

    f = fopen(h.config, "w");
    more = xasprintf("process: {user: no-such-user-here, run_directory: %s/run, state_directory: %s/state}\n", h.dir, h.dir);
    fprintf(f, "%slisten: {policy: \"unix:%s\", group: \"\"}\n", more, h.echo);
    fclose(f);
    free(more);
    const char *args[] = { "-c", h.config, "-f", NULL };
    assert_int_equal(run_to_end(&h, args), 1);
    assert_contains(home_log(&h), "systemd-sysusers");
    home_free(&h);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),       cmocka_unit_test(test_serves_and_answers), cmocka_unit_test(test_reload),
        cmocka_unit_test(test_restart_keys), cmocka_unit_test(test_drain),             cmocka_unit_test(test_daemonized),
        cmocka_unit_test(test_notify),      cmocka_unit_test(test_ctl_fd),             cmocka_unit_test(test_privileges),
    };

    fake_main_if_asked(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
