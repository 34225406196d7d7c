/* test_dnsc.c - lookups against a name server on the same loop that answers, errs, lies or says nothing, as the name asks for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/net/dnsc.h"

/* ---- the server ---- */

struct server {
    struct loop *loop;
    struct loop_io udp, tcp, client;
    int udp_fd, tcp_fd, client_fd;
    int asked, asked_tcp;          /* questions that came */
    char address[32];
};

struct message {
    unsigned char b[4096];
    size_t n;
};

static void put8(struct message *m, unsigned v)
{
    assert_true(m->n < sizeof(m->b));
    m->b[m->n++] = (unsigned char)v;
}

static void put16(struct message *m, unsigned v)
{
    put8(m, v >> 8);
    put8(m, v & 255);
}

static void put32(struct message *m, uint32_t v)
{
    put16(m, v >> 16);
    put16(m, v & 65535);
}

static void put_name(struct message *m, const char *name)
{
    while (*name != '\0') {
        size_t n = strcspn(name, ".");

        put8(m, (unsigned)n);
        for (size_t i = 0; i < n; i++)
            put8(m, (unsigned char)name[i]);
        name += n + (name[n] == '.');
    }
    put8(m, 0);
}

/* Type, class, TTL and data; the owner is there already. */
static void put_data(struct message *m, unsigned type, uint32_t ttl, const void *data, size_t n)
{
    put16(m, type);
    put16(m, 1);
    put32(m, ttl);
    put16(m, (unsigned)n);
    for (size_t i = 0; i < n; i++)
        put8(m, ((const unsigned char *)data)[i]);
}

static void put_a(struct message *m, uint32_t ttl, unsigned last)
{
    put16(m, 0xc00c);
    put_data(m, 1, ttl, (unsigned char[]){ 127, 0, 0, (unsigned char)last }, 4);
}

static void put_soa(struct message *m, uint32_t ttl, uint32_t minimum)
{
    struct message d = { .n = 0 };

    put_name(&d, "ns.test");
    put_name(&d, "root.test");
    for (int i = 0; i < 4; i++)
        put32(&d, 1);
    put32(&d, minimum);
    put_name(m, "test");
    put_data(m, 6, ttl, d.b, d.n);
}

static void put_named(struct message *m, unsigned type, uint32_t ttl, const void *fixed, size_t fixed_n, const char *name)
{
    struct message d = { .n = 0 };

    for (size_t i = 0; i < fixed_n; i++)
        put8(&d, ((const unsigned char *)fixed)[i]);
    put_name(&d, name);
    put16(m, 0xc00c);
    put_data(m, type, ttl, d.b, d.n);
}

enum { RCODE = 15, TC = 0x0200, RA = 0x0080 };

static void counts(struct message *m, unsigned flags, unsigned answers, unsigned authority)
{
    m->b[2] = (unsigned char)(0x80 | (flags >> 8));
    m->b[3] = (unsigned char)(flags & 255);
    m->b[6] = (unsigned char)(answers >> 8), m->b[7] = (unsigned char)answers;
    m->b[8] = 0, m->b[9] = (unsigned char)authority;
    m->b[10] = m->b[11] = 0;
}

static bool starts(const char *name, const char *word)
{
    return strncmp(name, word, strlen(word)) == 0 && name[strlen(word)] == '.';
}

