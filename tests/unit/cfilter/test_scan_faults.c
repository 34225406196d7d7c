/* test_scan_faults.c - a message that crashes, hangs, eats memory or lies costs itself alone; and the cage holds.
 *
 * The table of scanners of this program has one more row, which does what the message says.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "tests/unit/cfilter/scan_world.h"

#include <iconv.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- the scanner that misbehaves ---- */

static void note(struct facts *f, const char *name, bool yes)
{
    facts_add(f, "fault", FACT_NOTE, FACT_CLASS_NONE, 0, name, yes ? "yes" : "no");
}

static void do_crash(struct view *v, struct facts *f)
{
    (void)v, (void)f;
    signal(SIGSEGV, SIG_DFL);
    *(volatile char *)mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 1;
}

static void do_hang(struct view *v, struct facts *f)
{
    (void)v, (void)f;
    for (volatile unsigned n = 0;; n++)
        ;
}

static void do_memory(struct view *v, struct facts *f)
{
    (void)v;
    for (size_t i = 0; i < 4096; i++) {
        char *p = xmalloc(1024 * 1024);    /* ends the process at its limit */
        memset(p, 1, 1024 * 1024);
        *(char *volatile *)&p = p;
    }
    note(f, "memory-has-no-limit", true);
}

static void do_garbage(struct view *v, struct facts *f)
{
    (void)v, (void)f;
    child_send_blocking(CHILD_FD, SPAN("GPF1 this is no record"), NULL, 0);
}

static void do_exit(struct view *v, struct facts *f)
{
    (void)v, (void)f;
    _exit(0);
}

static void do_exec(struct view *v, struct facts *f)
{
    char *argv[] = { (char *)"/bin/true", NULL };

    (void)v, (void)f;
    execv(argv[0], argv);
}

static void do_fork(struct view *v, struct facts *f)
{
    (void)v, (void)f;
    if (fork() == 0)
        _exit(0);
}

static void do_kill(struct view *v, struct facts *f)
{
    (void)v, (void)f;
    kill(getppid(), SIGKILL);
}

static void do_ptrace(struct view *v, struct facts *f)
{
    (void)v, (void)f;
    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static bool can_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool can_change_message(const struct view *v)
{
    char path[60];

    snprintf(path, sizeof path, "/proc/self/fd/%d", v->fd);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool done = fd >= 0 && pwrite(fd, "Y", 1, 0) == 1;
    if (fd >= 0)
        close(fd);
    return done;
}

static bool can_write_own(const struct view *v)
{
    char path[300];

    snprintf(path, sizeof path, "%s/file", v->tmp_dir);
    return can_open(path, O_RDWR | O_CREAT) && unlink(path) == 0;
}

static bool can_write_beside(const struct view *v)
{
    char path[300];

    snprintf(path, sizeof path, "%s/../beside", v->tmp_dir);
    return can_open(path, O_RDWR | O_CREAT);
}

/* A converter that iconv must load from its file. */
static bool can_convert(const char *charset, const char *in, const char *want)
{
    char out[64] = "", *to = out, *from = (char *)(uintptr_t)in;
    size_t left = strlen(in), room = sizeof out - 1;
    iconv_t cd = iconv_open("UTF-8", charset);

    if (cd == (iconv_t)-1)
        return false;
    bool ok = iconv(cd, &from, &left, &to, &room) != (size_t)-1 && strcmp(out, want) == 0;
    iconv_close(cd);
    return ok;
}

static bool can_map(int prot)
{
    void *p = mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p != MAP_FAILED)
        munmap(p, 4096);
    return p != MAP_FAILED;
}

static bool can_make_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool done = p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;

    if (p != MAP_FAILED)
        munmap(p, 4096);
    return done;
}

static unsigned long open_descriptors(void)
{
    unsigned long n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void do_look_around(struct view *v, struct facts *f)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    note(f, "socket", fd >= 0);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    note(f, "unix-socket", fd >= 0);
    note(f, "passwd", can_open("/etc/passwd", O_RDONLY));
    note(f, "own-binary", can_open("/proc/self/exe", O_RDONLY));
    note(f, "list-root", can_open("/", O_RDONLY | O_DIRECTORY));
    note(f, "write-tmp", can_open("/tmp/gatepost-test-escape", O_RDWR | O_CREAT));
    note(f, "write-message", can_change_message(v));
    note(f, "write-beside", can_write_beside(v));
    note(f, "write-own", can_write_own(v));
    note(f, "writable-code", can_map(PROT_READ | PROT_WRITE | PROT_EXEC));
    note(f, "code-later", can_make_executable());
    note(f, "raise-limit", setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 10, 10 }) == 0);
    note(f, "iso-2022-jp", can_convert("ISO-2022-JP", "\033$B$\"\033(B", "\xe3\x81\x82"));
    note(f, "koi8-r", can_convert("KOI8-R", "\xc1", "\xd0\xb0"));
    note(f, "euc-kr", can_convert("EUC-KR", "\xb0\xa1", "\xea\xb0\x80"));
    note(f, "root", geteuid() == 0 || getuid() == 0 || setuid(0) == 0);
    note(f, "few-descriptors", open_descriptors() <= 7);
}

