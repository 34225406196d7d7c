/* test_handover.c - what is remembered of a message, and the field that cfilter gets.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

#include "policyd/serve.h"

static struct handover_key key = { .b = { 1, 2, 3 } };
static char answered[9000];
static size_t answers;

static int setup(void **state)
{
    (void)state;
    rig_open(NULL);
    dns_list("a.example");
    dns_list("b.example");
    dns_list("c.example");
    rig_load("networks: {trusted: [10.20.0.0/16]}\ndomains: [example.com]\n"
             "filter: {classes: [{name: outbound}, {name: vip, recipients: [x@example.com]}]}\n"
             "policy: {score: {reject: 9}, rules: {deny: {clients: [203.0.113.66]}},\n"
             "  dnsbl: [{name: a, zone: a.example, weight: 2}, {name: b, zone: b.example, weight: 1.5}, {name: seen, zone: c.example, mode: observe}]}\n");
    rig_rules->hand_over = true;
    rig_rules->key = key;
    answers = 0;
    return 0;
}

static void on_answer(span a, void *arg)
{
    (void)arg;
    answers++;
    snprintf(answered, sizeof(answered), "%.*s", SPAN_ARG(a));
}

static const char *say(const char *attributes)
{
    struct eval *e = eval_take(&rig_services);
    struct serving s = { .eval = NULL };
    size_t before = answers;

    rig_request(e, attributes);
    serve(&s, e, rig_rules, on_answer, NULL);
    for (int i = 0; i < 5000 && answers == before; i++)
        loop_fake_advance(rig_loop, 1);
    assert_int_equal(answers, before + 1);
    assert_null(s.eval);
    return answered;
}

static struct handover read_field(const char *answer, const char *reverse_path)
{
    struct handover h;
    span body = span_str(answer);

    assert_true(span_starts(body, SPAN("action=PREPEND X-Gatepost: v=1; ")));
    assert_true(span_ends_nocase(body, SPAN("\n\n")));
    body = span_from(body, strlen("action=PREPEND X-Gatepost:"));
    body.n -= 2;
    assert_int_equal(span_find(body, '\n'), body.n);
    assert_int_equal(handover_read(body, span_str(reverse_path), &key, loop_wall_ms(rig_loop) / 1000, 60, &h), HANDOVER_OK);
    return h;
}

static void test_field(void **state)
{
    struct handover h;

    (void)state;
    dns_set("1.2.0.192.a.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 5);
    dns_set("1.2.0.192.c.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 5);
    assert_string_equal(say("instance=1;recipient=x@example.com"), "action=DUNNO\n\n");
    dns_set("1.2.0.192.b.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 5);
    assert_string_equal(say("instance=1;recipient=y@example.com"), "action=DUNNO\n\n");
    h = read_field(say("instance=1;protocol_state=DATA;recipient=;sender=A@Sender.example"), "A@Sender.example");
    assert_string_equal(h.hits, "a:2,b:1.5");            /* of all recipients, each once; what is only observed is not told */
    assert_true(h.score > 3.49 && h.score < 3.51);
    assert_string_equal(h.client, "192.0.2.1");
    assert_string_equal(h.login, "");
    assert_false(h.trusted);
    assert_true(id_valid(span_str(h.id)));
    assert_string_equal(say("instance=1;protocol_state=DATA"), "action=DUNNO\n\n");     /* once a message */
}

/* Every refusal of a message and its hand-over carry one id. */
static void test_one_id(void **state)
{
    struct handover h;
    char id[ID_TEXT];
    const char *at;

    (void)state;
    at = strstr(say("instance=7;client_address=203.0.113.66"), "(id ");
    assert_non_null(at);
    snprintf(id, sizeof(id), "%s", at + 4);
    loop_fake_advance(rig_loop, SECONDS(30));
    assert_says(say("instance=7;client_address=203.0.113.66;recipient=other@example.com"), id);
    h = read_field(say("instance=7;client_address=203.0.113.66;protocol_state=DATA"), "A@Sender.example");
    assert_string_equal(h.id, id);
    assert_silent(say("instance=8;client_address=203.0.113.66"), id);
    assert_silent(say("instance=7;client_address=203.0.113.66;sender=x@y") + strlen("action="), "DUNNO");
}

