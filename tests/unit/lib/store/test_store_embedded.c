/* test_store_embedded.c - what the embedded store survives: kills, restarts, reboots, bad files, clocks, and being full.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "store_rig.h"

#include "lib/store/store_table.h"

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));

    rig_make(r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    free(*state);
    return 0;
}

/* The process ends and another one starts `pause_ms` later in the same boot. */
static void restart(struct rig *r, int64_t pause_ms)
{
    store_close(&r->store);
    loop_fake_advance(r->loop, pause_ms);
    rig_open(r);
}

/* The machine starts anew: monotonic time begins again, the run directory is empty. */
static void reboot(struct rig *r, int64_t wall_ms)
{
    char path[128];

    store_close(&r->store);
    loop_turn(r->loop, 0);
    loop_free(&r->loop);
    snprintf(path, sizeof(path), "%s/test.shm", r->run);
    assert_int_equal(unlink(path), 0);
    r->loop = loop_new_fake(SECONDS(10), wall_ms);
    rig_open(r);
}

static void path_of(const struct rig *r, bool on_disk, char path[128])
{
    snprintf(path, 128, "%s/test.%s", on_disk ? r->state : r->run, on_disk ? "store" : "shm");
}

static void fill(struct rig *r, int n)
{
    char key[32], value[64];

    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        snprintf(value, sizeof(value), "value of %d", i);
        assert_int_equal(remember(r, "t", span_str(key), span_str(value), HOURS(1), 0).value.outcome, STORE_HIT);
    }
}

static int count_filled(struct rig *r, int n)
{
    char key[32], value[64];
    int there = 0;

    for (int i = 0; i < n; i++) {
        struct got g;

        snprintf(key, sizeof(key), "key%d", i);
        snprintf(value, sizeof(value), "value of %d", i);
        g = recall(r, "t", span_str(key), 0);
        if (g.value.outcome == STORE_HIT) {
            assert_string_equal(g.bytes, value);
            there++;
        }
    }
    return there;
}

/* ---- restarts ---- */

static void test_restart_keeps_all(void **state)
{
    struct rig *r = *state;
    struct store_limit l = limit_of("a/x", 1, MINUTES(1), 2, 1);
    struct store_limits_request q = { .limits = &l, .n = 1, .once = SPAN("once 1"), .once_ms = HOURS(1) };
    struct store_grey_request g = { SPAN("triplet"), MINUTES(5), DAYS(1), DAYS(30), 0, { NULL, 0 }, 0, 0 };

    rig_open(r);
    limits(r, &q);
    grey(r, g);
    fill(r, 500);
    restart(r, MINUTES(6));
    assert_string_equal(r->err.text, "");
    assert_true(limits(r, &q).limits.committed);
    q.once = SPAN("");
    assert_int_equal(limits(r, &q).limits.each[0].left, 1);      /* refilled in the pause, and one taken */
    assert_int_equal(grey(r, g).grey.answer, GREY_PASS);
    assert_int_equal(count_filled(r, 500), 500);
    restart(r, DAYS(2));
    assert_int_equal(count_filled(r, 500), 0);                   /* time went on */
}

static void test_second_daemon_is_refused(void **state)
{
    struct rig *r = *state;
    struct errtext err;

    rig_open(r);
    assert_null(store_open(r->loop, "test", &r->set, &err));
    assert_non_null(strstr(err.text, "another process has this store open"));
}

static void test_other_size_takes_content_over(void **state)
{
    struct rig *r = *state;

    rig_open(r);
    fill(r, 200);
    r->set.store.max_entries = 20000;
    restart(r, 0);
    assert_int_equal(count_filled(r, 200), 200);
    r->set.store.max_entries = 100;
    restart(r, 0);
    assert_int_equal(count_filled(r, 200), 100);
    assert_string_equal(r->err.text, "");
}

/* ---- kill -9 ---- */