/* Files that together fill the tmpfs. */
static void do_fill(struct view *v, struct facts *f)
{
    static char block[1024 * 1024];
    char path[300];
    size_t written = 0;

    for (int file = 0; file < 64; file++) {
        snprintf(path, sizeof path, "%s/fill%d", v->tmp_dir, file);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0 && write(fd, block, sizeof block) == (ssize_t)sizeof block)
            written++;
        if (fd >= 0)
            close(fd);
    }
    note(f, "tmpfs-is-limited", written < 20);
}

static void do_who(struct view *v, struct facts *f)
{
    char pid[20];

    (void)v;
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    facts_add(f, "fault", FACT_NOTE, FACT_CLASS_NONE, 0, "who", pid);
}

static const struct { const char *word; void (*run)(struct view *v, struct facts *f); } faults[] = {
    { "crash", do_crash }, { "hang", do_hang }, { "memory", do_memory }, { "garbage", do_garbage }, { "exit", do_exit },
    { "exec", do_exec }, { "fork", do_fork }, { "kill", do_kill }, { "ptrace", do_ptrace }, { "look-around", do_look_around },
    { "fill", do_fill }, { "who", do_who },
};

static void misbehave(struct view *v, struct facts *f)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        char field[60];
        snprintf(field, sizeof field, "X-Fault: %s\r\n", faults[i].word);
        if (span_starts(v->bytes, span_str(field)))
            faults[i].run(v, f);
    }
}

static const struct scanner scanner_fault = { .name = "fault", .is_virus = true, .extract = misbehave };
const struct scanner *const scanners[] = { &scanner_clamav, &scanner_mime, &scanner_gtube, &scanner_fault, NULL };

static const struct child_role roles[] = { { "scan-holder", scan_holder_run }, { NULL, NULL } };
static struct scan *scan;
static struct settings set;

#define GOOD HEAD "\r\nall is well\r\n"

static bool is_good(const struct result *r)
{
    return r->outcome == SCAN_DONE && r->facts.complete && fact_of(r, FACT_VIRUS) == NULL;
}

static const struct { const char *name, *word; int64_t deadline_ms; enum scan_outcome want; bool plain_only; } rows[] = {
    { "crash", "crash", 20000, SCAN_CRASHED, false },
    { "hang", "hang", 300, SCAN_TIMED_OUT, false },
    { "memory bomb", "memory", 20000, SCAN_CRASHED, true },    /* a sanitizer needs all the address space */
    { "garbage", "garbage", 20000, SCAN_GARBAGE, false },
    { "exit", "exit", 20000, SCAN_CRASHED, false },
    { "exec", "exec", 20000, SCAN_CRASHED, false },
    { "fork", "fork", 20000, SCAN_CRASHED, false },
    { "kill of the holder", "kill", 20000, SCAN_CRASHED, false },
    { "ptrace of the holder", "ptrace", 20000, SCAN_CRASHED, false },
};

static void test_bad_ones_cost_themselves_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char bad_text[100];
        struct result *good[6], *bad;
#ifdef GATEPOST_SANITIZED
        if (rows[i].plain_only)
            continue;
#endif
        snprintf(bad_text, sizeof bad_text, "X-Fault: %s\r\n\r\n", rows[i].word);
        for (size_t k = 0; k < 3; k++)
            good[k] = submit(scan, GOOD, 20000);
        bad = submit(scan, bad_text, rows[i].deadline_ms);
        for (size_t k = 3; k < 6; k++)
            good[k] = submit(scan, GOOD, 20000);
        UNTIL(bad->calls == 1);
        if (bad->outcome != rows[i].want)
            fail_msg("%s: %s (%s)", rows[i].name, scan_outcome_name(bad->outcome), bad->why);
        for (size_t k = 0; k < 6; k++) {
            UNTIL(good[k]->calls == 1);
            if (!is_good(good[k]))
                fail_msg("%s: good message %zu: %s (%s)", rows[i].name, k, scan_outcome_name(good[k]->outcome), good[k]->why);
            assert_int_equal(good[k]->facts.generation, 1);      /* still the same holder */
            free(good[k]);
        }
        free(bad);
    }
}

