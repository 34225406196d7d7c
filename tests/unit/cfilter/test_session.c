/* test_session.c - whole conversations: front, us, next hop.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "conversation.h"

#include <malloc.h>
#include <sys/resource.h>

struct row {
    const char *name, *script;
};

static void run_rows(const struct row *rows)
{
    for (size_t i = 0; rows[i].name != NULL; i++) {
        print_message("  %s\n", rows[i].name);
        fw_start();
        converse(rows[i].name, rows[i].script);
        fw_stop();
    }
}

#define TEXT "C: Subject: hi\nC:\nC: body\nC: .\n"
#define GOT  "N: Subject: hi\nN:\nN: body\nN: .\n"

static void messages(void **state)
{
    static const struct row rows[] = {
        { "a good message", UNTIL_DATA TEXT NEXT_DATA GOT TAKEN "C: QUIT\nS: 221 *\nS!\n" },
        { "dots are taken off and put on", UNTIL_DATA "C: a: b\nC:\nC: ..\nC: ..x\nC: .y\nC: .\n" NEXT_DATA "N: a: b\nN:\nN: ..\nN: ..x\nN: y\nN: .\n" TAKEN },
        { "an empty message", UNTIL_DATA "C: .\n" NEXT_DATA "N: .\n" TAKEN },
        { "two messages, a connection each; XFORWARD is forgotten between them",
          EHLO "C: XFORWARD NAME=x.example ADDR=192.0.2.7\nS: 250 *\nC: MAIL FROM:<a@b.example>\n" NEXT_UP
               "N: XFORWARD NAME=x.example ADDR=192.0.2.7\nR: 250 Ok\nN: MAIL FROM:<a@b.example>\nR: 250 2.1.0 Ok\nS: 250 2.1.0 Ok\n" RCPT DATA TEXT
                   NEXT_DATA GOT TAKEN "N!\n" MAIL RCPT DATA TEXT NEXT_DATA GOT TAKEN },
        { "XFORWARD goes on in full, decoded and coded again, in two commands if long",
          EHLO "C: XFORWARD NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 PORT=34962\nS: 250 *\nC: XFORWARD HELO=a+2Bb=c.example IDENT=q PROTO=ESMTP SOURCE=LOCAL\nS: 250 *\n"
               "C: MAIL FROM:<>\n" NEXT_UP
               "N: XFORWARD NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 PORT=34962 HELO=a+2Bb=c.example IDENT=q PROTO=ESMTP SOURCE=LOCAL\nR: 250 Ok\nN: MAIL FROM:<>\n" },
        { "a next hop without XFORWARD gets none",
          EHLO "C: XFORWARD NAME=x.example\nS: 250 *\nC: MAIL FROM:<>\nR: 220 x\nN: EHLO mx.test\nR: 250 x\nN: MAIL FROM:<>\n" },
        { "only what the next hop asked for",
          EHLO "C: XFORWARD NAME=x.example ADDR=192.0.2.7\nS: 250 *\nC: MAIL FROM:<>\nR: 220 x\nN: EHLO mx.test\nR: 250-x\nR: 250 XFORWARD ADDR\nN: XFORWARD ADDR=192.0.2.7\n" },
        { "envelope and parameters verbatim",
          EHLO "C: mail  from: a@b.example   SIZE=50 BODY=8BITMIME RET=HDRS ENVID=abc+2B1\n" NEXT_UP
               "N: mail  from: a@b.example   SIZE=50 BODY=8BITMIME RET=HDRS ENVID=abc+2B1\nR: 250 Ok\nS: 250 Ok\n"
               "C: rcpt to:<@relay.example:Good@D.example> NOTIFY=FAILURE ORCPT=rfc822;x@y\nN: rcpt to:<@relay.example:Good@D.example> NOTIFY=FAILURE ORCPT=rfc822;x@y\n" },
        { "recipients refused in the dialogue, others go on",
          EHLO MAIL "C: RCPT TO:<no@d.example>\nN: RCPT TO:<no@d.example>\nR: 550-5.1.1 no such\nR: 550 5.1.1 user\nS: 550-5.1.1 no such\nS: 550 5.1.1 user\n"
                    "C: RCPT TO:<later@d.example>\nN: *\nR: 450 4.2.1 later\nS: 450 4.2.1 later\n" RCPT DATA TEXT NEXT_DATA GOT TAKEN },
        { "all recipients refused", EHLO MAIL "C: RCPT TO:<no@d.example>\nN: *\nR: 550 no\nS: 550 no\nC: DATA\nS: 554 5.5.1 *\n" },
        { "the sender is refused", EHLO "C: MAIL FROM:<a@b.example>\n" NEXT_UP "N: *\nR: 553 5.1.8 no\nS: 553 5.1.8 no\nN: QUIT\nC: RCPT TO:<x@y>\nS: 503 *\n" },
        { "the final refusal in its own words", UNTIL_DATA TEXT NEXT_DATA GOT "R: 550-5.7.1 not\nR: 550 5.7.1 liked\nS: 550-5.7.1 not\nS: 550 5.7.1 liked\nN: QUIT\nS.\n" },
        { "DATA refused", UNTIL_DATA TEXT "N: DATA\nR: 452 4.3.1 full\nS: 452 4.3.1 full\nN: QUIT\n" },
        { "an early refusal inside the body is no 250", UNTIL_DATA TEXT "N: DATA\nR= 354 go\\r\\n250 2.0.0 early\\r\\n\nS: 451 4.3.0 *\n" },
        { NULL, NULL },
    };

    (void)state;
    run_rows(rows);
}

static void verdicts(void **state)
{
    static const struct row rows[] = {
        { "a virus", UNTIL_DATA "C: VIRUS\nC: .\nS: 554 5.7.1 Message contains Eicar-Test-Signature virus, rejected (id *)\nN: QUIT\nN!\nS.\n" },
        { "spam", UNTIL_DATA "C: SPAM-1000\nC: .\nS: 554 5.7.1 Message seems to be spam, rejected (id *)\nN: QUIT\nN!\n" },
        { "the session goes on after a refusal", UNTIL_DATA "C: VIRUS\nC: .\nS: 554 *\nN: QUIT\n" MAIL RCPT DATA TEXT NEXT_DATA GOT TAKEN },
        { "tagged", UNTIL_DATA "C: Received: x\nC: X-Spam-Flag: NO\nC: Subject: SPAM-6\nC:\nC: .\n" NEXT_DATA
                    "N: X-Spam-Score: ******\nN: X-Spam-Report: *SIX:6.5*\nN: Received: x\nN: Subject: [SPAM] SPAM-6\nN:\nN: .\n" TAKEN },
        { "a lookup's points count", UNTIL_DATA "C: Subject: SPAM-6 LOOKUP\nC:\nC: .\nS: 554 5.7.1 Message seems to be spam*\n" },
        { "a lookup that fails is told in the header", UNTIL_DATA "C: Subject: LOOKUP-FAILS\nC:\nC: .\n" NEXT_DATA "N: X-Spam-Report: *without=asked*\nN: Subject: LOOKUP-FAILS\nN:\nN: .\n" TAKEN },
        { "a virus does not wait for lookups", UNTIL_DATA "C: Subject: VIRUS LOOKUP-SLOW\nC:\nC: .\nS: 554 5.7.1 Message contains *\n" },
        { "forged fields go", UNTIL_DATA "C: X-Gatepost: v=1; id=x\nC: A: b\nC: x-gatepost: z\nC:\nC: .\n" NEXT_DATA "N: A: b\nN:\nN: .\n" TAKEN },
        { "the scan sees the message as it came", UNTIL_DATA "C= a: STRAY\\rBYTE\\r\\n\\r\\n.\\r\\n\nS: 554 5.7.1 Message contains Stray-Seen *\n" },
        { "who is asked over the network gets it as it goes on",
          UNTIL_DATA "C= Subject: LOOKUP-RAW\\rX\\0Y\\r\\n\\r\\n\\n.\\n\\r\\n.\\r\\n\n" NEXT_DATA
                     "N: Subject: LOOKUP-RAW X Y\nN:\nN:  . \nN: .\n" TAKEN },
        { "fields hidden behind stray bytes go, or are no fields",
          UNTIL_DATA "C= a: b\\rX-Gatepost: 1\\r\\n\\0x: y\\r\\nX-Gatepost\\0: 2\\r\\nX-Spam-Flag\\r: NO\\r\\nc: d\\r\\n\\r\\n.\\r\\n\n" NEXT_DATA
                     "N: a: b X-Gatepost: 1\nN:  x: y\nN: c: d\nN:\nN: .\n" TAKEN },
        { "a trusted client's spam passes, untouched",
          EHLO "C: XFORWARD ADDR=10.1.2.3\nS: 250 *\nC: MAIL FROM:<a@b.example>\n" NEXT_UP "N: XFORWARD ADDR=10.1.2.3\nR: 250 Ok\nN: MAIL*\nR: 250 Ok\nS: 250 Ok\n" RCPT DATA
               "C: X-Spam-Flag: NO\nC: Subject: SPAM-1000\nC:\nC: .\n" NEXT_DATA "N: X-Spam-Flag: NO\nN: Subject: SPAM-1000\nN:\nN: .\n" TAKEN },
        { "a trusted client's virus does not",
          EHLO "C: XFORWARD ADDR=10.1.2.3\nS: 250 *\nC: MAIL FROM:<a@b.example>\n" NEXT_UP "N: XFORWARD*\nR: 250 Ok\nN: MAIL*\nR: 250 Ok\nS: 250 Ok\n" RCPT DATA
               "C: VIRUS\nC: .\nS: 554 5.7.1 Message contains *\n" },
        { "no engine", UNTIL_DATA "C: NO-ENGINE\nC: .\nS: 451 4.7.1 Message could not be scanned for viruses now (no-engine)*\nN: QUIT\n" },
        { "a crash", UNTIL_DATA "C: CRASH\nC: .\nS: 451 4.7.1 Message could not be scanned for viruses now (crash)*\n" },
        { NULL, NULL },
    };

    (void)state;
    run_rows(rows);
}

static void next_hop_faults(void **state)
{
    static const struct row rows[] = {
        { "closes at once", EHLO "C: MAIL FROM:<a@b.example>\nR!\nS: 451 4.3.2 *\n" },
        { "refuses for good at the greeting", EHLO "C: MAIL FROM:<a@b.example>\nR: 554 no\nS: 451 4.3.2 *\n" },
        { "421 at the greeting", EHLO "C: MAIL FROM:<a@b.example>\nR: 421 busy\nS: 451 4.3.2 *\n" },
        { "garbage at the greeting", EHLO "C: MAIL FROM:<a@b.example>\nR: hello there\nS: 451 4.3.2 *\n" },
        { "refuses EHLO", EHLO "C: MAIL FROM:<a@b.example>\nR: 220 x\nR: 502 no\nS: 451 4.3.2 *\n" },
        { "refuses XFORWARD", EHLO "C: XFORWARD NAME=x\nS: 250 *\nC: MAIL FROM:<a@b.example>\n" NEXT_UP "N: XFORWARD*\nR: 550 5.7.0 not you\nS: 451 4.3.2 *\n" },
        { "silent at the greeting: one limit for all of the opening", EHLO "C: MAIL FROM:<a@b.example>\n+50000\nR: 220 x\nN: EHLO*\nS.\n+9999\nS.\n+1\nS: 451 4.3.2 *\nN!\n" },
        { "silent at MAIL", EHLO "C: MAIL FROM:<a@b.example>\n" NEXT_UP "N: MAIL*\n+59999\nS.\n+1\nS: 451 4.3.2 *\n" },
        { "silent at RCPT; what follows is put off too, never refused",
          EHLO MAIL "C: RCPT TO:<c@d.example>\nN: *\n+60000\nS: 451 4.3.2 *\nN!\nC: RCPT TO:<e@d.example>\nS: 451 4.3.2 *\nC: DATA\nS: 451 4.3.2 *\nC: QUIT\nS: 221 *\n" },
        { "closes between recipients", EHLO MAIL RCPT "R!\nC: RCPT TO:<e@d.example>\nS: 451 4.3.2 *\nC: DATA\nS: 451 4.3.2 *\nS.\n" },
        { "421 at RCPT ends the session as it says", EHLO MAIL "C: RCPT TO:<c@d.example>\nN: *\nR: 421 4.3.2 going down\nS: 421 4.3.2 going down\nS!\n" },
        { "354 to RCPT is nonsense", EHLO MAIL "C: RCPT TO:<c@d.example>\nN: *\nR: 354 what\nS: 451 4.3.2 *\nC: RCPT TO:<e@d.example>\nS: 451 *\n" },
        { "354 to MAIL is nonsense", EHLO "C: MAIL FROM:<a@b.example>\n" NEXT_UP "N: *\nR: 354 what\nS: 451 4.3.2 *\n" },
        { "250 to DATA is nonsense", UNTIL_DATA TEXT "N: DATA\nR: 250 what\nS: 451 4.3.0 *\n" },
        { "354 to the dot is nonsense", UNTIL_DATA TEXT NEXT_DATA GOT "R: 354 what\nS: 451 4.3.0 *\n" },
        { "closes while the message comes: the same envelope once more",
          EHLO "C: XFORWARD NAME=x.example\nS: 250 *\nC: MAIL FROM:<a@b.example> SIZE=5\n" NEXT_UP "N: XFORWARD NAME=x.example\nR: 250 Ok\nN: MAIL*\nR: 250 Ok\nS: 250 Ok\n" RCPT
               "C: RCPT TO:<no@d.example>\nN: *\nR: 550 no\nS: 550 no\nC: RCPT TO:<e@d.example> NOTIFY=NEVER\nN: *\nR: 250 Ok\nS: 250 Ok\n" DATA
               "C: Subject: hi\nR: 421 4.4.2 timeout\nR!\nC:\nC: body\nC: .\nS.\n" NEXT_UP "N: XFORWARD NAME=x.example\nR: 250 Ok\nN: MAIL FROM:<a@b.example> SIZE=5\nR: 250 Ok\n"
               "N: RCPT TO:<c@d.example>\nR: 250 Ok\nN: RCPT TO:<e@d.example> NOTIFY=NEVER\nR: 250 Ok\n" NEXT_DATA GOT TAKEN },
        { "and not there any more", UNTIL_DATA "C: a: b\nR!\nC:\nC: .\nR: 421 no\nS: 451 4.3.0 *\n" },
        { "and refused the second time: put off", UNTIL_DATA "C: a: b\nR!\nC:\nC: .\n" NEXT_UP "N: MAIL*\nR: 250 Ok\nN: RCPT*\nR: 550 5.1.1 gone\nS: 451 4.3.0 *\n" },
        { "and closed the second time: put off", UNTIL_DATA "C: a: b\nR!\nC:\nC: .\n" NEXT_UP "N: MAIL*\nR!\nS: 451 4.3.0 *\n" },
        { "and slow the second time: put off in time",
          UNTIL_DATA "C: a: b\nR!\nC:\nC: .\n" NEXT_UP "N: MAIL*\n+40000\nR: 250 Ok\nN: RCPT*\nS.\n+38001\nR: 250 Ok\nS: 451 4.3.0 *\nN: QUIT\n" },
        { "and silent the second time: put off in time", UNTIL_DATA "C: a: b\nR!\nC:\nC: .\n" NEXT_UP "N: MAIL*\n+60000\nS: 451 4.3.0 *\n" },
        { "closes at DATA", UNTIL_DATA TEXT "N: DATA\nR!\nS: 451 4.3.0 *\n" },
        { "closes in the body", UNTIL_DATA TEXT "N: DATA\nR= 354 go\\r\\n\nR!\nS: 451 4.3.0 *\n" },
        { "lost reply", UNTIL_DATA TEXT NEXT_DATA GOT "R!\nS: 451 4.3.0 *\n" },
        { "silent at the dot", UNTIL_DATA TEXT NEXT_DATA GOT "+59999\nS.\n+1\nS: 451 4.3.0 *\nN!\n" },
        { "slow at DATA, silent at the dot: 78 s in all", UNTIL_DATA TEXT "N: DATA\n+50000\nR: 354 go\n" GOT "+27999\nS.\n+1\nS: 451 4.3.0 *\n" },
        { "garbage at the dot", UNTIL_DATA TEXT NEXT_DATA GOT "R: 2x0 what\nS: 451 4.3.0 *\n" },
        { "421 at the dot", UNTIL_DATA TEXT NEXT_DATA GOT "R: 421 4.3.2 going\nS: 421 4.3.2 going\nS!\n" },
        { NULL, NULL },
    };

    (void)state;
    run_rows(rows);
}

static void commands(void **state)
{
    static const struct row rows[] = {
        { "nothing before EHLO", GREETING "C: MAIL FROM:<a@b>\nS: 503 5.5.1 *\nC: XFORWARD NAME=x\nS: 503 *\nC: NOOP\nS: 250 *\nC: RSET\nS: 250 *\nC: HELO x\nS: 250 mx.test\nN0\n" },
        { "out of turn", EHLO "C: RCPT TO:<a@b>\nS: 503 *\nC: DATA\nS: 503 *\n" MAIL "C: MAIL FROM:<x@y>\nS: 503 5.5.1 *\nC: XFORWARD NAME=x\nS: 503 *\n" },
        { "VRFY, and what is not offered", EHLO "C: VRFY x\nS: 252 *\nC: AUTH PLAIN\nS: 502 *\nC: STARTTLS\nS: 502 *\nC: BDAT 5 LAST\nS: 502 *\nC: EXPN x\nS: 502 *\nC: ETRN x\nS: 502 *\nC: XCLIENT ADDR=1.2.3.4\nS: 502 *\nC: FOO\nS: 500 *\n" },
        { "RSET forgets", EHLO "C: XFORWARD NAME=x.example\nS: 250 *\nC: RSET\nS: 250 *\n" MAIL "C: RSET\nS: 250 *\nN: QUIT\nN!\nC: RCPT TO:<a@b>\nS: 503 *\n" MAIL },
        { "EHLO forgets a transaction", EHLO MAIL "C: EHLO again\nS: 250-*\nS: 250-*\nS: 250-*\nS: 250-*\nS: 250-*\nS: 250-*\nS: 250 *\nN: QUIT\nC: RCPT TO:<a@b>\nS: 503 *\n" },
        { "bad syntax", EHLO "C: MAIL a@b\nS: 501 *\nC: MAIL FROM:<a@b> SIZE=x\nS: 501 *\nC: MAIL FROM:<a@b> BODY=BINARYMIME\nS: 501 *\nC: XFORWARD\nS: 501 *\nC: XFORWARD ADDR=x\nS: 501 *\nN0\n" },
        { "empty recipient", EHLO MAIL "C: RCPT TO:<>\nS: 501 *\n" },
        { "a size that cannot be", EHLO "C: MAIL FROM:<a@b> SIZE=100001\nS: 552 5.3.4 *\nN0\n" },
        { "bare CR, LF and NUL in a command go nowhere",
          EHLO MAIL "C= RCPT TO:<a\\rQUIT@b>\\r\\n\nS: 500 *\nC= RCPT TO:<a@b>\\nRCPT TO:<c@d>\\r\\n\nS: 500 *\nC= RCPT TO:<a\\0@b>\\r\\n\nS: 500 *\nN.\n" },
        { "pipelined commands are answered in order", EHLO "C= NOOP\\r\\nFOO\\r\\nNOOP\\r\\nQUIT\\r\\n\nS: 250 *\nS: 500 *\nS: 250 *\nS: 221 *\nS!\n" },
        { "pipelined envelope waits for the next hop",
          EHLO "C= MAIL FROM:<a@b.example>\\r\\nRCPT TO:<c@d.example>\\r\\nDATA\\r\\n\nS.\n" NEXT_UP "N: MAIL*\nN.\nR: 250 one\nS: 250 one\nN: RCPT*\nR: 250 two\nS: 250 two\nS: 354 *\n" },
        { "commands between dot and reply belong to nobody", UNTIL_DATA "C: HOLD\nC: .\nC: MAIL FROM:<evil@x>\nRELEASE\n" NEXT_DATA "N: HOLD\nN: .\nR: 250 ok\nS: 250 ok\nS!\n" },
        { "and those right behind the dot", UNTIL_DATA "C= x: y\\r\\n\\r\\n.\\r\\nMAIL FROM:<evil@x>\\r\\nRCPT TO:<c@d>\\r\\nDATA\\r\\n\n" NEXT_DATA "N: x: y\nN:\nN: .\nR: 250 ok\nS: 250 ok\nS!\n" },
        { "idle", EHLO "+309999\nS.\n+1\nS!\n" },
        { "a byte now and then is not progress", EHLO "+200000\nC= N\n+109999\nC= O\nS.\n+1\nS!\n" },
        { "data in drops is", UNTIL_DATA "+300000\nC= a\n+300000\nC= b\n+300000\nC= c\\r\\n.\\r\\n\n" NEXT_DATA "N: abc\nN: .\n" TAKEN },
        { "but not for ever", UNTIL_DATA "+300000\nC= a\n+309999\nC= b\nS.\n+310000\nS!\nN: QUIT\nN!\n" },
        { NULL, NULL },
    };

    (void)state;
    run_rows(rows);
}

static void leaving(void **state)
{
    static const struct row rows[] = {
        { "after the next hop left", UNTIL_DATA "R!\nC: .\n" NEXT_UP "N: MAIL*\nC!\nN!\n" },
        { "before the dot", UNTIL_DATA "C: a: b\nC: QUIT\nC!\nN: QUIT\nN!\n" },
        { "in the scan", UNTIL_DATA "C: HOLD\nC: .\nC!\nN: QUIT\nN!\n" },
        { "in the envelope", EHLO MAIL RCPT "C!\nN: QUIT\nN!\n" },
        { "while the next hop thinks about MAIL", EHLO "C: MAIL FROM:<a@b.example>\nC!\nN!\n" },
        { NULL, NULL },
    };

    (void)state;
    run_rows(rows);
}

/* The front leaves after its dot and before ours: no copy.  After ours: one, which is not told to anybody. */
static void leaving_before_our_dot(void **state)
{
    (void)state;
    fw_start();
    converse("before", UNTIL_DATA TEXT "N: DATA\n");
    /* Both happen before we look: the next hop's 354, and, seen by the loop after it, the end of the front's stream. */
    assert_int_equal(send(fw_next.fd, "354 go\r\n", 8, 0), 8);
    close(fw_client.fd);
    fw_client.fd = -1;
    fw_settle();
    assert_true(fw_next.closed);
    assert_null(memmem(fw_next.got, fw_next.n, "\r\n.\r\n", 5));
    assert_int_equal(*fw_front.gone, 1);
    fw_stop();

    fw_start();
    converse("after", UNTIL_DATA TEXT NEXT_DATA GOT "C!\n");
    fw_stop();
}

