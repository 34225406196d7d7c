/* settings_recipients.c - rows of recipients, and their checks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "lib/proto/domain.h"
#include "lib/proto/mailbox.h"
#include "lib/settings/rows.h"

enum { ALIAS_HOPS_MAX = 4 };

/* ---- rows ---- */

static const char *const profile_words[] = { "none", "active-directory", "openldap", "exchange-hybrid", NULL };
const char *const ldap_tls_words[] = { "auto", "starttls", "none", NULL };

/* RFC 4516: scheme "://" host; several URLs are several list items. */
int check_ldap_urls(const void *value, struct errtext *err)
{
    const struct conf_strings *l = value;

    for (size_t i = 0; i < l->n; i++) {
        span u = span_str(l->v[i]);

        if (span_find(u, ' ') < u.n || span_find(u, ',') < u.n || span_ends_nocase(u, SPAN("://")) ||
            !(span_starts_nocase(u, SPAN("ldap://")) || span_starts_nocase(u, SPAN("ldaps://")) || span_starts_nocase(u, SPAN("ldapi://")) ||
              span_starts_nocase(u, SPAN("ldap+srv://")) || span_starts_nocase(u, SPAN("ldaps+srv://")))) {
            errtext_set(err, "\"%s\" is not an LDAP URL (try ldaps://dc1.example.com)", l->v[i]);
            return -1;
        }
    }
    return 0;
}

/* RFC 4515 in outline: parentheses pair, and only %s %u %d %% are replaced. */
static int check_ldap_filter(const void *value, struct errtext *err)
{
    const char *f = *(const char *const *)value;
    int depth = 0;

    if (f[0] == '\0')
        return 0;
    for (const char *p = f; *p != '\0'; p++) {
        if (*p == '%' && (p[1] == '\0' || strchr("sud%", p[1]) == NULL)) {
            errtext_set(err, "%%%c stands for nothing here (%%s the address, %%u its local-part, %%d its domain)", p[1] != '\0' ? p[1] : ' ');
            return -1;
        }
        p += *p == '%';
        depth += (*p == '(') - (*p == ')');
        if (depth < 0)
            break;
    }
    if (depth == 0 && f[0] == '(')
        return 0;
    errtext_set(err, "\"%s\" is not an LDAP filter (parentheses must pair: (mail=%%s))", f);
    return -1;
}

static const char *const bind_words[] = { "simple", "external", "gssapi", NULL };

const struct conf_key ldap_bind_rows[] = {
    { "method", CONF_ENUM, offsetof(struct set_ldap_bind, method), 0, 0, "simple", APPLY_LIVE,
      "Simple: user and password. External: by the client certificate, or over ldapi:// by the process' user. Gssapi: by Kerberos.", .words = bind_words },
    { "user", CONF_STRING, offsetof(struct set_ldap_bind, user), 0, 0, NULL, APPLY_LIVE,
      "Name to bind as: a DN, or for Active Directory user@domain." },
    { "password_file", CONF_SECRET_FILE, offsetof(struct set_ldap_bind, password_file), 0, 0, NULL, APPLY_LIVE,
      "File with its password, or credential:NAME." },
    { "certificate", CONF_PATH, offsetof(struct set_ldap_bind, certificate), 0, 0, NULL, APPLY_LIVE, "Client certificate (PEM) for TLS." },
    { "key", CONF_PATH, offsetof(struct set_ldap_bind, key), 0, 0, NULL, APPLY_LIVE, "Its key (PEM)." },
    { "keytab", CONF_PATH, offsetof(struct set_ldap_bind, keytab), 0, 0, NULL, APPLY_LIVE,
      "Kerberos keytab of the account; without it the process' own credentials." },
    { NULL },
};

/* user@domain or @domain */
static int check_address_entries(const void *value, struct errtext *err)
{
    const struct conf_strings *l = value;

    for (size_t i = 0; i < l->n; i++) {
        struct mailbox m;
        char domain[DOMAIN_TEXT_MAX];
        span normal;

        mailbox_split(span_str(l->v[i]), &m);
        if (m.domain.p != NULL && domain_normalise(m.domain, domain, &normal) == DOMAIN_OK && (m.local.n == 0 || mailbox_check(&m) == MAILBOX_OK))
            continue;
        errtext_set(err, "\"%s\" is neither user@domain nor @domain", l->v[i]);
        return -1;
    }
    return 0;
}

static const char *const sync_words[] = { "auto", "off", "full", "syncrepl", "dirsync", "usn", NULL };

