/* ldap_child.c - the process that talks to the directory with libldap.
 *
 * libldap cannot be bounded from inside (no option limits its TLS handshake) and resolves names blocking, so it lives in
 * a child that the daemon kills at the deadline.  One connection is kept as long as the configuration stays the same.
 * Only a search that ended with success and no entry says INVALID; whatever else happens is TEMPFAIL.
 * Source: RFC 4511, ldap_search_ext(3).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/net/child.h"
#include "socketmapd/ldap_job.h"

enum { CONNECTION_IDLE_MAX_S = 240 };    /* AD drops idle connections after 900 s, firewalls often after 300 s */

struct directory {
    LDAP *ld;
    struct buf config_bytes;      /* of the configuration that `ld` was made for */
    size_t server;
    char *base;
    time_t used_s;
};

static time_t now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

static void directory_close(struct directory *d)
{
    /* ldap_destroy, not ldap_unbind: a dead TLS peer must not hold us in its close-notify. */
    if (d->ld != NULL)
        ldap_destroy(d->ld);
    d->ld = NULL;
    free(d->base);
    d->base = NULL;
}

static void say_failure(LDAP *ld, int rc, const char *step, const char *url, char *detail, size_t size)
{
    char *diagnostic = NULL;

    if (ld != NULL)
        ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diagnostic);
    snprintf(detail, size, "%s: %s: %s%s%s", url, step, ldap_err2string(rc), diagnostic != NULL && *diagnostic ? ": " : "",
             diagnostic != NULL ? diagnostic : "");
    ldap_memfree(diagnostic);
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
    rc = ldap_search_ext_s(ld, "", LDAP_SCOPE_BASE, "(objectClass=*)", attrs, 0, NULL, NULL, NULL, 1, &res);
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
static int check_base_is_readable(LDAP *ld, const char *base)
{
    char *attrs[] = { LDAP_NO_ATTRS, NULL };
    LDAPMessage *res = NULL;
    int rc = ldap_search_ext_s(ld, base, LDAP_SCOPE_BASE, "(objectClass=*)", attrs, 0, NULL, NULL, NULL, 1, &res);

    if (rc == LDAP_SUCCESS && ldap_count_entries(ld, res) == 0)
        rc = LDAP_INSUFFICIENT_ACCESS;
    ldap_msgfree(res);
    return rc;
}

static int directory_open(struct directory *d, const struct ldap_config *c, size_t server, char *detail, size_t size)
{
    const char *url = c->servers[server].p;
    struct berval password = { c->password.n, (char *)(uintptr_t)c->password.p };
    const char *step = "initialize";
    int rc = ldap_initialize(&d->ld, url);

    if (rc == LDAP_SUCCESS)
        rc = set_options(d->ld, c);
    if (rc == LDAP_SUCCESS && c->starttls && span_starts_nocase(c->servers[server], SPAN("ldap://"))) {
        step = "StartTLS";
        rc = ldap_start_tls_s(d->ld, NULL, NULL);
    }
    if (rc == LDAP_SUCCESS) {
        step = "bind";
        rc = ldap_sasl_bind_s(d->ld, c->bind_user.p, LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL);
    }
    if (rc == LDAP_SUCCESS) {
        step = "reading the base (may the bind user search it?)";
        rc = find_base(d->ld, c, &d->base);
    }
    if (rc == LDAP_SUCCESS)
        rc = check_base_is_readable(d->ld, d->base);
    if (rc != LDAP_SUCCESS) {
        say_failure(d->ld, rc, step, url, detail, size);
        directory_close(d);
        return -1;
    }
    d->server = server;
    return 0;
}

/* Goes through the servers once, beginning with `first`. */
static int directory_connect(struct directory *d, const struct ldap_job *job, char *detail, size_t size)
{
    const struct ldap_config *c = &job->config;

    if (d->ld != NULL && span_eq(buf_span(&d->config_bytes), job->config_bytes) && d->server == job->first_server % c->n_servers &&
        now_s() - d->used_s < CONNECTION_IDLE_MAX_S)
        return 0;
    directory_close(d);
    buf_reset(&d->config_bytes);
    buf_append(&d->config_bytes, job->config_bytes);
    for (size_t i = 0; i < c->n_servers; i++)
        if (directory_open(d, c, (job->first_server + i) % c->n_servers, detail, size) == 0)
            return 0;
    return -1;
}

