/* dir_reader.c - a directory's entries out of libldap, for a child process.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/dir_reader.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "lib/base/alloc.h"
#include "socketmapd/dir_value.h"

enum { PAGE = 500, RANGES_MAX = 10000 };

static const char id_ad[] = "objectGUID", id_rfc4530[] = "entryUUID", account_control[] = "userAccountControl",
                  type_details[] = "msExchRecipientTypeDetails", auth_to_send[] = "msExchRequireAuthToSendTo";

/* ---- the reader ---- */

static void want(struct dir_reader *r, const char *attr)
{
    size_t n = 0;

    while (r->attrs[n] != NULL)
        n++;
    r->attrs[n] = xstrdup(attr);
}

void dir_reader_init(struct dir_reader *r, const struct sync_order *order)
{
    span rest = order->domains, domain;

    *r = (struct dir_reader){ .order = order, .domains = map_new() };
    buf_init(&r->dir.config_bytes, LDAP_JOB_MAX);
    dir_entry_init(&r->entry);
    while (span_next(&rest, '\n', &domain)) {
        if (domain.n > 0)
            map_put(r->domains, domain, r);
    }
    for (size_t i = 0; i < order->n_attributes; i++)
        want(r, order->attribute[i].p);
    want(r, order->active_directory ? id_ad : id_rfc4530);
    want(r, order->login.p);
    if (order->active_directory) {
        want(r, account_control);
        want(r, type_details);
        want(r, auth_to_send);
    }
}

void dir_reader_free(struct dir_reader *r)
{
    directory_close(&r->dir);
    buf_free(&r->dir.config_bytes);
    dir_entry_free(&r->entry);
    map_free(&r->domains, NULL);
    for (size_t i = 0; r->attrs[i] != NULL; i++)
        free(r->attrs[i]);
}

bool dir_reader_connect(struct dir_reader *r)
{
    return directory_connect(&r->dir, &r->order->config, r->order->config_bytes, r->order->first_server, r->why, sizeof(r->why)) == 0;
}

bool dir_failed(struct dir_reader *r, int rc, const char *step)
{
    size_t n;

    directory_failure(r->dir.ld, rc, step, r->order->config.servers[r->dir.server].p, r->why, sizeof(r->why));
    n = strlen(r->why);
    if (rc == LDAP_SIZELIMIT_EXCEEDED)
        snprintf(r->why + n, sizeof(r->why) - n, " (the directory must let the bind user read all entries: olcLimits in OpenLDAP)");
    return false;
}

int dir_wait(struct dir_reader *r, int msgid, LDAPMessage **res_out)
{
    struct timeval limit = { r->order->config.timeout_ms / 1000, (r->order->config.timeout_ms % 1000) * 1000 };
    int type = ldap_result(r->dir.ld, msgid, LDAP_MSG_ONE, &limit, res_out), rc = LDAP_TIMEOUT;

    if (type > 0)
        return type;
    if (type < 0)
        ldap_get_option(r->dir.ld, LDAP_OPT_RESULT_CODE, &rc);
    dir_failed(r, rc == LDAP_SUCCESS ? LDAP_SERVER_DOWN : rc, "search");
    return -1;
}

bool dir_done(struct dir_reader *r, LDAPMessage *message, const char *step, LDAPControl ***controls_out)
{
    LDAPControl **controls = NULL;
    int code = LDAP_OTHER, rc = ldap_parse_result(r->dir.ld, message, &code, NULL, NULL, NULL, &controls, 0);

    if (rc == LDAP_SUCCESS && code == LDAP_SUCCESS && controls_out != NULL) {
        *controls_out = controls;
        return true;
    }
    ldap_controls_free(controls);
    return (rc == LDAP_SUCCESS && code == LDAP_SUCCESS) || dir_failed(r, rc != LDAP_SUCCESS ? rc : code, step);
}

/* ---- one entry ---- */

static void progress(struct dir_reader *r)
{
    int64_t now_s = directory_now_s();

    r->n_read++;
    if (now_s == r->progress_s || r->progress == NULL)
        return;
    r->progress_s = now_s;
    r->progress(r->n_read, r->progress_arg);
}

static void take_values(struct dir_reader *r, const char *attribute, unsigned attr, struct berval **values, bool internal)
{
    for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
        char buffer[ADDRESS_MAX];
        span address, domain;

        if (!dir_value_address(attribute, span_of(values[i]->bv_val, values[i]->bv_len), r->order->fold_local_part, buffer, &address))
            continue;
        domain = span_from(address, span_rfind(address, '@') + 1);
        if (map_count(r->domains) == 0 || map_get(r->domains, domain) != NULL)
            dir_entry_add(&r->entry, address, attr, internal);
    }
}

