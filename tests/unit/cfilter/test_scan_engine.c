/* test_scan_engine.c - databases that are missing, broken, poisoned or changed; new settings; no Landlock; no workers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "tests/unit/cfilter/scan_world.h"

#include <seccomp.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const struct child_role roles[] = { { "scan-holder", scan_holder_run }, { NULL, NULL } };
static struct settings set;

#define INFECTED HEAD "\r\n" EICAR "\r\n"

static void remove_database(void)
{
    scratch_remove(database, false);
}

static void empty_database(void)
{
    scratch_remove(database, true);
}

static struct scan *scan_start(void)
{
    struct errtext err = { "" };
    struct scan *s = scan_new(loop, &set, NULL, &err);

    if (s == NULL)
        fail_msg("%s", err.text);
    return s;
}

static struct result *ask(struct scan *s, const char *text)
{
    struct result *r = submit(s, text, 20000);

    UNTIL(r->calls == 1);
    return r;
}

static void set_garbage(void)
{
    put_file("local.ndb", "this is no signature\n");
}

static void set_few(void)
{
    set.filter.virus.min_signatures = 3;
}

/* A signature that hits everything, as happens: it would refuse all mail. */
static void set_poisoned(void)
{
    put_signature("bad.ndb", "Test.HitsEverything", "warm-up");
}

static void set_broken_container(void)
{
    put_file("daily.cvd", "ClamAV-VDB:01 Jan 2020");
}

static const struct { const char *name; void (*make)(void); const char *why; } refusals[] = {
    { "missing", remove_database, "No such file" },
    { "empty", empty_database, "does not load" },
    { "garbage", set_garbage, "does not load" },
    { "broken container", set_broken_container, "does not load" },
    { "too few signatures", set_few, "min_signatures" },
    { "a signature that hits harmless mail", set_poisoned, "harmless" },
};

static int fresh(void **state)
{
    (void)state;
    set = settings_for_test("1");
    mkdir(database, 0755);
    empty_database();
    put_signature("local.ndb", "Eicar-Test-Signature", EICAR);
    put_signature("other.ndb", "Test.Other", OTHER);
    return 0;
}

/* Each database that cannot be used: no engine, said why, nothing is ever clean; and once it is mended, it is taken. */
static void test_refused_and_mended(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        fresh(state);
        refusals[i].make();
        struct scan *s = scan_start();
        struct result *r = ask(s, INFECTED);
        if (r->outcome != SCAN_NO_ENGINE || strstr(r->why, refusals[i].why) == NULL)
            fail_msg("%s: %s (%s)", refusals[i].name, scan_outcome_name(r->outcome), r->why);
        assert_false(scan_ready(s));
        free(r);
        r = ask(s, INFECTED);          /* and at once, from now on */
        assert_int_equal(r->outcome, SCAN_NO_ENGINE);
        free(r);
        mkdir(database, 0755);
        empty_database();
        put_signature("local.ndb", "Eicar-Test-Signature", EICAR);
        put_signature("other.ndb", "Test.Other", OTHER);
        put_signature("third.ndb", "Test.Third", "another word of this test alone");
        UNTIL(scan_ready(s));
        r = ask(s, INFECTED);
        assert_non_null(fact_of(r, FACT_VIRUS));
        free(r);
        scan_free(&s);
    }
}

/* New signatures are loaded beside the old ones: no message waits, none passes unscanned. */
static void test_database_changes(void **state)
{
    struct scan *s = scan_start();
    struct result *r = ask(s, HEAD "\r\na new word\r\n");
    uint32_t generation = 1;

    (void)state;
    assert_null(fact_of(r, FACT_VIRUS));
    free(r);
    put_signature("new.ndb", "Test.New", "a new word");
    for (int64_t end = loop_now_ms(loop) + 60000; loop_now_ms(loop) < end && generation == 1;) {
        r = ask(s, INFECTED);
        assert_int_equal(r->outcome, SCAN_DONE);
        assert_non_null(fact_of(r, FACT_VIRUS));
        generation = r->facts.generation;
        free(r);
        loop_turn(loop, 10);
    }
    assert_int_equal(generation, 2);
    r = ask(s, HEAD "\r\na new word\r\n");
    assert_non_null(fact_of(r, FACT_VIRUS));
    free(r);
    scan_free(&s);
}

