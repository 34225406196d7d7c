/* test_commands.c - gatepostctl's commands against running and resting daemons.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ctl/gatepostctl.h"
#include "tests/unit/lib/app/fake_daemon.h"

#define assert_contains(text, part) do { if (strstr(text, part) == NULL) fail_msg("no \"%s\" in: %s", part, text); } while (0)
#define assert_lacks(text, part) do { if (strstr(text, part) != NULL) fail_msg("\"%s\" in: %s", part, text); } while (0)

static char out[65536], complaints[65536];

static void slurp(FILE *f, char *to)
{
    size_t n;

    rewind(f);
    n = fread(to, 1, sizeof out - 1, f);
    to[n] = '\0';
    fclose(f);
}

/* Runs one command as main() would: its exit status; out and complaints hold what it said. */
static int run_cmd(const struct home *h, const struct subcommand *c, const char *const *words)
{
    struct env env = { .config = h->config };
    char *argv[32] = { (char *)(uintptr_t)c->name };
    int argc = 1, status, old_out = dup(STDOUT_FILENO), old_err = dup(STDERR_FILENO);
    FILE *o = tmpfile(), *e = tmpfile();

    while (words[argc - 1] != NULL) {
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
        argc++;
    }
    fflush(stdout);
    dup2(fileno(o), STDOUT_FILENO);
    dup2(fileno(e), STDERR_FILENO);
    status = c->run(&env, argc, argv);
    fflush(stdout);
    dup2(old_out, STDOUT_FILENO);
    dup2(old_err, STDERR_FILENO);
    close(old_out);
    close(old_err);
    slurp(o, out);
    slurp(e, complaints);
    settings_unref(&env.settings);
    return status;
}

#define CMD(h, c, ...) run_cmd(h, &c, (const char *const[]){ __VA_ARGS__, NULL })
#define CMD0(h, c) run_cmd(h, &c, (const char *const[]){ NULL })

static void bin_path(const struct home *h)
{
    char *path = xasprintf("%s:/usr/bin:/bin", h->bin);

    setenv("PATH", path, 1);
    free(path);
}

static void say(const struct home *h, const char *line, char id[ID_TEXT])
{
    int fd = echo_connect(h);

    echo_say(fd, line);
    assert_string_equal(echo_hear(fd), line);
    echo_say(fd, "id");
    snprintf(id, ID_TEXT, "%s", echo_hear(fd));
    close(fd);
}

static void test_explain(void **state)
{
    struct home h;
    char id[ID_TEXT], other[ID_TEXT], lower[ID_TEXT];

    (void)state;
    home_new(&h, "policyd");
    bin_path(&h);
    assert_true(home_start(&h, "policyd"));
    say(&h, "bob@example.com", id);
    say(&h, "carol@example.com", other);
    for (size_t i = 0; i < sizeof lower; i++)
        lower[i] = ascii_lower(id[i]);

    for (int running = 1; running >= 0; running--) {        /* the records outlive the daemon */
        assert_int_equal(CMD(&h, cmd_explain, lower), 0);
        assert_contains(out, id);
        assert_contains(out, "  policyd: reject\n");
        assert_contains(out, "  reason       it was said\n");
        assert_contains(out, "  client       mx.example.net[192.0.2.7]\n");
        assert_contains(out, "  from         <a@example.net>\n  rcpt         <bob@example.com>\n");
        assert_contains(out, "    zen  +4.5 points  saw 127.0.0.\\x1B[2  2 ms\n");
        assert_contains(complaints, "gatepost-cfilter is not running: works without it\n");
        assert_int_equal(strstr(complaints, "gatepost-policyd is not running") == NULL, running);
        assert_int_equal(CMD(&h, cmd_explain, "--json", "--client", "192.0.2.7", "--since", "1h"), 0);
        assert_contains(out, "\"rcpt\":\"bob@example.com\"");
        assert_true(strstr(out, id) < strstr(out, other));  /* by time */
        assert_int_equal(CMD(&h, cmd_explain, "--rcpt=bob@example.com", "--from=a@example.net"), 0);
        assert_contains(out, id);
        assert_lacks(out, other);
        assert_int_equal(CMD(&h, cmd_explain, "--rcpt=nobody@example.com"), 1);
        assert_int_equal(CMD(&h, cmd_explain, "--outcome=reject", "--limit=1"), 0);
        assert_lacks(out, id);
        assert_contains(out, other);                        /* the newest */
        assert_int_equal(CMD(&h, cmd_explain, "--outcome", "observe", "--since", "1d"), 1);
        if (running)
            assert_int_equal(home_stop(&h), 0);
    }
    assert_int_equal(CMD(&h, cmd_explain, "nonsense"), 64);
    assert_int_equal(CMD0(&h, cmd_explain), 64);
    assert_int_equal(CMD(&h, cmd_explain, "--rcpt"), 64);
    assert_int_equal(CMD(&h, cmd_explain, "--rcpt=x", "--since=soon"), 64);
    assert_int_equal(CMD(&h, cmd_explain, "--nonsense", id), 64);
    assert_int_equal(CMD(&h, cmd_explain, "--outcome=refused"), 64);
    assert_int_equal(CMD(&h, cmd_explain, "--rcpt=x", "--limit=0"), 64);
    assert_int_equal(CMD(&h, cmd_explain, "--limit=5"), 64);

    assert_int_equal(CMD(&h, cmd_events, "purge", "--address", "bob@example.com"), 0);
    assert_contains(out, "gatepost-policyd: 1 records removed\n");
    assert_contains(out, "gatepost-cfilter: 0 records removed\n");
    assert_int_equal(CMD(&h, cmd_explain, id), 1);
    assert_int_equal(CMD(&h, cmd_explain, other), 0);
    assert_int_equal(CMD(&h, cmd_events, "purge"), 64);
    home_free(&h);
}