/* Writes for ever; after each write tells how far it is. */
static void child_writes(struct rig *r, int out)
{
    char key[32], value[600];

    r->loop = loop_new_fake(RIG_MONO, RIG_WALL);
    r->store = store_open(r->loop, "test", &r->set, &r->err);
    if (r->store == NULL)
        _exit(1);
    for (int i = 0;; i++) {
        struct store_limit l = limit_of("busy/x", 1000000, SECONDS(1), 1000000, 1);
        struct store_call *call;
        struct got g = { 0 };

        snprintf(key, sizeof(key), "key%d", i % 5000);
        memset(value, 'a' + i % 26, sizeof(value));
        store_limits(r->store, &(struct store_limits_request){ .limits = &l, .n = 1, .now_ms = RIG_WALL }, on_limits, &g, &call);
        store_remember(r->store, "t", span_str(key), span_of(value, (size_t)(i * 7 % 600)), DAYS(1), RIG_WALL, on_value, &g);
        if (write(out, &i, sizeof(i)) != (ssize_t)sizeof(i))
            _exit(0);
    }
}

static void test_kill_9(void **state)
{
    struct rig *r = *state;

    for (int round = 0; round < 8; round++) {
        int pipe_fd[2], last = -1, i;
        pid_t pid;

        assert_int_equal(pipe(pipe_fd), 0);
        pid = fork();
        if (pid == 0) {
            close(pipe_fd[0]);
            child_writes(r, pipe_fd[1]);
        }
        close(pipe_fd[1]);
        while (last < 300 + round * 517 && read(pipe_fd[0], &i, sizeof(i)) == (ssize_t)sizeof(i))
            last = i;
        kill(pid, SIGKILL);
        while (read(pipe_fd[0], &i, sizeof(i)) == (ssize_t)sizeof(i))
            last = i;
        waitpid(pid, NULL, 0);
        close(pipe_fd[0]);
        assert_true(last >= 300);

        rig_open(r);
        assert_string_equal(r->err.text, "");
        for (int k = last > 4000 ? last - 4000 : 0; k <= last; k++) {
            char key[32];
            struct got g;

            snprintf(key, sizeof(key), "key%d", k % 5000);
            g = recall(r, "t", span_str(key), RIG_WALL);
            if (g.value.outcome == STORE_MISS && k + 5000 == last + 1)
                continue;                            /* the one that it was at */
            assert_int_equal(g.value.outcome, STORE_HIT);
            assert_int_equal(g.value.value.n, k * 7 % 600);
            for (size_t b = 0; b < g.value.value.n; b++)
                assert_int_equal(g.bytes[b], 'a' + k % 26);
        }
        store_close(&r->store);
    }
}

/* A writer that was killed inside of table_write_begin ... end. */
static void test_half_written_entry(void **state)
{
    struct rig *r = *state;
    struct store_map map;
    struct table t;
    struct slot *s;
    uint64_t hash;
    char path[128];
    bool cut;

    rig_open(r);
    fill(r, 10);
    store_close(&r->store);
    path_of(r, false, path);
    assert_int_equal(store_map_open(path, true, &map, NULL), MAP_OK);
    assert_true(store_file_check(map.base, map.size, &cut, NULL));
    assert_int_equal(table_open(&t, TABLE_VALUES, &map, 10000, 0), 0);
    hash = siphash(SPAN("t:key4"), &((struct store_file_head *)map.base)->key);
    s = table_find(&t, hash, SPAN("t:key4"));
    assert_non_null(s);
    table_write_begin(s);
    memcpy((char *)slot_data(s) + 8, "half", 4);
    table_close(&t);
    store_map_close(&map);
    rig_open(r);
    assert_string_equal(r->err.text, "");
    assert_int_equal(count_filled(r, 10), 9);
    fill(r, 10);
    assert_int_equal(count_filled(r, 10), 10);
}

/* ---- the copy on disk ---- */

static void test_copy_and_reboot(void **state)
{
    struct rig *r = *state;
    struct store_grey_request g = { SPAN("triplet"), MINUTES(5), DAYS(1), DAYS(30), 0, { NULL, 0 }, 0, 0 };
    char path[128];

    r->set.store.save_interval_ms = SECONDS(60);
    path_of(r, true, path);
    rig_open(r);
    fill(r, 500);
    grey(r, g);
    loop_fake_advance(r->loop, SECONDS(59));
    assert_int_equal(access(path, F_OK), -1);
    loop_fake_advance(r->loop, SECONDS(1));
    for (int i = 0; i < 3000 && access(path, F_OK) != 0; i++)
        loop_turn(r->loop, 10);
    assert_int_equal(access(path, F_OK), 0);
    assert_string_equal(store_problem(r->store), "");
    remember(r, "t", SPAN("late"), SPAN("v"), DAYS(1), 0);
    reboot(r, RIG_WALL + MINUTES(20));                           /* closing made a last copy */
    assert_string_equal(r->err.text, "");
    assert_int_equal(count_filled(r, 500), 500);
    assert_int_equal(recall(r, "t", SPAN("late"), 0).value.outcome, STORE_HIT);
    assert_int_equal(grey(r, g).grey.answer, GREY_PASS);         /* the pause counted */
}

