/* settings_limits.c - rows of policy.limits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/conf/conf_units.h"
#include "lib/settings/rows.h"

#define AT(f) offsetof(struct set_limit, f)

static const char *const count_words[] = { "recipients", "messages", "bytes", "refused_recipients", NULL };
static const char *const algorithm_words[] = { "bucket", "sliding", NULL };
static const char *const action_words[] = { "defer", "reject", "prepend", "log", NULL };
static const char *const failure_words[] = { "local", "pass", "defer", NULL };

/* ---- key ---- */

/* "24" or "24/56" behind "client/". */
static bool prefixes_ok(span text)
{
    size_t slash = span_find(text, '/');
    uint64_t bits4, bits6 = 64;

    return span_to_u64(span_head(text, slash), &bits4) && bits4 >= 8 && bits4 <= 32 &&
           (slash == text.n || span_to_u64(span_from(text, slash + 1), &bits6)) && bits6 >= 16 && bits6 <= 128;
}

static const char *const part_words[] = { "client", "sender", "sender_domain", "sasl_username", "recipient", "recipient_domain", "helo", "all", NULL };

static bool part_known(span word)
{
    for (size_t i = 0; part_words[i] != NULL; i++) {
        if (span_eq(word, span_str(part_words[i])))
            return true;
    }
    return span_starts(word, SPAN("network:"));      /* whether there is such a list, settings_check.c says */
}

static int check_part(span word, struct errtext *err)
{
    const char *near;

    if (part_known(word) || (span_starts(word, SPAN("client/")) && prefixes_ok(span_from(word, 7))))
        return 0;
    if (span_find(word, '/') < word.n) {
        errtext_set(err, "\"%.*s\" is no key of a limit (prefixes go with client alone: client/24, or client/24/56 with one for IPv6)", SPAN_ARG(word));
        return -1;
    }
    near = conf_nearest(word, part_words);
    errtext_set(err, near != NULL ? "\"%.*s\" is no key of a limit (did you mean %s?)"
                                  : "\"%.*s\" is no key of a limit (client, client/24, client/24/56, network:NAME, sender, sender_domain, sasl_username, recipient, recipient_domain, helo, all)",
                SPAN_ARG(word), near);
    return -1;
}

static int check_key(const void *value, struct errtext *err)
{
    const struct conf_strings *l = value;

    for (size_t i = 0; i < l->n; i++) {
        if (check_part(span_head(span_str(l->v[i]), 80), err) < 0)
            return -1;
    }
    if (l->n > 0)
        return 0;
    errtext_set(err, "names nothing to count by (all counts everything together)");
    return -1;
}

/* ---- rate ---- */

size_t settings_limit_rates(const struct conf_strings *rate, struct conf_rate out[LIMIT_WINDOWS_MAX], struct errtext *err)
{
    size_t n = 0;

    for (size_t i = 0; i < rate->n; i++) {
        span rest = span_str(rate->v[i]), piece;

        while (span_next(&rest, ',', &piece)) {
            piece = span_trim(piece);
            if (n == LIMIT_WINDOWS_MAX) {
                errtext_set(err, "has more than %d rates", LIMIT_WINDOWS_MAX);
                return 0;
            }
            if (!conf_rate_parse(piece, &out[n++])) {
                errtext_set(err, "\"%.*s\" is not a rate (try 100/h or 3/10m; several: 100/h, 500/d)", SPAN_ARG(span_head(piece, 80)));
                return 0;
            }
        }
    }
    if (n == 0)
        errtext_set(err, "names no rate (try 100/h)");
    return n;
}

static int check_rates(const void *value, struct errtext *err)
{
    struct conf_rate rates[LIMIT_WINDOWS_MAX];

    return settings_limit_rates(value, rates, err) > 0 ? 0 : -1;
}

static int check_override_rates(const void *value, struct errtext *err)
{
    const struct conf_strings *l = value;

    return l->n == 1 && strcmp(l->v[0], "unlimited") == 0 ? 0 : check_rates(value, err);
}

/* ---- rows ---- */

#undef AT
#define AT(f) offsetof(struct set_override, f)

static const struct conf_key override_rows[] = {
    { "who", CONF_STRINGS, AT(who), 0, 0, "!", APPLY_LIVE,
      "A login or an address, @example.com (its domain), .example.com (all below it), list:NAME (policy.lists), network:NAME (networks), or a network; the first that fits, in this order." },
    { "rate", CONF_STRINGS, AT(rate), 0, 0, "!", APPLY_LIVE, "As of the limit, with no more rates than it has; or unlimited.", .check = check_override_rates },
    { NULL },
};
#undef AT

#define AT(f) offsetof(struct set_overrides_ldap, f)

