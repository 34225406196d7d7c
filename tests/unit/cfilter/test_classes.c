/* test_classes.c - recipients of several classes in whole conversations: one answer for all, or those of another class put off.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "conversation.h"

#include "lib/app/handover.h"

/* strict: spam is refused from 6 points; lax: spam is marked from 8 as [LAX]; the rest as in front_world.h: marked from 5, refused from 10. */
static struct settings sets[2];
static struct set_rcpt_class classes[] = { { .name = "strict", .set = &sets[0] }, { .name = "lax", .set = &sets[1] } };
static struct set_rcpt_pattern patterns[] = { { "@lax.example", 1, 0 }, { "@strict.example", 0, 0 } };

static void start(enum mixed mixed)
{
    fw_start();
    fw_set.filter.mixed = (int)mixed;
    fw_set.recipients.delimiters = "";
    fw_set.filter.classes = (struct conf_list){ classes, 2 };
    fw_set.filter.class_patterns = patterns;
    fw_set.filter.n_class_patterns = 2;
    sets[0] = sets[1] = fw_set;
    sets[0].filter.spam.reject = 6;
    sets[1].filter.spam.tag = 8;
    sets[1].filter.spam.reject = 0;
    sets[1].filter.spam.subject_tag = "[LAX]";
}

#define TO(who)      "C: RCPT TO:<" who ">\nN: RCPT TO:<" who ">\nR: 250 2.1.5 Ok\nS: 250 2.1.5 Ok\n"
#define PUT_OFF(who) "C: RCPT TO:<" who ">\nN.\nS: 452 4.5.3 Recipients of another policy: send again separately (id *)\n"
#define CLEAN        "C: Subject: hi\nC:\nC: .\n" NEXT_DATA "N: Subject: hi\nN:\nN: .\n" TAKEN
#define SPAM(n)      "C: Subject: SPAM-" n "\nC:\nC: .\n"

static void decide_once(void **state)
{
    static const struct { const char *name, *script; } rows[] = {
        { "clean", TO("a@strict.example") TO("b@lax.example") TO("c@d.example") DATA CLEAN },
        { "spam for one class alone", TO("a@strict.example") DATA SPAM("6") "S: 554 5.7.1 Message seems to be spam*\n" },
        { "spam for the other is none", TO("a@lax.example") DATA SPAM("6") NEXT_DATA "N: Subject: SPAM-6\nN:\nN: .\n" TAKEN },
        { "refused by one, clean for the other: marked, as the one marks", TO("b@lax.example") TO("a@strict.example") DATA SPAM("6") NEXT_DATA
              "N: X-Spam-Score: ******\nN: X-Spam-Report: *SIX:6.5*\nN: Subject: [SPAM] SPAM-6\nN:\nN: .\n" TAKEN },
        { "refused by one, marked by the other: its mark, if it comes first", TO("b@lax.example") TO("a@strict.example") DATA SPAM("1000") NEXT_DATA
              "N: X-Spam-Score: *\nN: X-Spam-Report: *GTUBE:1000*\nN: Subject: [LAX] SPAM-1000\nN:\nN: .\n" TAKEN },
        { "refused by all", TO("a@strict.example") TO("c@d.example") DATA SPAM("1000") "S: 554 5.7.1 Message seems to be spam*(id *)\nN: QUIT\n" },
        { "a virus", TO("b@lax.example") TO("c@d.example") DATA "C: VIRUS\nC: .\nS: 554 5.7.1 Message contains *(id *)\n" },
        { "a crash", TO("b@lax.example") TO("c@d.example") DATA "C: CRASH\nC: .\nS: 451 4.7.1 *(id *)\n" },
        { "a recipient that the next hop refuses counts for nothing",
          TO("a@strict.example") "C: RCPT TO:<b@lax.example>\nN: *\nR: 550 5.1.1 no\nS: 550 5.1.1 no\n" DATA SPAM("6") "S: 554 5.7.1 *\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("  %s\n", rows[i].name);
        start(MIXED_DECIDE_ONCE);
        converse(rows[i].name, EHLO MAIL);
        converse(rows[i].name, rows[i].script);
        assert_int_equal(*fw_front.put_off, 0);
        fw_stop();
    }
}

/* A class that only watches viruses: they go through to its recipients alone, never to others. */
static void viruses_watched_by_a_class(void **state)
{
    (void)state;
    start(MIXED_DECIDE_ONCE);
    sets[1].filter.virus.mode = MODE_OBSERVE;
    converse("watched", EHLO MAIL TO("b@lax.example") DATA "C: VIRUS\nC: .\n" NEXT_DATA "N: VIRUS\nN: .\n" TAKEN);
    converse("not by all", MAIL TO("b@lax.example") TO("c@d.example") DATA "C: VIRUS\nC: .\nS: 554 *\nN: QUIT\n");
    fw_stop();
}

static void split(void **state)
{
    (void)state;
    start(MIXED_SPLIT);
    converse("the first one's class goes on", EHLO MAIL TO("a@strict.example") PUT_OFF("b@lax.example") TO("c@strict.example") PUT_OFF("d@d.example") DATA
                 SPAM("6") "S: 554 5.7.1 Message seems to be spam*\nN: QUIT\n");
    converse("those come again", MAIL TO("b@lax.example") PUT_OFF("d@d.example") DATA SPAM("6") NEXT_DATA "N: Subject: SPAM-6\nN:\nN: .\n" TAKEN);
    assert_int_equal(*fw_front.put_off, 3);
    converse("the first that the next hop takes is the first",
             MAIL "C: RCPT TO:<b@lax.example>\nN: *\nR: 550 no\nS: 550 no\n" TO("a@strict.example") PUT_OFF("b@lax.example") DATA CLEAN);
    converse("five at most, then one answer for all",
             MAIL TO("a@strict.example") PUT_OFF("b1@lax.example") PUT_OFF("b2@lax.example") PUT_OFF("b3@d.example") PUT_OFF("b4@lax.example")
                 PUT_OFF("b5@lax.example") TO("b6@lax.example") TO("c@strict.example") DATA SPAM("6") NEXT_DATA
                     "N: X-Spam-Score: *\nN: X-Spam-Report: *\nN: Subject: [SPAM] SPAM-6\nN:\nN: .\n" TAKEN);
    converse("one class: nothing to split", MAIL TO("a@lax.example") TO("b@lax.example") DATA CLEAN);
    fw_stop();
}

/* A sender, or a Postfix under stress, that gives the transaction up at the 452 must not do so for ever. */
static void cut_short(void **state)
{
    static const char *const ends[] = { "C: RSET\nS: 250 *\nN: QUIT\n", "C: QUIT\nS: 221 *\nS!\nN: QUIT\n", "C!\nN: QUIT\n" };

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        start(MIXED_SPLIT);
        converse("given up", EHLO MAIL TO("a@strict.example") PUT_OFF("b@lax.example"));
        converse("given up", ends[i]);
        fw_peer_open(&fw_client, fw_connect());
        converse("comes again: whole", EHLO MAIL TO("a@strict.example") TO("b@lax.example") DATA CLEAN);
        converse("another message", MAIL TO("c@strict.example") PUT_OFF("b@lax.example") DATA CLEAN);
        converse("another sender", "C: MAIL FROM:<>\n" NEXT_UP "N: MAIL FROM:<>\nR: 250 Ok\nS: 250 Ok\n" TO("a@strict.example") PUT_OFF("b@lax.example") DATA CLEAN);
        loop_fake_advance(fw_loop, DAYS(1));
        fw_peer_open(&fw_client, fw_connect());
        converse("a day later", EHLO MAIL TO("a@strict.example") PUT_OFF("b@lax.example") DATA CLEAN);
        fw_stop();
    }
}

