/* doctor_rules.c - what is missing or dangerous in the wiring between Postfix and Gatepost.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/doctor.h"

struct examination {
    const struct postfix *p;
    const struct settings *set;
    finding_fn *tell;
    void *arg;
    const struct postfix_service *reinject;
    size_t fronts;
};

static void __attribute__((format(printf, 3, 4))) say(const struct examination *x, enum finding_level level, const char *fmt, ...)
{
    char text[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    x->tell(level, text, x->arg);
}

static bool has(const char *value, const char *word)
{
    return value != NULL && strstr(value, word) != NULL;
}

static bool is_smtpd(const struct postfix_service *s)
{
    return strcmp(s->command, "smtpd") == 0;
}

/* "inet:127.0.0.1:10025", "127.0.0.1:10025" and "localhost:10025" are one place. */
static span plain_address(const char *text)
{
    span a = span_str(text);

    if (span_starts(a, SPAN("inet:")))
        a = span_from(a, 5);
    return a;
}

static bool same_address(const char *a, const char *b)
{
    return span_eq_nocase(plain_address(a), plain_address(b));
}

/* A unix socket of ours as Postfix names it: relative to its queue directory, or whole. */
static bool names_socket(const char *text, const struct conf_strings *addresses, const char *queue)
{
    char relative[512];
    size_t n = strlen(queue);

    for (size_t i = 0; i < addresses->n; i++) {
        const char *a = addresses->v[i];

        if (strncmp(a, "systemd:", 8) == 0 || has(text, a) || (strncmp(a, "inet:", 5) == 0 && has(text, a + 5)))
            return true;
        if (strncmp(a, "unix:", 5) != 0 || strncmp(a + 5, queue, n) != 0 || a[5 + n] != '/')
            continue;
        snprintf(relative, sizeof(relative), "unix:%s", a + 5 + n + 1);
        if (has(text, relative))
            return true;
    }
    return false;
}

static const struct postfix_service *find_reinject(const struct examination *x)
{
    for (size_t i = 0; i < x->p->n_services; i++) {
        const struct postfix_service *s = &x->p->services[i];

        if (is_smtpd(s) && strcmp(s->type, "inet") == 0 && x->set->filter.reinject != NULL && same_address(s->name, x->set->filter.reinject))
            return s;
    }
    return NULL;
}

static void examine_reinject_relay(const struct examination *x)
{
    const struct postfix_service *s = x->reinject;
    const char *nets = postfix_value(x->p, s, "mynetworks", "");

    if (!span_starts(span_str(s->name), SPAN("127.")) && !span_starts(span_str(s->name), SPAN("[::1]")) &&
        !span_starts(span_str(s->name), SPAN("localhost:")))
        say(x, FINDING_BAD, "re-injection %s can be reached from other hosts, and takes what it gets without a check: bind it to 127.0.0.1", s->name);
    if (postfix_own_value(s, "mynetworks") == NULL || !has(nets, "127.0.0."))
        say(x, FINDING_BAD, "re-injection %s has no -o mynetworks=127.0.0.1/32: whoever main.cf trusts may relay through it unfiltered", s->name);
    if (!has(postfix_value(x->p, s, "smtpd_relay_restrictions", ""), "reject") ||
        !has(postfix_value(x->p, s, "smtpd_recipient_restrictions", ""), "reject"))
        say(x, FINDING_BAD, "re-injection %s needs -o smtpd_relay_restrictions=permit_mynetworks,reject (and smtpd_recipient_restrictions)", s->name);
    if (has(postfix_value(x->p, s, "smtpd_recipient_restrictions", ""), "check_policy_service") ||
        has(postfix_value(x->p, s, "smtpd_data_restrictions", ""), "check_policy_service"))
        say(x, FINDING_BAD, "re-injection %s asks policyd again, with 127.0.0.1 as the client: set its restrictions to permit_mynetworks,reject", s->name);
}