static void answer_types(struct message *m, const char *name)
{
    static const unsigned char txt[] = { 5, 'v', '=', 's', 'p', 'f', 3, '1', ' ', '-' };

    if (starts(name, "txt")) {
        put16(m, 0xc00c);
        put_data(m, 16, 100, txt, sizeof(txt));
    } else if (starts(name, "mx")) {
        put_named(m, 15, 100, "\0\12", 2, "Mail.Example.COM");
    } else if (starts(name, "srv")) {
        put_named(m, 33, 100, "\0\1\0\2\1\205", 6, "ldap.example.com");
    } else if (starts(name, "ptr")) {
        put_named(m, 12, 100, NULL, 0, "host.example.com");
    } else if (starts(name, "six")) {
        put16(m, 0xc00c);
        put_data(m, 28, 100, "\x20\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    } else {
        fail_msg("no such name in the script: %s", name);
    }
    counts(m, RA, 1, 0);
}

static void answer_chain(struct message *m, const char *name)
{
    put_named(m, 5, 30, NULL, 0, "two.test");
    put_name(m, "two.test");
    put_data(m, 5, 200, "\5three\4test\0", 12);
    if (starts(name, "chain")) {
        put_name(m, "THREE.test");
        put_data(m, 1, 3000, "\177\0\0\3", 4);
    } else if (starts(name, "chainlost")) {
        put_name(m, "four.test");
        put_data(m, 1, 3000, "\177\0\0\3", 4);
    }
    counts(m, RA, starts(name, "chainend") ? 2 : 3, 0);
}

static void answer_bad(struct message *m, const char *name)
{
    if (starts(name, "badloop")) {                   /* a pointer to itself */
        put16(m, 0xc000 | (unsigned)m->n);
        put_data(m, 1, 100, "\177\0\0\2", 4);
    } else if (starts(name, "badlength")) {
        put16(m, 0xc00c);
        put_data(m, 1, 100, "\177\0\0\2\0\0", 6);
    } else if (starts(name, "badowner")) {
        put_name(m, "other.test");
        put_data(m, 1, 100, "\177\0\0\2", 4);
    } else if (starts(name, "badlabel")) {           /* "a.b" in one label */
        put16(m, 0xc00c);
        put_data(m, 12, 100, "\3a.b\4test\0", 10);
    }
    counts(m, RA, starts(name, "badcount") ? 3 : 1, 0);
    if (starts(name, "badcut"))
        put_a(m, 100, 2), m->n -= 3;
}

/* false: says nothing. */
static bool answer(struct message *m, const char *name, bool tcp)
{
    if (starts(name, "silent"))
        return false;
    if (starts(name, "tc") || starts(name, "tcsilent")) {
        if (tcp && starts(name, "tcsilent"))
            return false;
        if (tcp)
            for (unsigned i = 0; i < 100; i++)
                put_a(m, 100, i);
        counts(m, tcp ? RA : RA | TC, tcp ? 100 : 0, 0);
    } else if (strncmp(name, "found", 5) == 0) {
        put_a(m, starts(name, "foundlong") ? 999999 : starts(name, "foundshort") ? 0 : 300, 2);
        put_a(m, starts(name, "foundlong") ? 999999 : 400, 4);
        counts(m, RA, 2, 0);
    } else if (starts(name, "nxdomain") || starts(name, "nodata")) {
        put_soa(m, 900, 120);
        counts(m, RA | (starts(name, "nxdomain") ? 3 : 0), 0, 1);
    } else if (starts(name, "nosoa")) {
        counts(m, RA | 3, 0, 0);
    } else if (starts(name, "referral")) {
        put_name(m, "");
        put_data(m, 2, 100, "\1a\4root\0", 8);
        counts(m, 0, 0, 1);
    } else if (starts(name, "servfail") || starts(name, "refused") || starts(name, "notimp") || starts(name, "formerr")) {
        counts(m, RA | (starts(name, "servfail") ? 2U : starts(name, "refused") ? 5U : starts(name, "notimp") ? 4U : 1U), 0, 0);
    } else if (starts(name, "wrongid")) {
        put_a(m, 300, 2);
        counts(m, RA, 1, 0);
        m->b[0] ^= 0x55;
    } else if (starts(name, "wrongname")) {
        put_a(m, 300, 2);
        counts(m, RA, 1, 0);
        m->b[13] ^= 1;                               /* the question's first letter */
    } else if (strncmp(name, "chain", 5) == 0) {
        answer_chain(m, name);
    } else if (strncmp(name, "bad", 3) == 0) {
        answer_bad(m, name);
    } else if (starts(name, "empty")) {
        m->n = 0;
    } else {
        answer_types(m, name);
    }
    return true;
}

/* Keeps header and question of a query as the beginning of the answer. */
static bool respond(const unsigned char *query, size_t n, bool tcp, struct message *m)
{
    char name[256];
    size_t at = 12, to = 0;

    assert_true(n > 17);
    while (query[at] != 0) {
        memcpy(name + to, query + at + 1, query[at]);
        to += query[at];
        name[to++] = '.';
        at += query[at] + 1U;
    }
    name[to] = '\0';
    memcpy(m->b, query, at + 5);
    m->n = at + 5;
    return answer(m, name, tcp);
}

static void on_udp(int events, void *arg)
{
    struct server *s = arg;
    unsigned char query[1500];
    struct sockaddr_in from;
    socklen_t from_n = sizeof(from);
    struct message m;
    ssize_t n = recvfrom(s->udp_fd, query, sizeof(query), MSG_DONTWAIT, (struct sockaddr *)&from, &from_n);

    (void)events;
    if (n <= 0)
        return;
    s->asked++;
    if (respond(query, (size_t)n, false, &m))
        sendto(s->udp_fd, m.b, m.n, 0, (struct sockaddr *)&from, from_n);
}

static void on_client(int events, void *arg)
{
    struct server *s = arg;
    unsigned char query[1500], length[2];
    struct message m;
    ssize_t n = recv(s->client_fd, query, sizeof(query), MSG_DONTWAIT);

    (void)events;
    if (n <= 2) {
        loop_io_stop(&s->client);
        close(s->client_fd);
        s->client_fd = -1;
        return;
    }
    s->asked_tcp++;
    if (!respond(query + 2, (size_t)n - 2, true, &m))
        return;
    length[0] = (unsigned char)(m.n >> 8), length[1] = (unsigned char)m.n;
    assert_int_equal(send(s->client_fd, length, 2, 0), 2);
    assert_int_equal(send(s->client_fd, m.b, m.n, 0), m.n);
}

static void on_tcp(int events, void *arg)
{
    struct server *s = arg;

    (void)events;
    if (s->client_fd >= 0) {
        loop_io_stop(&s->client);
        close(s->client_fd);
    }
    s->client_fd = accept(s->tcp_fd, NULL, NULL);
    loop_io_start(s->loop, &s->client, s->client_fd, LOOP_READ, on_client, s);
}

static void server_start(struct server *s, struct loop *l)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(a);

    s->loop = l;
    s->client_fd = -1;
    for (int tries = 0; tries < 50; tries++) {       /* the same port for both */
        a.sin_port = 0;
        s->udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        s->tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(s->udp_fd, (struct sockaddr *)&a, sizeof(a)), 0);
        getsockname(s->udp_fd, (struct sockaddr *)&a, &n);
        if (bind(s->tcp_fd, (struct sockaddr *)&a, sizeof(a)) == 0)
            break;
        close(s->udp_fd);
        close(s->tcp_fd);
    }
    listen(s->tcp_fd, 5);
    loop_io_start(l, &s->udp, s->udp_fd, LOOP_READ, on_udp, s);
    loop_io_start(l, &s->tcp, s->tcp_fd, LOOP_READ, on_tcp, s);
    snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", ntohs(a.sin_port));
}