static void test_broken_update_leaves_the_old_engine(void **state)
{
    struct scan *s = scan_start();
    struct result *r = ask(s, INFECTED);
    struct buf b;

    (void)state;
    free(r);
    put_file("zzz.ndb", "broken\n");
    buf_init(&b, 4096);
    for (int64_t end = loop_now_ms(loop) + 60000; loop_now_ms(loop) < end && strstr(buf_cstr(&b), "coming: generation=2") == NULL;) {
        loop_turn(loop, 10);
        buf_reset(&b);
        scan_describe(s, &b);
    }
    for (int64_t end = loop_now_ms(loop) + 60000; loop_now_ms(loop) < end && strstr(buf_cstr(&b), "engine=none") == NULL;) {
        loop_turn(loop, 10);
        buf_reset(&b);
        scan_describe(s, &b);
    }
    assert_non_null(strstr(buf_cstr(&b), "engine=none"));
    assert_true(scan_ready(s));
    r = ask(s, INFECTED);
    assert_int_equal(r->outcome, SCAN_DONE);
    assert_int_equal(r->facts.generation, 1);
    assert_non_null(fact_of(r, FACT_VIRUS));
    free(r);
    buf_free(&b);
    scan_free(&s);
}

static void test_new_settings(void **state)
{
    struct scan *s = scan_start();
    struct settings same = set, other = set;
    struct errtext err = { "" };
    struct result *r = ask(s, INFECTED);

    (void)state;
    free(r);
    assert_int_equal(scan_reconfigure(s, &same, &err), 0);       /* nothing that matters here has changed */
    other.filter.virus.trusted_databases.n = 0;
    other.filter.workers = "many";
    assert_int_equal(scan_reconfigure(s, &other, &err), -1);
    assert_non_null(strstr(err.text, "filter.workers"));
    other.filter.workers = "1";
    assert_int_equal(scan_reconfigure(s, &other, &err), 0);
    r = ask(s, INFECTED);                                        /* the old ones answer meanwhile */
    assert_string_equal(fact_of(r, FACT_VIRUS)->name, "Eicar-Test-Signature");
    free(r);
    for (uint32_t generation = 1; generation == 1;) {
        r = ask(s, INFECTED);
        generation = r->facts.generation;
        if (generation > 1)
            assert_string_equal(fact_of(r, FACT_VIRUS)->name, "Eicar-Test-Signature.UNOFFICIAL");
        free(r);
        loop_turn(loop, 10);
    }
    scan_free(&s);
}

/* libclamav calls a scan that ran into a limit clean, unless told otherwise; here nothing else looks at the message. */
static void test_limits_are_told(void **state)
{
    static const char *const only_libclamav[] = { "libclamav" };
    size_t n = 8 * 1024 * 1024;
    char *large = xmalloc(n), *deep = xmalloc(20 * 100);

    (void)state;
    set.filter.mime.parsers.v = only_libclamav;
    set.filter.mime.parsers.n = 1;
    set.filter.virus.max_recursion = 3;
    set.filter.scan_timeout_ms = 50;
    deep[0] = '\0';
    for (int i = 0; i < 10; i++)
        strcat(deep, "Subject: x\r\nContent-Type: message/rfc822\r\n\r\n");
    strcat(deep, "Subject: x\r\n\r\nend\r\n");
    for (size_t i = 0; i < n; i++)
        large[i] = i % 60 == 58 ? '\r' : i % 60 == 59 ? '\n' : (char)('a' + (i * 2654435761U >> 20) % 26);
    memcpy(large, HEAD "\r\n", sizeof HEAD + 1);
    struct scan *s = scan_start();
    struct result *r = ask(s, deep);
    assert_int_equal(r->outcome, SCAN_DONE);
    assert_non_null(fact_of(r, FACT_UNCHECKED));
    assert_int_equal(fact_of(r, FACT_UNCHECKED)->klass, FACT_CLASS_LIMIT);
    free(r);
    r = submit_bytes(s, large, n, 20000);
    UNTIL(r->calls == 1);
    assert_int_equal(r->outcome, SCAN_DONE);
    assert_non_null(fact_of(r, FACT_UNCHECKED));
    assert_int_equal(fact_of(r, FACT_UNCHECKED)->klass, FACT_CLASS_TIMEOUT);
    free(r);
    scan_free(&s);
    free(large);
    free(deep);
}

static void test_virus_scanning_off(void **state)
{
    struct scan *s;
    struct result *r;

    (void)state;
    set.filter.virus.mode = MODE_OFF;
    remove_database();
    s = scan_start();
    r = xcalloc(1, sizeof *r);
    const char *text = HEAD "\r\n" GTUBE "\r\n";
    struct scan_message m = { .fd = message_fd(text, strlen(text)), .size = strlen(text), .id = "x", .want_spam = true };
    scan_submit(s, &m, 20000, on_result, r);
    close(m.fd);
    UNTIL(r->calls == 1);
    assert_int_equal(r->outcome, SCAN_DONE);
    assert_non_null(fact_of(r, FACT_SPAM));
    free(r);
    r = ask(s, INFECTED);               /* asked all the same: not looked at is not clean */
    assert_false(r->facts.complete);
    free(r);
    scan_free(&s);
}