static void examine_reinject(struct examination *x)
{
    const struct postfix_service *s = x->reinject = find_reinject(x);
    const char *bare;

    if (s == NULL) {
        say(x, FINDING_BAD, "master.cf has no smtpd at %s (filter.reinject): paste /usr/share/gatepost/postfix/reinject.cf",
            x->set->filter.reinject != NULL ? x->set->filter.reinject : "filter.reinject, which is not set,");
        return;
    }
    if (postfix_value(x->p, s, "smtpd_proxy_filter", "")[0] != '\0')
        say(x, FINDING_BAD, "re-injection %s feeds the filter again (a loop): give it -o smtpd_proxy_filter=", s->name);
    if (postfix_value(x->p, s, "content_filter", "")[0] != '\0')
        say(x, FINDING_WARNING, "re-injection %s has a content_filter: give it -o content_filter=", s->name);
    if (!has(postfix_value(x->p, s, "smtpd_authorized_xforward_hosts", ""), "127.0.0.1"))
        say(x, FINDING_WARNING, "re-injection %s does not take XFORWARD: the log loses the clients; -o smtpd_authorized_xforward_hosts=127.0.0.1/32", s->name);
    bare = postfix_value(x->p, s, "smtpd_forbid_bare_newline", "no");
    if (strcmp(bare, "reject") != 0 && strcmp(bare, "normalize") != 0 && strcmp(bare, "yes") != 0)
        say(x, FINDING_WARNING, "re-injection %s ends messages at bare newlines (SMTP smuggling): -o smtpd_forbid_bare_newline=reject", s->name);
    if (postfix_value(x->p, s, "smtpd_forbid_bare_newline_exclusions", "$mynetworks")[0] != '\0')
        say(x, FINDING_WARNING, "re-injection %s exempts 127.0.0.1 from smtpd_forbid_bare_newline: -o smtpd_forbid_bare_newline_exclusions=", s->name);
    if (has(postfix_value(x->p, s, "receive_override_options", ""), "no_address_mappings"))
        say(x, FINDING_WARNING, "re-injection %s has no_address_mappings: virtual aliases and canonical maps are applied nowhere", s->name);
    if (strcmp(postfix_value(x->p, s, "smtpd_timeout", "normal"), "normal") == 0)
        say(x, FINDING_NOTE, "re-injection %s drops a waiting filter after 10 s under stress: -o smtpd_timeout=600s", s->name);
    examine_reinject_relay(x);
    say(x, FINDING_OK, "re-injection: smtpd at %s", s->name);
}

static bool mentions_policyd(const struct examination *x, const char *value)
{
    return has(value, "check_policy_service") && names_socket(value, &x->set->listen.policy, postfix_value(x->p, NULL, "queue_directory", "/var/spool/postfix"));
}

static bool counts_bytes(const struct examination *x)
{
    const struct set_limit *limits = x->set->policy.limits.v;

    for (size_t i = 0; i < x->set->policy.limits.n; i++) {
        if (limits[i].count == LIMIT_BYTES)
            return true;
    }
    return false;
}

static void examine_policy(const struct examination *x, const struct postfix_service *s)
{
    const char *rcpt = postfix_value(x->p, s, "smtpd_recipient_restrictions", "");
    const char *data = postfix_value(x->p, s, "smtpd_data_restrictions", "");
    const char *policy = has(rcpt, "check_policy_service") ? strstr(rcpt, "check_policy_service") : NULL;
    const char *unlisted = has(rcpt, "reject_unlisted_recipient") ? strstr(rcpt, "reject_unlisted_recipient") : NULL;

    if (!mentions_policyd(x, rcpt))
        say(x, FINDING_WARNING, "%s does not ask policyd (listen.policy) in smtpd_recipient_restrictions: no DNSBL, no limit, no rule applies there", s->name);
    else if (!mentions_policyd(x, data))
        say(x, FINDING_WARNING, "%s does not ask policyd in smtpd_data_restrictions: cfilter learns nothing of logins and trusted clients there, and limits count mail that is refused", s->name);
    if (counts_bytes(x) && !mentions_policyd(x, postfix_value(x->p, s, "smtpd_end_of_data_restrictions", "")))
        say(x, FINDING_WARNING, "%s does not ask policyd in smtpd_end_of_data_restrictions: limits of bytes count what clients announce", s->name);
    if (policy != NULL && strcmp(s->name, "submission") != 0 && (unlisted == NULL || unlisted > policy) &&
        strstr(rcpt, "permit_sasl_authenticated, reject") == NULL)
        say(x, FINDING_NOTE, "%s asks policyd about unknown recipients too: put reject_unlisted_recipient before check_policy_service", s->name);
    if (s->chroot && (has(rcpt, "check_policy_service unix:/") || has(rcpt, "{ unix:/")))
        say(x, FINDING_BAD, "%s is chrooted and cannot see a socket by its whole path: name it relative to the queue directory (unix:gatepost/policy.sock)", s->name);
}

