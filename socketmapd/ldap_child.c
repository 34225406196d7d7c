/* ldap_child.c - the process that talks to the directory with libldap.
 *
 * libldap cannot be bounded from inside (no option limits its TLS handshake) and resolves names blocking, so it lives in
 * a child that the daemon kills at the deadline.  One connection is kept as long as the configuration stays the same.
 * Only a search that ended with success and no entry says INVALID; whatever else happens is TEMPFAIL.
 * Source: RFC 4511, ldap_search_ext(3).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/net/child.h"
#include "lib/ldap/directory.h"
#include "socketmapd/ldap_job.h"

static const char auth_to_send[] = "msExchRequireAuthToSendTo";

static bool is_internal(struct directory *d, LDAPMessage *entry)
{
    struct berval **values = ldap_get_values_len(d->ld, entry, auth_to_send);
    bool yes = values != NULL && values[0] != NULL && span_eq_nocase(span_of(values[0]->bv_val, values[0]->bv_len), SPAN("TRUE"));

    ldap_value_free_len(values);
    return yes;
}

static void judge(struct directory *d, const struct ldap_config *c, LDAPMessage *res, int rc, struct ldap_reply *r)
{
    LDAPMessage *entry = res != NULL ? ldap_first_entry(d->ld, res) : NULL;
    const char *url = c->servers[d->server].p;

    if (entry != NULL) {       /* an entry that was seen proves the address, whatever happened then */
        char *dn = ldap_get_dn(d->ld, entry);

        r->answer = RCPT_VALID;
        r->internal = is_internal(d, entry) && ldap_count_entries(d->ld, res) == 1;     /* whoever may write to one of two may write */
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
        directory_failure(d->ld, rc, "search", url, r->detail, sizeof(r->detail));
}

static bool connection_is_dead(int rc)
{
    return rc == LDAP_SERVER_DOWN || rc == LDAP_UNAVAILABLE || rc == LDAP_TIMEOUT || rc == LDAP_CONNECT_ERROR || rc < 0;
}

static void search(struct directory *d, const struct ldap_job *job, struct ldap_reply *r)
{
    char *attrs[] = { (char *)(uintptr_t)auth_to_send, NULL };

    /* A kept connection that the server has dropped meanwhile shows only now: one fresh try. */
    for (int attempt = 0; attempt < 2; attempt++) {
        LDAPMessage *res = NULL;
        int rc;

        r->server = job->config.n_servers;
        r->answer = RCPT_TEMPFAIL;
        if (directory_connect(d, &job->config, job->config_bytes, job->first_server, r->detail, sizeof(r->detail)) != 0)
            return;
        rc = directory_search(d->ld, d->base, LDAP_SCOPE_SUBTREE, job->filter.p, attrs, NULL, job->config.timeout_ms, 2, &res);
        r->server = d->server;
        judge(d, &job->config, res, rc, r);
        ldap_msgfree(res);
        d->used_s = directory_now_s();
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