static void server_stop(struct server *s)
{
    loop_io_stop(&s->udp);
    loop_io_stop(&s->tcp);
    close(s->udp_fd);
    close(s->tcp_fd);
    if (s->client_fd >= 0) {
        loop_io_stop(&s->client);
        close(s->client_fd);
    }
}

/* ---- the tests' frame ---- */

struct frame {
    struct loop *loop;
    struct server server;
    struct dnsc *d;
};

static int setup(void **state)
{
    struct frame *f = calloc(1, sizeof(*f));
    struct errtext err;

    f->loop = loop_new_fake(SECONDS(1000), SECONDS(1700000000));
    server_start(&f->server, f->loop);
    f->d = dnsc_new(f->loop, &(struct dnsc_settings){ .servers = (const char *const[]){ f->server.address, NULL }, .ttl_max_s = 1000 }, &err);
    assert_non_null(f->d);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct frame *f = *state;

    dnsc_free(&f->d);
    server_stop(&f->server);
    loop_turn(f->loop, 0);
    loop_free(&f->loop);
    free(f);
    return 0;
}

struct got {
    int times;
    struct dnsc_answer a;
    struct dnsc_record r[DNSC_RECORDS_MAX];
    char text[256];
    struct frame *frame;
    struct dnsc_query **cancel;      /* inside the callback */
};

