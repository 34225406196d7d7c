/* settings_policy.c - rows of policy.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/rows.h"

#include "lib/conf/conf_units.h"
#include "lib/proto/dnsbl.h"

/* ---- score ---- */

#define AT(f) offsetof(struct set_score, f)

static const struct conf_key score_rows[] = {
    { "prepend", CONF_NUMBER, AT(prepend), 0, 1000, "0", APPLY_LIVE, "Points from which a header field tells of the hits; 0 is off." },
    { "greylist", CONF_NUMBER, AT(greylist), 0, 1000, "0", APPLY_LIVE, "Points from which a sender has to come again; 0 is off." },
    { "defer", CONF_NUMBER, AT(defer), 0, 1000, "0", APPLY_LIVE, "Points for a temporary refusal (4xx); 0 is off." },
    { "reject", CONF_NUMBER, AT(reject), 0, 1000, "5", APPLY_LIVE, "Points for a refusal (5xx); 0 is off." },
    { NULL },
};
#undef AT

/* ---- dnsbl ---- */

#define AT(f) offsetof(struct set_dnsbl, f)

static const char *const preset_words[] = { "none", "spamhaus", "spamhaus-dqs", NULL };
static const char *const failure_words[] = { "pass", "defer", NULL };
static const char *const kind_words[] = { "client", "helo", "sender", "client_name", NULL };

bool settings_dnsbl_code(const char *text, double weight, struct dnsbl_filter *filter_out, double *weight_out, struct errtext *err)
{
    span filter = span_str(text), own;
    size_t star = span_rfind(filter, '*');

    *weight_out = weight;
    if (star < filter.n) {
        own = span_from(filter, star + 1);
        if (!conf_number_parse(own, weight_out) || *weight_out < -1000 || *weight_out > 1000) {
            errtext_set(err, "\"%.*s\" is no weight (try 127.0.0.[2..11]*3)", SPAN_ARG(span_head(own, 40)));
            return false;
        }
        filter = span_head(filter, star);
    }
    return dnsbl_filter_parse(filter, filter_out, err);
}

static int check_returns(const void *value, struct errtext *err)
{
    const struct conf_strings *l = value;
    struct dnsbl_filter f;
    double weight;

    if (l->n > DNSBL_CODES_MAX) {
        errtext_set(err, "has %zu filters, at most %d are looked at", l->n, DNSBL_CODES_MAX);
        return -1;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (!settings_dnsbl_code(l->v[i], 0, &f, &weight, err))
            return -1;
    }
    return 0;
}

/* A customer's key is the first label of its zone: long and without meaning. */
bool zone_holds_key(const void *value)
{
    const char *zone = *(const char *const *)value;
    size_t n = 0;

    while ((zone[n] >= 'a' && zone[n] <= 'z') || (zone[n] >= '0' && zone[n] <= '9'))
        n++;
    return n >= 20 && zone[n] == '.';
}

static const struct conf_key dnsbl_rows[] = {
    { "name", CONF_STRING, AT(name), 0, 0, NULL, APPLY_LIVE, "Public name, in replies and logs; the zone never shows there. Must be given, but in the short form.",
      .check = check_public_name },
    { "zone", CONF_DOMAIN, AT(zone), 0, 0, NULL, APPLY_LIVE, "Zone to ask; or a preset.", .secret = zone_holds_key },
    { "preset", CONF_ENUM, AT(preset), 0, 0, "none", APPLY_LIVE,
      "Zone and return codes of a known list. spamhaus: the public mirrors, which refuse large and open resolvers; spamhaus-dqs: with a customer key in key_file.",
      .words = preset_words },
    { "key_file", CONF_SECRET_FILE, AT(key_file), 0, 0, NULL, APPLY_LIVE, "File with a customer key that goes before the zone, or credential:NAME." },
    { "kind", CONF_ENUM, AT(kind), 0, 0, "client", APPLY_LIVE, "What is looked up: the client's address, its HELO name, the sender's domain, or the client's confirmed name.",
      .words = kind_words },
    { "returns", CONF_STRINGS, AT(returns), 0, 0, "127.0.0.[2..254]", APPLY_LIVE,
      "Answers that are a listing, as postscreen(8) writes them; several, also with weights of their own, which add up: [\"127.0.0.[2..3]*4\", \"127.0.0.[10..11]*1\"]. With a preset: its own codes.", .check = check_returns },
    { "weight", CONF_NUMBER, AT(weight), -1000, 1000, "5", APPLY_LIVE, "Points of a listing; below zero for a list of good clients." },
    { "mode", CONF_ENUM, AT(mode), 0, 0, "inherit", APPLY_LIVE, "Observe: listings are logged and count nothing.", .words = mode_words },
    { "timeout", CONF_DURATION, AT(timeout_ms), 10, SECONDS(10), "1s", APPLY_LIVE, "Wait for its answer; a late one counts nothing." },
    { "on_failure", CONF_ENUM, AT(on_failure), 0, 0, "pass", APPLY_LIVE, "When it does not answer: as if it had not listed anybody, or a 4xx.", .words = failure_words },
    { "*", CONF_STRING, AT(line), 0, 0, NULL, APPLY_LIVE,
      "The short form, as postscreen(8) has it: zen.example.net=127.0.0.[2..11]*3. Its name is the zone's first label.", .secret = zone_holds_key },
    { NULL },
};
#undef AT

