/* scan_world.h - what the tests of scanning share: a small signature database, messages, a loop and a scan to give them to.
 *
 * Include once per test program.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_TESTS_SCAN_WORLD_H
#define GATEPOST_TESTS_SCAN_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfilter/scan.h"
#include "cfilter/scanner.h"
#include "cfilter/scratch.h"
#include "lib/base/alloc.h"
#include "tests/unit/cfilter/default_settings.h"

/* In pieces: the whole strings would make this file itself unwelcome. */
#define EICAR "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" "EICAR-STANDARD-" "ANTIVIRUS-TEST-FILE!$H+H*"
#define GTUBE "XJS*C4JDBQADN1.NSBN3*2IDNEN*" "GTUBE-STANDARD-ANTI-" "UBE-TEST-EMAIL*C.34X"
#define OTHER "a harmless word that only this test calls a virus"

static struct loop *loop;
static char dir[] = "/tmp/gatepost-test-scan.XXXXXX", database[64];
static const char *const trusted[] = { "local.ndb" };
static const char *const parsers[] = { "libclamav", "gmime", "own" };

__attribute__((unused)) static struct settings settings_for_test(const char *workers)
{
    struct settings s = {
        .refs = 1000,              /* never freed: not from a file */
        .process = { .user = "", .group = "", .run_directory = dir, .state_directory = dir, .sandbox = SANDBOX_REQUIRE },
        .filter = {
            .max_message_bytes = 20 * 1024 * 1024, .scan_timeout_ms = 20000, .workers = workers,
            .worker_memory_bytes = 200 * 1024 * 1024, .worker_recycle = 1000, .worker_tmpfs_bytes = 16 * 1024 * 1024,
            .virus = { .database = database, .trusted_databases = { trusted, 1 }, .min_signatures = 1,
                       .max_scan_bytes = 100 * 1024 * 1024, .max_file_bytes = 25 * 1024 * 1024, .max_files = 1000, .max_recursion = 12,
                       .alert_macros = true, .alert_encrypted = true, .alert_phishing = true, .alert_exceeds_max = true },
            .spam = { .gtube = true, .max_bytes = 100 * 1024 },
            .mime = { .parsers = { parsers, 3 }, .max_calls = 32, .max_decoded_bytes = 100 * 1024 * 1024, .max_parts = 1000, .max_depth = 30 },
        },
    };

    default_of(&s, "filter.virus.parse");
    default_of(&s, "filter.virus.limits");
    s.filter.virus.max_shrink_percent = 100;
    default_end();
    return s;
}

static void put_file(const char *name, const char *text)
{
    char path[200];

    snprintf(path, sizeof path, "%s/%s", database, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

__attribute__((unused)) static void put_signature(const char *file, const char *name, const char *bytes)
{
    char line[1000];
    size_t n = (size_t)snprintf(line, sizeof line, "%s:0:*:", name);

    for (; *bytes != '\0'; bytes++)
        n += (size_t)snprintf(line + n, sizeof line - n, "%02x", (unsigned char)*bytes);
    snprintf(line + n, sizeof line - n, "\n");
    put_file(file, line);
}

__attribute__((unused)) static int world_start(void **state)
{
    (void)state;
    loop = loop_new(NULL);
    if (loop == NULL || mkdtemp(dir) == NULL)
        return -1;
    snprintf(database, sizeof database, "%s/db", dir);
    if (mkdir(database, 0755) < 0 || chmod(dir, 0755) < 0)
        return -1;
    put_signature("local.ndb", "Eicar-Test-Signature", EICAR);
    put_signature("other.ndb", "Test.Other", OTHER);
    return 0;
}

__attribute__((unused)) static int world_end(void **state)
{
    (void)state;
    loop_free(&loop);
    scratch_remove(dir, false);
    return 0;
}

/* ---- messages ---- */

#define HEAD "From: <a@example.org>\r\nTo: <b@example.com>\r\nSubject: test\r\nMIME-Version: 1.0\r\n"
#define MIXED HEAD "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\nHello,\r\nsee there.\r\n"
#define ATTACHED "--b1\r\nContent-Type: application/octet-stream; name=a.bin\r\n"

__attribute__((unused)) static char *base64(const char *bytes, size_t n)
{
    char *out = xmalloc(4 * ((n + 2) / 3) + 1);

    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)bytes, (int)n);
    return out;
}

static int message_fd(const char *bytes, size_t n)
{
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL), 0);
    return fd;
}

/* ---- one scan ---- */

struct result {
    size_t calls;
    enum scan_outcome outcome;
    struct facts facts;
    char why[600];
    struct scan_job *job;
};

static void on_result(enum scan_outcome outcome, const struct facts *facts, const char *why, void *arg)
{
    struct result *r = arg;

    r->calls++;
    r->outcome = outcome;
    r->job = NULL;
    facts_init(&r->facts);
    if (facts != NULL)
        r->facts = *facts;
    snprintf(r->why, sizeof r->why, "%s", why != NULL ? why : "");
}

/* along: with the order, as the front does it with small messages. */
__attribute__((unused)) static struct result *submit_as(struct scan *s, bool along, const char *bytes, size_t n, int64_t deadline_ms)
{
    struct result *r = xcalloc(1, sizeof *r);
    struct scan_message m = { .fd = -1, .bytes = span_of(bytes, n), .size = n, .id = "0123456789ABC", .client_address = "192.0.2.1",
                              .want_virus = true, .want_spam = true };

    if (!along) {
        m.fd = message_fd(bytes, n);
        m.bytes = SPAN("");
    }
    r->job = scan_submit(s, &m, deadline_ms, on_result, r);
    assert_int_equal(r->calls, 0);
    if (!along)
        close(m.fd);
    return r;
}

__attribute__((unused)) static struct result *submit_bytes(struct scan *s, const char *bytes, size_t n, int64_t deadline_ms)
{
    return submit_as(s, n <= SCAN_ALONG_BYTES, bytes, n, deadline_ms);
}

__attribute__((unused)) static struct result *submit(struct scan *s, const char *text, int64_t deadline_ms)
{
    return submit_bytes(s, text, strlen(text), deadline_ms);
}

#define UNTIL(condition)                                           \
    do {                                                           \
        for (int turns = 0; !(condition) && turns < 2000; turns++) \
            loop_turn(loop, 10);                                   \
        assert_true(condition);                                    \
    } while (0)

__attribute__((unused)) static const struct fact *fact_of(const struct result *r, enum fact_kind kind)
{
    for (size_t i = 0; i < r->facts.n; i++)
        if (r->facts.v[i].kind == kind)
            return &r->facts.v[i];
    return NULL;
}

#endif