static void test_without_workers(void **state)
{
    struct scan *s;
    struct result *r;

    (void)state;
    set.filter.workers = "0";
    s = scan_start();
    assert_true(scan_ready(s));
    r = ask(s, INFECTED);
    assert_int_equal(r->outcome, SCAN_DONE);
    assert_string_equal(fact_of(r, FACT_VIRUS)->name, "Eicar-Test-Signature");
    free(r);
    scan_free(&s);
    remove_database();
    s = scan_start();
    r = ask(s, INFECTED);
    assert_int_equal(r->outcome, SCAN_NO_ENGINE);
    free(r);
    mkdir(database, 0755);
    put_signature("local.ndb", "Eicar-Test-Signature", EICAR);
    r = ask(s, INFECTED);
    assert_non_null(fact_of(r, FACT_VIRUS));
    free(r);
    scan_free(&s);
}

static void test_freed_with_messages_under_way(void **state)
{
    struct scan *s = scan_start();
    struct result *r[5];

    (void)state;
    for (size_t i = 0; i < 5; i++)
        r[i] = submit(s, INFECTED, 20000);
    scan_free(&s);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(r[i]->calls, 1);
        assert_int_not_equal(r[i]->outcome, SCAN_DONE);
        free(r[i]);
    }
}

/* ---- kernels that lack something: made by a filter that this program's children inherit ---- */

struct lack {
    const char *name;
    int syscall, policy;         /* capset is missing too where it has nothing to drop, as under the systemd unit */
    enum scan_outcome want;
    const char *why;
    bool plain_folder;
};

/* In a process of its own: exit status 0 if the scan ends as it must. */
static _Noreturn void scan_in_poor_kernel(const struct lack *k)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

    if (ctx == NULL || seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), k->syscall, 0) < 0 ||
        (k->syscall == SYS_unshare && geteuid() != 0 && seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), (int)SYS_capset, 0) < 0) || seccomp_load(ctx) < 0)
        _exit(99);
    seccomp_release(ctx);
    loop = loop_new(NULL);
    set.process.sandbox = k->policy;
    struct scan *s = scan_start();
    struct result *r = ask(s, INFECTED);
    bool ok = r->outcome == k->want && (k->why == NULL || strstr(r->why, k->why) != NULL) &&
              (k->want != SCAN_DONE || fact_of(r, FACT_VIRUS) != NULL);
    if (!ok)
        fprintf(stderr, "%s: %s (%s)\n", k->name, scan_outcome_name(r->outcome), r->why);
    const char *holder = NULL;
    struct buf b;
    char path[80] = "";
    buf_init(&b, 4096);
    scan_describe(s, &b);
    if ((holder = strstr(buf_cstr(&b), "holder=")) != NULL)
        snprintf(path, sizeof path, "/dev/shm/gatepost-scan.%d", atoi(holder + 7));
    ok = ok && (access(path, F_OK) == 0) == k->plain_folder;
    scan_free(&s);
    for (int i = 0; i < 100 && access(path, F_OK) == 0; i++)
        usleep(1000);
    if (access(path, F_OK) == 0)
        fprintf(stderr, "%s: %s is left behind\n", k->name, path);
    _exit(!ok || access(path, F_OK) == 0);
}

static void test_poor_kernels(void **state)
{
    static const struct lack rows[] = {
        { "no Landlock: require refuses", SYS_landlock_create_ruleset, SANDBOX_REQUIRE, SCAN_NO_ENGINE, "Landlock", false },
        { "no Landlock: warn goes on", SYS_landlock_create_ruleset, SANDBOX_WARN, SCAN_DONE, NULL, false },
        { "no Landlock: off goes on", SYS_landlock_create_ruleset, SANDBOX_OFF, SCAN_DONE, NULL, false },
        { "no namespaces: a plain folder is used", SYS_unshare, SANDBOX_REQUIRE, SCAN_DONE, NULL, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int status = -1;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            scan_in_poor_kernel(&rows[i]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("%s: status %x", rows[i].name, (unsigned)status);
    }
}

int main(int argc, char **argv)
{
    scan_holder_look_ms = 30;
    child_main_if_asked(roles, argc, argv);

    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_refused_and_mended, fresh),
        cmocka_unit_test_setup(test_database_changes, fresh),
        cmocka_unit_test_setup(test_broken_update_leaves_the_old_engine, fresh),
        cmocka_unit_test_setup(test_new_settings, fresh),
        cmocka_unit_test_setup(test_limits_are_told, fresh),
        cmocka_unit_test_setup(test_virus_scanning_off, fresh),
        cmocka_unit_test_setup(test_without_workers, fresh),
        cmocka_unit_test_setup(test_freed_with_messages_under_way, fresh),
        cmocka_unit_test_setup(test_poor_kernels, fresh),
    };
    return cmocka_run_group_tests(tests, world_start, world_end);
}
