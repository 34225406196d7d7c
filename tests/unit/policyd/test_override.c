/* test_override.c - who has a rate of his own, by the configuration, a file or a command; and files that change or break.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

#include <sys/stat.h>

#include "policyd/limit_in_force.h"
#include "policyd/limit_key.h"
#include "policyd/marks.h"

static char path[64];

static void write_file(const char *text)
{
    char other[80];
    FILE *f;

    snprintf(other, sizeof(other), "%s.new", path);
    f = fopen(other, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(rename(other, path), 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/gatepost-test-override.%d", (int)getpid());
    rig_open(NULL);
    rig_services.marks = marks_new(&rig_services);
    return 0;
}

static int teardown(void **state)
{
    unlink(path);
    return rig_teardown(state);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* The first rate in force for a request, as "COUNT WHY"; "unlimited WHY"; "none" where the limit does not apply. */
static const char *in_force(const char *attributes)
{
    static char text[300];
    struct eval *e = eval_take(&rig_services);
    const struct limit_rule *rule = &rig_rules->limits[0];
    const struct limit_rates *rates;
    const char *why;
    span value;

    rig_request(e, attributes);
    if (!limit_value(rule, &e->req, e->req.recipient, e->arena, &value)) {
        snprintf(text, sizeof(text), "none");
    } else {
        rates = limit_in_force(rule, &rig_services, &e->req, e->req.recipient, value, e->arena, &why);
        if (rates->unlimited)
            snprintf(text, sizeof(text), "unlimited %s", why);
        else
            snprintf(text, sizeof(text), "%lld %s", (long long)rates->v[0].rate.count, why != NULL ? why : "own");
    }
    eval_release(&e);
    return text;
}

#define OVERRIDES                                                                                                        \
    "overrides: [{who: [Alice, bob@example.net], rate: 100/h}, {who: \"@example.net\", rate: 50/h}, {who: .example.net, rate: 40/h}, " \
    "{who: \"list:staff\", rate: 30/h}, {who: [\"network:office\", 192.0.2.64/26], rate: 20/h}, {who: 192.0.2.80, rate: 21/h}, " \
    "{who: robot, rate: unlimited}]"
#define LISTS "networks: {office: [10.1.0.0/16]}\n"
#define CONFIG(key) LISTS "policy: {lists: {staff: [carol, example.org]}, limits: [{name: l, key: " key ", rate: 5/h, " OVERRIDES "}]}\n"

static const struct { const char *attributes, *want; } logins[] = {
    { "sasl_username=alice", "100 alice" },
    { "sasl_username=ALICE", "100 alice" },
    { "sasl_username=alice2", "5 own" },
    { "sasl_username=bob@example.net", "100 bob@example.net" },
    { "sasl_username=x@Example.net", "50 @example.net" },
    { "sasl_username=x@a.b.example.net", "40 .example.net" },
    { "sasl_username=x@badexample.net", "5 own" },
    { "sasl_username=carol", "30 list:staff" },
    { "sasl_username=x@example.org", "30 list:staff" },
    { "sasl_username=example.net", "5 own" },
    { "sasl_username=robot", "unlimited robot" },
    { "sasl_username=", "none" },
};

static void test_logins(void **state)
{
    (void)state;
    rig_load(CONFIG("sasl_username"));
    for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++)
        assert_string_equal(in_force(logins[i].attributes), logins[i].want);
}

static void test_networks_and_domains(void **state)
{
    (void)state;
    rig_load(CONFIG("client"));
    assert_string_equal(in_force("client_address=192.0.2.1"), "5 own");
    assert_string_equal(in_force("client_address=192.0.2.79"), "20 192.0.2.64/26");
    assert_string_equal(in_force("client_address=192.0.2.80"), "21 192.0.2.80");
    assert_string_equal(in_force("client_address=10.1.2.3"), "20 network:office");
    rig_load(CONFIG("sender_domain"));
    assert_string_equal(in_force("sender=x@example.net"), "50 @example.net");
    assert_string_equal(in_force("sender=x@deep.example.net"), "40 .example.net");
    rig_load(CONFIG("[client, sender]"));            /* any part of the key; a name before a network */
    assert_string_equal(in_force("client_address=192.0.2.80;sender=bob@example.net"), "100 bob@example.net");
    assert_string_equal(in_force("client_address=192.0.2.80;sender=z@z.example"), "21 192.0.2.80");
}

static void test_decides(void **state)
{
    (void)state;
    rig_rcpt_only();
    rig_load("policy: {limits: [{name: l, key: sasl_username, rate: 1/h, overrides: [{who: alice, rate: 3/h}, {who: bob, rate: unlimited}]}]}\n");
    for (int i = 0; i < 3; i++)
        assert_string_equal(rig_ask("sasl_username=alice").answer, "action=DUNNO");
    assert_says(rig_ask("sasl_username=alice").answer, "450 4.7.1");
    for (int i = 0; i < 9; i++)
        assert_says(rig_ask("sasl_username=bob").findings, "unlimited: bob");
    assert_string_equal(rig_ask("sasl_username=eve").answer, "action=DUNNO");
    assert_says(rig_ask("sasl_username=eve").answer, "450 4.7.1");
}

