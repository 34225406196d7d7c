/* conversation.h - runs a conversation written as text.
 *
 *   C: line      the client sends it (CR LF is added)        N: line   the next hop gets it
 *   C= bytes     the same, with \r \n \0 \\ and no line end    R: line   the next hop answers it
 *   S: pattern   the client gets it ('*': anything)           R= bytes  the same, as C=
 *   S.           the client gets nothing more                 N.        the next hop gets nothing more
 *   S!           the client's connection was closed           N!        the next hop's was
 *   C!           the client closes                            R!        the next hop closes
 *   +ms          time passes                                  RELEASE   a held scan ends
 *   N0           nobody has connected to the next hop since the start of the line before
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_TESTS_CONVERSATION_H
#define GATEPOST_TESTS_CONVERSATION_H

#include "front_world.h"

static bool glob_match(const char *pattern, const char *text)
{
    for (; *pattern != '\0' && *pattern != '*'; pattern++, text++)
        if (*pattern != *text)
            return false;
    if (*pattern == '\0')
        return *text == '\0';
    for (;; text++) {
        if (glob_match(pattern + 1, text))
            return true;
        if (*text == '\0')
            return false;
    }
}

static size_t unescape(const char *from, char *to)
{
    size_t n = 0;

    for (; *from != '\0'; from++) {
        char c = *from;

        if (c == '\\' && from[1] != '\0') {
            from++;
            c = *from == 'r' ? '\r' : *from == 'n' ? '\n' : *from == '0' ? '\0' : *from;
        }
        to[n++] = c;
    }
    return n;
}

static void expect_line(struct fw_peer *p, const char *who, const char *pattern, const char *where)
{
    char line[8192];
    char *end;
    size_t n;

    fw_settle();
    end = p->n > 0 ? memmem(p->got, p->n, "\r\n", 2) : NULL;
    if (end == NULL)
        fail_msg("%s: %s got \"%s\"%s, not a line like \"%s\"", where, who, p->n > 0 ? p->got : "", p->closed ? " and the end" : "", pattern);
    n = (size_t)(end - p->got);
    assert_true(n < sizeof(line));
    memcpy(line, p->got, n);
    line[n] = '\0';
    p->n -= n + 2;
    memmove(p->got, end + 2, p->n + 1);
    if (!glob_match(pattern, line))
        fail_msg("%s: %s got \"%s\", not \"%s\"", where, who, line, pattern);
}

static void expect_end(struct fw_peer *p, const char *who, const char *where)
{
    fw_settle();
    if (p->n > 0 || !p->closed)
        fail_msg("%s: %s is not at its end: \"%s\"", where, who, p->n > 0 ? p->got : "");
}

static void expect_nothing(struct fw_peer *p, const char *who, const char *where)
{
    fw_settle();
    if (p->n > 0 || p->closed)
        fail_msg("%s: %s got \"%s\"%s", where, who, p->n > 0 ? p->got : "", p->closed ? " and the end" : "");
}

static void say(struct fw_peer *p, char how, const char *text)
{
    char out[8192];
    size_t n = how == ':' ? (size_t)snprintf(out, sizeof(out), "%s\r\n", text) : unescape(text, out);

    assert_true(p->fd >= 0);
    fw_send(p, out, n);
}

static void step(const char *line, const char *where)
{
    const char *text = line[0] != '\0' && line[1] != '\0' ? line + 2 : "";

    if (*text == ' ')
        text++;
    if (strcmp(line, "RELEASE") == 0)
        fw_release();
    else if (line[0] == '+')
        loop_fake_advance(fw_loop, atoll(line + 1));
    else if (strncmp(line, "S:", 2) == 0)
        expect_line(&fw_client, "client", text, where);
    else if (strncmp(line, "N:", 2) == 0)
        expect_line(&fw_next, "next hop", text, where);
    else if (strcmp(line, "S!") == 0)
        expect_end(&fw_client, "client", where);
    else if (strcmp(line, "N!") == 0)
        expect_end(&fw_next, "next hop", where);
    else if (strcmp(line, "S.") == 0)
        expect_nothing(&fw_client, "client", where);
    else if (strcmp(line, "N.") == 0)
        expect_nothing(&fw_next, "next hop", where);
    else if (strcmp(line, "N0") == 0)
        assert_int_equal(fw_next_connections, 0);
    else if (strcmp(line, "C!") == 0 || strcmp(line, "R!") == 0)
        fw_peer_open(line[0] == 'C' ? &fw_client : &fw_next, -1);
    else if ((line[0] == 'C' || line[0] == 'R') && (line[1] == ':' || line[1] == '='))
        say(line[0] == 'C' ? &fw_client : &fw_next, line[1], text);
    else
        fail_msg("%s: no such step: %s", where, line);
    fw_settle();
}

static void converse(const char *name, const char *script)
{
    char *copy = xstrdup(script), *save = NULL;
    unsigned n = 0;

    for (char *line = strtok_r(copy, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        char where[400];

        snprintf(where, sizeof(where), "%s, step %u (%.200s)", name, ++n, line);
        step(line, where);
    }
    free(copy);
}

#define GREETING "S: 220 mx.test ESMTP*\n"
#define EHLO                                                                                                                              \
    GREETING "C: EHLO front\nS: 250-mx.test\nS: 250-SIZE 100000\nS: 250-8BITMIME\nS: 250-SMTPUTF8\nS: 250-DSN\n"                           \
             "S: 250-ENHANCEDSTATUSCODES\nS: 250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\n"
#define NEXT_UP "R: 220 next ESMTP\nN: EHLO mx.test\nR: 250-next\nR: 250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\n"
#define MAIL    "C: MAIL FROM:<a@b.example>\n" NEXT_UP "N: MAIL FROM:<a@b.example>\nR: 250 2.1.0 Ok\nS: 250 2.1.0 Ok\n"
#define RCPT    "C: RCPT TO:<c@d.example>\nN: RCPT TO:<c@d.example>\nR: 250 2.1.5 Ok\nS: 250 2.1.5 Ok\n"
#define DATA    "C: DATA\nS: 354 *\n"
#define UNTIL_DATA EHLO MAIL RCPT DATA
#define NEXT_DATA  "N: DATA\nR: 354 go\n"
#define TAKEN      "R: 250 2.0.0 Ok: queued as 4E1BCA8A68B\nS: 250 2.0.0 Ok: queued as 4E1BCA8A68B\nN: QUIT\n"

#endif
