/* test_smuggling.c - fake ends of data (CVE-2023-51764): whatever stands around the dot, one message goes on, and its bytes are clean.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "conversation.h"

#define TRAILER "MAIL FROM:<evil@x.example>\r\nRCPT TO:<victim@d.example>\r\nDATA\r\nSmuggled: yes\r\n\r\nhello"

static const struct {
    const char *name, *bytes;
    size_t n;
} ends[] = {
    { "CRLF", "\r\n", 2 },   { "LF", "\n", 1 },          { "CR", "\r", 1 },          { "CRCRLF", "\r\r\n", 3 },  { "LFCR", "\n\r", 2 },
    { "LFLF", "\n\n", 2 },   { "CRLFCR", "\r\n\r", 3 },  { "NUL CRLF", "\0\r\n", 3 }, { "SP CRLF", " \r\n", 3 }, { "CRLF NUL", "\r\n\0", 3 },
    { "CR NUL LF", "\r\0\n", 3 }, { "CRLF SP", "\r\n ", 3 }, { "VT", "\v", 1 },        { "FF CRLF", "\f\r\n", 3 }, { "NEL", "\xc2\x85", 2 },
    { "nothing", "", 0 },
};
enum { ENDS = sizeof(ends) / sizeof(ends[0]) };

/* Every way in which some server has read a line end is looked for: only CR LF may be there. */
static void check_clean(const char *name, const char *p, size_t n)
{
    unsigned stops = 0;

    assert_true(n >= 3);
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\0' || (p[i] == '\r' && (i + 1 == n || p[i + 1] != '\n')) || (p[i] == '\n' && (i == 0 || p[i - 1] != '\r')))
            fail_msg("%s: byte %zu of what went on is a stray %d", name, i, p[i]);
        if (p[i] == '.' && (i == 0 || p[i - 1] == '\n') && p[i + 1] == '\r') {
            stops++;
            if (i + 3 != n)
                fail_msg("%s: an end of data at %zu of %zu", name, i, n);
        }
    }
    assert_int_equal(stops, 1);
}

/* is_end: the bytes hold a true end; then what follows is no command either. */
static void try_one(const char *name, const char *bytes, size_t n, size_t step, bool is_end)
{
    converse(name, UNTIL_DATA);
    for (size_t at = 0; at < n; at += step) {
        size_t piece = n - at < step ? n - at : step;

        assert_int_equal(send(fw_client.fd, bytes + at, piece, 0), (ssize_t)piece);
        loop_turn(fw_loop, 0);
    }
    converse(name, "N: DATA\nR: 354 go\n");
    fw_settle();
    check_clean(name, fw_next.got, fw_next.n);
    assert_int_equal(memmem(fw_next.got, fw_next.n, "Smuggled", 8) == NULL, is_end || n < sizeof(TRAILER));
    fw_next.n = 0;
    converse(name, "R: 250 2.0.0 once\nS: 250 2.0.0 once\nN: QUIT\nN!\n");
    converse(name, is_end ? "S!\n" : "S.\nC: NOOP\nS: 250 *\n");
    assert_int_equal(fw_next_connections, 1);
    assert_int_equal(fw_scans, 1);
}

static void fake_ends(void **state)
{
    (void)state;
    for (size_t first = 0; first <= 1; first++)
        for (size_t a = first ? ENDS - 1 : 0; a < ENDS; a++)
            for (size_t b = 0; b < ENDS; b++) {
                span before = span_of(ends[a].bytes, ends[a].n), after = span_of(ends[b].bytes, ends[b].n);
                bool is_end = (first || span_ends_nocase(before, SPAN("\r\n"))) && span_starts(after, SPAN("\r\n"));
                char name[80], bytes[400];
                size_t n = 0;

                if (!first) {
                    memcpy(bytes, "a: b\r\n\r\nbody", 12);
                    n = 12;
                }
                memcpy(bytes + n, ends[a].bytes, ends[a].n);
                n += ends[a].n;
                bytes[n++] = '.';
                memcpy(bytes + n, ends[b].bytes, ends[b].n);
                n += ends[b].n;
                memcpy(bytes + n, TRAILER "\r\n.\r\n", sizeof(TRAILER "\r\n.\r\n") - 1);
                n += sizeof(TRAILER "\r\n.\r\n") - 1;
                snprintf(name, sizeof(name), "%s%s . %s", first ? "at the start, " : "", ends[a].name, ends[b].name);
                fw_start();
                try_one(name, bytes, n, (a + b) % 3 == 0 ? 1 : (a + b) % 3 == 1 ? 7 : sizeof(bytes), is_end);
                fw_stop();
            }
}

/* What the next hop could be told through a header edit: tagging goes past odd lines, too. */
static void edits_make_no_ends(void **state)
{
    static const char *const tops[] = {
        ".\rX: SPAM-6\r\n\r\nb", "Subject: SPAM-6\r\n.\n\r\n", "Subject:\r.\r SPAM-6\r\n\r\n", "SPAM-6\r\n..\r\n", " .\r\nSPAM-6", "Subject: SPAM-6\n.\nx",
        "X-Gatepost: SPAM-6\r\n..\r\n\r\n", "X-Gatepost: x\r\n .\r\nSubject: SPAM-6\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
        char bytes[200];
        int n = snprintf(bytes, sizeof(bytes), "%s\r\n.\r\n", tops[i]);

        fw_start();
        try_one(tops[i], bytes, (size_t)n, sizeof(bytes), false);
        fw_stop();
    }
}

/* Behind a true end nothing is a command any more. */
static void after_the_end(void **state)
{
    (void)state;
    fw_start();
    converse("true end", UNTIL_DATA);
    fw_send(&fw_client, "a: b\r\n\r\n.\r\n" TRAILER "\r\n.\r\n", sizeof("a: b\r\n\r\n.\r\n" TRAILER "\r\n.\r\n") - 1);
    converse("true end", NEXT_DATA "N: a: b\nN:\nN: .\nR: 250 once\nS: 250 once\nS!\nN: QUIT\nN!\n");
    assert_int_equal(fw_next_connections, 1);
    fw_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(fake_ends), cmocka_unit_test(edits_make_no_ends), cmocka_unit_test(after_the_end) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