static void on_got(const struct dnsc_answer *a, void *arg)
{
    struct got *g = arg;

    g->times++;
    g->a = *a;
    for (size_t i = 0; i < a->n; i++)
        g->r[i] = a->records[i];
    if (a->n > 0)
        snprintf(g->text, sizeof(g->text), "%.*s", SPAN_ARG(a->records[0].text));
    if (g->cancel != NULL)
        dnsc_cancel(g->cancel);
}

static struct got ask(struct frame *f, const char *name, enum dnsc_type type)
{
    struct dnsc_query *q;
    struct got g = { 0 };

    dnsc_ask(f->d, span_str(name), type, SECONDS(2), on_got, &g, &q);
    if (g.times > 0)
        assert_null(q);
    for (int i = 0; i < 20 && g.times == 0; i++)
        loop_turn(f->loop, 5);
    if (g.times == 0)
        loop_fake_advance(f->loop, SECONDS(2));
    assert_int_equal(g.times, 1);
    return g;
}

static void test_outcomes(void **state)
{
    static const struct { const char *name; enum dnsc_outcome want; } rows[] = {
        { "found.test", DNSC_FOUND },         { "FOUND.Test.", DNSC_FOUND },        { "nodata.test", DNSC_NODATA },
        { "nxdomain.test", DNSC_NXDOMAIN },   { "nosoa.test", DNSC_NXDOMAIN },      { "servfail.test", DNSC_SERVFAIL },
        { "refused.test", DNSC_REFUSED },     { "notimp.test", DNSC_REFUSED },      { "formerr.test", DNSC_REFUSED },
        { "referral.test", DNSC_SERVFAIL },   { "silent.test", DNSC_TIMEOUT },      { "tc.test", DNSC_FOUND },
        { "tcsilent.test", DNSC_TIMEOUT },    { "wrongid.test", DNSC_TIMEOUT },     { "wrongname.test", DNSC_TIMEOUT },
        { "badloop.test", DNSC_MALFORMED },   { "badlength.test", DNSC_MALFORMED }, { "badowner.test", DNSC_MALFORMED },
        { "badcount.test", DNSC_MALFORMED },  { "badcut.test", DNSC_MALFORMED },    { "empty.test", DNSC_TIMEOUT },
        { "chain.test", DNSC_FOUND },         { "chainlost.test", DNSC_MALFORMED }, { "chainend.test", DNSC_NODATA },
        { "", DNSC_BADNAME },                 { ".", DNSC_BADNAME },                { "a..test", DNSC_BADNAME },
        { ".test", DNSC_BADNAME },            { "a b.test", DNSC_BADNAME },         { "a\\046b.test", DNSC_BADNAME },
        { "a\nb.test", DNSC_BADNAME },        { "\xc3\xbc.test", DNSC_BADNAME },
        { "x123456789012345678901234567890123456789012345678901234567890123.test", DNSC_BADNAME },
    };
    struct frame *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct got g = ask(f, rows[i].name, DNSC_A);

        if (g.a.outcome != rows[i].want)
            fail_msg("%s: %s instead of %s", rows[i].name, dnsc_outcome_name(g.a.outcome), dnsc_outcome_name(rows[i].want));
        assert_int_equal(g.a.n > 0, rows[i].want == DNSC_FOUND);
    }
    assert_int_equal(ask(f, "badlabel.test", DNSC_PTR).a.outcome, DNSC_MALFORMED);
}