/* ---- dns ---- */

static int check_dns_servers(const void *value, struct errtext *err)
{
    const struct conf_strings *l = value;

    for (size_t i = 0; i < l->n; i++) {
        span server = span_str(l->v[i]);
        size_t colon = span_rfind(server, ':');
        struct ipaddr a;
        uint64_t port = 53;

        if (ipaddr_parse(server, &a))
            continue;
        if (colon == server.n || !ipaddr_parse(span_head(server, colon), &a) || !span_to_u64(span_from(server, colon + 1), &port) || port == 0 ||
            port > 65535) {
            errtext_set(err, "\"%.80s\" is not a DNS server (try 127.0.0.1, 127.0.0.1:5353 or [::1]:53)", l->v[i]);
            return -1;
        }
    }
    return 0;
}

static const struct conf_key dns_rows[] = {
    { "servers", CONF_STRINGS, offsetof(struct set_dns, servers), 0, 0, NULL, APPLY_LIVE,
      "DNS servers: ADDRESS, ADDRESS:PORT, [V6]:PORT; none written: those of /etc/resolv.conf. Lists answer a resolver of one's own best.",
      .check = check_dns_servers },
    { NULL },
};

/* ---- policy ---- */

#define AT(f) offsetof(struct set_policy, f)

const struct conf_key policy_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "inherit", APPLY_LIVE, "Mode of all of policyd.", .words = mode_words },
    { "score", CONF_OBJECT, AT(score), 0, 0, NULL, APPLY_LIVE, "What the points of all hits lead to.", .sub = score_rows },
    { "dnsbl", CONF_LIST, AT(dnsbl), 0, 0, NULL, APPLY_LIVE, "DNS lists; none is asked unless it stands here.", .sub = dnsbl_rows,
      .sub_size = sizeof(struct set_dnsbl) },
    { "rules", CONF_OBJECT, AT(rules), 0, 0, NULL, APPLY_LIVE, "Rules.", .sub = rule_rows },
    { "lists", CONF_NAMED, AT(lists), 0, 0, NULL, APPLY_LIVE, "Lists of names for rules.custom: NAME: [names].", .sub = name_list_rows,
      .sub_size = sizeof(struct set_name_list) },
    { "limits", CONF_LIST, AT(limits), 0, 0, NULL, APPLY_LIVE, "Rate limits.", .sub = limit_rows, .sub_size = sizeof(struct set_limit) },
    { "country_database", CONF_PATH, AT(country_database), 0, 0, NULL, APPLY_LIVE,
      "A database of MaxMind's format (GeoLite2-Country.mmdb, dbip-country): rules may then look at the client's country." },
    { "lua", CONF_OBJECT, AT(lua), 0, 0, NULL, APPLY_LIVE, "A script of one's own, where rules.custom are not enough.", .sub = lua_rows },
    { "hook", CONF_OBJECT, AT(hook), 0, 0, NULL, APPLY_LIVE, "Who is told of limits with hook: yes that are exceeded.", .sub = hook_rows },
    { "greylist", CONF_OBJECT, AT(greylist), 0, 0, NULL, APPLY_LIVE, "Greylisting: who is not known has to come again.", .sub = greylist_rows },
    { "dns", CONF_OBJECT, AT(dns), 0, 0, NULL, APPLY_LIVE, "DNS.", .sub = dns_rows },
    { "timeout", CONF_DURATION, AT(timeout_ms), 50, SECONDS(60), "3s", APPLY_LIVE,
      "A whole decision; what has not answered by then counts nothing." },
    { "harvest_contexts", CONF_STRINGS, AT(harvest_contexts), 0, 0, "[harvest]", APPLY_LIVE,
      "Values of policy_context that mark a hook before reject_unlisted_recipient: only limits of refused_recipients look there." },
    { "txt_wait", CONF_DURATION, AT(txt_wait_ms), 0, SECONDS(5), "100ms", APPLY_LIVE, "Further wait for the reason (TXT) of a listing." },
    { "submission_contexts", CONF_STRINGS, AT(submission_contexts), 0, 0, "[submission]", APPLY_LIVE,
      "Values of policy_context that mark a submission service." },
    { NULL },
};