static void test_copy_fails(void **state)
{
    struct rig *r = *state;

    r->set.store.save_interval_ms = SECONDS(60);
    assert_int_equal(rmdir(r->state), 0);
    rig_open(r);
    fill(r, 5);
    loop_fake_advance(r->loop, SECONDS(60));
    for (int i = 0; i < 500 && store_problem(r->store)[0] == '\0'; i++)
        loop_turn(r->loop, 10);
    assert_non_null(strstr(store_problem(r->store), "No such file or directory"));
    assert_int_equal(count_filled(r, 5), 5);                     /* it serves on */
    assert_int_equal(mkdir(r->state, 0700), 0);
    loop_fake_advance(r->loop, SECONDS(60));
    for (int i = 0; i < 500 && store_problem(r->store)[0] != '\0'; i++)
        loop_turn(r->loop, 10);
    assert_string_equal(store_problem(r->store), "");
}

/* ---- bad files ---- */

static void garble(const char *path, uint32_t *seed, int bytes, off_t within)
{
    int fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    for (int i = 0; i < bytes; i++) {
        unsigned char b;

        *seed = *seed * 1664525 + 1013904223;
        b = (unsigned char)(*seed >> 24);
        *seed = *seed * 1664525 + 1013904223;
        assert_int_equal(pwrite(fd, &b, 1, (off_t)(*seed >> 4) % within), 1);
    }
    close(fd);
}

static void test_cut_copy(void **state)
{
    struct rig *r = *state;
    struct stat st;
    char path[128];
    static const int keep_percent[] = { 99, 70, 30, 1, 0 };

    r->set.store.save_interval_ms = SECONDS(60);
    path_of(r, true, path);
    for (size_t i = 0; i < sizeof(keep_percent) / sizeof(keep_percent[0]); i++) {
        rig_open(r);
        fill(r, 300);
        store_close(&r->store);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(truncate(path, st.st_size * keep_percent[i] / 100), 0);
        r->set.store.save_interval_ms = 0;                       /* no last copy over the cut one */
        rig_open(r);
        reboot(r, RIG_WALL);
        assert_true(r->err.text[0] != '\0');
        assert_in_range(count_filled(r, 300), 0, keep_percent[i] < 99 ? 299 : 300);
        fill(r, 300);
        assert_int_equal(count_filled(r, 300), 300);
        r->set.store.save_interval_ms = SECONDS(60);
        store_close(&r->store);
    }
}

static void test_garbled_files(void **state)
{
    struct rig *r = *state;
    uint32_t seed = 7;
    char path[128], sound[160], command[400];
    struct stat st;
    int warned = 0;

    r->set.store.save_interval_ms = SECONDS(60);
    path_of(r, true, path);
    snprintf(sound, sizeof(sound), "%s.sound", path);
    rig_open(r);
    fill(r, 300);
    store_close(&r->store);
    assert_int_equal(stat(path, &st), 0);
    snprintf(command, sizeof(command), "cp %s %s", path, sound);
    assert_int_equal(system(command), 0);
    r->set.store.save_interval_ms = 0;
    rig_open(r);
    for (int round = 0; round < 40; round++) {
        snprintf(command, sizeof(command), "cp %s %s", sound, path);
        assert_int_equal(system(command), 0);
        garble(path, &seed, 1 + round * 5, round % 2 == 0 ? st.st_size : 1200);   /* anywhere, or the head */
        reboot(r, RIG_WALL);
        warned += r->err.text[0] != '\0';
        count_filled(r, 300);                                    /* what is there is right */
        fill(r, 20);
        assert_int_equal(count_filled(r, 20), 20);
    }
    assert_true(warned > 20);
    path_of(r, false, path);
    for (int round = 0; round < 60; round++) {                   /* and the run file */
        store_close(&r->store);
        garble(path, &seed, 1 + round * 20, round % 2 == 0 ? 1 << 20 : 1200);
        rig_open(r);
        count_filled(r, 20);
        fill(r, 20);
        assert_int_equal(count_filled(r, 20), 20);
    }
}

