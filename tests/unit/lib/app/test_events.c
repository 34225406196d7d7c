/* test_events.c - records through the real children: written, found, rotated, pruned, purged, hashed.
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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/app/events.h"
#include "lib/app/events_front.h"
#include "lib/app/id.h"
#include "lib/base/alloc.h"

static const int64_t WALL = INT64_C(1764000000000);

struct rig {
    char folder[64], dir[96];
    struct loop *loop;
    struct settings set;
    struct events *events;
};

/* ---- the rig ---- */

static struct rig *rig_new(void)
{
    struct rig *r = xcalloc(1, sizeof *r);
    struct errtext err;

    strcpy(r->folder, "/tmp/test_events.XXXXXX");
    assert_non_null(mkdtemp(r->folder));
    snprintf(r->dir, sizeof r->dir, "%s/events", r->folder);
    r->loop = loop_new_fake(1000, WALL);
    r->set.events = (struct set_events){ .enabled = true, .directory = "", .max_bytes = 64 << 20, .keep_ms = DAYS(1) };
    r->set.process.state_directory = r->folder;
    r->events = events_open(r->loop, "policyd", &r->set, &err);
    if (r->events == NULL)
        fail_msg("%s", err.text);
    return r;
}

static void remove_folder(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    char name[512];

    while (d != NULL && (e = readdir(d)) != NULL) {
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.')
            unlink(name);
    }
    if (d != NULL)
        closedir(d);
    rmdir(path);
}

static void rig_free(struct rig *r)
{
    events_close(&r->events, 1000);
    loop_free(&r->loop);
    remove_folder(r->dir);
    remove_folder(r->folder);
    free(r);
}

/* Turns until everything has been reported by the writer. */
static void settle(struct rig *r)
{
    for (int i = 0; i < 400 && !events_front_settled(r->events); i++) {
        events_front_flush(r->events);
        loop_turn(r->loop, 5);
    }
    assert_true(events_front_settled(r->events));
}

static void emit(struct rig *r, const char *id, const char *from, const char *rcpt)
{
    struct json_out *j = events_begin(r->events, id, "reject");

    assert_non_null(j);
    events_address(r->events, "from", span_str(from));
    json_array_begin(j, "rcpt");
    events_address(r->events, NULL, span_str(rcpt));
    json_array_end(j);
    json_cstr(j, "client", "192.0.2.7");
    events_emit(r->events);
}

/* What a search gives. */
struct found {
    size_t n;
    bool done;
    char last[4096], first[4096], error[256];
};

static void on_found(span line, bool done, const char *error, void *arg)
{
    struct found *f = arg;

    assert_false(f->done);
    if (done) {
        f->done = true;
        snprintf(f->error, sizeof f->error, "%s", error != NULL ? error : "");
        return;
    }
    f->n++;
    snprintf(f->last, sizeof f->last, "%.*s", SPAN_ARG(line));
    if (f->n == 1)
        strcpy(f->first, f->last);
}

static void finish(struct rig *r, struct found *f)
{
    for (int i = 0; i < 1000 && !f->done; i++) {
        if (!loop_turn(r->loop, 5))
            loop_fake_advance(r->loop, 1);
    }
    assert_true(f->done);
}

static struct found find(struct rig *r, struct events_query q)
{
    struct found f = { .n = 0 };

    events_find(r->events, &q, on_found, &f);
    finish(r, &f);
    assert_string_equal(f.error, "");
    return f;
}

static struct found purge(struct rig *r, const char *address)
{
    struct found f = { .n = 0 };

    events_purge(r->events, span_str(address), on_found, &f);
    finish(r, &f);
    assert_string_equal(f.error, "");
    return f;
}

struct files {
    size_t n;
    int64_t bytes;
    char name[512];
};

static struct files list(const struct rig *r)
{
    struct files f = { .n = 0 };
    DIR *d = opendir(r->dir);
    struct dirent *e;
    struct stat st;
    char path[512];