static void own_networks_are_not_split(void **state)
{
    (void)state;
    start(MIXED_SPLIT);
    converse("trusted", EHLO "C: XFORWARD ADDR=10.1.2.3\nS: 250 *\nC: MAIL FROM:<a@b.example>\n" NEXT_UP
                             "N: XFORWARD*\nR: 250 Ok\nN: MAIL*\nR: 250 Ok\nS: 250 Ok\n" TO("a@strict.example") TO("b@lax.example") DATA CLEAN);
    fw_stop();
}

static void send_handover(const char *msg_class)
{
    struct handover h = { .time_s = loop_wall_ms(fw_loop) / 1000, .client = "192.0.2.7" };
    struct buf field;

    id_make(h.id, loop_wall_ms(fw_loop));
    snprintf(h.msg_class, sizeof(h.msg_class), "%s", msg_class);
    buf_init(&field, 4096);
    handover_write(&h, SPAN("a@b.example"), &fw_front.key, &field);
    buf_append(&field, SPAN("\r\n"));
    fw_send(&fw_client, buf_span(&field).p, field.len);
    buf_free(&field);
}

static void class_of_the_service(void **state)
{
    static const struct { const char *handed_over; bool refused; } rows[] = {
        { "strict", true }, { "lax", false }, { "default", true }, { "nobody", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start(MIXED_DECIDE_ONCE);
        fw_front.have_key = true;
        converse(rows[i].handed_over, EHLO MAIL TO("a@strict.example") DATA);
        send_handover(rows[i].handed_over);
        converse(rows[i].handed_over, rows[i].refused ? SPAM("6") "S: 554 5.7.1 Message seems to be spam*\n"
                                                      : SPAM("6") NEXT_DATA "N: Subject: SPAM-6\nN:\nN: .\n" TAKEN);
        fw_stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decide_once),   cmocka_unit_test(viruses_watched_by_a_class), cmocka_unit_test(split), cmocka_unit_test(cut_short),
        cmocka_unit_test(own_networks_are_not_split), cmocka_unit_test(class_of_the_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