static void drain(void **state)
{
    (void)state;
    fw_start();
    converse("idle", EHLO);
    fw_daemon.draining = true;
    session_drain_all(&fw_front);
    converse("idle", "S: 421 4.3.2 *\nS!\n");
    fw_stop();

    fw_start();
    converse("busy", UNTIL_DATA "C: HOLD\n");
    fw_daemon.draining = true;
    session_drain_all(&fw_front);
    assert_int_equal(fw_front.busy, 1);
    converse("busy", "S.\nC: .\nRELEASE\n" NEXT_DATA "N: HOLD\nN: .\nR: 250 ok\nS: 250 ok\nS: 421 *\nS!\n");
    fw_stop();
}

static void sizes(void **state)
{
    char line[1001];

    (void)state;
    memset(line, 'x', 998);
    strcpy(line + 998, "\r\n");
    for (int over = 0; over <= 1; over++) {
        fw_start();
        converse("size", UNTIL_DATA);
        for (int i = 0; i < 100; i++)                        /* 100,000 bytes: the limit */
            fw_send(&fw_client, line, 1000);
        if (over) {
            converse("above", "C:\nC: .\nS: 552 5.3.4 *\nN: QUIT\nN!\nC: NOOP\nS: 250 *\n");
        } else {
            converse("at the limit", "C: .\n" NEXT_DATA);
            for (int i = 0; i < 100; i++)
                converse("at the limit", "N: xxx*\n");
            converse("at the limit", "N: .\n" TAKEN);
        }
        fw_stop();
    }
}

