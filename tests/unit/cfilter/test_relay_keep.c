/* test_relay_keep.c - a connection to the next hop serves message after message, and nobody notices when it does not.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "conversation.h"

#include "cfilter/relay_keep.h"

enum { KEEP_MS = 2000, REUSE_S = 300 };

static void start(void)
{
    fw_start();
    fw_set.filter.reinject_keep_ms = KEEP_MS;
    fw_front.relays = relay_keep_new();
}

static void stop(void)
{
    fw_peer_open(&fw_client, -1);
    fw_settle();
    session_close_all(&fw_front);
    relay_keep_free(&fw_front.relays);
    fw_stop();
}

#define TEXT       "C: Subject: hi\nC:\nC: body\nC: .\n"
#define GOT        "N: Subject: hi\nN:\nN: body\nN: .\n"
#define REPLIED    "R: 250 2.0.0 Ok: queued as 1\nS: 250 2.0.0 Ok: queued as 1\n"
#define KEPT       REPLIED "N.\n"
#define LEFT       REPLIED "N: QUIT\nN!\n"
#define MAIL_REPLY "R: 250 2.1.0 Ok\nS: 250 2.1.0 Ok\n"
#define MAIL_ANEW  NEXT_UP "N: MAIL FROM:<a@b.example>\n"
#define ON_IT      "C: MAIL FROM:<a@b.example>\nN: RSET\n"
#define MAIL_ON_IT ON_IT "R: 250 2.0.0 Ok\nN: MAIL FROM:<a@b.example>\n"
#define REST       RCPT DATA TEXT NEXT_DATA GOT
#define FIRST      UNTIL_DATA TEXT NEXT_DATA GOT

static const struct { const char *name, *script; } rows[] = {
    { "message after message", FIRST KEPT MAIL_ON_IT MAIL_REPLY REST KEPT MAIL_ON_IT MAIL_REPLY REST KEPT },
    { "what is handed on is handed on anew, and only what is of this message",
      EHLO "C: XFORWARD NAME=x.example\nS: 250 *\nC: MAIL FROM:<a@b.example>\n" NEXT_UP "N: XFORWARD NAME=x.example\nR: 250 Ok\nN: MAIL*\n" MAIL_REPLY REST KEPT
           MAIL_ON_IT MAIL_REPLY REST KEPT
           "C: XFORWARD ADDR=192.0.2.7\nS: 250 *\nC: MAIL FROM:<a@b.example>\nN: XFORWARD ADDR=192.0.2.7\nR: 250 Ok\nN: MAIL*\n" MAIL_REPLY REST KEPT },
    { "nobody comes", FIRST KEPT "+1999\nN.\n+1\nN: QUIT\nN!\n" },
    { "in time", FIRST KEPT "+1999\n" MAIL_ON_IT MAIL_REPLY REST KEPT "+1999\nN.\n+1\nN: QUIT\nN!\n" },

    { "closed meanwhile", FIRST KEPT "R!\n" MAIL REST KEPT },
    { "says 421 meanwhile", FIRST KEPT "R: 421 4.4.2 timeout\nN!\n" MAIL REST KEPT },
    { "says anything meanwhile", FIRST KEPT "R: 250 2.0.0 Ok\nN!\n" MAIL REST KEPT },
    { "two answers to the end", FIRST "R= 250 2.0.0 Ok\\r\\n250 2.0.0 again\\r\\n\nS: 250 2.0.0 Ok\nN!\n" MAIL REST KEPT },
    { "half an answer more", FIRST "R= 250 2.0.0 Ok\\r\\n250-and\nS: 250 2.0.0 Ok\n" "C: MAIL FROM:<a@b.example>\n" MAIL_ANEW MAIL_REPLY REST KEPT },

    { "closes as we come", FIRST KEPT ON_IT "R!\n" MAIL_ANEW MAIL_REPLY REST KEPT },
    { "closes at MAIL", FIRST KEPT MAIL_ON_IT "R!\n" MAIL_ANEW MAIL_REPLY REST KEPT },
    { "421 as we come", FIRST KEPT ON_IT "R: 421 4.3.2 no more\n" MAIL_ANEW MAIL_REPLY REST KEPT },
    { "421 at MAIL", FIRST KEPT MAIL_ON_IT "R: 421 4.7.0 too many\n" MAIL_ANEW MAIL_REPLY REST KEPT },
    { "takes no more", FIRST KEPT MAIL_ON_IT "R: 452 4.5.3 too many\n" MAIL_ANEW MAIL_REPLY REST KEPT },
    { "has never heard of RSET", FIRST KEPT ON_IT "R: 502 what\n" MAIL_ANEW MAIL_REPLY REST KEPT },
    { "354 to MAIL", FIRST KEPT MAIL_ON_IT "R: 354 what\n" MAIL_ANEW MAIL_REPLY REST KEPT },
    { "garbage at MAIL", FIRST KEPT MAIL_ON_IT "R: hello there\n" MAIL_ANEW MAIL_REPLY REST KEPT },
    { "two answers to MAIL", FIRST KEPT MAIL_ON_IT "R= 250 Ok\\r\\n250 Ok\\r\\n\n" MAIL_ANEW MAIL_REPLY REST KEPT },
    { "refused on another one, too: that is the answer", FIRST KEPT MAIL_ON_IT "R: 553 5.1.8 no\n" MAIL_ANEW "R: 553 5.1.8 no\nS: 553 5.1.8 no\nN: QUIT\n" },
    { "gone on another one, too", FIRST KEPT MAIL_ON_IT "R!\n" NEXT_UP "R!\nS: 451 4.3.2 *\n" },
    { "nobody listens any more", FIRST KEPT ON_IT "R: 421 bye\nR: 421 bye\nS: 451 4.3.2 *\n" },
    { "silent: within the one limit", FIRST KEPT ON_IT "+59999\nS.\n+1\nS: 451 4.3.2 *\nN!\n" },
    { "silent at MAIL", FIRST KEPT ON_IT "+30000\nR: 250 Ok\nN: MAIL*\n+29999\nS.\n+1\nS: 451 4.3.2 *\nN!\n" },
    { "what is handed on is said again there",
      FIRST KEPT "C: XFORWARD NAME=x.example\nS: 250 *\nC: MAIL FROM:<a@b.example>\nN: XFORWARD NAME=x.example\nR: 421 no\n" NEXT_UP
                 "N: XFORWARD NAME=x.example\nR: 250 Ok\nN: MAIL*\n" MAIL_REPLY REST KEPT },
    { "closes after MAIL: the first command was accepted, so that is told",
      FIRST KEPT MAIL_ON_IT MAIL_REPLY "R!\nC: RCPT TO:<c@d.example>\nS: 451 4.3.2 *\n" },
    { "closes while the message comes: the same envelope once more",
      FIRST KEPT MAIL_ON_IT MAIL_REPLY RCPT DATA "C: Subject: hi\nR!\nC:\nC: body\nC: .\n" MAIL_ANEW "R: 250 Ok\nN: RCPT*\nR: 250 Ok\n" NEXT_DATA GOT KEPT },

    { "who has refused a recipient is left", EHLO MAIL "C: RCPT TO:<no@d.example>\nN: *\nR: 550 no\nS: 550 no\n" REST LEFT },
    { "who has refused a message is left", FIRST "R: 452 4.3.1 full\nS: 452 4.3.1 full\nN: QUIT\nN!\n" },
    { "who has refused DATA is left", UNTIL_DATA TEXT "N: DATA\nR: 452 4.3.1 full\nS: 452 4.3.1 full\nN: QUIT\nN!\n" },
    { "nor is it kept for a message that does not go on", UNTIL_DATA "C: VIRUS\nC: .\nS: 554 *\nN: QUIT\nN!\n" },
    { "nor when its transaction has not ended", EHLO MAIL RCPT "C: RSET\nS: 250 *\nN: QUIT\nN!\n" },
    { "one that was refused something as a kept one is left", FIRST KEPT MAIL_ON_IT MAIL_REPLY "C: RCPT TO:<no@d.example>\nN: *\nR: 550 no\nS: 550 no\n" REST LEFT },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("  %s\n", rows[i].name);
        start();
        converse(rows[i].name, rows[i].script);
        stop();
    }
}

static void test_another_name(void **state)
{
    (void)state;
    start();
    converse("the first", FIRST KEPT);
    strcpy(fw_set.hostname, "other.test");
    converse("another name", "C: MAIL FROM:<a@b.example>\nR: 220 next\nN: EHLO other.test\nR: 250 next\nN: MAIL FROM:<a@b.example>\n" MAIL_REPLY REST KEPT);
    stop();
}

static void test_not_wanted(void **state)
{
    (void)state;
    start();
    fw_set.filter.reinject_keep_ms = 0;
    converse("each its own", FIRST LEFT MAIL REST LEFT);
    stop();
}

/* However busy: the server's own reload waits for the end of its connections. */
static void test_an_end_some_day(void **state)
{
    unsigned seconds = 0;

    (void)state;
    start();
    converse("the first", FIRST KEPT);
    for (; seconds + 2 < REUSE_S; seconds++)
        converse("another", "+1000\n" MAIL_ON_IT MAIL_REPLY REST KEPT);
    converse("the last", "+2000\n+1\n" MAIL REST KEPT);
    stop();
    start();
    converse("the first", FIRST KEPT);
    for (seconds = 0; seconds + 1 < REUSE_S; seconds++)
        converse("another", "+1000\n" MAIL_ON_IT MAIL_REPLY REST KEPT);
    converse("the last", "+1000\n" MAIL_ON_IT MAIL_REPLY REST LEFT);
    stop();
}