    while (d != NULL && (e = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", r->dir, e->d_name);
        if (e->d_name[0] == '.' || stat(path, &st) < 0)
            continue;
        f.n++;
        f.bytes += st.st_size;
        strcpy(f.name, path);
    }
    if (d != NULL)
        closedir(d);
    return f;
}

/* ---- tests ---- */

static void test_written_and_found(void **state)
{
    struct rig *r = rig_new();
    char id[3][ID_TEXT], lower[ID_TEXT];
    struct found f;
    struct stat st;

    (void)state;
    for (int i = 0; i < 3; i++)
        id_make(id[i], loop_wall_ms(r->loop));
    emit(r, id[0], "a@example.net", "bob@example.com");
    emit(r, id[1], "", "jimbob@example.com");
    emit(r, id[2], "bob@example.com", "carol@example.com");
    assert_int_equal(list(r).n, 0);                        /* nothing waits for the disk */
    loop_fake_advance(r->loop, 200);
    settle(r);
    assert_int_equal(list(r).n, 1);
    assert_int_equal(stat(list(r).name, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);

    f = find(r, (struct events_query){ .id = span_str(id[1]) });
    assert_int_equal(f.n, 1);
    assert_non_null(strstr(f.last, "jimbob@example.com"));
    char want[256];
    snprintf(want, sizeof want, "{\"id\":\"%s\",\"t\":%lld,\"daemon\":\"policyd\",\"outcome\":\"reject\",\"from\":\"\",\"rcpt\":[\"jimbob@example.com\"],"
                                "\"client\":\"192.0.2.7\"}", id[1], (long long)WALL);
    assert_string_equal(f.last, want);
    for (size_t i = 0; i <= ID_LEN; i++)
        lower[i] = ascii_lower(id[2][i]);
    assert_int_equal(find(r, (struct events_query){ .id = span_str(lower) }).n, 1);
    assert_int_equal(find(r, (struct events_query){ .id = SPAN("ZZZZZZZZZZZZZ") }).n, 0);
    assert_int_equal(find(r, (struct events_query){ .address = SPAN("BOB@example.com") }).n, 2);
    assert_int_equal(find(r, (struct events_query){ .rcpt = SPAN("bob@example.com") }).n, 1);
    assert_int_equal(find(r, (struct events_query){ .from = SPAN("bob@example.com") }).n, 1);
    assert_int_equal(find(r, (struct events_query){ .client = SPAN("192.0.2.7") }).n, 3);
    assert_int_equal(find(r, (struct events_query){ .client = SPAN("192.0.2.7"), .rcpt = SPAN("bob@example.com") }).n, 1);
    assert_int_equal(find(r, (struct events_query){ .client = SPAN("192.0.2.7"), .since_wall_ms = WALL + 1 }).n, 0);
    assert_int_equal(find(r, (struct events_query){ .outcome = SPAN("reject") }).n, 3);
    assert_int_equal(find(r, (struct events_query){ .outcome = SPAN("observe") }).n, 0);
    f = find(r, (struct events_query){ .client = SPAN("192.0.2.7"), .limit = 2 });
    assert_int_equal(f.n, 2);                              /* the newest */
    assert_non_null(strstr(f.last, "carol"));
    rig_free(r);
}

/* A search sees what is still in memory: it has it flushed first. */
static void test_find_flushes(void **state)
{
    struct rig *r = rig_new();
    char id[ID_TEXT];

    (void)state;
    id_make(id, WALL);
    emit(r, id, "a@b", "c@d");
    assert_int_equal(find(r, (struct events_query){ .id = span_str(id) }).n, 1);
    rig_free(r);
}

static void test_purge(void **state)
{
    struct rig *r = rig_new();
    struct found f;
    char id[ID_TEXT];

    (void)state;
    id_make(id, WALL);
    emit(r, id, "a@example.net", "bob@example.com");
    emit(r, id, "a@example.net", "jimbob@example.com");
    emit(r, id, "Bob@Example.com", "x@example.com");
    f = purge(r, "bob@example.com");
    assert_string_equal(f.last, "{\"purged\":2}");
    emit(r, id, "a@example.net", "dave@example.com");      /* the segment goes on */
    f = find(r, (struct events_query){ .id = span_str(id) });
    assert_int_equal(f.n, 2);
    assert_non_null(strstr(f.first, "jimbob"));
    assert_non_null(strstr(f.last, "dave"));
    char command[700];
    snprintf(command, sizeof command, "grep -qi '\"bob@example.com' %s", list(r).name);
    assert_int_not_equal(system(command), 0);              /* the bytes themselves are gone */
    assert_string_equal(purge(r, "bob@example.com").last, "{\"purged\":0}");
    rig_free(r);
}

static void test_hashed(void **state)
{
    struct rig *r = rig_new();
    char id[ID_TEXT], path[128];
    struct found f;

    (void)state;
    r->set.events.hash_addresses = true;
    events_reconfigure(r->events, &r->set);
    id_make(id, WALL);
    emit(r, id, "Alice@example.net", "bob@example.com");
    f = find(r, (struct events_query){ .rcpt = SPAN("BOB@example.com") });
    assert_int_equal(f.n, 1);
    assert_null(strstr(f.last, "example"));
    assert_non_null(strstr(f.last, "\"rcpt\":[\"h:"));
    assert_int_equal(find(r, (struct events_query){ .from = SPAN("bob@example.com") }).n, 0);
    assert_int_equal(find(r, (struct events_query){ .address = SPAN("alice@example.net") }).n, 1);
    assert_string_equal(purge(r, "alice@EXAMPLE.net").last, "{\"purged\":1}");
    snprintf(path, sizeof path, "%s/events.key", r->folder);
    assert_int_equal(access(path, R_OK), 0);
    rig_free(r);
}

static void test_off(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    r->set.events.enabled = false;
    events_reconfigure(r->events, &r->set);
    assert_null(events_begin(r->events, "x", "pass"));
    events_address(r->events, "from", SPAN("a@b"));        /* harmless */
    events_emit(r->events);
    assert_int_equal(find(r, (struct events_query){ .id = SPAN("0123456789ABC") }).n, 0);
    r->set.events.enabled = true;
    events_reconfigure(r->events, &r->set);
    assert_non_null(events_begin(r->events, "x", "pass"));
    events_emit(r->events);
    rig_free(r);
}

static void emit_big(struct rig *r, size_t bytes)
{
    char *text = xmalloc(bytes);
    struct json_out *j = events_begin(r->events, "0123456789ABC", "reject");

    memset(text, 'x', bytes);
    json_str(j, "text", span_of(text, bytes));
    events_emit(r->events);
    free(text);
}

static void test_rotation_and_caps(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    r->set.events.max_bytes = 4 << 20;                     /* segments of 1 MB */
    events_reconfigure(r->events, &r->set);
    for (int i = 0; i < 170; i++) {                        /* 8.5 MB */
        emit_big(r, 50000);
        loop_fake_advance(r->loop, 10);
        if (i % 10 == 0)
            settle(r);
    }
    settle(r);
    assert_in_range(list(r).n, 3, 5);
    assert_in_range(list(r).bytes, 2 << 20, 4 << 20);
    assert_int_equal(events_dropped(r->events), 0);
    rig_free(r);
}

static void test_age(void **state)
{
    struct rig *r = rig_new();
    struct files f;

    (void)state;
    r->set.events.keep_ms = HOURS(24);
    events_reconfigure(r->events, &r->set);
    emit_big(r, 10);
    settle(r);
    f = list(r);
    assert_int_equal(f.n, 1);
    /* The files' times are the machine's, the loop's are not: the file is made as old as the loop thinks. */
    struct timespec then[2] = { { .tv_sec = WALL / 1000 }, { .tv_sec = WALL / 1000 } };
    assert_int_equal(utimensat(AT_FDCWD, f.name, then, 0), 0);
    loop_fake_advance(r->loop, HOURS(2));                  /* no longer written to after an hour */
    for (int i = 0; i < 50; i++)
        loop_turn(r->loop, 5);
    assert_int_equal(list(r).n, 1);
    loop_fake_advance(r->loop, HOURS(23));
    for (int i = 0; i < 2000 && list(r).n > 0; i++) {
        loop_turn(r->loop, 5);
        if (i % 50 == 49)                                  /* of a day's ticks at once its queue took only some */
            loop_fake_advance(r->loop, MINUTES(1));
    }
    assert_int_equal(list(r).n, 0);
    emit_big(r, 10);
    settle(r);
    assert_int_equal(list(r).n, 1);
    rig_free(r);
}

static void test_too_large(void **state)
{
    struct rig *r = rig_new();
    struct found f;

    (void)state;
    emit_big(r, 100000);
    f = find(r, (struct events_query){ .id = SPAN("0123456789ABC") });
    assert_int_equal(f.n, 1);
    assert_non_null(strstr(f.last, "\"outcome\":\"reject\",\"cut\":true}"));
    rig_free(r);
}

/* A writer that does not read (a hanging disk): memory stays bounded, records are counted as lost, nobody waits. */
static void test_hanging_disk(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    settle(r);
    kill(child_pid(r->events->writer), SIGSTOP);
    for (int i = 0; i < 200; i++) {
        emit_big(r, 50000);                                /* 10 MB */
        loop_fake_advance(r->loop, 50);
    }
    assert_true(events_dropped(r->events) > 80);
    assert_true(r->events->pending.len <= 4 << 20);
    kill(child_pid(r->events->writer), SIGCONT);
    settle(r);
    uint64_t dropped = events_dropped(r->events);
    assert_int_equal(find(r, (struct events_query){ .id = SPAN("0123456789ABC") }).n, 200 - dropped);
    rig_free(r);
}

/* The writer is killed: a new one goes on, what was in memory is not lost. */
static void test_writer_killed(void **state)
{
    struct rig *r = rig_new();
    int pid = child_pid(r->events->writer);

    (void)state;
    settle(r);
    kill(pid, SIGKILL);
    for (int i = 0; i < 200 && r->events->writer != NULL; i++)
        loop_turn(r->loop, 5);
    assert_null(r->events->writer);
    emit_big(r, 100);
    loop_fake_advance(r->loop, 2000);
    settle(r);
    assert_int_not_equal(child_pid(r->events->writer), pid);
    assert_int_equal(find(r, (struct events_query){ .id = SPAN("0123456789ABC") }).n, 1);
    assert_int_equal(events_dropped(r->events), 0);
    rig_free(r);
}

/* What a crash or somebody's editor left behind. */
static void test_odd_files(void **state)
{
    struct rig *r = rig_new();
    char path[256];
    FILE *f;

    (void)state;
    mkdir(r->dir, 0750);
    snprintf(path, sizeof path, "%s/policyd-%013lld.jsonl", r->dir, (long long)WALL - 1000);
    f = fopen(path, "w");
    fprintf(f, "\nnot json\n{\"id\":\"0123456789ABC\",\"t\":%lld}\n{\"id\":\"0123456789ABC\",\"t\":\n{\"id\":\"0123456789ABC\",\"t\":%lld,\"cu", (long long)WALL,
            (long long)WALL);
    fclose(f);
    snprintf(path, sizeof path, "%s/policyd-%013lld.jsonl", r->dir, (long long)WALL);
    assert_int_equal(symlink("/etc/passwd", path), 0);     /* the name that the next segment would take */
    emit_big(r, 10);
    assert_int_equal(find(r, (struct events_query){ .id = SPAN("0123456789ABC") }).n, 2);
    rig_free(r);
}

static void test_full_disk(void **state)
{
    struct rig *r = rig_new();
    char path[256];

    (void)state;
    settle(r);
    /* /dev/full behind the folder's name cannot be had without root; a folder that cannot be made says the same */
    snprintf(path, sizeof path, "%s/file", r->folder);
    fclose(fopen(path, "w"));
    char under[300];
    snprintf(under, sizeof under, "%s/events", path);
    r->set.events.directory = under;
    events_reconfigure(r->events, &r->set);
    emit_big(r, 10);
    settle(r);
    assert_int_equal(events_dropped(r->events), 1);
    r->set.events.directory = "";
    events_reconfigure(r->events, &r->set);
    emit_big(r, 10);
    settle(r);
    assert_int_equal(events_dropped(r->events), 1);
    assert_int_equal(list(r).n, 1);
    rig_free(r);
}

static void test_readonly(void **state)
{
    struct rig *r = rig_new();
    struct errtext err;
    char id[ID_TEXT];

    (void)state;
    id_make(id, WALL);
    emit(r, id, "a@b.c", "c@d.e");
    events_close(&r->events, 1000);                        /* flushes */
    r->events = events_open_readonly(r->loop, "policyd", &r->set, &err);
    assert_null(events_begin(r->events, "x", "pass"));
    assert_int_equal(find(r, (struct events_query){ .id = span_str(id) }).n, 1);
    assert_string_equal(purge(r, "c@d.e").last, "{\"purged\":1}");
    assert_int_equal(find(r, (struct events_query){ .id = span_str(id) }).n, 0);
    rig_free(r);
}

int main(int argc, char **argv)
{
    static const struct child_role roles[] = { { "events-writer", events_writer_run }, { "events-query", events_query_run }, { NULL, NULL } };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_found), cmocka_unit_test(test_find_flushes), cmocka_unit_test(test_purge),
        cmocka_unit_test(test_hashed),            cmocka_unit_test(test_off),          cmocka_unit_test(test_rotation_and_caps),
        cmocka_unit_test(test_age),               cmocka_unit_test(test_too_large),    cmocka_unit_test(test_hanging_disk),
        cmocka_unit_test(test_writer_killed),     cmocka_unit_test(test_odd_files),    cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_readonly),
    };

    child_main_if_asked(roles, argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