static void test_records(void **state)
{
    struct frame *f = *state;
    struct got g = ask(f, "found.test", DNSC_A);

    assert_int_equal(g.a.n, 2);
    assert_int_equal(g.r[0].addr.family, 4);
    assert_memory_equal(g.r[0].addr.b, "\177\0\0\2", 4);
    assert_memory_equal(g.r[1].addr.b, "\177\0\0\4", 4);
    assert_int_equal(g.r[1].ttl_s, 400);
    g = ask(f, "txt.test", DNSC_TXT);
    assert_string_equal(g.text, "v=spf1 -");
    g = ask(f, "mx.test", DNSC_MX);
    assert_string_equal(g.text, "mail.example.com");
    assert_int_equal(g.r[0].priority, 10);
    g = ask(f, "srv.test", DNSC_SRV);
    assert_string_equal(g.text, "ldap.example.com");
    assert_int_equal(g.r[0].priority, 1);
    assert_int_equal(g.r[0].weight, 2);
    assert_int_equal(g.r[0].port, 389);
    g = ask(f, "ptr.test", DNSC_PTR);
    assert_string_equal(g.text, "host.example.com");
    g = ask(f, "six.test", DNSC_AAAA);
    assert_int_equal(g.r[0].addr.family, 6);
    assert_memory_equal(g.r[0].addr.b, "\x20\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    g = ask(f, "chain.test", DNSC_A);
    assert_int_equal(g.r[0].addr.b[3], 3);
    assert_int_equal(g.a.ttl_s, 60);                 /* the chain's least is 30 s, ours 60 */
    g = ask(f, "tc.test", DNSC_A);
    assert_int_equal(g.a.n, DNSC_RECORDS_MAX);
    assert_int_equal(f->server.asked_tcp, 1);
}

static void test_cache(void **state)
{
    static const struct { const char *name; int64_t kept_s; } rows[] = {
        { "found.test", 300 }, { "foundshort.test", 60 }, { "foundlong.test", 1000 }, { "nodata.test", 120 }, { "nxdomain.test", 120 },
        { "nosoa.test", 0 }, { "servfail.test", 0 }, { "refused.test", 0 }, { "badowner.test", 0 }, { "silent.test", 0 },
    };
    struct frame *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct got first = ask(f, rows[i].name, DNSC_A), again;
        int asked = f->server.asked;

        if (rows[i].kept_s == 0) {
            assert_int_equal(first.a.ttl_s, 0);
            assert_false(ask(f, rows[i].name, DNSC_A).a.from_cache);
            continue;
        }
        assert_false(first.a.from_cache);
        assert_int_equal(first.a.ttl_s, rows[i].kept_s);
        loop_fake_advance(f->loop, SECONDS(rows[i].kept_s) - 1000);
        again = ask(f, rows[i].name, DNSC_A);
        assert_true(again.a.from_cache);
        assert_int_equal(again.a.outcome, first.a.outcome);
        assert_int_equal(again.a.n, first.a.n);
        assert_int_equal(again.a.ttl_s, 1);
        assert_int_equal(f->server.asked, asked);
        loop_fake_advance(f->loop, 1000);
        assert_false(ask(f, rows[i].name, DNSC_A).a.from_cache);
        dnsc_flush(f->d);
        assert_false(ask(f, rows[i].name, DNSC_A).a.from_cache);
    }
}

static void test_merge(void **state)
{
    struct frame *f = *state;
    struct dnsc_query *q[20];
    struct got g[20];

    memset(g, 0, sizeof(g));
    for (int i = 0; i < 20; i++)
        dnsc_ask(f->d, i % 2 == 0 ? SPAN("found.test") : SPAN("Found.Test"), DNSC_A, SECONDS(2), on_got, &g[i], &q[i]);
    for (int i = 0; i < 20 && g[0].times == 0; i++)
        loop_turn(f->loop, 5);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(g[i].times, 1);
        assert_int_equal(g[i].a.n, 2);
    }
    assert_int_equal(f->server.asked, 1);
    assert_int_equal(dnsc_stats(f->d).asked, 1);
    assert_int_equal(dnsc_stats(f->d).merged, 19);
}

static void test_cancel(void **state)
{
    struct frame *f = *state;
    struct dnsc_query *q[4];
    struct got g[4];

    memset(g, 0, sizeof(g));
    for (int i = 0; i < 4; i++)
        dnsc_ask(f->d, SPAN("found.test"), DNSC_A, SECONDS(2), on_got, &g[i], &q[i]);
    dnsc_cancel(&q[1]);
    assert_null(q[1]);
    dnsc_cancel(&q[1]);
    for (int i = 0; i < 20 && g[0].times == 0; i++)
        loop_turn(f->loop, 5);
    assert_int_equal(g[0].times + g[2].times + g[3].times, 3);
    assert_int_equal(g[1].times, 0);

    /* Whoever is told first cancels the other. */
    dnsc_flush(f->d);
    memset(g, 0, sizeof(g));
    g[0].cancel = &q[1];
    g[1].cancel = &q[0];
    dnsc_ask(f->d, SPAN("found.test"), DNSC_A, SECONDS(2), on_got, &g[0], &q[0]);
    dnsc_ask(f->d, SPAN("found.test"), DNSC_A, SECONDS(2), on_got, &g[1], &q[1]);
    for (int i = 0; i < 20 && g[0].times + g[1].times == 0; i++)
        loop_turn(f->loop, 5);
    loop_fake_advance(f->loop, SECONDS(3));
    assert_int_equal(g[0].times + g[1].times, 1);

    /* The same at the deadline. */
    memset(g, 0, sizeof(g));
    g[0].cancel = &q[1];
    g[1].cancel = &q[0];
    dnsc_ask(f->d, SPAN("silent.test"), DNSC_A, SECONDS(1), on_got, &g[0], &q[0]);
    dnsc_ask(f->d, SPAN("silent.test"), DNSC_A, SECONDS(1), on_got, &g[1], &q[1]);
    loop_fake_advance(f->loop, SECONDS(3));
    assert_int_equal(g[0].times + g[1].times, 1);
}