static void observing(void **state)
{
    (void)state;
    fw_start();
    fw_set.mode = MODE_OBSERVE;
    converse("spam passes as it was, but for line ends and our own field",
             UNTIL_DATA "C: X-Gatepost: forged\nC: X-Spam-Flag: NO\nC: Subject: SPAM-1000 LOOKUP-FAILS\nC:\nC= a\\rb\\r\\n.\\r\\n\n" NEXT_DATA
                        "N: X-Spam-Flag: NO\nN: Subject: SPAM-1000 LOOKUP-FAILS\nN:\nN: a b\nN: .\n" TAKEN MAIL RCPT DATA "C: VIRUS\nC: .\nS: 554 5.7.1 *\nN: QUIT\n");
    assert_int_equal(*fw_front.observed, 1);
    fw_set.filter.virus.mode = MODE_OBSERVE;
    converse("viruses too, if so said", MAIL RCPT DATA "C: VIRUS\nC: .\n" NEXT_DATA "N: VIRUS\nN: .\n" TAKEN
                                        MAIL RCPT DATA "C: CRASH\nC: .\n" NEXT_DATA "N: CRASH\nN: .\n" TAKEN);
    fw_stop();
}

static void no_next_hop(void **state)
{
    (void)state;
    fw_start();
    fw_unlisten();
    converse("refused", EHLO "C: MAIL FROM:<a@b.example>\nS: 451 4.3.2 *\nC: MAIL FROM:<a@b.example>\nS: 451 4.3.2 *\nC: QUIT\nS: 221 *\nS!\n");
    fw_stop();
}