static const struct conf_key overrides_ldap_rows[] = {
    { "servers", CONF_STRINGS, AT(servers), 0, 0, NULL, APPLY_LIVE, "URLs, ldaps:// ldap:// or ldapi://, tried in order.", .check = check_ldap_urls },
    { "base", CONF_STRING, AT(base), 0, 0, "", APPLY_LIVE, "Where the search begins; \"\" is the server's own naming context." },
    { "filter", CONF_STRING, AT(filter), 0, 0, "", APPLY_LIVE, "Must be given with servers: which entries have a rate, (mailQuota=*)." },
    { "who", CONF_STRING, AT(who), 0, 0, "mail", APPLY_LIVE, "Attribute with the login or address; each of its values." },
    { "rate", CONF_STRING, AT(rate), 0, 0, "", APPLY_LIVE, "Must be given with servers: attribute with the rate, 500/h; several values are several rates." },
    { "bind", CONF_OBJECT, AT(bind), 0, 0, NULL, APPLY_LIVE, "Login; without it anonymous.", .sub = ldap_bind_rows },
    { "tls", CONF_ENUM, AT(tls), 0, 0, "auto", APPLY_LIVE, "StartTLS for ldap:// URLs: auto with a login, starttls always, none never.", .words = ldap_tls_words },
    { "ca_file", CONF_PATH, AT(ca_file), 0, 0, NULL, APPLY_LIVE, "Certificate authorities; without it the system's." },
    { "every", CONF_DURATION, AT(every_ms), SECONDS(1), DAYS(1), "5m", APPLY_LIVE, "How often all of them are read." },
    { "timeout", CONF_DURATION, AT(timeout_ms), 100, MINUTES(5), "10s", APPLY_LIVE, "Wait for the directory, each step." },
    { NULL },
};
#undef AT

#define AT(f) offsetof(struct set_limit, f)

const struct conf_key limit_rows[] = {
    { "name", CONF_STRING, AT(name), 0, 0, "!", APPLY_LIVE, "Name in logs and of its counters.", .check = check_public_name },
    { "key", CONF_STRINGS, AT(key), 0, 0, "!", APPLY_LIVE,
      "What has a count of its own: client, client/24 (an IPv4 prefix; IPv6 counts by /64), client/24/56 (and an IPv6 prefix), network:NAME (all clients of a list under networks together; others are not counted), sender, sender_domain, sasl_username, recipient, recipient_domain, helo or all; several: each combination.",
      .check = check_key },
    { "count", CONF_ENUM, AT(count), 0, 0, "recipients", APPLY_LIVE,
      "What is counted: recipients and messages that are let in, at DATA; bytes of messages, at END-OF-MESSAGE; refused_recipients, those that Postfix refuses behind a hook with one of policy.harvest_contexts.",
      .words = count_words },
    { "rate", CONF_STRINGS, AT(rate), 0, 0, "!", APPLY_LIVE, "How many in which time: 100/h, 3/10m; several, which must all be kept: 100/h, 500/d.",
      .check = check_rates },
    { "algorithm", CONF_ENUM, AT(algorithm), 0, 0, "bucket", APPLY_LIVE,
      "Bucket: filled evenly, so that after a burst one at a time goes on (GCRA). Sliding: so many in the last hour or day, by two counters.",
      .words = algorithm_words },
    { "burst", CONF_INT, AT(burst), 0, 100e9, "0", APPLY_LIVE, "Bucket: how many at once, of the first rate; 0 is the number of the rate." },
    { "action", CONF_ENUM, AT(action), 0, 0, "defer", APPLY_LIVE,
      "What the one too many gets: a 4xx, a 5xx, a header field (in text), or nothing but a line in the log.", .words = action_words },
    { "on_failure", CONF_ENUM, AT(on_failure), 0, 0, "local", APPLY_LIVE,
      "While the store is away: local counts in this process (each of store.hosts lets its part through), pass counts nothing, defer gives a 4xx.",
      .words = failure_words },
    { "mode", CONF_ENUM, AT(mode), 0, 0, "inherit", APPLY_LIVE, "Observe: logged, not refused.", .words = mode_words },
    { "text", CONF_STRING, AT(text), 0, 0, NULL, APPLY_LIVE,
      "Words of the reply; %r is the seconds to wait, %T the time when it will fit. With action: prepend, the header field." },
    { "overrides", CONF_LIST, AT(overrides), 0, 0, NULL, APPLY_LIVE, "Rates of their own for some keys.", .sub = override_rows,
      .sub_size = sizeof(struct set_override) },
    { "overrides_file", CONF_PATH, AT(overrides_file), 0, 0, NULL, APPLY_LIVE,
      "More of them, one a line: WHO RATE. Read again within seconds when it changes; a broken one is reported with its line, and what was read before stays." },
    { "overrides_ldap", CONF_OBJECT, AT(overrides_ldap), 0, 0, NULL, APPLY_LIVE,
      "And out of LDAP, kept on disk for when the directory is down.", .sub = overrides_ldap_rows },
    { "hook", CONF_BOOL, AT(hook), 0, 0, "no", APPLY_LIVE, "policy.hook is told of a key that exceeds it." },
    { "block", CONF_BOOL, AT(block), 0, 0, "no", APPLY_LIVE,
      "A login that exceeds it is refused from then on, until gatepostctl limits release LOGIN: for accounts whose password is known to others." },
    { "refused_weight", CONF_INT, AT(refused_weight), 0, 1000, "0", APPLY_LIVE,
      "What a message counts that cfilter refuses: 0 gives it back, 1 leaves it counted, more is a penalty. One that is put off (4xx) is given back with 0, else it stays counted." },
    { "trusted_too", CONF_BOOL, AT(trusted_too), 0, 0, "no", APPLY_LIVE,
      "Also counts logins and trusted networks. Default: yes when the key holds sasl_username." },
    { NULL },
};
#undef AT