static void test_trust(void **state)
{
    static const struct { const char *attributes; bool trusted; const char *login; } rows[] = {
        { "client_address=10.20.1.1", true, "" },
        { "client_address=::ffff:10.20.1.1", true, "" },     /* earns trust, as the address it is */
        { "sasl_username=bob ;x=y%", true, "bob " },
        { "sasl_username=b\xc3\xb6\xc3\xb6", true, "b\xc3\xb6\xc3\xb6" },
        { "policy_context=submission", true, "" },
        { "policy_context=mx-in", false, "" },
        { "client_address=unknown", false, "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char attributes[200];
        struct handover h;
        span first = span_head(span_str(rows[i].attributes), strcspn(rows[i].attributes, ";"));

        snprintf(attributes, sizeof(attributes), "protocol_state=DATA;instance=t%zu;%.*s", i, SPAN_ARG(first));
        h = read_field(say(attributes), "A@Sender.example");
        assert_int_equal(h.trusted, rows[i].trusted);
        assert_string_equal(h.login, rows[i].login);
    }
}

/* A service whose policy_context is the name of a class has that class. */
static void test_class(void **state)
{
    static const struct { const char *attributes, *name; } rows[] = {
        { "policy_context=outbound", "outbound" }, { "policy_context=vip", "vip" },         { "policy_context=mx-in", "default" },
        { "policy_context=", "default" },          { "recipient=x@example.com", "default" }, { "policy_context=default", "default" },
        { "policy_context=outbound234567890123456789012345", "default" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char attributes[200];

        snprintf(attributes, sizeof(attributes), "protocol_state=DATA;instance=c%zu;%s", i, rows[i].attributes);
        assert_string_equal(read_field(say(attributes), "A@Sender.example").msg_class, rows[i].name);
    }
}

static void test_without_a_memory(void **state)
{
    (void)state;
    read_field(say("protocol_state=DATA;instance=never-seen"), "A@Sender.example");
    assert_string_equal(say("protocol_state=DATA;instance="), "action=DUNNO\n\n");
    rig_rules->hand_over = false;                        /* no cfilter behind: nobody would take the field out */
    assert_string_equal(say("protocol_state=DATA;instance=9"), "action=DUNNO\n\n");
}

static void test_states(void **state)
{
    static const char *const others[] = { "CONNECT", "EHLO", "HELO", "MAIL", "VRFY", "ETRN", "END-OF-MESSAGE", "", "nonsense" };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char attributes[100];

        snprintf(attributes, sizeof(attributes), "client_address=203.0.113.66;instance=1;protocol_state=%s", others[i]);
        assert_string_equal(say(attributes), "action=DUNNO\n\n");
    }
}

static void test_memory_is_bounded(void **state)
{
    struct handover_memory *m = handover_memory_new(3);
    struct request r = { .exempt = false };
    struct message *held, *again;
    char instance[16];

    (void)state;
    r.attrs.v[POLICY_INSTANCE] = SPAN("first");
    held = handover_message(m, &r, 1000, 1000);
    for (int i = 0; i < 10; i++) {
        struct message *msg;

        r.attrs.v[POLICY_INSTANCE] = span_of(instance, (size_t)snprintf(instance, sizeof(instance), "i%d", i));
        msg = handover_message(m, &r, 1000, 1000);
        message_unref(&msg);
    }
    assert_int_equal(handover_memory_count(m), 3);
    held->score = 4;                                     /* still ours, though the memory has forgotten it */
    assert_null(handover_by_id(m, span_str(held->id)));
    r.attrs.v[POLICY_INSTANCE] = SPAN("first");
    again = handover_message(m, &r, 1000, 1000);
    assert_ptr_not_equal(again, held);
    assert_ptr_equal(handover_by_id(m, span_str(again->id)), again);
    message_unref(&again);
    again = handover_message(m, &r, 1000 + HOURS(2), 1000);   /* too old to be the same transaction */
    assert_true(again->score < 1);
    assert_ptr_equal(handover_by_id(m, span_str(again->id)), again);
    message_unref(&again);
    message_unref(&held);
    handover_memory_free(&m);
}

/* One that is asked about again and again stays, whichever others come to its place in the table of ids and go. */
static void test_by_id(void **state)
{
    struct handover_memory *m = handover_memory_new(3);
    struct request r = { .exempt = false };
    char first_id[ID_TEXT] = "", instance[16];

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct message *first, *other;

        r.attrs.v[POLICY_INSTANCE] = SPAN("first");
        first = handover_message(m, &r, 1000, 1000);
        if (i == 0)
            memcpy(first_id, first->id, sizeof(first_id));
        r.attrs.v[POLICY_INSTANCE] = span_of(instance, (size_t)snprintf(instance, sizeof(instance), "i%d", i));
        other = handover_message(m, &r, 1000, 1000);
        assert_ptr_equal(handover_by_id(m, span_str(first_id)), first);
        assert_ptr_equal(handover_by_id(m, span_str(other->id)), other);
        message_unref(&first);
        message_unref(&other);
    }
    handover_memory_free(&m);
}