static void xforward_is_not_for_everybody(void **state)
{
    (void)state;
    fw_start();
    fw_set.filter.xforward_from.n = 0;
    fw_peer_open(&fw_client, fw_connect());
    converse("not listed", GREETING "C: EHLO x\nS: 250-*\nS: 250-*\nS: 250-*\nS: 250-*\nS: 250-*\nS: 250 ENHANCEDSTATUSCODES\nC: XFORWARD NAME=x\nS: 550 5.7.0 *\n");
    fw_stop();
}

static void no_spool(void **state)
{
    (void)state;
    fw_start();
    fw_set.filter.spool_directory = "/nonexistent";
    converse("small ones need none", UNTIL_DATA TEXT NEXT_DATA GOT TAKEN MAIL RCPT DATA);
    for (int i = 0; i < 3000; i++)
        fw_send(&fw_client, "0123456789\r\n", 12);
    converse("large ones are put off", "C: .\nS: 452 4.3.1 *\nN: QUIT\nN!\nC: NOOP\nS: 250 *\n");
    fw_stop();
}

static void flood_of_bad_commands(void **state)
{
    (void)state;
    fw_start();
    converse("greeting", EHLO);
    for (int i = 0; i < 19; i++)
        converse("bad", "C: FOO\nS: 500 *\n");
    converse("the last", "C: FOO\nS: 421 4.7.0 *\nS!\n");
    fw_stop();

    fw_start();
    converse("greeting", EHLO);
    for (int i = 0; i < 99; i++)                       /* EHLO was one */
        converse("idle commands", "C: NOOP\nS: 250 *\n");
    converse("the last", "C: NOOP\nS: 421 4.7.0 *\nS!\n");
    fw_stop();
}