static void judge(struct directory *d, const struct ldap_config *c, LDAPMessage *res, int rc, struct ldap_reply *r)
{
    LDAPMessage *entry = res != NULL ? ldap_first_entry(d->ld, res) : NULL;
    const char *url = c->servers[d->server].p;

    if (entry != NULL) {       /* an entry that was seen proves the address, whatever happened then */
        char *dn = ldap_get_dn(d->ld, entry);

        r->answer = RCPT_VALID;
        snprintf(r->detail, sizeof(r->detail), "%s", dn != NULL ? dn : "(entry without a readable DN)");
        ldap_memfree(dn);
        return;
    }
    if (rc == LDAP_SUCCESS && (c->skip_references || ldap_count_references(d->ld, res) == 0)) {
        r->answer = RCPT_INVALID;
        snprintf(r->detail, sizeof(r->detail), "%s: no entry under %s", url, d->base);
        return;
    }
    r->answer = RCPT_TEMPFAIL;
    if (rc == LDAP_SUCCESS)
        snprintf(r->detail, sizeof(r->detail), "%s: only references to other servers came, which are not followed", url);
    else
        say_failure(d->ld, rc, "search", url, r->detail, sizeof(r->detail));
}

static bool connection_is_dead(int rc)
{
    return rc == LDAP_SERVER_DOWN || rc == LDAP_UNAVAILABLE || rc == LDAP_TIMEOUT || rc == LDAP_CONNECT_ERROR || rc < 0;
}

static void search(struct directory *d, const struct ldap_job *job, struct ldap_reply *r)
{
    char *attrs[] = { LDAP_NO_ATTRS, NULL };

    /* A kept connection that the server has dropped meanwhile shows only now: one fresh try. */
    for (int attempt = 0; attempt < 2; attempt++) {
        struct timeval limit = { job->config.timeout_ms / 1000, (job->config.timeout_ms % 1000) * 1000 };
        LDAPMessage *res = NULL;
        int rc;

        r->server = job->config.n_servers;
        r->answer = RCPT_TEMPFAIL;
        if (directory_connect(d, job, r->detail, sizeof(r->detail)) != 0)
            return;
        rc = ldap_search_ext_s(d->ld, d->base, LDAP_SCOPE_SUBTREE, job->filter.p, attrs, 0, NULL, NULL, &limit, 2, &res);
        r->server = d->server;
        judge(d, &job->config, res, rc, r);
        ldap_msgfree(res);
        d->used_s = now_s();
        if (rc != LDAP_SUCCESS && rc != LDAP_SIZELIMIT_EXCEEDED)
            directory_close(d);
        if (r->answer != RCPT_TEMPFAIL || !connection_is_dead(rc))
            return;
    }
}

int ldap_child_run(int argc, char **argv)
{
    struct directory dir = { 0 };
    char *msg = xmalloc(CHILD_MESSAGE_MAX);
    struct buf out;
    long n;

    (void)argc;
    (void)argv;
    setenv("LDAPNOINIT", "1", 1);     /* no ldap.conf, no ldaprc, no LDAP* variables: the configuration is all there is */
    buf_init(&dir.config_bytes, LDAP_JOB_MAX);
    buf_init(&out, LDAP_REPLY_MAX);
    while ((n = child_recv_blocking(CHILD_FD, msg, CHILD_MESSAGE_MAX, NULL, NULL)) > 0) {
        struct ldap_reply r = { .answer = RCPT_TEMPFAIL, .detail = "the question could not be read" };
        struct ldap_job job;

        if (ldap_job_decode(span_of(msg, (size_t)n), &job))
            search(&dir, &job, &r);
        buf_reset(&out);
        ldap_reply_encode(&r, &out);
        if (child_send_blocking(CHILD_FD, buf_span(&out), NULL, 0) != 0)
            break;
    }
    directory_close(&dir);
    buf_free(&dir.config_bytes);
    buf_free(&out);
    explicit_bzero(msg, CHILD_MESSAGE_MAX);
    free(msg);
    return 0;
}