static void test_many_hits(void **state)
{
    struct message msg = { .refs = 2 };
    struct finding f[60];
    struct finding *list[60];
    char names[60][20];

    (void)state;
    for (size_t i = 0; i < 60; i++) {
        snprintf(names[i], sizeof(names[i]), "a-long-name-%02zu", i);
        f[i] = (struct finding){ .name = names[i], .kind = FINDING_HIT, .mode = MODE_ENFORCE, .points = 1 };
        list[i] = &f[i];
    }
    message_add(&msg, list, 60, 60);
    message_add(&msg, list, 60, 60);
    assert_true(strlen(msg.hits) <= HANDOVER_HITS_MAX);
    assert_says(msg.hits, "a-long-name-00:1,a-long-name-01:1,");
    free(msg.hits);
}

/* Thousands of transactions with thousands of recipients: all are counted, so many bytes of them are kept. */
static void test_recipients_are_bounded(void **state)
{
    enum { MESSAGES = 1200, EACH = 2000 };
    struct handover_memory *m = handover_memory_new(MESSAGES);
    struct message *msg = NULL;
    size_t kept = 0;

    (void)state;
    for (int i = 0; i < MESSAGES; i++) {
        struct request r = { .client_plain = false };
        char instance[20];

        snprintf(instance, sizeof(instance), "i%d", i);
        r.attrs.v[POLICY_INSTANCE] = span_str(instance);
        msg = handover_message(m, &r, 1000, 1000);
        for (int k = 0; k < EACH && i < 3; k++) {
            char recipient[60];

            snprintf(recipient, sizeof(recipient), "recipient-number-%d@a-rather-long-domain.example", k);
            assert_true(message_let_in(msg, span_str(recipient)));
        }
        for (int k = 0; k < EACH && i >= 3; k++) {       /* the same bytes without the search */
            static char big[MESSAGE_RECIPIENTS_BYTES - 2];

            memset(big, 'a' + k, sizeof(big));
            message_let_in(msg, span_of(big, sizeof(big)));
            break;
        }
        assert_true(msg->let_in.len <= MESSAGE_RECIPIENTS_BYTES);
        if (i < 3)
            assert_int_equal(msg->n_let_in, EACH);
        kept += msg->let_in.len;
        message_unref(&msg);
    }
    assert_true(kept > ALL_RECIPIENTS_BYTES / 2);
    assert_true(kept <= ALL_RECIPIENTS_BYTES);
    handover_memory_free(&m);
    m = handover_memory_new(10);
    struct request r = { .client_plain = false };
    r.attrs.v[POLICY_INSTANCE] = SPAN("x");
    msg = handover_message(m, &r, 1000, 1000);
    assert_true(message_let_in(msg, SPAN("a@b")));       /* what was freed is free again */
    assert_true(message_has(msg, SPAN("a@b")));
    assert_false(message_let_in(msg, SPAN("a@b")));
    message_ended(msg);
    assert_false(message_has(msg, SPAN("a@b")));
    message_unref(&msg);
    handover_memory_free(&m);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_field), T(test_one_id), T(test_trust), T(test_class), T(test_without_a_memory), T(test_states), T(test_memory_is_bounded), T(test_by_id), T(test_many_hits),
        cmocka_unit_test(test_recipients_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