static void test_cage(void **state)
{
    static const struct { const char *name, *want; bool plain_only; } can[] = {
        { "socket", "no", false }, { "unix-socket", "no", false }, { "passwd", "no", false }, { "own-binary", "no", true },
        { "list-root", "no", false }, { "write-tmp", "no", false }, { "write-message", "no", false }, { "write-beside", "no", false },
        { "write-own", "yes", false }, { "writable-code", "no", false }, { "code-later", "no", false }, { "raise-limit", "no", false },
        { "iso-2022-jp", "yes", false }, { "koi8-r", "yes", false }, { "euc-kr", "yes", false }, { "few-descriptors", "yes", false },
        { "root", "no", false },
    };
    struct result *r = submit(scan, "X-Fault: look-around\r\n\r\n", 20000);

    (void)state;
    UNTIL(r->calls == 1);
    assert_int_equal(r->outcome, SCAN_DONE);
    for (size_t i = 0; i < sizeof can / sizeof can[0]; i++) {
        const char *got = "not tried";
#ifdef GATEPOST_SANITIZED
        if (can[i].plain_only)
            continue;
#endif
        for (size_t k = 0; k < r->facts.n; k++)
            if (r->facts.v[k].kind == FACT_NOTE && strcmp(r->facts.v[k].name, can[i].name) == 0)
                got = r->facts.v[k].detail;
        if (strcmp(got, can[i].want) != 0)
            fail_msg("%s: %s", can[i].name, got);
    }
    free(r);
}

static void test_scratch_is_limited_and_emptied(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {          /* what one message fills is free for the next */
        struct result *r = submit(scan, "X-Fault: fill\r\n\r\n", 20000);
        UNTIL(r->calls == 1);
        assert_int_equal(r->outcome, SCAN_DONE);
        for (size_t k = 0; k < r->facts.n; k++)
            if (geteuid() == 0)            /* a tmpfs of its own: not everybody may mount one */
                assert_string_equal(r->facts.v[k].detail, "yes");
        free(r);
        r = submit(scan, HEAD "\r\n" EICAR "\r\n", 20000);
        UNTIL(r->calls == 1);
        assert_non_null(fact_of(r, FACT_VIRUS));
        free(r);
    }
}

static struct result *submit_apart(const char *text, int64_t deadline_ms)
{
    struct result *r = xcalloc(1, sizeof *r);
    struct scan_message m = { .fd = message_fd(text, strlen(text)), .size = strlen(text), .id = "x", .want_virus = true, .apart = true };

    r->job = scan_submit(scan, &m, deadline_ms, on_result, r);
    close(m.fd);
    return r;
}

static long who(bool apart)
{
    struct result *r = apart ? submit_apart("X-Fault: who\r\n\r\n", 20000) : submit(scan, "X-Fault: who\r\n\r\n", 20000);

    UNTIL(r->calls == 1);
    assert_int_equal(r->outcome, SCAN_DONE);
    long pid = fact_of(r, FACT_NOTE) != NULL ? strtol(fact_of(r, FACT_NOTE)->detail, NULL, 10) : 0;
    free(r);
    return pid;
}

/* What has killed a worker before gets one that nobody used and nobody will; the others go on as they are. */
static void test_apart(void **state)
{
    long usual = who(false), fresh = who(true), again = who(true), other = who(false);

    (void)state;
    assert_int_equal(kill((pid_t)usual, 0), 0);           /* which of the usual ones takes the next is not said */
    assert_true(fresh > 0 && fresh != usual && again != fresh && again != usual && other != fresh && other != again);
    UNTIL(kill((pid_t)fresh, 0) < 0 && errno == ESRCH);

    struct result *crash = submit_apart("X-Fault: crash\r\n\r\n", 20000), *second = submit_apart("X-Fault: who\r\n\r\n", 20000);
    UNTIL(crash->calls == 1 && second->calls == 1);
    assert_int_equal(crash->outcome, SCAN_CRASHED);
    assert_int_equal(second->outcome, SCAN_DONE);         /* after it, in another one */
    free(crash);
    free(second);

    struct result *hang = submit_apart("X-Fault: hang\r\n\r\n", 300);
    assert_true(who(false) > 0);                          /* nobody waits for it */
    UNTIL(hang->calls == 1);
    assert_true(hang->outcome == SCAN_TIMED_OUT || hang->outcome == SCAN_BUSY);   /* BUSY: this machine was too slow to fork */
    free(hang);

    struct result *gone = submit_apart("X-Fault: hang\r\n\r\n", 20000);
    loop_turn(loop, 10);
    scan_cancel(&gone->job);
    free(gone);
    assert_true(who(true) > 0);                           /* what is cancelled is out of the way at once */
    assert_int_equal(kill((pid_t)usual, 0), 0);
}