static bool is_recipient_map(const struct examination *x, const struct postfix_service *s, const char **name_out)
{
    static const char *const maps[] = { "relay_recipient_maps", "virtual_mailbox_maps", "local_recipient_maps", NULL };

    for (size_t i = 0; maps[i] != NULL; i++) {
        const char *value = postfix_value(x->p, s, maps[i], "");

        if (has(value, "socketmap:")) {
            *name_out = value;
            return true;
        }
    }
    return has(postfix_value(x->p, s, "smtpd_recipient_restrictions", ""), "socketmap:") &&
           (*name_out = postfix_value(x->p, s, "smtpd_recipient_restrictions", "")) != NULL;
}

static void examine_recipients(const struct examination *x, const struct postfix_service *s)
{
    const struct set_map *maps = x->set->maps.v;
    const char *value;
    bool known = false;

    if (has(postfix_value(x->p, s, "smtpd_relay_restrictions", ""), "reject") &&
        !has(postfix_value(x->p, s, "smtpd_relay_restrictions", ""), "unauth"))
        return;                          /* for logins or trusted hosts only: recipients are anywhere */
    if (!is_recipient_map(x, s, &value)) {
        say(x, FINDING_WARNING, "%s asks nobody whether a recipient exists: -o relay_recipient_maps=socketmap:unix:gatepost/socketmap.sock:recipients", s->name);
        return;
    }
    for (size_t i = 0; i < x->set->maps.n; i++) {
        char end[128];

        snprintf(end, sizeof(end), ":%s", maps[i].name);
        known = known || has(value, end);
    }
    if (!known)
        say(x, FINDING_BAD, "%s names a socketmap that gatepost.yaml does not have (maps): every recipient gets 451. It says %s", s->name, value);
    if (s->chroot && has(value, "socketmap:unix:/") && !has(value, "proxy:socketmap:"))
        say(x, FINDING_BAD, "%s is chrooted and cannot see a socket by its whole path: socketmap:unix:gatepost/socketmap.sock:recipients", s->name);
}

static long seconds_of(const char *value)
{
    char *end;
    long n = strtol(value, &end, 10);

    return *end == 'm' ? n * 60 : *end == 'h' ? n * 3600 : n;
}

/* What comes of smtpd_proxy_options=speed_adjust: the client has its 250 for every recipient before cfilter sees the first. */
static void examine_speed_adjust(const struct examination *x, const struct postfix_service *s)
{
    if (!has(postfix_value(x->p, s, "smtpd_proxy_options", ""), "speed_adjust"))
        return;
    if (x->set->filter.mixed == MIXED_SPLIT && x->set->filter.classes.n > 0)
        say(x, FINDING_BAD, "%s has speed_adjust, with which filter.mixed: split puts off whole messages instead of single recipients: take one of them away", s->name);
    else
        say(x, FINDING_WARNING, "%s has speed_adjust: single recipients can no longer be refused while the client is connected", s->name);
}