/* What we say last arrives, however much the other side has sent meanwhile. */
static void last_words_arrive(void **state)
{
    static char junk[150 * 1024];

    (void)state;
    memset(junk, 'a', sizeof(junk));
    for (size_t at = 0; at + 6 < sizeof(junk); at += 6)
        memcpy(junk + at, "FOO\r\nx", 6);
    fw_start();
    converse("greeting", EHLO);
    assert_true(send(fw_client.fd, junk, sizeof(junk), 0) > 100000);
    for (int i = 0; i < 19; i++)
        converse("bad", "S: 500 *\n");
    converse("the last", "S: 421 4.7.0 *\nS!\n");
    assert_false(fw_client.reset);
    fw_stop();
}

static void endless_command(void **state)
{
    char junk[1000];

    (void)state;
    memset(junk, 'a', sizeof(junk));
    fw_start();
    converse("greeting", EHLO);
    for (int i = 0; i < 300; i++)
        fw_send(&fw_client, junk, sizeof(junk));
    converse("its end", "S.\nC:\nS: 500 5.5.2 Line too long\nC: NOOP\nS: 250 *\n");
    fw_stop();
}

/* A reply without an end, and a huge one. */
static void huge_replies(void **state)
{
    char line[1002];

    (void)state;
    memset(line, 'y', 1000);
    memcpy(line, "250-", 4);
    strcpy(line + 998, "\r\n");
    fw_start();
    converse("huge", UNTIL_DATA TEXT NEXT_DATA GOT);
    for (int i = 0; i < 100; i++)
        fw_send(&fw_next, line, 1000);
    converse("huge", "S.\nR: 250 end\nS: 250 yyy*\nN: QUIT\nS.\n");
    fw_stop();
    fw_start();
    converse("endless", UNTIL_DATA TEXT NEXT_DATA GOT);
    for (int i = 0; i < 300; i++)
        fw_send(&fw_next, line, 1000);
    converse("endless", "S: 451 4.3.0 *\nN!\n");
    fw_stop();
}