/* How many workers' memory is told, and each has some of its own. */
static size_t memory_told(void)
{
    struct buf b;
    double own;
    long pid;
    size_t n = 0;

    buf_init(&b, 65536);
    scan_describe(scan, &b);
    const char *at = strstr(buf_cstr(&b), "scan memory: current holder pid=");
    if (at != NULL && sscanf(at, "scan memory: current holder pid=%ld private=%lfM", &pid, &own) == 2 && own > 0)
        while ((at = strstr(at + 1, "scan memory: current worker pid=")) != NULL)
            n += sscanf(at, "scan memory: current worker pid=%ld private=%lfM", &pid, &own) == 2 && own > 0;
    buf_free(&b);
    return n;
}

static void test_memory_is_told(void **state)
{
    (void)state;
    UNTIL(memory_told() == 2);
}

static void test_cancelled(void **state)
{
    struct result *hang = submit(scan, "X-Fault: hang\r\n\r\n", 200), *waiting[4], *after;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        waiting[i] = submit(scan, GOOD, 20000);
    scan_cancel(&hang->job);
    for (size_t i = 0; i < 4; i++)
        scan_cancel(&waiting[i]->job);
    after = submit(scan, GOOD, 20000);
    UNTIL(after->calls == 1);
    assert_int_equal(hang->calls, 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(waiting[i]->calls, 0);
        free(waiting[i]);
    }
    free(hang);
    free(after);
}

/* Both workers are taken by endless messages: who only waited is told that it was busy, not that it is endless itself. */
static void test_waiting_is_not_hanging(void **state)
{
    struct result *hangs[2], *waited;

    (void)state;
    for (size_t i = 0; i < 2; i++)
        hangs[i] = submit(scan, "X-Fault: hang\r\n\r\n", 600);
    waited = submit(scan, "X-Fault: hang\r\n\r\n", 750);
    UNTIL(hangs[0]->calls + hangs[1]->calls + waited->calls == 3);
    assert_int_equal(hangs[0]->outcome, SCAN_TIMED_OUT);
    assert_int_equal(waited->outcome, SCAN_BUSY);
    for (size_t i = 0; i < 2; i++)
        free(hangs[i]);
    free(waited);
}

static const char *described(void)
{
    static struct buf b = { .limit = 4096 };

    buf_reset(&b);
    scan_describe(scan, &b);
    return buf_cstr(&b);
}

/* Last of this scan: the holder is shot.  What was in a worker is lost with it, what waits is done by the next. */
static void test_holder_killed(void **state)
{
    struct result *inside[2], *waiting;
    int pid = 0;

    (void)state;
    UNTIL(strstr(described(), "idle=2") != NULL);
    for (size_t i = 0; i < 2; i++)
        inside[i] = submit(scan, "X-Fault: hang\r\n\r\n", 15000);
    waiting = submit(scan, GOOD, 20000);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, 5);
    const char *at = strstr(described(), "holder=");
    assert_non_null(at);
    pid = atoi(at + 7);
    assert_true(pid > 1);
    kill(pid, SIGKILL);
    UNTIL(inside[0]->calls + inside[1]->calls + waiting->calls == 3);
    assert_int_equal(inside[0]->outcome, SCAN_NO_ENGINE);      /* not the messages' doing */
    assert_int_equal(inside[1]->outcome, SCAN_NO_ENGINE);
    assert_true(is_good(waiting));
    assert_int_equal(waiting->facts.generation, 2);
    for (size_t i = 0; i < 2; i++)
        free(inside[i]);
    free(waiting);
}

static int start(void **state)
{
    struct errtext err = { "" };

    if (world_start(state) < 0)
        return -1;
    set = settings_for_test("2");
    if (geteuid() == 0)
        set.process.user = "nobody";       /* a front that is still root: the holder goes on as the user */
    scan = scan_new(loop, &set, NULL, &err);
    return scan != NULL ? 0 : -1;
}

static int stop(void **state)
{
    scan_free(&scan);
    return world_end(state);
}

int main(int argc, char **argv)
{
    child_main_if_asked(roles, argc, argv);

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_ones_cost_themselves_alone), cmocka_unit_test(test_cage),
        cmocka_unit_test(test_scratch_is_limited_and_emptied), cmocka_unit_test(test_apart), cmocka_unit_test(test_memory_is_told),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_waiting_is_not_hanging),         cmocka_unit_test(test_holder_killed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