/* Reads on where a long attribute was cut. */
static bool take_rest(struct dir_reader *r, const char *dn, const char *attribute, unsigned attr, uint64_t next, bool internal)
{
    for (int pieces = 0; next > 0; pieces++) {
        char *wanted = xasprintf("%s;range=%llu-*", attribute, (unsigned long long)next), *attrs[] = { wanted, NULL };
        LDAPMessage *res = NULL, *entry;
        BerElement *at = NULL;
        char *description = NULL;
        uint64_t before = next;
        int rc = directory_search(r->dir.ld, dn, LDAP_SCOPE_BASE, "(objectClass=*)", attrs, NULL, r->order->config.timeout_ms, 1, &res);

        free(wanted);
        next = 0;
        entry = rc == LDAP_SUCCESS ? ldap_first_entry(r->dir.ld, res) : NULL;
        description = entry != NULL ? ldap_first_attribute(r->dir.ld, entry, &at) : NULL;
        if (description != NULL) {
            struct berval **values = ldap_get_values_len(r->dir.ld, entry, description);
            span name;

            if (!dir_value_range(span_str(description), &name, &next) || (next > 0 && next <= before))
                rc = LDAP_DECODING_ERROR;
            take_values(r, attribute, attr, values, internal);
            ldap_value_free_len(values);
        } else if (rc == LDAP_SUCCESS) {
            rc = LDAP_NO_SUCH_ATTRIBUTE;
        }
        ldap_memfree(description);
        ber_free(at, 0);
        ldap_msgfree(res);
        if (rc != LDAP_SUCCESS || pieces > RANGES_MAX)
            return dir_failed(r, rc, "reading on a long attribute");
    }
    return true;
}

static bool attribute_index(const struct sync_order *o, span name, unsigned *index_out)
{
    for (unsigned i = 0; i < o->n_attributes; i++) {
        if (span_eq_nocase(o->attribute[i], name)) {
            *index_out = i;
            return true;
        }
    }
    return false;
}

static bool take_attribute(struct dir_reader *r, LDAPMessage *message, const char *dn, char *description, bool internal)
{
    struct berval **values;
    span name = span_str(description);
    uint64_t next = 0;
    unsigned attr;

    dir_value_range(span_str(description), &name, &next);
    if (!attribute_index(r->order, name, &attr))
        return true;
    values = ldap_get_values_len(r->dir.ld, message, description);
    take_values(r, r->order->attribute[attr].p, attr, values, internal);
    ldap_value_free_len(values);
    return next == 0 || take_rest(r, dn, r->order->attribute[attr].p, attr, next, internal);
}

static bool first_value(struct dir_reader *r, LDAPMessage *message, const char *attr, char *out, size_t size, size_t *n_out)
{
    struct berval **values = ldap_get_values_len(r->dir.ld, message, attr);
    bool found = values != NULL && values[0] != NULL && values[0]->bv_len < size;

    if (found) {
        memcpy(out, values[0]->bv_val, values[0]->bv_len);
        out[values[0]->bv_len] = '\0';
        *n_out = values[0]->bv_len;
    }
    ldap_value_free_len(values);
    return found;
}

static void take_id(struct dir_reader *r, LDAPMessage *message, const char *dn)
{
    if (first_value(r, message, r->order->active_directory ? id_ad : id_rfc4530, r->entry.id, sizeof(r->entry.id), &r->entry.id_n))
        return;
    SHA256((const unsigned char *)dn, strlen(dn), (unsigned char *)r->entry.id);
    r->entry.id_n = SHA256_DIGEST_LENGTH;
}

static bool is_leaver(struct dir_reader *r, LDAPMessage *message)
{
    char control[32], details[32];
    size_t control_n = 0, details_n = 0;

    if (r->order->leavers || !first_value(r, message, account_control, control, sizeof(control), &control_n))
        return false;
    first_value(r, message, type_details, details, sizeof(details), &details_n);
    return dir_value_leaver(span_of(control, control_n), span_of(details, details_n));
}

bool dir_take(struct dir_reader *r, LDAPMessage *message)
{
    char *dn = ldap_get_dn(r->dir.ld, message), *description, yes[16] = "", login[256];
    BerElement *at = NULL;
    size_t n = 0;
    bool ok = dn != NULL, internal;

    dir_entry_reset(&r->entry);
    if (!ok)
        return dir_failed(r, LDAP_DECODING_ERROR, "reading an entry");
    buf_append_str(&r->entry.dn, dn);
    if (first_value(r, message, r->order->login.p, login, sizeof(login), &n)) {
        buf_append_char(&r->entry.dn, '\0');      /* rcpt_set_login cuts there */
        buf_append(&r->entry.dn, span_of(login, n));
    }
    take_id(r, message, dn);
    first_value(r, message, auth_to_send, yes, sizeof(yes), &n);
    internal = strcasecmp(yes, "TRUE") == 0;
    if (!is_leaver(r, message)) {
        for (description = ldap_first_attribute(r->dir.ld, message, &at); ok && description != NULL;
             description = ldap_next_attribute(r->dir.ld, message, at)) {
            ok = take_attribute(r, message, dn, description, internal);
            ldap_memfree(description);
        }
        ber_free(at, 0);
    }
    ldap_memfree(dn);
    progress(r);
    return ok;
}