static void test_the_end_of_all(void **state)
{
    (void)state;
    start();
    converse("the first", FIRST KEPT);
    session_close_all(&fw_front);
    relay_keep_free(&fw_front.relays);
    converse("the end", "N: QUIT\nN!\n");
    stop();
}

/* The list by itself: who came last is taken first, of the same address and name, and there is an end. */
static void test_the_list(void **state)
{
    static struct relay_kept n[RELAY_KEEP_MAX];
    struct relay_keep *k = relay_keep_new();

    (void)state;
    for (size_t i = 0; i < RELAY_KEEP_MAX; i++) {
        assert_true(relay_keep_has_room(k));
        n[i] = (struct relay_kept){ .relay = (struct relay *)(void *)&n[i], .address = i % 2 == 0 ? "even" : "odd", .hostname = i < 4 ? "old" : "new" };
        relay_keep_put(k, &n[i]);
    }
    assert_false(relay_keep_has_room(k));
    assert_null(relay_keep_take(k, "even", "other"));
    assert_null(relay_keep_take(k, "other", "new"));
    assert_ptr_equal(relay_keep_take(k, "even", "new"), &n[RELAY_KEEP_MAX - 2]);
    assert_true(relay_keep_has_room(k));
    assert_ptr_equal(relay_keep_take(k, "even", "new"), &n[RELAY_KEEP_MAX - 4]);
    assert_ptr_equal(relay_keep_take(k, "odd", "old"), &n[3]);
    relay_keep_remove(k, &n[2]);
    assert_ptr_equal(relay_keep_take(k, "even", "old"), &n[0]);
    assert_null(relay_keep_take(k, "even", "old"));
    for (size_t i = 0; i < RELAY_KEEP_MAX; i++)
        if (n[i].link != NULL)
            relay_keep_remove(k, &n[i]);
    relay_keep_free(&k);
    assert_null(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_another_name), cmocka_unit_test(test_not_wanted),
        cmocka_unit_test(test_an_end_some_day), cmocka_unit_test(test_the_end_of_all), cmocka_unit_test(test_the_list),
    };

    return cmocka_run_group_tests_name("relay_keep", tests, NULL, NULL);
}