#define LARGE_LINES 20000u

static int large_line(char line[80], unsigned i)
{
    return snprintf(line, 80, "%s%06u the quick brown fox jumps over the lazy dog %06u\r\n", i % 7 == 0 ? ".." : "", i, i);
}

/* All whole lines that have arrived at the next hop, at once: it holds less than the message, which thus has to wait for it. */
static unsigned take_large_lines(unsigned from)
{
    size_t taken = 0;
    char line[80];

    fw_settle();
    for (; from < LARGE_LINES; from++) {
        size_t n = (size_t)large_line(line, from);

        if (fw_next.n - taken < n)
            break;
        assert_memory_equal(fw_next.got + taken, line, n);
        taken += n;
    }
    assert_true(taken > 0);
    memmove(fw_next.got, fw_next.got + taken, fw_next.n - taken);
    fw_next.n -= taken;
    return from;
}

static void large_message_whole(void **state)
{
    char lines[100 * 80];

    (void)state;
    fw_start();
    fw_set.filter.max_message_bytes = 10000000;
    converse("large", GREETING "C: HELO x\nS: 250 *\n" MAIL RCPT DATA);
    for (unsigned i = 0; i < LARGE_LINES;) {
        size_t n = 0;

        for (unsigned end = i + 100; i < end; i++)
            n += (size_t)large_line(lines + n, i);
        fw_send(&fw_client, lines, n);
    }
    converse("large", "C: .\n" NEXT_DATA);
    for (unsigned i = 0; i < LARGE_LINES;)
        i = take_large_lines(i);
    converse("large", "N: .\n" TAKEN);
    fw_stop();
}

