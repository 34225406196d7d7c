/* ldap_config.c - which directory is asked, and how.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/ldap/ldap_config.h"

bool ldap_url_is_srv(span url)
{
    return span_starts_nocase(url, SPAN("ldap+srv://")) || span_starts_nocase(url, SPAN("ldaps+srv://"));
}

static int fill_servers(const struct conf_strings *servers, struct ldap_config *c, struct errtext *err)
{
    c->n_servers = 0;
    for (size_t i = 0; i < servers->n; i++) {
        span url = span_str(servers->v[i]);
        size_t hosts = ldap_url_is_srv(url) ? LDAP_SRV_HOSTS : 1;

        if (hosts == 1 && !span_starts_nocase(url, SPAN("ldap://")) && !span_starts_nocase(url, SPAN("ldaps://")) &&
            !span_starts_nocase(url, SPAN("ldapi://"))) {
            errtext_set(err, "server \"%.*s\" is not an ldap://, ldaps://, ldapi:// or ldaps+srv:// URL", SPAN_ARG(url));
            return -1;
        }
        if (c->n_servers + hosts > LDAP_SERVERS_MAX) {
            errtext_set(err, "more than %d servers (one of SRV records counts for %d)", LDAP_SERVERS_MAX, LDAP_SRV_HOSTS);
            return -1;
        }
        while (hosts-- > 0)
            c->servers[c->n_servers++] = url;
    }
    return 0;
}

int ldap_config_fill(const struct ldap_settings *set, struct ldap_config *c, struct buf *password, struct errtext *err)
{
    if (fill_servers(set->servers, c, err) != 0)
        return -1;
    if (set->bind->password_file != NULL && set->bind->password_file[0] != '\0' &&
        settings_secret_read(set->bind->password_file, password, err) != 0)
        return -1;
    if (set->bind->method == LDAP_BIND_SIMPLE && set->bind->user != NULL && set->bind->user[0] != '\0' && password->len == 0) {
        /* RFC 4513 5.1.2: a bind with a name and an empty password is "unauthenticated" and succeeds as nobody. */
        errtext_set(err, "bind.user is given, but bind.password_file is not, or is empty");
        return -1;
    }
    c->base = span_str(set->base);
    c->bind_user = span_str(set->bind->user);
    c->password = buf_span(password);
    c->ca_file = span_str(set->ca_file);
    c->certificate = span_str(set->bind->certificate);
    c->key = span_str(set->bind->key);
    c->keytab = span_str(set->bind->keytab);
    c->bind_method = set->bind->method;
    c->starttls = set->tls == LDAP_TLS_STARTTLS || (set->tls == LDAP_TLS_AUTO && (c->bind_user.n > 0 || c->certificate.n > 0));
    /* A dead first server must leave time for the second before the child is killed. */
    c->timeout_ms = c->n_servers > 1 ? set->timeout_ms / 2 : set->timeout_ms;
    return 0;
}

/* ---- messages ---- */

void ldap_put(struct buf *to, span field)
{
    buf_append(to, field);
    buf_append_char(to, '\0');
}

void ldap_put_number(struct buf *to, uint64_t n)
{
    buf_printf(to, "%llu", (unsigned long long)n);
    buf_append_char(to, '\0');
}

bool ldap_take(span *rest, span *field_out)
{
    size_t end = span_find(*rest, '\0');

    if (end >= rest->n)
        return false;
    *field_out = span_head(*rest, end);
    *rest = span_from(*rest, end + 1);
    return true;
}

bool ldap_take_number(span *rest, uint64_t max, uint64_t *out)
{
    span field;

    return ldap_take(rest, &field) && span_to_u64(field, out) && *out <= max;
}

void ldap_config_encode(const struct ldap_config *c, struct buf *to)
{
    ldap_put_number(to, c->n_servers);
    for (size_t i = 0; i < c->n_servers; i++)
        ldap_put(to, c->servers[i]);
    ldap_put(to, c->base);
    ldap_put(to, c->bind_user);
    ldap_put(to, c->password);
    ldap_put(to, c->ca_file);
    ldap_put(to, c->certificate);
    ldap_put(to, c->key);
    ldap_put(to, c->keytab);
    ldap_put_number(to, (uint64_t)c->bind_method);
    ldap_put_number(to, c->starttls);
    ldap_put_number(to, c->skip_references);
    ldap_put_number(to, (uint64_t)c->timeout_ms);
}

bool ldap_config_take(span *rest, struct ldap_config *c)
{
    uint64_t n, starttls, skip, timeout, method;

    if (!ldap_take_number(rest, LDAP_SERVERS_MAX, &n) || n == 0)
        return false;
    for (c->n_servers = 0; c->n_servers < n; c->n_servers++)
        if (!ldap_take(rest, &c->servers[c->n_servers]))
            return false;
    if (!ldap_take(rest, &c->base) || !ldap_take(rest, &c->bind_user) || !ldap_take(rest, &c->password) || !ldap_take(rest, &c->ca_file) ||
        !ldap_take(rest, &c->certificate) || !ldap_take(rest, &c->key) || !ldap_take(rest, &c->keytab) || !ldap_take_number(rest, LDAP_BIND_GSSAPI, &method) ||
        !ldap_take_number(rest, 1, &starttls) || !ldap_take_number(rest, 1, &skip) || !ldap_take_number(rest, 1000000, &timeout))
        return false;
    c->bind_method = (int)method;
    c->starttls = starttls != 0;
    c->skip_references = skip != 0;
    c->timeout_ms = (int64_t)timeout;
    return true;
}
