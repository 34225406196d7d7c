/* test_scan_found.c - what the scanners find, through holder, workers and cage, with the table of scanners as it ships.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "tests/unit/cfilter/scan_world.h"

static const struct child_role roles[] = { { "scan-holder", scan_holder_run }, { NULL, NULL } };
static struct scan *scan;
static struct settings set;

/* An archive of one stored file (APPNOTE.TXT 4.3). */
static size_t zip_of(const char *bytes, char *out)
{
    uint32_t n = (uint32_t)strlen(bytes), crc = ~0U, at = 0;

    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int k = 0; k < 8; k++)
            crc = (crc >> 1) ^ (0xedb88320U & (0U - (crc & 1)));
    }
    crc = ~crc;
#define PUT(width, value)                                              \
    do {                                                               \
        uint64_t put = (value);                                        \
        for (int b = 0; b < (width); b++, put >>= 8)                   \
            out[at++] = (char)put;                                     \
    } while (0)
    PUT(4, 0x04034b50); PUT(2, 10); PUT(2, 0); PUT(2, 0); PUT(4, 0); PUT(4, crc); PUT(4, n); PUT(4, n); PUT(2, 5); PUT(2, 0);
    memcpy(out + at, "e.com", 5), at += 5;
    memcpy(out + at, bytes, n), at += n;
    uint32_t directory = at;
    PUT(4, 0x02014b50); PUT(2, 10); PUT(2, 10); PUT(2, 0); PUT(2, 0); PUT(4, 0); PUT(4, crc); PUT(4, n); PUT(4, n); PUT(2, 5);
    PUT(2, 0); PUT(2, 0); PUT(2, 0); PUT(2, 0); PUT(4, 0); PUT(4, 0);
    memcpy(out + at, "e.com", 5), at += 5;
    uint32_t length = at - directory;
    PUT(4, 0x06054b50); PUT(2, 0); PUT(2, 0); PUT(2, 1); PUT(2, 1); PUT(4, length); PUT(4, directory); PUT(2, 0);
    return at;
}

enum shape { AS_IS, IN_BASE64, IN_ZIP, IN_NESTED, IN_BASE64_NESTED, IN_BODY, IN_BASE64_TEXT, AFTER_PK };

static char *message_in(enum shape shape, const char *payload)
{
    char zip[1000], *encoded, *inner, *out;

    switch (shape) {
    case IN_BODY:
        return xasprintf(HEAD "\r\n%s\r\n", payload);
    case AS_IS:
        return xasprintf(MIXED ATTACHED "\r\n%s\r\n--b1--\r\n", payload);
    case IN_BASE64:
    case IN_ZIP:
        encoded = shape == IN_ZIP ? base64(zip, zip_of(payload, zip)) : base64(payload, strlen(payload));
        out = xasprintf(MIXED ATTACHED "Content-Transfer-Encoding: base64\r\n\r\n%s\r\n--b1--\r\n", encoded);
        break;
    case AFTER_PK:      /* its first bytes are those of a zip archive */
        encoded = base64(payload, strlen(payload));
        out = xasprintf("PK\003\004: x\r\n" MIXED ATTACHED "Content-Transfer-Encoding: base64\r\n\r\n%s\r\n--b1--\r\n", encoded);
        break;
    case IN_BASE64_TEXT:
        encoded = base64(payload, strlen(payload));
        out = xasprintf(HEAD "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n", encoded);
        break;
    case IN_NESTED:
    case IN_BASE64_NESTED:
    default:
        inner = message_in(IN_BASE64, payload);
        encoded = shape == IN_BASE64_NESTED ? base64(inner, strlen(inner)) : xstrdup(inner);
        out = xasprintf(HEAD "Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\nContent-Type: message/rfc822\r\n%s\r\n%s\r\n--out--\r\n",
                        shape == IN_BASE64_NESTED ? "Content-Transfer-Encoding: base64\r\n" : "", encoded);
        free(inner);
        break;
    }
    free(encoded);
    return out;
}