static void examine_front(struct examination *x, const struct postfix_service *s)
{
    const char *filter = postfix_value(x->p, s, "smtpd_proxy_filter", "");
    const char *bare = postfix_value(x->p, s, "smtpd_forbid_bare_newline", "no");
    long need_s = (long)((x->set->filter.scan_timeout_ms + x->set->filter.reinject_timeout_ms) / 1000);
    bool ours = names_socket(filter, &x->set->listen.filter, postfix_value(x->p, NULL, "queue_directory", "/var/spool/postfix"));

    x->fronts++;
    if (!ours)
        say(x, FINDING_BAD, "%s hands messages to %s, where cfilter does not listen (listen.filter)", s->name, filter);
    examine_speed_adjust(x, s);
    if (seconds_of(postfix_value(x->p, s, "smtpd_proxy_timeout", "100s")) < need_s)
        say(x, FINDING_WARNING, "%s waits %s for cfilter, which may take %ld s (filter.scan_timeout + reinject_timeout): -o smtpd_proxy_timeout=180s",
            s->name, postfix_value(x->p, s, "smtpd_proxy_timeout", "100s"), need_s);
    if (strcmp(bare, "normalize") != 0 && strcmp(bare, "reject") != 0 && strcmp(bare, "yes") != 0)
        say(x, FINDING_WARNING, "%s ends messages at bare newlines (SMTP smuggling, CVE-2023-51764): -o smtpd_forbid_bare_newline=normalize", s->name);
    if (!has(postfix_value(x->p, s, "smtpd_discard_ehlo_keywords", ""), "chunking"))
        say(x, FINDING_NOTE, "%s announces CHUNKING; cfilter gets such mail as DATA, with line ends changed: -o smtpd_discard_ehlo_keywords=chunking,etrn,vrfy", s->name);
    if (x->reinject != NULL && x->reinject->max_processes > 0 && (s->max_processes < 0 || s->max_processes > x->reinject->max_processes))
        say(x, FINDING_WARNING, "%s may run more processes than the re-injection behind it: they would wait for each other", s->name);
    examine_policy(x, s);
    examine_recipients(x, s);
    say(x, FINDING_OK, "%s/%s: an smtpd in front of cfilter", s->name, s->type);
}

static void examine_main(const struct examination *x)
{
    const char *main_filter = postfix_value(x->p, NULL, "smtpd_proxy_filter", "");
    static const char *const classes[] = { "relay_domains", "virtual_mailbox_domains", "virtual_alias_domains", "mydestination", NULL };

    if (main_filter[0] != '\0')
        say(x, FINDING_BAD, "main.cf sets smtpd_proxy_filter for every smtpd, the re-injection too: set it per service in master.cf");
    if (strcmp(postfix_value(x->p, NULL, "soft_bounce", "no"), "yes") == 0)
        say(x, FINDING_WARNING, "main.cf has soft_bounce=yes: every refusal becomes a 4xx and comes again");
    if (strcmp(postfix_value(x->p, NULL, "unknown_relay_recipient_reject_code", "550"), "550") != 0)
        say(x, FINDING_NOTE, "main.cf answers unknown recipients with %s instead of 550", postfix_value(x->p, NULL, "unknown_relay_recipient_reject_code", "550"));
    if (strtoll(postfix_value(x->p, NULL, "message_size_limit", "10240000"), NULL, 10) > x->set->filter.max_message_bytes)
        say(x, FINDING_NOTE, "main.cf takes messages of up to %s bytes, cfilter %lld (filter.max_message): larger ones are refused by cfilter",
            postfix_value(x->p, NULL, "message_size_limit", "10240000"), (long long)x->set->filter.max_message_bytes);
    for (size_t d = 0; d < x->set->domains.n; d++) {
        bool found = false, table = false;

        for (size_t i = 0; classes[i] != NULL; i++) {
            found = found || has(postfix_value(x->p, NULL, classes[i], ""), x->set->domains.v[d]);
            table = table || has(postfix_value(x->p, NULL, classes[i], ""), ":");
        }
        if (!found && !table)
            say(x, FINDING_WARNING, "main.cf does not name %s (domains) in relay_domains or another class: mail for it is refused as relaying", x->set->domains.v[d]);
    }
}

void doctor_examine(const struct postfix *p, const struct settings *set, finding_fn *tell, void *arg)
{
    struct examination x = { .p = p, .set = set, .tell = tell, .arg = arg };

    examine_main(&x);
    examine_reinject(&x);
    for (size_t i = 0; i < p->n_services; i++) {
        const struct postfix_service *s = &p->services[i];

        if (is_smtpd(s) && s != x.reinject && postfix_value(p, s, "smtpd_proxy_filter", "")[0] != '\0')
            examine_front(&x, s);
    }
    if (x.fronts == 0)
        say(&x, FINDING_BAD, "no smtpd hands its messages to cfilter: paste /usr/share/gatepost/postfix/mx-in.cf over the \"smtp inet\" line of master.cf");
}