static void test_no_store_files(void **state)
{
    struct rig *r = *state;
    char path[128];
    FILE *f;

    for (int disk = 0; disk < 2; disk++) {
        path_of(r, disk == 1, path);
        assert_non_null(f = fopen(path, "w"));
        for (int i = 0; i < 5000; i++)
            fprintf(f, "# not a store\n");
        fclose(f);
        rig_open(r);
        assert_non_null(strstr(r->err.text, "is dropped"));
        fill(r, 3);
        assert_int_equal(count_filled(r, 3), 3);
        store_close(&r->store);
        path_of(r, false, path);
        unlink(path);
    }
}

/* ---- clocks ---- */

static void test_clock_steps_age_nothing(void **state)
{
    static const int64_t steps[] = { HOURS(1), -HOURS(1), DAYS(7300), -DAYS(7300), -HOURS(1) };
    struct rig *r = *state;
    struct store_grey_request g = { SPAN("triplet"), MINUTES(5), DAYS(1), DAYS(30), 0, { NULL, 0 }, 0, 0 };

    rig_open(r);
    fill(r, 50);
    grey(r, g);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        loop_fake_wall_step(r->loop, steps[i]);
        loop_fake_advance(r->loop, SECONDS(50));
        assert_int_equal(count_filled(r, 50), 50);
        assert_int_equal(grey(r, g).grey.answer, GREY_WAIT);
        restart(r, 0);
    }
    loop_fake_advance(r->loop, SECONDS(50));
    assert_int_equal(grey(r, g).grey.answer, GREY_PASS);         /* 5 minutes by the steady clock */
}

static void test_reboot_with_a_wrong_clock(void **state)
{
    struct rig *r = *state;

    r->set.store.save_interval_ms = SECONDS(60);
    rig_open(r);
    remember(r, "t", SPAN("month"), SPAN("v"), DAYS(30), 0);
    reboot(r, RIG_WALL + DAYS(7300));                            /* 20 years ahead: 7 days are believed */
    assert_in_range(recall(r, "t", SPAN("month"), 0).value.ttl_left_ms, DAYS(23) - 1000, DAYS(23));
    reboot(r, SECONDS(100));                                     /* 1970 */
    assert_int_equal(recall(r, "t", SPAN("month"), 0).value.outcome, STORE_HIT);
}

/* ---- full ---- */

static void test_full_drops_the_idle(void **state)
{
    struct rig *r = *state;
    char key[32];
    int there = 0;

    r->set.store.max_entries = 500;
    rig_open(r);
    remember(r, "t", SPAN("busy"), SPAN("v"), DAYS(1), 0);
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "idle%d", i);
        remember(r, "t", span_str(key), SPAN("v"), DAYS(1), 0);
        if (i % 20 == 0)
            loop_fake_advance(r->loop, SECONDS(1));
        assert_int_equal(recall(r, "t", SPAN("busy"), 0).value.outcome, STORE_HIT);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "idle%d", i);
        there += recall(r, "t", span_str(key), 0).value.outcome == STORE_HIT;
    }
    assert_int_equal(there, 499);
}

static void test_expired_make_room(void **state)
{
    struct rig *r = *state;
    char path[128];
    struct stat before, after;

    rig_open(r);
    fill(r, 5000);
    path_of(r, false, path);
    assert_int_equal(stat(path, &before), 0);
    for (int round = 0; round < 3; round++) {
        loop_fake_advance(r->loop, HOURS(1));
        loop_fake_advance(r->loop, SECONDS(70));                 /* a round of the sweep */
        assert_int_equal(count_filled(r, 5000), 0);
        fill(r, 5000);
        assert_int_equal(count_filled(r, 5000), 5000);
    }
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_blocks, before.st_blocks);
}

int main(int argc, char **argv)
{
    static const struct child_role roles[] = { { "store-saver", store_saver_run }, { NULL, NULL } };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_restart_keeps_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_daemon_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_size_takes_content_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kill_9, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_written_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy_and_reboot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbled_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_store_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clock_steps_age_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reboot_with_a_wrong_clock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_drops_the_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expired_make_room, setup, teardown),
    };

    child_main_if_asked(roles, argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
