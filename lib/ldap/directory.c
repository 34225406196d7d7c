/* directory.c - a connection to a directory, for a child process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/ldap/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "lib/base/alloc.h"

enum { CONNECTION_IDLE_MAX_S = 240 };    /* AD drops idle connections after 900 s, firewalls often after 300 s */

int64_t directory_now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

void directory_close(struct directory *d)
{
    /* ldap_destroy, not ldap_unbind: a dead TLS peer must not hold us in its close-notify. */
    if (d->ld != NULL)
        ldap_destroy(d->ld);
    d->ld = NULL;
    free(d->base);
    d->base = NULL;
}

void directory_failure(LDAP *ld, int rc, const char *step, const char *url, char *detail, size_t size)
{
    char *diagnostic = NULL;

    if (ld != NULL)
        ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diagnostic);
    snprintf(detail, size, "%s: %s: %s%s%s", url, step, ldap_err2string(rc), diagnostic != NULL && *diagnostic ? ": " : "",
             diagnostic != NULL ? diagnostic : "");
    ldap_memfree(diagnostic);
}

static bool has_result(LDAP *ld, LDAPMessage *res)
{
    for (LDAPMessage *m = res != NULL ? ldap_first_message(ld, res) : NULL; m != NULL; m = ldap_next_message(ld, m)) {
        if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT)
            return true;
    }
    return false;
}

int directory_search(LDAP *ld, const char *base, int scope, const char *filter, char **attrs, LDAPControl **controls, int64_t timeout_ms, int most,
                     LDAPMessage **res_out)
{
    struct timeval limit = { timeout_ms / 1000, (timeout_ms % 1000) * 1000 };
    int rc;

    *res_out = NULL;
    rc = ldap_search_ext_s(ld, base, scope, filter, attrs, 0, controls, NULL, &limit, most, res_out);
    return rc == LDAP_SUCCESS && !has_result(ld, *res_out) ? LDAP_SERVER_DOWN : rc;
}

/* AD takes no SASL layer within TLS; and a name in DNS backwards is no proof of anything. */
static int set_sasl_options(LDAP *ld, const struct ldap_config *c, bool tls)
{
    int rc = LDAP_SUCCESS;

    if (c->bind_method == LDAP_BIND_SIMPLE)
        return rc;
    if (tls)
        rc = ldap_set_option(ld, LDAP_OPT_X_SASL_SECPROPS, "maxssf=0");
    if (rc == LDAP_SUCCESS)
        rc = ldap_set_option(ld, LDAP_OPT_X_SASL_NOCANON, LDAP_OPT_ON);
    return rc;
}

static int set_options(LDAP *ld, const struct ldap_config *c)
{
    struct timeval limit = { c->timeout_ms / 1000, (c->timeout_ms % 1000) * 1000 };
    int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, min = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, client = 0;
    int rc = ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);

    if (rc == LDAP_SUCCESS)
        rc = ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    if (rc == LDAP_SUCCESS)
        rc = ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
    if (rc == LDAP_SUCCESS)
        rc = ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &limit);
    if (rc == LDAP_SUCCESS)
        rc = ldap_set_option(ld, LDAP_OPT_TIMEOUT, &limit);
    if (rc == LDAP_SUCCESS)
        rc = ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
    if (rc == LDAP_SUCCESS)
        rc = ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &min);
    if (rc == LDAP_SUCCESS && c->ca_file.n > 0)
        rc = ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, c->ca_file.p);
    if (rc == LDAP_SUCCESS && c->certificate.n > 0)
        rc = ldap_set_option(ld, LDAP_OPT_X_TLS_CERTFILE, c->certificate.p);
    if (rc == LDAP_SUCCESS && c->key.n > 0)
        rc = ldap_set_option(ld, LDAP_OPT_X_TLS_KEYFILE, c->key.p);
    if (rc == LDAP_SUCCESS)
        rc = ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client);    /* last: it makes the context of what was set */
    return rc;
}

/* The naming context to search: the configured base, or what the server calls its default. */
static int find_base(LDAP *ld, const struct ldap_config *c, char **base_out)
{
    char *attrs[] = { "defaultNamingContext", "namingContexts", NULL };
    LDAPMessage *res = NULL;
    int rc;

    if (c->base.n > 0) {
        *base_out = xspandup(c->base);
        return LDAP_SUCCESS;
    }
    rc = directory_search(ld, "", LDAP_SCOPE_BASE, "(objectClass=*)", attrs, NULL, c->timeout_ms, 1, &res);
    for (size_t i = 0; rc == LDAP_SUCCESS && *base_out == NULL && attrs[i] != NULL; i++) {
        struct berval **values = ldap_get_values_len(ld, ldap_first_entry(ld, res), attrs[i]);

        if (values != NULL && values[0] != NULL)
            *base_out = xspandup(span_of(values[0]->bv_val, values[0]->bv_len));
        ldap_value_free_len(values);
    }
    ldap_msgfree(res);
    return rc == LDAP_SUCCESS && *base_out == NULL ? LDAP_NO_SUCH_OBJECT : rc;
}

