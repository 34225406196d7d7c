/* test_scan_wire.c - settings and jobs cross whole or not at all.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "cfilter/scan_wire.h"
#include "lib/base/alloc.h"

static const char *const list[] = { "one.ndb", "two.hdb" };

static void test_settings(void **state)
{
    struct settings set = { .process = { .user = "nobody", .group = NULL, .run_directory = "/run/x", .sandbox = SANDBOX_WARN },
                            .filter = { .max_message_bytes = 1, .scan_timeout_ms = 2, .worker_memory_bytes = 3, .worker_tmpfs_bytes = 4,
                                        .virus = { .database = "/db", .trusted_databases = { list, 2 }, .min_signatures = 5,
                                                   .max_recursion = 6, .alert_macros = true, .mode = MODE_OFF },
                                        .spam = { .gtube = true, .max_bytes = 7 }, .mime = { .parsers = { list, 1 }, .max_calls = 9 } } };
    struct settings *got;
    uint32_t generation = 0;
    struct buf b;

    (void)state;
    buf_init(&b, CHILD_MESSAGE_MAX);
    scan_wire_put_config(&set, 77, &b);
    got = scan_wire_get_config(buf_span(&b), &generation);
    assert_non_null(got);
    assert_int_equal(generation, 77);
    assert_string_equal(got->process.user, "nobody");
    assert_string_equal(got->process.group, "");
    assert_int_equal(got->process.sandbox, SANDBOX_WARN);
    assert_int_equal(got->filter.worker_tmpfs_bytes, 4);
    assert_int_equal(got->filter.virus.max_recursion, 6);
    assert_int_equal(got->filter.virus.mode, MODE_OFF);
    assert_true(got->filter.virus.alert_macros && !got->filter.virus.alert_encrypted && got->filter.spam.gtube);
    assert_int_equal(got->filter.virus.trusted_databases.n, 2);
    assert_string_equal(got->filter.virus.trusted_databases.v[1], "two.hdb");
    assert_int_equal(got->filter.mime.parsers.n, 1);
    assert_int_equal(got->filter.mime.max_calls, 9);
    scan_wire_free_config(&got);
    for (size_t cut = 0; cut < b.len; cut++)
        assert_null(scan_wire_get_config(span_of(b.base, cut), &generation));
    buf_append_char(&b, 0);
    assert_null(scan_wire_get_config(buf_span(&b), &generation));
    buf_free(&b);
}

static void test_job(void **state)
{
    char *long_path = xmalloc(5001);
    struct scan_wire_job *job = xcalloc(1, sizeof *job);
    struct buf b;

    (void)state;
    memset(long_path, 'p', 5000);
    long_path[5000] = '\0';
    struct scan_message m = { .fd = 3, .size = 12345, .id = "ID", .client_address = NULL, .helo = "h", .reverse_path = long_path, .n_rcpt = 2,
                              .want_virus = true };
    buf_init(&b, CHILD_MESSAGE_MAX);
    scan_wire_put_job(&m, &b);
    assert_true(scan_wire_get_job(buf_span(&b), 9, job));
    assert_int_equal(job->m.fd, 9);
    assert_int_equal(job->m.size, 12345);
    assert_string_equal(job->m.id, "ID");
    assert_string_equal(job->m.client_address, "");
    assert_string_equal(job->m.helo, "h");
    assert_int_equal(strlen(job->m.reverse_path), 1000);
    assert_true(job->m.want_virus && !job->m.want_spam);
    for (size_t cut = 0; cut < b.len; cut++)
        assert_false(scan_wire_get_job(span_of(b.base, cut), 9, job));
    assert_false(scan_wire_get_job(buf_span(&b), -1, job));      /* its descriptor did not come along */
    buf_free(&b);
    free(job);
    free(long_path);
}

/* A message that comes with the order: all of it, or nothing is scanned. */
static void test_along(void **state)
{
    static const char text[] = "Subject: x\r\n\r\nbody\r\n";
    struct scan_wire_job *job = xcalloc(1, sizeof *job);
    struct scan_message m = { .fd = -1, .bytes = span_of(text, sizeof text - 1), .size = sizeof text - 1, .id = "ID", .want_spam = true };
    struct buf b;

    (void)state;
    buf_init(&b, CHILD_MESSAGE_MAX);
    scan_wire_put_job(&m, &b);
    assert_true(scan_wire_get_job(buf_span(&b), -1, job));
    assert_int_equal(job->m.fd, -1);
    assert_int_equal(job->m.bytes.n, sizeof text - 1);
    assert_memory_equal(job->m.bytes.p, text, sizeof text - 1);
    assert_true(job->m.want_spam && !job->m.want_virus);
    assert_false(scan_wire_get_job(buf_span(&b), 9, job));
    for (size_t cut = 0; cut < b.len; cut++)
        assert_false(scan_wire_get_job(span_of(b.base, cut), -1, job));
    buf_append_char(&b, 'x');
    assert_false(scan_wire_get_job(buf_span(&b), -1, job));
    buf_reset(&b);
    m.size = 0;
    m.bytes = SPAN("");
    scan_wire_put_job(&m, &b);
    assert_true(scan_wire_get_job(buf_span(&b), -1, job));
    assert_int_equal(job->m.bytes.n, 0);
    buf_free(&b);
    free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_settings), cmocka_unit_test(test_job), cmocka_unit_test(test_along) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
