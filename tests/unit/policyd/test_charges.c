/* test_charges.c - what a message was charged, after cfilter refused it or put it off.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

#include "policyd/charges.h"
#include "policyd/handover.h"

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

static void load(const char *limits)
{
    char yaml[600];

    snprintf(yaml, sizeof(yaml), "policy: {limits: [%s]}\n", limits);
    rig_load(yaml);
    rig_rules->hand_over = true;
}

static span id_of(const char *instance)
{
    static char id[ID_TEXT];
    struct request r = { .attrs.v = { [POLICY_INSTANCE] = span_str(instance), [POLICY_CLIENT_ADDRESS] = SPAN("192.0.2.1") } };
    struct message *msg = handover_message(rig_services.messages, &r, loop_now_ms(rig_loop), loop_wall_ms(rig_loop));

    memcpy(id, msg->id, sizeof(id));
    message_unref(&msg);
    return span_str(id);
}

/* A whole message of one recipient and 100 bytes; what DATA, or END-OF-MESSAGE if that let it pass, was answered. */
static bool comes(const char *instance)
{
    char text[200];

    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "instance=%s;protocol_state=%s;recipient_count=%d;size=%d", instance,
                 i == 0 ? "RCPT" : i == 1 ? "DATA" : "END-OF-MESSAGE", i > 0, i == 2 ? 100 : 0);
        if (strcmp(rig_ask(text).answer, "action=DUNNO") != 0)
            return false;
    }
    return true;
}

static void test_refused_is_given_back(void **state)
{
    (void)state;
    load("{name: n, key: client, rate: 2/h}, {name: b, key: sender, count: bytes, rate: 200/h}, {name: r, key: recipient, rate: 2/h}, "
         "{name: o, key: client, rate: 1/h, mode: observe}");
    for (int i = 0; i < 10; i++) {
        char instance[20];

        snprintf(instance, sizeof(instance), "i%d", i);
        assert_true(comes(instance));
        assert_true(charges_settle(&rig_services, id_of(instance), i % 2));
        assert_false(charges_settle(&rig_services, id_of(instance), i % 2));        /* once */
    }
    assert_true(comes("x"));
    assert_true(comes("y"));
    assert_false(comes("z"));
}

static void test_kept_or_more(void **state)
{
    (void)state;
    load("{name: n, key: client, rate: 10/h, refused_weight: 1}");
    for (int i = 0; i < 5; i++) {
        char instance[20];

        snprintf(instance, sizeof(instance), "i%d", i);
        assert_true(comes(instance));
        assert_true(charges_settle(&rig_services, id_of(instance), i % 2));
    }
    assert_true(comes("5"));                         /* the sixth of ten */
    load("{name: p, key: client, rate: 10/h, refused_weight: 5}");
    assert_true(comes("a"));
    assert_true(charges_settle(&rig_services, id_of("a"), false));                  /* put off: stays one */
    assert_true(comes("b"));
    assert_true(charges_settle(&rig_services, id_of("b"), true));                   /* counts five */
    for (int i = 0; i < 4; i++)
        assert_true(comes(i == 0 ? "c" : i == 1 ? "d" : i == 2 ? "e" : "f"));
    assert_false(comes("g"));
}

/* Two limits of one question, each its own way. */
static void test_unlike_weights(void **state)
{
    (void)state;
    load("{name: back, key: client, rate: 2/h}, {name: penal, key: sender, rate: 6/h, refused_weight: 3}");
    for (int i = 0; i < 2; i++) {
        assert_true(comes(i ? "a" : "b"));
        assert_true(charges_settle(&rig_services, id_of(i ? "a" : "b"), true));
    }
    assert_false(comes("c"));                        /* penal: 6 of 6; back: 0 of 2 */
    load("{name: back, key: client, rate: 2/h}");
    assert_true(comes("d"));
    assert_true(comes("e"));
    assert_false(comes("f"));
}

static void test_store_away(void **state)
{
    (void)state;
    load("{name: n, key: client, rate: 2/h}");
    rig_store.down = true;
    assert_true(comes("a"));                         /* counted here */
    assert_true(charges_settle(&rig_services, id_of("a"), true));
    rig_store.down = false;
    assert_true(comes("b"));                         /* nothing is owed for a */
    assert_true(comes("c"));
    assert_false(comes("d"));
}

static void test_unknown_and_forgotten(void **state)
{
    (void)state;
    load("{name: n, key: client, rate: 1/d}");
    assert_false(charges_settle(&rig_services, SPAN("0123456789ABC"), true));
    assert_false(charges_settle(&rig_services, SPAN(""), true));
    assert_true(comes("a"));
    loop_fake_advance(rig_loop, CHARGE_ONCE_MS + 1);
    assert_false(charges_settle(&rig_services, id_of("a"), true));                  /* too late */
    assert_false(comes("b"));
}

/* Nobody stands behind who could refuse. */
static void test_without_cfilter(void **state)
{
    (void)state;
    load("{name: n, key: client, rate: 1/h}");
    rig_rules->hand_over = false;
    assert_true(comes("a"));
    assert_false(charges_settle(&rig_services, id_of("a"), true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_refused_is_given_back), T(test_kept_or_more), T(test_unlike_weights), T(test_store_away), T(test_unknown_and_forgotten),
        T(test_without_cfilter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