static int check_sync_filter(const void *value, struct errtext *err)
{
    const char *f = *(const char *const *)value;

    if (strchr(f, '%') != NULL) {
        errtext_set(err, "\"%s\" is for all addresses, no %% stands for one here (try (mail=*))", f);
        return -1;
    }
    return check_ldap_filter(value, err);
}

static int check_sync_attributes(const void *value, struct errtext *err)
{
    const struct conf_strings *l = value;

    if (l->n > SYNC_ATTRIBUTES_MAX) {
        errtext_set(err, "more than %d attributes", SYNC_ATTRIBUTES_MAX);
        return -1;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (strspn(l->v[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(l->v[i]) && strlen(l->v[i]) < 64)
            continue;
        errtext_set(err, "\"%s\" is no name of an attribute", l->v[i]);
        return -1;
    }
    return 0;
}

#define SYNC(f) offsetof(struct set_sync, f)

static const struct conf_key sync_rows[] = {
    { "method", CONF_ENUM, SYNC(method), 0, 0, "auto", APPLY_LIVE,
      "Off asks for one address at a time. Auto takes what the server offers: syncrepl (RFC 4533) of OpenLDAP, dirsync or else usn (uSNChanged) of Active Directory, or full, "
      "which reads all of it every full_interval; a source with a filter for single addresses, and none here, is off.",
      .words = sync_words },
    { "filter", CONF_STRING, SYNC(filter), 0, 0, "", APPLY_LIVE, "Which entries name addresses; \"\" is the profile's.", .check = check_sync_filter },
    { "attributes", CONF_STRINGS, SYNC(attributes), 0, 0, NULL, APPLY_LIVE,
      "Attributes that hold addresses (of proxyAddresses only values with smtp:); none written: the profile's.", .check = check_sync_attributes },
    { "interval", CONF_DURATION, SYNC(interval_ms), SECONDS(1), HOURS(24), "30s", APPLY_LIVE, "How often changes are asked for, where the server does not tell them by itself." },
    { "full_interval", CONF_DURATION, SYNC(full_interval_ms), SECONDS(1), DAYS(7), "30m", APPLY_LIVE, "How often all of it is read, whatever the method." },
    { "stall", CONF_DURATION, SYNC(stall_ms), SECONDS(1), MINUTES(30), "1m", APPLY_LIVE, "A reading that gets nothing for so long has failed." },
    { "grace", CONF_DURATION, SYNC(grace_ms), 0, DAYS(31), "15m", APPLY_LIVE, "How long an address that is gone from the directory is still taken." },
    { "negative_trust", CONF_DURATION, SYNC(negative_trust_ms), 0, DAYS(31), "0", APPLY_LIVE,
      "How old the last complete reading may be for an address that is not in it to be unknown while the directory cannot be asked; 0: then it is put off (4xx)." },
    { "confirm", CONF_RATE, SYNC(confirm), 0, 0, "20/s", APPLY_LIVE, "How often the directory is asked about addresses that are not in the set, so that a new mailbox works at once." },
    { "max_removed", CONF_NUMBER, SYNC(max_removed), 0, 100, "5", APPLY_LIVE, "Percent of all addresses that may go at once; a reading that takes more is held until it is accepted." },
    { "max_removed_least", CONF_INT, SYNC(max_removed_least), 0, 1e9, "50", APPLY_LIVE, "So many may always go." },
    { "max_domain_removed", CONF_NUMBER, SYNC(max_domain_removed), 0, 100, "20", APPLY_LIVE, "Percent of each domain's." },
    { "canaries", CONF_STRINGS, SYNC(canaries), 0, 0, NULL, APPLY_LIVE, "Addresses that are always there; a reading without one of them is held.", .check = check_address_entries },
    { "accept_after", CONF_INT, SYNC(accept_after), 0, 1000, "0", APPLY_LIVE,
      "A held reading is accepted when so many in a row, from two servers or over a day, want the same; never one that takes all addresses or a whole domain. 0: a person must." },
    { "leavers", CONF_BOOL, SYNC(leavers), 0, 0, "yes", APPLY_LIVE,
      "Active Directory: disabled user mailboxes receive. No: they do not (shared, room and equipment mailboxes, which are disabled accounts too, always do)." },
    { "login", CONF_STRING, SYNC(login), 0, 0, "", APPLY_LIVE,
      "Attribute that holds the login, for maps of kind senders; \"\": userPrincipalName of Active Directory, uid of others." },
    { "share", CONF_BOOL, SYNC(share), 0, 0, "yes", APPLY_LIVE,
      "With store.type redis: one host reads the directory, the others take what it read out of Redis. No: each host reads for itself." },
    { "*", CONF_ENUM, SYNC(method), 0, 0, NULL, APPLY_LIVE, "The method.", .words = sync_words },
    { NULL },
};

static const char *const callout_tls_words[] = { "auto", "require", "off", NULL };

#define CALLOUT(f) offsetof(struct set_callout, f)

static const struct conf_key callout_rows[] = {
    { "server", CONF_STRING, CALLOUT(server), 0, 0, "", APPLY_LIVE, "Who is asked: inner.example.com:25; mx is the MX of each domain. No other server is ever asked." },
    { "transport", CONF_STRING, CALLOUT(transport), 0, 0, NULL, APPLY_LIVE, "Instead: a map of kind transport, whose routes name the servers." },
    { "sender", CONF_STRING, CALLOUT(sender), 0, 0, "", APPLY_LIVE, "MAIL FROM; \"\" is the null reverse-path, as verify(8) has it. For servers that refuse it: an address that exists." },
    { "starttls", CONF_ENUM, CALLOUT(starttls), 0, 0, "auto", APPLY_LIVE, "Auto where it is offered, unverified; require verifies the certificate (ca_file).", .words = callout_tls_words },
    { "errors_max", CONF_INT, CALLOUT(errors_max), 1, 1000, "8", APPLY_LIVE,
      "Refused recipients on one connection: then a new one is opened. Postfix slows down after 10 (smtpd_soft_error_limit)." },
    { "*", CONF_STRING, CALLOUT(server), 0, 0, NULL, APPLY_LIVE, "The server." },
    { NULL },
};

static const char *const redis_kind_words[] = { "set", "hash", NULL };

#define REDIS(f) offsetof(struct set_rcpt_redis, f)

static const struct conf_key rcpt_redis_rows[] = {
    { "key", CONF_STRING, REDIS(key), 0, 0, "", APPLY_LIVE, "The key: addresses and @domain, in lower case." },
    { "kind", CONF_ENUM, REDIS(kind), 0, 0, "set", APPLY_LIVE, "Members of a set, or fields of a hash.", .words = redis_kind_words },
    { "server", CONF_ADDRESS, REDIS(server), 0, 0, "127.0.0.1:6379", APPLY_LIVE, "Where Redis answers." },
    { "sentinels", CONF_ADDRESSES, REDIS(sentinels), 0, 0, NULL, APPLY_LIVE, "Addresses of Sentinels, in place of server: they say which server is the master." },
    { "master", CONF_STRING, REDIS(master), 0, 0, "mymaster", APPLY_LIVE, "With sentinels: the name of the master." },
    { "sentinel_password_file", CONF_SECRET_FILE, REDIS(sentinel_password_file), 0, 0, NULL, APPLY_LIVE, "The Sentinels' own password." },
    { "cluster", CONF_ADDRESSES, REDIS(cluster), 0, 0, NULL, APPLY_LIVE, "Addresses of some nodes of a Redis Cluster, in place of server." },
    { "user", CONF_STRING, REDIS(user), 0, 0, NULL, APPLY_LIVE, "ACL user." },
    { "password_file", CONF_SECRET_FILE, REDIS(password_file), 0, 0, NULL, APPLY_LIVE, "File with the password, or credential:NAME." },
    { "db", CONF_INT, REDIS(db), 0, 1000, "0", APPLY_LIVE, "Number of the database." },
    { "tls", CONF_BOOL, REDIS(tls), 0, 0, "no", APPLY_LIVE, "TLS, verified (ca_file)." },
    { NULL },
};

#define SRC(from, f) ((from) + offsetof(struct set_recipient_source, f))
/* The keys of one source: of the short form (from: where `single` is) and of an entry of sources (from 0). */
#define SOURCE_ROWS(from, entry)                                                                                                              \
    { "name", CONF_STRING, SRC(from, name), 0, 0, NULL, APPLY_LIVE, "Name in logs; default: the kind of the source, static, ldap, callout or redis.",   \
      .check = check_public_name },                                                                                                     \
    { "domains", CONF_DOMAINS, SRC(from, domains), 0, 0, NULL, APPLY_LIVE, "Domains that it answers for; none written: all." },         \
    { "addresses", CONF_STRINGS, SRC(from, addresses), 0, 0, NULL, APPLY_LIVE, "A list: the addresses themselves, user@domain or @domain for all of one." }, \
    { "files", CONF_PATHS, SRC(from, files), 0, 0, NULL, APPLY_LIVE, "A list: files with one address, @domain or /pattern/ (whole addresses, PCRE) a line, # begins a comment; exports in CSV (*.csv) and LDIF (*.ldif). Read again when they change." }, \
    { "profile", CONF_ENUM, SRC(from, profile), 0, 0, "none", APPLY_LIVE, "LDAP: which attributes hold addresses.", .words = profile_words }, \
    { "servers", CONF_STRINGS, SRC(from, servers), 0, 0, NULL, APPLY_LIVE, "LDAP: URLs, ldaps:// ldap:// or ldapi://, tried in order; ldaps+srv://corp.example finds them in DNS (_ldap._tcp; Berlin._sites.dc._msdcs.corp.example names a site).",  \
      .check = check_ldap_urls },                                                                                                       \
    { "base", CONF_STRING, SRC(from, base), 0, 0, "", APPLY_LIVE, "LDAP: where the search begins; \"\" is the server's own naming context." }, \
    { "filter", CONF_STRING, SRC(from, filter), 0, 0, "", APPLY_LIVE,                                                                    \
      "LDAP: which entries match; %s is the address, %u its local-part, %d its domain. \"\" is the profile's.", .check = check_ldap_filter }, \
    { "bind", CONF_OBJECT, SRC(from, bind), 0, 0, NULL, APPLY_LIVE, "LDAP: login; without it anonymous.", .sub = ldap_bind_rows },            \
    { "tls", CONF_ENUM, SRC(from, tls), 0, 0, "auto", APPLY_LIVE,                                                                        \
      "LDAP, for ldap:// URLs: starttls demands it, none sends in the clear; auto is starttls wherever a password is sent to another machine.", .words = ldap_tls_words }, \
    { "ca_file", CONF_PATH, SRC(from, ca_file), 0, 0, NULL, APPLY_LIVE, "LDAP: certificate authorities; without it the system's." },     \
    { "query_timeout", CONF_DURATION, SRC(from, timeout_ms), 50, SECONDS(30), "3s", APPLY_LIVE, "Wait for this source." },               \
    { "connections", CONF_INT, SRC(from, connections), 1, 32, "2", APPLY_LIVE, "LDAP: queries at once." },                               \
    { "authoritative", CONF_BOOL, SRC(from, authoritative), 0, 0, "no", APPLY_LIVE, "What it does not know is unknown: later sources are not asked." }, \
    { "sync", CONF_OBJECT, SRC(from, sync), 0, 0, NULL, APPLY_LIVE,                                                                      \
      "LDAP: all of the directory's addresses are kept here, so that it can be away.", .sub = sync_rows, .brief = (entry) },                              \
    { "callout", CONF_OBJECT, SRC(from, callout), 0, 0, NULL, APPLY_LIVE,                                                                \
      "Call-out: the inner server is asked over SMTP; what it says is remembered (positive_ttl and the others).", .sub = callout_rows, .brief = (entry) }, \
    { "redis", CONF_OBJECT, SRC(from, redis), 0, 0, NULL, APPLY_LIVE,                                                                    \
      "Redis: a set or hash of addresses that other software fills.", .sub = rcpt_redis_rows, .brief = (entry) }

static const struct conf_key source_rows[] = { SOURCE_ROWS(0, true), { NULL } };

static const struct conf_key domain_alias_rows[] = {
    { "name", CONF_DOMAIN, offsetof(struct set_domain_alias, name), 0, 0, "!", APPLY_LIVE, "The alias domain." },
    { "*", CONF_DOMAIN, offsetof(struct set_domain_alias, target), 0, 0, NULL, APPLY_LIVE, "The domain whose users it has." },
    { NULL },
};

#define AT(f) offsetof(struct set_recipients, f)

const struct conf_key recipients_rows[] = {
    SOURCE_ROWS(AT(single), false),
    { "sources", CONF_LIST, AT(sources), 0, 0, NULL, APPLY_LIVE, "Several sources, asked in this order.", .sub = source_rows,
      .sub_size = sizeof(struct set_recipient_source) },
    { "delimiters", CONF_STRING, AT(delimiters), 0, 0, "", APPLY_LIVE,
      "Postfix' recipient_delimiter: user+anything is user. Each character counts." },
    { "fold_local_part", CONF_BOOL, AT(fold_local_part), 0, 0, "yes", APPLY_LIVE, "Upper and lower case are alike before the @." },
    { "positive_ttl", CONF_DURATION, AT(positive_ttl_ms), SECONDS(1), DAYS(31), "1h", APPLY_LIVE, "How long a known recipient is remembered." },
    { "negative_ttl", CONF_DURATION, AT(negative_ttl_ms), SECONDS(1), HOURS(1), "5m", APPLY_LIVE, "How long an unknown one is remembered." },
    { "refresh_after", CONF_DURATION, AT(refresh_after_ms), 0, DAYS(31), "0", APPLY_LIVE,
      "Ask again in the background after this time; 0 is half of the time above." },
    { "stale_ttl", CONF_DURATION, AT(stale_ttl_ms), 0, DAYS(365), "7d", APPLY_LIVE,
      "How long a recipient that was known still counts as known while no source answers." },
    { "timeout", CONF_DURATION, AT(timeout_ms), 100, SECONDS(60), "5s", APPLY_LIVE, "A whole lookup; then the answer is temporary failure (4xx)." },
    { "cache_entries", CONF_INT, AT(cache_entries), 100, 50e6, "200000", APPLY_LIVE, "Answers remembered." },
    { "aliases", CONF_NAMED, AT(aliases), 0, 0, NULL, APPLY_LIVE, "Alias domains: {alias.example: example.com}.", .sub = domain_alias_rows,
      .sub_size = sizeof(struct set_domain_alias) },
    { "always", CONF_STRINGS, AT(always), 0, 0, NULL, APPLY_LIVE, "Addresses, or @domain, that exist whatever the sources say.", .check = check_address_entries },
    { "never", CONF_STRINGS, AT(never), 0, 0, NULL, APPLY_LIVE, "Those that do not; an address counts before its domain.", .check = check_address_entries },
    { NULL },
};

/* ---- one list of sources ---- */

static bool is_callout(const struct set_recipient_source *src)
{
    return src->callout.server[0] != '\0' || (src->callout.transport != NULL && src->callout.transport[0] != '\0');
}

static bool is_list(const struct set_recipient_source *src)
{
    return src->files.n > 0 || src->addresses.n > 0;
}

static void take_short_form(struct settings *s, struct conf_errors *errors)
{
    static const char *const own_keys[] = { "name",     "addresses", "files",   "profile", "servers", "base",
                                            "filter",   "bind",      "tls",     "ca_file", "query_timeout",
                                            "connections", "authoritative", "domains", "sync", "callout", "redis", NULL };
    struct set_recipients *r = &s->recipients;
    char path[64];

    if (!settings_written(s, "recipients.sources")) {
        if (is_list(&r->single) || r->single.servers.n > 0 || is_callout(&r->single) || r->single.redis.key[0] != '\0') {
            r->sources = (struct conf_list){ arena_dup(s->arena, &r->single, sizeof(r->single)), 1 };
            /* So that `config show` tells of it once, in the long form. */
            for (const struct conf_key *k = source_rows; k->name != NULL; k++)
                conf_reset(k, (char *)&r->single + k->at, s->arena);
        } else if (settings_written(s, "recipients.profile"))
            settings_error(s, errors, "recipients.servers", "must be given with a profile (LDAP URLs)");
        return;
    }
    for (size_t i = 0; own_keys[i] != NULL; i++) {
        snprintf(path, sizeof(path), "recipients.%s", own_keys[i]);
        if (settings_written(s, path))
            settings_error(s, errors, path, "belongs into an entry of sources, as sources are written");
    }
}

static bool name_is_taken(const struct set_recipient_source *v, size_t n, const char *name, size_t but)
{
    for (size_t i = 0; i < n; i++) {
        if (i != but && v[i].name != NULL && strcmp(v[i].name, name) == 0)
            return true;
    }
    return false;
}

static void name_source(struct settings *s, struct set_recipient_source *v, size_t n, size_t i)
{
    const char *kind = v[i].servers.n > 0 ? "ldap" : is_callout(&v[i]) ? "callout" : v[i].redis.key[0] != '\0' ? "redis" : "static";
    const char *name = kind;

    for (unsigned number = 2; name_is_taken(v, n, name, i); number++)
        name = arena_printf(s->arena, "%s-%u", kind, number);
    v[i].name = name;
}

static bool strings_hold(const struct conf_strings *l, const char *word)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->v[i], word) == 0)
            return true;
    }
    return false;
}

