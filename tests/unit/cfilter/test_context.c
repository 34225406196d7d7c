/* test_context.c - who a message is from: the hand-over field, forged or not, and the client's address.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "cfilter/context.h"
#include "lib/net/loop.h"

#define WALL 1800000000000
#define ID   "37EFND001W33R"

static struct ipnet net;
static struct set_network networks[1];
static struct settings set;
static const struct handover_key key = { { 1, 2, 3 } }, other_key = { { 9 } };

static int setup(void **state)
{
    (void)state;
    assert_true(ipnet_parse(SPAN("10.0.0.0/8"), &net));
    networks[0] = (struct set_network){ "trusted", { &net, 1 } };
    set = (struct settings){ .networks = { networks, 1 }, .handover = { .max_age_ms = MINUTES(60) } };
    return 0;
}

struct row {
    const char *name;
    const char *client;              /* XFORWARD ADDR */
    /* the field: none while handed is NULL */
    const char *handed;              /* its client */
    const char *login, *reverse_path;
    bool trusted, other_key, behind_a_forged_one, no_key;
    int64_t age_s;
    bool want_handed_over, want_forged, want_trusted;
};

static const struct row rows[] = {
    { .name = "nothing known" },
    { .name = "a stranger", .client = "192.0.2.1" },
    { .name = "a trusted network", .client = "10.1.2.3", .want_trusted = true },
    { .name = "handed over", .client = "192.0.2.1", .handed = "192.0.2.1", .want_handed_over = true },
    { .name = "handed over as trusted", .client = "192.0.2.1", .handed = "192.0.2.1", .trusted = true, .want_handed_over = true, .want_trusted = true },
    { .name = "a login", .client = "192.0.2.1", .handed = "192.0.2.1", .login = "bob", .want_handed_over = true, .want_trusted = true },
    { .name = "the hand-over beats the network", .client = "10.1.2.3", .handed = "10.1.2.3", .want_handed_over = true },
    { .name = "no XFORWARD", .handed = "192.0.2.1", .login = "bob", .want_handed_over = true, .want_trusted = true },
    { .name = "the same address otherwise written", .client = "IPV6:2001:db8::1", .handed = "2001:DB8:0::1", .login = "bob", .want_handed_over = true, .want_trusted = true },
    { .name = "of another client", .client = "192.0.2.2", .handed = "192.0.2.1", .login = "bob", .want_forged = true },
    { .name = "of another client, in a trusted network", .client = "10.1.2.3", .handed = "192.0.2.1", .login = "bob", .want_forged = true, .want_trusted = true },
    { .name = "with another key", .client = "192.0.2.1", .handed = "192.0.2.1", .login = "bob", .other_key = true, .want_forged = true },
    { .name = "for another sender", .client = "192.0.2.1", .handed = "192.0.2.1", .login = "bob", .reverse_path = "x@y", .want_forged = true },
    { .name = "old", .client = "192.0.2.1", .handed = "192.0.2.1", .login = "bob", .age_s = 3700, .want_forged = true },
    { .name = "nearly old", .client = "192.0.2.1", .handed = "192.0.2.1", .login = "bob", .age_s = 3500, .want_handed_over = true, .want_trusted = true },
    { .name = "a forged one above it", .client = "192.0.2.1", .handed = "192.0.2.1", .login = "bob", .behind_a_forged_one = true, .want_handed_over = true,
      .want_forged = true, .want_trusted = true },
    { .name = "no key of our own", .client = "192.0.2.1", .handed = "192.0.2.1", .login = "bob", .no_key = true, .want_forged = true },
};

static void by_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct handover h = { .id = ID, .time_s = WALL / 1000 - r->age_s, .trusted = r->trusted };
        struct xforward x;
        struct context c;
        struct buf m;

        xforward_init(&x);
        if (r->client != NULL)
            assert_true(xforward_set(&x, XFORWARD_ADDR, span_str(r->client)) ||
                        xforward_set(&x, XFORWARD_ADDR, span_str(strchr(r->client, ':') + 1)));
        buf_init(&m, 8192);
        if (r->behind_a_forged_one)
            buf_append_str(&m, "x-gatepost: v=1; id=0000000000000; trusted=1; mac=AAAA\r\n");
        if (r->handed != NULL) {
            snprintf(h.client, sizeof(h.client), "%s", r->handed);
            snprintf(h.login, sizeof(h.login), "%s", r->login != NULL ? r->login : "");
            handover_write(&h, SPAN("a@b.example"), r->other_key ? &other_key : &key, &m);
            buf_append_str(&m, "\r\n");
        }
        buf_append_str(&m, "Received: x\r\n\r\nbody\r\n");
        context_make(&set, r->no_key ? NULL : &key, buf_span(&m), span_str(r->reverse_path != NULL ? r->reverse_path : "a@b.example"), &x, WALL, &c);
        buf_free(&m);
        if (c.handed_over != r->want_handed_over || c.forged != r->want_forged || c.trusted != r->want_trusted)
            fail_msg("%s: handed over %d, forged %d, trusted %d", r->name, c.handed_over, c.forged, c.trusted);
        if (r->want_handed_over)
            assert_string_equal(c.id, ID);
        else
            assert_true(id_valid(span_str(c.id)) && strcmp(c.id, ID) != 0);
    }
}

/* What was written for one message may not be moved into the body or far down of another. */
static void only_the_header_counts(void **state)
{
    struct handover h = { .id = ID, .time_s = WALL / 1000, .trusted = true };
    struct xforward x;
    struct context c;
    struct buf m;

    (void)state;
    xforward_init(&x);
    buf_init(&m, 8192);
    buf_append_str(&m, "A: b\r\n\r\n");
    handover_write(&h, SPAN(""), &key, &m);
    buf_append_str(&m, "\r\n");
    context_make(&set, &key, buf_span(&m), SPAN(""), &x, WALL, &c);
    assert_false(c.handed_over);
    assert_false(c.trusted);
    buf_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(by_rows), cmocka_unit_test(only_the_header_counts) };

    return cmocka_run_group_tests(tests, setup, NULL);
}