static void test_each_has_its_own_deadline(void **state)
{
    struct frame *f = *state;
    struct dnsc_query *q[2];
    struct got g[2];

    memset(g, 0, sizeof(g));
    dnsc_ask(f->d, SPAN("silent.test"), DNSC_A, 100, on_got, &g[0], &q[0]);
    dnsc_ask(f->d, SPAN("silent.test"), DNSC_A, 300, on_got, &g[1], &q[1]);
    loop_fake_advance(f->loop, 99);
    assert_int_equal(g[0].times, 0);
    loop_fake_advance(f->loop, 1);
    assert_int_equal(g[0].times, 1);
    assert_int_equal(g[0].a.outcome, DNSC_TIMEOUT);
    assert_int_equal(g[1].times, 0);
    loop_fake_advance(f->loop, 200);
    assert_int_equal(g[1].times, 1);
    assert_int_equal(dnsc_stats(f->d).timeouts, 2);
}

/* An answer that comes when nobody waits any more is kept for the next who asks. */
static void test_late_answer_is_kept(void **state)
{
    struct frame *f = *state;
    struct dnsc_query *q;
    struct got g = { 0 };

    dnsc_ask(f->d, SPAN("found.test"), DNSC_A, SECONDS(1), on_got, &g, &q);
    dnsc_cancel(&q);
    for (int i = 0; i < 20 && f->server.asked == 0; i++)
        loop_turn(f->loop, 5);
    loop_turn(f->loop, 5);
    assert_true(ask(f, "found.test", DNSC_A).a.from_cache);
    assert_int_equal(g.times, 0);
}

static void test_free_with_questions(void **state)
{
    struct frame *f = *state;
    struct dnsc_query *q[3];
    struct got g = { 0 };

    dnsc_ask(f->d, SPAN("silent.test"), DNSC_A, SECONDS(1), on_got, &g, &q[0]);
    loop_turn(f->loop, 5);
    dnsc_ask(f->d, SPAN("found.test"), DNSC_A, SECONDS(1), on_got, &g, &q[1]);
    dnsc_ask(f->d, SPAN("found.test"), DNSC_A, SECONDS(1), on_got, &g, &q[2]);
    dnsc_free(&f->d);
    loop_fake_advance(f->loop, SECONDS(3));
    assert_int_equal(g.times, 0);
}

static void test_nobody_there(void **state)
{
    struct frame *f = *state;
    struct got g;

    loop_io_stop(&f->server.udp);
    close(f->server.udp_fd);
    g = ask(f, "found.test", DNSC_A);
    assert_true(g.a.outcome == DNSC_UNREACHABLE);
    f->server.udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);      /* for the teardown */
    loop_io_start(f->loop, &f->server.udp, f->server.udp_fd, LOOP_READ, on_udp, &f->server);
}

static void test_bad_servers(void **state)
{
    struct frame *f = *state;
    struct errtext err = { "" };

    assert_null(dnsc_new(f->loop, &(struct dnsc_settings){ .servers = (const char *const[]){ "ns.example.com", NULL } }, &err));
    assert_non_null(strstr(err.text, "ns.example.com"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_outcomes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cache, setup, teardown),
        cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_has_its_own_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_answer_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_with_questions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_servers, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