/* The first line of a refusal is there, the last not yet: the end of data waits for it, and is not sent behind it. */
static void no_end_behind_half_a_refusal(void **state)
{
    enum { LINES = 4000 };             /* more than the buffers between the two hold */
    char line[4000];

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    fw_start();
    fw_set.filter.max_message_bytes = 20000000;
    converse("half a refusal", GREETING "C: HELO x\nS: 250 *\n" MAIL RCPT DATA);
    for (unsigned i = 0; i < LINES; i++)
        fw_send(&fw_client, line, sizeof(line));
    converse("half a refusal", "C: .\n" NEXT_DATA "R: 552-5.3.4 too\n");
    for (unsigned i = 0; i < LINES; i++)
        expect_line(&fw_next, "next hop", "xx*", "half a refusal");
    converse("half a refusal", "N.\nS.\nR: 552 5.3.4 large\nS: 552-5.3.4 too\nS: 552 5.3.4 large\nN!\n");
    fw_stop();
}

static void idle_sessions_are_small(void **state)
{
    enum { N = 400 };
    static int fd[N];
    struct rlimit lim;
    struct mallinfo2 before, after;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
    lim.rlim_cur = lim.rlim_max < 4096 ? lim.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &lim);
    fw_start();
    before = mallinfo2();
    for (int i = 0; i < N; i++) {
        fd[i] = fw_connect();
        assert_int_equal(send(fd[i], "EHLO x\r\n", 8, 0), 8);
        if (i % 50 == 49)
            fw_settle();
    }
    fw_settle();
    after = mallinfo2();
    print_message("  %zu bytes an idle session\n", (after.uordblks - before.uordblks) / N);
#ifndef GATEPOST_SANITIZED
    assert_true((after.uordblks - before.uordblks) / N < 8192);
#endif
    for (int i = 0; i < N; i++)
        close(fd[i]);
    fw_settle();
    fw_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages), cmocka_unit_test(verdicts), cmocka_unit_test(next_hop_faults), cmocka_unit_test(commands),
        cmocka_unit_test(leaving), cmocka_unit_test(leaving_before_our_dot), cmocka_unit_test(drain), cmocka_unit_test(sizes),
        cmocka_unit_test(observing), cmocka_unit_test(no_next_hop), cmocka_unit_test(xforward_is_not_for_everybody),
        cmocka_unit_test(no_spool), cmocka_unit_test(last_words_arrive),
        cmocka_unit_test(flood_of_bad_commands), cmocka_unit_test(endless_command),
        cmocka_unit_test(huge_replies), cmocka_unit_test(large_message_whole), cmocka_unit_test(no_end_behind_half_a_refusal),
        cmocka_unit_test(idle_sessions_are_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