static void check_source_domains(struct settings *s, struct conf_errors *errors, struct set_recipient_source *src, const char *path)
{
    if (src->domains.n == 0) {
        src->domains = s->domains;
        return;
    }
    for (size_t i = 0; i < src->domains.n; i++) {
        char at[128];

        if (strings_hold(&s->domains, src->domains.v[i]))
            continue;
        snprintf(at, sizeof(at), "%s.domains[%zu]", path, i);
        settings_error(s, errors, at, "\"%s\" is not among domains (add it there too)", src->domains.v[i]);
    }
}

static void check_source(struct settings *s, struct conf_errors *errors, struct set_recipient_source *v, size_t n, size_t i, const char *path)
{
    struct set_recipient_source *src = &v[i];
    int kinds = is_list(src) + (src->servers.n > 0) + is_callout(src) + (src->redis.key[0] != '\0');
    char at[128];

    if (src->name == NULL) {
        name_source(s, v, n, i);
    } else if (name_is_taken(v, i, src->name, i)) {
        snprintf(at, sizeof(at), "%s.name", path);
        settings_error(s, errors, at, "\"%s\" is the name of an earlier source", src->name);
    }
    if (kinds > 1) {
        snprintf(at, sizeof(at), "%s.%s", path, src->redis.key[0] != '\0' ? "redis" : is_callout(src) ? "callout" : "servers");
        settings_error(s, errors, at, "a source is one of: a list (addresses, files), LDAP (servers), a call-out, Redis; write several under sources");
    } else if (kinds == 0) {
        settings_error(s, errors, path, "names nothing to ask (addresses, files, servers for LDAP, callout, or redis)");
    }
    if (src->servers.n > 0 && src->filter[0] == '\0' && src->profile == LDAP_PROFILE_NONE) {
        snprintf(at, sizeof(at), "%s.profile", path);
        settings_error(s, errors, at, "must be given (active-directory, openldap or exchange-hybrid), or a filter");
    }
    if ((src->bind.certificate == NULL) != (src->bind.key == NULL)) {
        snprintf(at, sizeof(at), "%s.bind.%s", path, src->bind.key == NULL ? "key" : "certificate");
        settings_error(s, errors, at, "must be given: certificate and key go together");
    }
    if ((src->bind.user == NULL) != (src->bind.password_file == NULL) && src->bind.method == LDAP_BIND_SIMPLE) {
        snprintf(at, sizeof(at), "%s.bind.%s", path, src->bind.user == NULL ? "user" : "password_file");
        settings_error(s, errors, at, "must be given: user and password_file go together");
    }
    check_source_domains(s, errors, src, path);
}