static void test_pass_through(void **state)
{
    struct home h;

    (void)state;
    home_new(&h, "policyd");
    bin_path(&h);
    assert_int_equal(CMD(&h, cmd_policy, "explain", "client_address=192.0.2.7"), 0);
    assert_string_equal(out, "policyd (own): explain client_address=192.0.2.7\n");
    assert_contains(complaints, "gatepost-policyd is not running: works without it\n");
    assert_true(home_start(&h, "policyd"));
    assert_int_equal(CMD(&h, cmd_policy, "explain", "client_address=192.0.2.7", "sender=a b"), 0);
    assert_string_equal(out, "policyd: explain client_address=192.0.2.7 sender=a b\n");
    assert_string_equal(complaints, "");
    assert_int_equal(CMD(&h, cmd_recipient, "why", "bob@example.com"), 0);
    assert_string_equal(out, "socketmapd (own): why bob@example.com\n");
    char bracketed[] = "<bob@example.com>";                 /* as logs and replies write it */
    assert_int_equal(CMD(&h, cmd_recipient, "why", bracketed), 0);
    assert_string_equal(out, "socketmapd (own): why bob@example.com\n");
    assert_int_equal(CMD(&h, cmd_policy, "explain", "nonsense"), 64);
    assert_int_equal(CMD(&h, cmd_recipient, "bob@example.com"), 64);
    home_config(&h, "nonsense: 1\n");
    assert_int_equal(CMD(&h, cmd_policy, "explain", "a=b"), 2);
    assert_contains(complaints, "gatepost.yaml:4:1: nonsense");
    home_free(&h);
}

static char *message(const struct home *h, const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", h->dir, name);
    FILE *f = fopen(path, "w");

    fputs(text, f);
    fclose(f);
    return path;
}

static void test_scan(void **state)
{
    struct home h;
    char *good, *bad, *odd;
    const char *many[40];

    (void)state;
    home_new(&h, "cfilter");
    bin_path(&h);
    good = message(&h, "good", "0");
    bad = message(&h, "bad", "1");
    odd = message(&h, "odd", "2");
    assert_int_equal(CMD(&h, cmd_scan, good), 0);
    assert_contains(out, "cfilter (own): ");
    assert_contains(complaints, "not running");
    assert_true(home_start(&h, "cfilter"));
    assert_int_equal(CMD(&h, cmd_scan, "--client", "192.0.2.7", "--json", good, "--from=a@b"), 0);
    assert_contains(out, "cfilter: --client=192.0.2.7 --from=a@b --json ");
    assert_contains(out, "/good\n");
    assert_string_equal(complaints, "");
    assert_int_equal(CMD(&h, cmd_scan, odd), 2);
    assert_int_equal(CMD(&h, cmd_scan, odd, bad, good), 1);
    assert_int_equal(CMD(&h, cmd_scan, good, odd), 2);
    assert_int_equal(CMD(&h, cmd_scan, "/nonexistent", good), 2);
    assert_contains(complaints, "/nonexistent: No such file");
    assert_int_equal(CMD(&h, cmd_scan, "/nonexistent", bad), 1);
    assert_int_equal(CMD(&h, cmd_scan, "/"), 2);
    assert_int_equal(CMD0(&h, cmd_scan), 64);
    assert_int_equal(CMD(&h, cmd_scan, "--nonsense", good), 64);
    assert_int_equal(CMD(&h, cmd_scan, "--from", "a", "--from", "b", good), 64);
    assert_int_equal(CMD(&h, cmd_scan, "--rcpt", "a@b", good, "--rcpt=c@d"), 0);
    assert_contains(out, "cfilter: --rcpt=a@b --rcpt=c@d ");
    assert_int_equal(CMD(&h, cmd_scan, good, "--rcpt"), 64);

    /* more than one request takes: the bad one is the last */
    for (size_t i = 0; i < 29; i++)
        many[i] = good;
    many[29] = bad;
    many[30] = NULL;
    assert_int_equal(run_cmd(&h, &cmd_scan, many), 1);
    size_t lines = 0;
    for (const char *p = out; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, 2);

    /* from a pipe, and with names that look like options */
    int saved = dup(STDIN_FILENO), pair[2];
    assert_int_equal(pipe(pair), 0);
    assert_int_equal(write(pair[1], "1", 1), 1);
    close(pair[1]);
    dup2(pair[0], STDIN_FILENO);
    close(pair[0]);
    assert_int_equal(CMD(&h, cmd_scan, "-"), 1);
    assert_contains(out, "(stdin)\n");
    dup2(saved, STDIN_FILENO);
    close(saved);
    assert_int_equal(chdir(h.dir), 0);
    free(message(&h, "--json", "1"));
    assert_int_equal(CMD(&h, cmd_scan, "--", "--json"), 1);
    assert_contains(out, "cfilter: ./--json\n");
    assert_int_equal(chdir("/"), 0);

    /* the running one has another file in force */
    home_config(&h, "mode: observe\n");
    assert_int_equal(CMD(&h, cmd_scan, good), 0);
    assert_contains(out, "cfilter (own): ");
    assert_contains(complaints, "another configuration");
    free(good);
    free(bad);
    free(odd);
    home_free(&h);
}

