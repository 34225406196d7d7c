/* every_type.h - a table with a row of each type, for the tests and the fuzz target of lib/conf.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef TESTS_UNIT_LIB_CONF_EVERY_TYPE_H
#define TESTS_UNIT_LIB_CONF_EVERY_TYPE_H

#include "lib/conf/conf.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct et_greylist { int64_t delay_ms; bool on; };
struct et_policy { struct et_greylist greylist; struct conf_list lists; };
struct et_list { const char *name; const char *zone; double weight; int mode; };
struct et_net { const char *name; struct conf_nets nets; };
struct et_map { const char *name; int mode; int64_t size; };
struct et_rule { int mode; struct conf_strings partners; };

struct every_type {
    bool b;
    int64_t i, ms, bytes;
    double n;
    struct conf_rate rate;
    const char *text, *path, *secret, *address, *domain, *with_default;
    int word;
    struct conf_strings texts, addresses, paths, domains;
    struct conf_nets nets;
    struct et_policy policy;
    struct conf_list networks, maps;
    struct et_rule rule;
};

static const char *const et_words[] = { "inherit", "enforce", "observe", "off", NULL };

static int et_check_text(const void *value, struct errtext *err)
{
    if (strcmp(*(const char *const *)value, "forbidden") != 0)
        return 0;
    errtext_set(err, "that one is not wanted");
    return -1;
}

static bool et_is_secret(const void *value)
{
    return strncmp(*(const char *const *)value, "key", 3) == 0;
}

#define ET(s, f) offsetof(struct s, f)

static const struct conf_key et_greylist_rows[] = {
    { "delay", CONF_DURATION, ET(et_greylist, delay_ms), 0, 86400000, "5m", APPLY_LIVE, "Wait of a new triplet." },
    { "on", CONF_BOOL, ET(et_greylist, on), 0, 0, "yes", APPLY_RESTART, "Whether it waits." },
    { NULL },
};
static const struct conf_key et_list_rows[] = {
    { "name", CONF_STRING, ET(et_list, name), 0, 0, "!", APPLY_LIVE, "Name." },
    { "zone", CONF_DOMAIN, ET(et_list, zone), 0, 0, NULL, APPLY_LIVE, "Zone.", .secret = et_is_secret },
    { "weight", CONF_NUMBER, ET(et_list, weight), -10, 10, "2.5", APPLY_LIVE, "Points." },
    { "mode", CONF_ENUM, ET(et_list, mode), 0, 0, "inherit", APPLY_LIVE, "Mode.", .words = et_words },
    { NULL },
};
static const struct conf_key et_policy_rows[] = {
    { "greylist", CONF_OBJECT, ET(et_policy, greylist), 0, 0, NULL, APPLY_LIVE, "Greylisting.", .sub = et_greylist_rows },
    { "lists", CONF_LIST, ET(et_policy, lists), 0, 0, NULL, APPLY_LIVE, "Lists.", .sub = et_list_rows, .sub_size = sizeof(struct et_list) },
    { NULL },
};
static const struct conf_key et_net_rows[] = {
    { "name", CONF_STRING, ET(et_net, name), 0, 0, "!", APPLY_LIVE, "Name." },
    { "*", CONF_NETS, ET(et_net, nets), 0, 0, NULL, APPLY_LIVE, "Networks." },
    { NULL },
};
static const struct conf_key et_map_rows[] = {
    { "name", CONF_STRING, ET(et_map, name), 0, 0, "!", APPLY_LIVE, "Name." },
    { "mode", CONF_ENUM, ET(et_map, mode), 0, 0, "enforce", APPLY_LIVE, "Mode.", .words = et_words },
    { "size", CONF_SIZE, ET(et_map, size), 0, 0, "1k", APPLY_LIVE, "Size." },
    { "*", CONF_ENUM, ET(et_map, mode), 0, 0, NULL, APPLY_LIVE, "Mode.", .words = et_words },
    { NULL },
};
static const struct conf_key et_rule_rows[] = {
    { "mode", CONF_ENUM, ET(et_rule, mode), 0, 0, "observe", APPLY_LIVE, "Mode.", .words = et_words },
    { "partners", CONF_STRINGS, ET(et_rule, partners), 0, 0, NULL, APPLY_LIVE, "Partners." },
    { "*", CONF_ENUM, ET(et_rule, mode), 0, 0, NULL, APPLY_LIVE, "Mode.", .words = et_words },
    { NULL },
};

static const struct conf_key every_type_rows[] = {
    { "b", CONF_BOOL, ET(every_type, b), 0, 0, NULL, APPLY_LIVE, "Switch." },
    { "i", CONF_INT, ET(every_type, i), -5, 100, "7", APPLY_RESTART, "Count." },
    { "n", CONF_NUMBER, ET(every_type, n), 0, 0, NULL, APPLY_LIVE, "Number." },
    { "ms", CONF_DURATION, ET(every_type, ms), 1000, 3600000, "10s", APPLY_LIVE, "Time." },
    { "bytes", CONF_SIZE, ET(every_type, bytes), 1024, 1073741824.0, "25M", APPLY_LIVE, "Size." },
    { "rate", CONF_RATE, ET(every_type, rate), 0, 0, NULL, APPLY_LIVE, "Rate." },
    { "text", CONF_STRING, ET(every_type, text), 0, 0, NULL, APPLY_LIVE, "Text.", .check = et_check_text },
    { "path", CONF_PATH, ET(every_type, path), 0, 0, NULL, APPLY_LIVE, "Path." },
    { "secret", CONF_SECRET_FILE, ET(every_type, secret), 0, 0, NULL, APPLY_LIVE, "Secret." },
    { "address", CONF_ADDRESS, ET(every_type, address), 0, 0, NULL, APPLY_LIVE, "Address." },
    { "domain", CONF_DOMAIN, ET(every_type, domain), 0, 0, NULL, APPLY_LIVE, "Domain." },
    { "with_default", CONF_STRING, ET(every_type, with_default), 0, 0, "[SPAM]", APPLY_LIVE, "Text with a default." },
    { "word", CONF_ENUM, ET(every_type, word), 0, 0, "observe", APPLY_LIVE, "Word.", .words = et_words },
    { "texts", CONF_STRINGS, ET(every_type, texts), 0, 0, "[one, \"two words\"]", APPLY_LIVE, "Texts." },
    { "addresses", CONF_ADDRESSES, ET(every_type, addresses), 0, 0, "[\"127.0.0.1:25\"]", APPLY_RESTART, "Addresses." },
    { "paths", CONF_PATHS, ET(every_type, paths), 0, 0, NULL, APPLY_LIVE, "Paths." },
    { "domains", CONF_DOMAINS, ET(every_type, domains), 0, 0, NULL, APPLY_LIVE, "Domains." },
    { "nets", CONF_NETS, ET(every_type, nets), 0, 0, "[127.0.0.0/8, \"::1\"]", APPLY_LIVE, "Networks." },
    { "policy", CONF_OBJECT, ET(every_type, policy), 0, 0, NULL, APPLY_LIVE, "Policy.", .sub = et_policy_rows },
    { "networks", CONF_NAMED, ET(every_type, networks), 0, 0, NULL, APPLY_LIVE, "Named networks.", .sub = et_net_rows,
      .sub_size = sizeof(struct et_net) },
    { "maps", CONF_NAMED, ET(every_type, maps), 0, 0, "{first: {mode: off}}", APPLY_LIVE, "Maps.", .sub = et_map_rows,
      .sub_size = sizeof(struct et_map) },
    { "rule", CONF_OBJECT, ET(every_type, rule), 0, 0, NULL, APPLY_LIVE, "Rule.", .sub = et_rule_rows },
    { NULL },
};

#endif