static void test_by_command(void **state)
{
    (void)state;
    rig_load("policy: {limits: [{name: l, key: sasl_username, rate: \"5/h, 20/d\", overrides: [{who: alice, rate: 9/h}]}]}\n");
    marks_set(rig_services.marks, MARK_RATE, SPAN("l/alice"), "7/h", DAYS(1), NULL, NULL);
    assert_string_equal(in_force("sasl_username=alice"), "7 gatepostctl limits override");
    marks_set(rig_services.marks, MARK_RATE, SPAN("l/alice"), "1/h, 2/d, 3/m", DAYS(1), NULL, NULL);       /* more than it may have */
    assert_string_equal(in_force("sasl_username=alice"), "9 alice");
    marks_set(rig_services.marks, MARK_RATE, SPAN("l/alice"), "junk", DAYS(1), NULL, NULL);
    assert_string_equal(in_force("sasl_username=alice"), "9 alice");
    marks_clear(rig_services.marks, MARK_RATE, SPAN("l/alice"), NULL, NULL);
    assert_string_equal(in_force("sasl_username=alice"), "9 alice");
    assert_string_equal(in_force("sasl_username=eve"), "5 own");
}

static void load_with_file(void)
{
    char yaml[300];

    snprintf(yaml, sizeof(yaml), "policy: {limits: [{name: l, key: sasl_username, rate: 5/h, overrides: [{who: alice, rate: 9/h}], overrides_file: %s}]}\n", path);
    rig_load(yaml);
}

static void test_file(void **state)
{
    (void)state;
    write_file("# people\nalice\t8/h   # more than most\n\n@example.net unlimited\r\n");
    load_with_file();
    assert_string_equal(in_force("sasl_username=alice"), "8 alice");
    assert_string_equal(in_force("sasl_username=x@example.net"), "unlimited @example.net");
    write_file("bob 7/h\n");
    assert_string_equal(in_force("sasl_username=bob"), "5 own");
    loop_fake_advance(rig_loop, OVERRIDES_LOOK_MS);
    assert_string_equal(in_force("sasl_username=bob"), "7 bob");
    assert_string_equal(in_force("sasl_username=alice"), "9 alice");           /* the configuration's again */
    write_file("bob 6/h\ncarol quick\n");                                     /* broken: all of the old stays */
    loop_fake_advance(rig_loop, OVERRIDES_LOOK_MS);
    assert_string_equal(in_force("sasl_username=bob"), "7 bob");
    unlink(path);
    loop_fake_advance(rig_loop, 3 * OVERRIDES_LOOK_MS);
    assert_string_equal(in_force("sasl_username=bob"), "7 bob");
    write_file("bob 4/h\n");
    loop_fake_advance(rig_loop, OVERRIDES_LOOK_MS);
    assert_string_equal(in_force("sasl_username=bob"), "4 bob");
}

static const struct { const char *yaml, *file, *want; } broken[] = {
    { "overrides: [{who: a, rate: 1/h}, {who: A, rate: 2/h}]", NULL, "policy.limits[0].overrides[1]: \"a\" has a rate already" },
    { "overrides: [{who: 10.0.0.0/8, rate: 1/h}, {who: 10.0.0.0/8, rate: 2/h}]", NULL, "\"10.0.0.0/8\" has a rate already" },
    { "overrides: [{who: \"list:nobody\", rate: 1/h}]", NULL, "\"nobody\" is no list under policy.lists" },
    { "overrides: [{who: \"network:nowhere\", rate: 1/h}]", NULL, "\"nowhere\" is no list under networks" },
    { "overrides: [{who: a, rate: \"1/h, 2/d\"}]", NULL, "has 2 rates, limit l itself has 1" },
    { "overrides: [{who: a, rate: fast}]", NULL, "\"fast\" is not a rate" },
    { "", "alice 1/h\nalice\n", ":2:6: a line is WHO and a rate" },
    { "", "alice 1/h\nbob fast\n", ":2:1: \"fast\" is not a rate" },
    { "", NULL, "cannot be read: No such file" },
};

static void test_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        char yaml[400], yaml_path[] = "/tmp/gatepost-test-override.XXXXXX";
        struct conf_errors *errors = conf_errors_new();
        int fd = mkstemp(yaml_path);
        struct settings *set;

        if (broken[i].yaml[0] != '\0')
            snprintf(yaml, sizeof(yaml), "policy: {limits: [{name: l, key: client, rate: 5/h, %s}]}\n", broken[i].yaml);
        else
            snprintf(yaml, sizeof(yaml), "policy: {limits: [{name: l, key: client, rate: 5/h, overrides_file: %s}]}\n", path);
        if (broken[i].file != NULL)
            write_file(broken[i].file);
        assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
        close(fd);
        set = settings_load(yaml_path, errors);
        assert_true(set == NULL || !rules_check(set, errors));
        assert_says(conf_errors_at(errors, 0), broken[i].want);
        settings_unref(&set);
        unlink(yaml_path);
        unlink(path);
        conf_errors_free(&errors);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_logins), T(test_networks_and_domains), T(test_decides), T(test_by_command), T(test_file), T(test_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