static const struct {
    const char *name;
    enum shape shape;
    const char *payload;
    int kind;                  /* 0: nothing may be found */
    const char *want;
} rows[] = {
    { "virus in the body", IN_BODY, EICAR, FACT_VIRUS, "Eicar-Test-Signature" },
    { "virus as a plain attachment", AS_IS, EICAR, FACT_VIRUS, "Eicar-Test-Signature" },
    { "virus in base64", IN_BASE64, EICAR, FACT_VIRUS, "Eicar-Test-Signature" },
    { "virus in a zip", IN_ZIP, EICAR, FACT_VIRUS, "Eicar-Test-Signature" },
    { "virus in a nested message", IN_NESTED, EICAR, FACT_VIRUS, "Eicar-Test-Signature" },
    { "virus in a nested message that is encoded", IN_BASE64_NESTED, EICAR, FACT_VIRUS, "Eicar-Test-Signature" },
    { "virus in a message that begins like an archive", AFTER_PK, EICAR, FACT_VIRUS, "Eicar-Test-Signature" },
    { "a database that is not trusted keeps its suffix", IN_BASE64, OTHER, FACT_VIRUS, "Test.Other.UNOFFICIAL" },
    { "GTUBE in the body", IN_BODY, GTUBE, FACT_SPAM, "GTUBE" },
    { "GTUBE in encoded text", IN_BASE64_TEXT, GTUBE, FACT_SPAM, "GTUBE" },
    { "clean", IN_BASE64, "nothing at all", 0, NULL },
    { "clean and nested", IN_NESTED, "nothing at all", 0, NULL },
    { "clean archive", IN_ZIP, "nothing at all", 0, NULL },
};

static void test_finds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = message_in(rows[i].shape, rows[i].payload);
        struct result *r = submit(scan, text, 20000);
        UNTIL(r->calls == 1);
        if (r->outcome != SCAN_DONE || !r->facts.complete)
            fail_msg("%s: outcome %s, %s %s", rows[i].name, scan_outcome_name(r->outcome), r->why, r->facts.incomplete_why);
        if (r->facts.generation != 1 || r->facts.signatures != 2)
            fail_msg("%s: generation %u, %lu signatures", rows[i].name, r->facts.generation, (unsigned long)r->facts.signatures);
        if (rows[i].kind == 0 && r->facts.n != 0)
            fail_msg("%s: found %s %s", rows[i].name, r->facts.v[0].name, r->facts.v[0].detail);
        const struct fact *x = rows[i].kind != 0 ? fact_of(r, (enum fact_kind)rows[i].kind) : NULL;
        if (rows[i].kind != 0 && (x == NULL || strcmp(x->name, rows[i].want) != 0))
            fail_msg("%s: %s", rows[i].name, x != NULL ? x->name : "not found");
        if (x != NULL && x->kind == FACT_SPAM)
            assert_true(x->points >= 1000);
        free(r);
        free(text);
    }
}

/* libclamav's own layers are not scanned twice, and what else the readers find travels together: ordinary mail costs two calls of the engine. */
static void test_ordinary_mail_costs_two_calls(void **state)
{
    char *text = message_in(IN_BASE64, "an attachment of no interest");
    struct result *r = submit(scan, text, 20000);

    (void)state;
    UNTIL(r->calls == 1);
    assert_in_range(r->facts.engine_calls, 1, 2);
    assert_in_range(r->facts.scanned_bytes, 1, 20000);
    free(r);
    free(text);
}

static void test_wants(void **state)
{
    static const struct { bool virus, spam; size_t n; } wants[] = { { true, false, 1 }, { false, true, 1 }, { false, false, 0 }, { true, true, 2 } };

    (void)state;
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        const char *text = HEAD "\r\n" EICAR "\r\n" GTUBE "\r\n";
        struct result *r = xcalloc(1, sizeof *r);
        struct scan_message m = { .fd = message_fd(text, strlen(text)), .size = strlen(text), .id = "x", .want_virus = wants[i].virus,
                                  .want_spam = wants[i].spam };
        scan_submit(scan, &m, 20000, on_result, r);
        close(m.fd);
        UNTIL(r->calls == 1);
        assert_int_equal(r->facts.n, wants[i].n);
        assert_int_equal(fact_of(r, FACT_VIRUS) != NULL, wants[i].virus);
        free(r);
    }
}

static char *nested(size_t depth, const char *core)
{
    struct buf b;

    buf_init(&b, 4 * 1024 * 1024);
    buf_append_str(&b, HEAD);
    for (size_t i = 0; i < depth; i++)
        buf_printf(&b, "Content-Type: multipart/mixed; boundary=b%zu\r\n\r\n--b%zu\r\n", i, i);
    buf_printf(&b, "Content-Type: text/plain\r\n\r\n%s\r\n", core);
    char *out = xstrdup(buf_cstr(&b));
    buf_free(&b);
    return out;
}