/* Who may not read the base gets success with no entries for every address: that must never read as "unknown". */
static int check_base_is_readable(LDAP *ld, const struct ldap_config *c, const char *base)
{
    char *attrs[] = { LDAP_NO_ATTRS, NULL };
    LDAPMessage *res = NULL;
    int rc = directory_search(ld, base, LDAP_SCOPE_BASE, "(objectClass=*)", attrs, NULL, c->timeout_ms, 1, &res);

    if (rc == LDAP_SUCCESS && ldap_count_entries(ld, res) == 0)
        rc = LDAP_INSUFFICIENT_ACCESS;
    ldap_msgfree(res);
    return rc;
}

/* ---- which server ---- */

/* The n-th host of the domain's SRV records, by priority and weight (RFC 2782), over and over. */
static char *srv_url(span url, size_t n)
{
    bool tls = span_starts_nocase(url, SPAN("ldaps"));
    char *domain = xspandup(span_from(url, strlen(tls ? "ldaps+srv://" : "ldap+srv://"))), *hosts = NULL, *out = NULL;
    size_t count = 1;
    span rest, host = SPAN("");

    if (ldap_domain2hostlist(domain, &hosts) == LDAP_SUCCESS && hosts != NULL) {
        for (const char *p = hosts; *p != '\0'; p++)
            count += *p == ' ';
        rest = span_str(hosts);
        for (size_t i = 0; i <= n % count; i++)
            span_next(&rest, ' ', &host);
        /* The records name the port without TLS. */
        if (tls)
            host = span_head(host, span_rfind(host, ':'));
        out = xasprintf("%s://%.*s", tls ? "ldaps" : "ldap", SPAN_ARG(host));
    }
    ldap_memfree(hosts);
    free(domain);
    return out;
}

static char *url_of(const struct ldap_config *c, size_t server)
{
    size_t n = 0;

    if (!ldap_url_is_srv(c->servers[server]))
        return xspandup(c->servers[server]);
    for (size_t i = 0; i < server; i++)
        n += span_eq(c->servers[i], c->servers[server]);
    return srv_url(c->servers[server], n);
}

/* ---- as whom ---- */

/* SASL asks for nothing that it does not know by itself: the certificate, the process' user, the ticket. */
static int no_answers(LDAP *ld, unsigned flags, void *defaults, void *interact)
{
    (void)ld;
    (void)flags;
    (void)defaults;
    (void)interact;
    return LDAP_SUCCESS;
}

static int bind_as(LDAP *ld, const struct ldap_config *c)
{
    struct berval password = { c->password.n, (char *)(uintptr_t)c->password.p };

    switch (c->bind_method) {
    case LDAP_BIND_EXTERNAL:
        return ldap_sasl_interactive_bind_s(ld, NULL, "EXTERNAL", NULL, NULL, LDAP_SASL_QUIET, no_answers, NULL);
    case LDAP_BIND_GSSAPI:
        /* MIT Kerberos takes a ticket by the client keytab when the cache holds none. */
        if (c->keytab.n > 0) {
            setenv("KRB5_CLIENT_KTNAME", c->keytab.p, 1);
            setenv("KRB5CCNAME", "MEMORY:gatepost", 1);
        }
        return ldap_sasl_interactive_bind_s(ld, NULL, "GSSAPI", NULL, NULL, LDAP_SASL_QUIET, no_answers, NULL);
    default:
        return ldap_sasl_bind_s(ld, c->bind_user.p, LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL);
    }
}

static int directory_open(struct directory *d, const struct ldap_config *c, size_t server, char *detail, size_t size)
{
    char *url = url_of(c, server);
    const char *step = "looking up its SRV records";
    int rc = url != NULL ? ldap_initialize(&d->ld, url) : LDAP_SERVER_DOWN;

    if (rc == LDAP_SUCCESS)
        rc = set_options(d->ld, c);
    if (rc == LDAP_SUCCESS)
        rc = set_sasl_options(d->ld, c, c->starttls || strncasecmp(url, "ldaps://", 8) == 0);
    if (rc == LDAP_SUCCESS && c->starttls && strncasecmp(url, "ldap://", 7) == 0) {
        step = "StartTLS";
        rc = ldap_start_tls_s(d->ld, NULL, NULL);
    }
    if (rc == LDAP_SUCCESS) {
        step = "bind";
        rc = bind_as(d->ld, c);
    }
    if (rc == LDAP_SUCCESS) {
        step = "reading the base (may the bind user search it?)";
        rc = find_base(d->ld, c, &d->base);
    }
    if (rc == LDAP_SUCCESS)
        rc = check_base_is_readable(d->ld, c, d->base);
    if (rc != LDAP_SUCCESS) {
        directory_failure(d->ld, rc, step, url != NULL ? url : c->servers[server].p, detail, size);
        directory_close(d);
        free(url);
        return -1;
    }
    free(url);
    d->server = server;
    return 0;
}

int directory_connect(struct directory *d, const struct ldap_config *c, span config_bytes, size_t first, char *detail, size_t size)
{
    if (d->ld != NULL && span_eq(buf_span(&d->config_bytes), config_bytes) && d->server == first % c->n_servers &&
        directory_now_s() - d->used_s < CONNECTION_IDLE_MAX_S)
        return 0;
    directory_close(d);
    buf_reset(&d->config_bytes);
    buf_append(&d->config_bytes, config_bytes);
    for (size_t i = 0; i < c->n_servers; i++)
        if (directory_open(d, c, (first + i) % c->n_servers, detail, size) == 0)
            return 0;
    return -1;
}