static void test_reload_and_status(void **state)
{
    struct home h;

    (void)state;
    home_new(&h, "policyd");
    bin_path(&h);
    assert_int_equal(CMD0(&h, cmd_reload), 2);
    assert_contains(complaints, "no daemon is running");
    assert_int_equal(CMD0(&h, cmd_status), 2);
    assert_true(home_start(&h, "policyd"));
    assert_int_equal(CMD0(&h, cmd_reload), 0);
    assert_string_equal(out, "gatepost-socketmapd: not running\ngatepost-policyd: reloaded\ngatepost-cfilter: not running\n");
    home_config(&h, "policy: {timeout: 7777ms}\n");        /* refused by the daemon alone */
    assert_int_equal(CMD0(&h, cmd_reload), 1);
    assert_contains(out, "gatepost-policyd: refused, the configuration from before stays\nthe fake does not want this\n");
    home_config(&h, "policy: {score: {reject: 700}}\n");   /* by -t of a daemon */
    assert_int_equal(CMD0(&h, cmd_reload), 1);
    assert_contains(complaints, "too much for this daemon\ngatepostctl: nothing was reloaded\n");
    assert_string_equal(out, "");
    assert_null(strstr(strstr(complaints, "too much") + 1, "too much"));    /* said once, not by all three */
    home_config(&h, "");
    assert_int_equal(CMD(&h, cmd_config, "check"), 0);
    assert_int_equal(CMD0(&h, cmd_status), 0);
    assert_contains(out, "gatepost-cfilter: not running\n");
    assert_contains(out, "reloads-refused: 1\n");
    assert_int_equal(CMD0(&h, cmd_stats), 0);
    assert_contains(out, "gatepost_policyd_reloads 1\n");
    assert_lacks(out, "not running");
    assert_int_equal(CMD(&h, cmd_log_level, "debug"), 0);
    assert_int_equal(CMD(&h, cmd_log_level, "loud"), 64);
    home_config(&h, "nonsense: 1\n");
    assert_int_equal(CMD0(&h, cmd_status), 2);
    assert_non_null(strstr(complaints, "nonsense: "));
    assert_null(strstr(strstr(complaints, "nonsense: ") + 1, "nonsense: "));   /* said once, not for each daemon */
    home_free(&h);
}

static void test_config(void **state)
{
    struct home h;

    (void)state;
    home_new(&h, "policyd");
    bin_path(&h);
    home_config(&h, "policy: {score: {reject: 7}}\n");
    assert_int_equal(CMD(&h, cmd_config, "show"), 0);
    assert_contains(out, "reject: 7");
    assert_lacks(out, "max_clients");
    assert_int_equal(CMD(&h, cmd_config, "show", "--all"), 0);
    assert_contains(out, "max_clients");
    assert_int_equal(CMD(&h, cmd_config, "help", "policy.score.reject"), 0);
    assert_contains(out, "policy.score.reject: ");
    assert_contains(out, "\n  default:   5\n");
    assert_int_equal(CMD(&h, cmd_config, "help", "policy.dnsbl[2].weight"), 0);
    assert_int_equal(CMD(&h, cmd_config, "help", "networks.trusted"), 0);
    assert_int_equal(CMD(&h, cmd_config, "help", "policy"), 0);
    assert_contains(out, "    score");
    assert_int_equal(CMD(&h, cmd_config, "help"), 0);
    assert_contains(out, "  handover");
    assert_int_equal(CMD(&h, cmd_config, "help", "policy.nonsense"), 1);
    assert_int_equal(CMD(&h, cmd_config, "nonsense"), 64);
    home_config(&h, "nonsense: 1\n");
    assert_int_equal(CMD(&h, cmd_config, "show"), 1);
    assert_int_equal(CMD(&h, cmd_config, "check"), 1);
    assert_contains(complaints, "gatepost.yaml:4:1: nonsense");
    home_free(&h);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_explain),           cmocka_unit_test(test_pass_through), cmocka_unit_test(test_scan),
        cmocka_unit_test(test_reload_and_status), cmocka_unit_test(test_config),
    };

    fake_main_if_asked(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