static char *forwarded(size_t depth)
{
    struct buf b;

    buf_init(&b, 4 * 1024 * 1024);
    for (size_t i = 0; i < depth; i++)
        buf_append_str(&b, HEAD "Content-Type: message/rfc822\r\n\r\n");
    buf_append_str(&b, HEAD "\r\nend\r\n");
    char *out = xstrdup(buf_cstr(&b));
    buf_free(&b);
    return out;
}

static char *many_parts(size_t n)
{
    struct buf b;

    buf_init(&b, 4 * 1024 * 1024);
    buf_append_str(&b, MIXED);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "--b1\r\n\r\n%zu\r\n", i);
    char *out = xstrdup(buf_cstr(&b));
    buf_free(&b);
    return out;
}

/* What is too deep or too much to be read whole is answered in time, and never as if it had been read whole. */
static void test_too_much_is_told(void **state)
{
    char *texts[] = { nested(200, "x"), nested(3000, "x"), forwarded(400), many_parts(30000) };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct result *r = submit(scan, texts[i], 20000);
        UNTIL(r->calls == 1);
        if (r->outcome != SCAN_DONE)
            fail_msg("%zu: %s %s", i, scan_outcome_name(r->outcome), r->why);
        if (r->facts.complete && fact_of(r, FACT_UNCHECKED) == NULL)
            fail_msg("%zu passes as clean", i);
        free(r);
        free(texts[i]);
    }
}

static void test_odd_sizes(void **state)
{
    struct result *empty = submit(scan, "", 20000), *tiny = submit(scan, "\r\n", 20000);
    size_t n = 3 * 1024 * 1024;
    char *big = xmalloc(n);

    (void)state;
    memset(big, 'a', n);
    memcpy(big, HEAD "\r\n", sizeof HEAD + 1);
    struct result *large = submit_bytes(scan, big, n, 20000);
    UNTIL(empty->calls == 1 && tiny->calls == 1 && large->calls == 1);
    struct result *all[] = { empty, tiny, large };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(all[i]->outcome, SCAN_DONE);
        assert_true(all[i]->facts.complete);
        assert_int_equal(all[i]->facts.n, 0);
        free(all[i]);
    }
    free(big);
}

/* With the order up to a size, in a file above it: a virus at the very end is found either way. */
static void test_along_and_in_a_file(void **state)
{
    static const size_t sizes[] = { 200, SCAN_ALONG_BYTES - 1, SCAN_ALONG_BYTES, SCAN_ALONG_BYTES + 1, 300000 };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *text = xmalloc(sizes[i]);

        memset(text, 'a', sizes[i]);
        memcpy(text, HEAD "\r\n", sizeof HEAD + 1);
        for (size_t at = sizeof HEAD + 60; at + sizeof EICAR + 80 < sizes[i]; at += 70)
            memcpy(text + at, "\r\n", 2);
        memcpy(text + sizes[i] - sizeof EICAR - 3, "\r\n" EICAR "\r\n", sizeof EICAR + 3);
        for (int along = 0; along <= (sizes[i] <= SCAN_ALONG_BYTES); along++) {
            struct result *r = submit_as(scan, along, text, sizes[i], 20000);

            UNTIL(r->calls == 1);
            assert_int_equal(r->outcome, SCAN_DONE);
            assert_true(r->facts.complete);
            assert_non_null(fact_of(r, FACT_VIRUS));
            free(r);
        }
        free(text);
    }
}

static void test_shorter_than_announced_is_not_clean(void **state)
{
    struct result *r = xcalloc(1, sizeof *r);
    struct scan_message m = { .fd = message_fd("abc", 3), .size = 100000, .id = "x", .want_virus = true };

    (void)state;
    scan_submit(scan, &m, 20000, on_result, r);
    close(m.fd);
    UNTIL(r->calls == 1);
    assert_false(r->outcome == SCAN_DONE && r->facts.complete);
    free(r);
}

static int start(void **state)
{
    struct errtext err = { "" };

    if (world_start(state) < 0)
        return -1;
    set = settings_for_test("2");
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
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_ordinary_mail_costs_two_calls),
        cmocka_unit_test(test_wants),
        cmocka_unit_test(test_too_much_is_told),
        cmocka_unit_test(test_odd_sizes),
        cmocka_unit_test(test_along_and_in_a_file),
        cmocka_unit_test(test_shorter_than_announced_is_not_clean),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