/* ---- alias domains ---- */

static const char *alias_target(const struct conf_list *aliases, const char *name)
{
    const struct set_domain_alias *a = aliases->v;

    for (size_t i = 0; i < aliases->n; i++) {
        if (strcmp(a[i].name, name) == 0)
            return a[i].target;
    }
    return NULL;
}

static void check_aliases(const struct settings *s, struct conf_errors *errors)
{
    const struct conf_list *aliases = &s->recipients.aliases;
    const struct set_domain_alias *a = aliases->v;

    for (size_t i = 0; i < aliases->n; i++) {
        const char *to = a[i].target;
        char at[300];
        int hops = 0;

        for (const char *next; (next = alias_target(aliases, to)) != NULL && hops < ALIAS_HOPS_MAX; hops++)
            to = next;
        snprintf(at, sizeof(at), "recipients.aliases.%s", a[i].name);
        if (hops == ALIAS_HOPS_MAX)
            settings_error(s, errors, at, "leads through more than %d aliases, or in a circle", ALIAS_HOPS_MAX);
        else if (!strings_hold(&s->domains, to))
            settings_error(s, errors, at, "\"%s\" is not among domains", to);
    }
}

void settings_check_recipients(struct settings *s, struct conf_errors *errors)
{
    struct set_recipients *r = &s->recipients;
    struct set_recipient_source *v;

    if (!conf_sound(s->marks, "recipients") || !conf_sound(s->marks, "domains"))
        return;
    take_short_form(s, errors);
    v = r->sources.v;
    for (size_t i = 0; i < r->sources.n; i++) {
        char path[64] = "recipients";

        if (settings_written(s, "recipients.sources"))
            snprintf(path, sizeof(path), "recipients.sources[%zu]", i);
        check_source(s, errors, v, r->sources.n, i, path);
    }
    check_aliases(s, errors);
    if (r->refresh_after_ms > r->positive_ttl_ms)
        settings_error(s, errors, "recipients.refresh_after", "is longer than positive_ttl: it would never happen");
}