/* ---- all entries ---- */

struct page {
    struct berval cookie;
    bool (*each)(struct dir_reader *r, void *arg);
    void *arg;
    bool ids_only;
};

static bool page_sent(struct dir_reader *r, const char *filter, const struct page *p, int *msgid_out)
{
    char *ids[] = { (char *)(uintptr_t)(r->order->active_directory ? id_ad : id_rfc4530), NULL };
    LDAPControl *control = NULL, *controls[2] = { NULL, NULL };
    int rc = ldap_create_page_control(r->dir.ld, PAGE, (struct berval *)(uintptr_t)&p->cookie, 0, &control);

    controls[0] = control;
    if (rc == LDAP_SUCCESS)
        rc = ldap_search_ext(r->dir.ld, r->dir.base, LDAP_SCOPE_SUBTREE, filter, p->ids_only ? ids : r->attrs, 0, controls, NULL, NULL,
                             LDAP_NO_LIMIT, msgid_out);
    ldap_control_free(control);
    return rc == LDAP_SUCCESS || dir_failed(r, rc, "search");
}

static bool next_cookie(struct dir_reader *r, LDAPControl **controls, struct page *p)
{
    LDAPControl *control = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
    int rc = LDAP_SUCCESS;
    ber_int_t estimate;

    ber_memfree(p->cookie.bv_val);
    p->cookie = (struct berval){ 0, NULL };
    if (control != NULL)
        rc = ldap_parse_pageresponse_control(r->dir.ld, control, &estimate, &p->cookie);
    ldap_controls_free(controls);
    return rc == LDAP_SUCCESS || dir_failed(r, rc, "reading a page's cookie");
}

static bool reference_is_no_loss(struct dir_reader *r)
{
    if (r->order->config.skip_references)
        return true;
    snprintf(r->why, sizeof(r->why), "%s: it refers to other servers for a part, which are not followed: the reading is not complete",
             r->order->config.servers[r->dir.server].p);
    return false;
}

static bool read_page(struct dir_reader *r, const char *filter, struct page *p)
{
    int msgid, type;
    LDAPMessage *res;

    if (!page_sent(r, filter, p, &msgid))
        return false;
    while ((type = dir_wait(r, msgid, &res)) > 0) {
        LDAPControl **controls = NULL;
        bool ok = true;

        if (type == LDAP_RES_SEARCH_ENTRY)
            ok = dir_take(r, res) && p->each(r, p->arg);
        else if (type == LDAP_RES_SEARCH_REFERENCE)
            ok = reference_is_no_loss(r);
        else if (type == LDAP_RES_SEARCH_RESULT)
            ok = dir_done(r, res, "search", &controls);
        ldap_msgfree(res);
        if (!ok || type == LDAP_RES_SEARCH_RESULT)
            return ok && next_cookie(r, controls, p);
    }
    return false;
}

bool dir_search(struct dir_reader *r, const char *filter, bool ids_only, bool (*each)(struct dir_reader *r, void *arg), void *arg)
{
    struct page p = { .cookie = { 0, NULL }, .each = each, .arg = arg, .ids_only = ids_only };
    bool ok;

    do
        ok = read_page(r, filter, &p);
    while (ok && p.cookie.bv_len > 0);
    ber_memfree(p.cookie.bv_val);
    return ok;
}

bool dir_get(struct dir_reader *r, const char *dn, const char *attr, char *out, size_t size)
{
    char *attrs[] = { (char *)(uintptr_t)attr, NULL };
    LDAPMessage *res = NULL, *entry;
    size_t n = 0;
    bool found;
    int rc = directory_search(r->dir.ld, dn, LDAP_SCOPE_BASE, "(objectClass=*)", attrs, NULL, r->order->config.timeout_ms, 1, &res);

    entry = rc == LDAP_SUCCESS ? ldap_first_entry(r->dir.ld, res) : NULL;
    found = entry != NULL && first_value(r, entry, attr, out, size, &n);
    ldap_msgfree(res);
    return found;
}

bool dir_alive(struct dir_reader *r)
{
    char *attrs[] = { LDAP_NO_ATTRS, NULL };
    LDAPMessage *res = NULL;
    int rc = directory_search(r->dir.ld, r->dir.base, LDAP_SCOPE_BASE, "(objectClass=*)", attrs, NULL, r->order->config.timeout_ms, 1, &res);

    ldap_msgfree(res);
    return rc == LDAP_SUCCESS || dir_failed(r, rc, "asking whether it is there");
}
