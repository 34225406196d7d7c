/* sync_way_dirsync.c - Active Directory's DirSync control: which objects have changed or gone since a cookie.
 *
 * It tells only the changed attributes of an object, so each one is read again whole.  OBJECT_SECURITY lets an ordinary account ask; what
 * such an account may not see, it does not see go either: the whole reading stays.
 * Source:    [MS-ADTS] 3.1.1.3.4.1.3 (LDAP_SERVER_DIRSYNC_OID).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <lber.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "socketmapd/sync_child.h"

#define OID_DIRSYNC "1.2.840.113556.1.4.841"

enum { OBJECT_SECURITY = 1, MOST_BYTES = 1 << 20, AT_ONCE = 50 };

static bool dirsync_offered(struct sync_child *c)
{
    return c->order.active_directory && sync_root_has(c, "supportedControl", OID_DIRSYNC);
}

/* DirSyncRequestValue ::= SEQUENCE { Flags, MaxBytes, Cookie } */
static bool send_request(struct sync_child *c, int *msgid_out)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    LDAPControl control = { .ldctl_oid = (char *)(uintptr_t)OID_DIRSYNC, .ldctl_iscritical = 1 }, *controls[2] = { &control, NULL };
    struct berval *cookie = &c->dirsync_cookie;
    char *attrs[DIR_ATTRS_MAX] = { (char *)(uintptr_t)"objectGUID", (char *)(uintptr_t)"isDeleted" };
    int rc = LDAP_ENCODING_ERROR;

    for (size_t i = 0; c->reader.attrs[i] != NULL && i + 3 < DIR_ATTRS_MAX; i++)
        attrs[i + 2] = c->reader.attrs[i];
    if (ber != NULL && ber_printf(ber, "{iio}", OBJECT_SECURITY, MOST_BYTES, cookie->bv_val != NULL ? cookie->bv_val : "", cookie->bv_len) >= 0 &&
        ber_flatten2(ber, &control.ldctl_value, 0) == 0)
        rc = ldap_search_ext(c->reader.dir.ld, c->context, LDAP_SCOPE_SUBTREE, "(objectClass=*)", attrs, 0, controls, NULL, NULL, LDAP_NO_LIMIT,
                             msgid_out);
    ber_free(ber, 1);
    return rc == LDAP_SUCCESS || dir_failed(&c->reader, rc, "DirSync");
}

/* DirSyncResponseValue ::= SEQUENCE { MoreResults, unused, CookieServer }; [MS-ADTS] calls the first one a flag, any other than 0 is more. */
static bool take_cookie(struct sync_child *c, LDAPControl **controls, bool *more_out)
{
    LDAPControl *control = ldap_control_find(OID_DIRSYNC, controls, NULL);
    BerElement *ber = control != NULL ? ber_init(&control->ldctl_value) : NULL;
    ber_int_t more = 0, unused = 0;
    struct berval cookie = { 0, NULL };
    bool ok = ber != NULL && ber_scanf(ber, "{iio}", &more, &unused, &cookie) != LBER_ERROR;

    ber_free(ber, 1);
    if (!ok)
        return dir_failed(&c->reader, LDAP_CONTROL_NOT_FOUND, "DirSync's cookie");
    ber_memfree(c->dirsync_cookie.bv_val);
    c->dirsync_cookie = cookie;
    *more_out = more != 0;
    return true;
}

static void note_changed(struct sync_child *c, LDAPMessage *m, struct map *changed)
{
    struct berval **id = ldap_get_values_len(c->reader.dir.ld, m, "objectGUID");

    if (id != NULL && id[0] != NULL)
        map_put(changed, span_of(id[0]->bv_val, id[0]->bv_len), c);
    ldap_value_free_len(id);
}

/* One request: up to MOST_BYTES of changes.  changed == NULL: only the cookie is wanted. */
static bool one_round(struct sync_child *c, struct map *changed, bool *more_out)
{
    int msgid, type;
    LDAPMessage *m;

    if (!send_request(c, &msgid))
        return false;
    while ((type = dir_wait(&c->reader, msgid, &m)) > 0) {
        LDAPControl **controls = NULL;
        bool ok = true;

        if (type == LDAP_RES_SEARCH_ENTRY && changed != NULL)
            note_changed(c, m, changed);
        if (type == LDAP_RES_SEARCH_RESULT)
            ok = dir_done(&c->reader, m, "DirSync", &controls) && take_cookie(c, controls, more_out);
        ldap_controls_free(controls);
        ldap_msgfree(m);
        if (type == LDAP_RES_SEARCH_RESULT)
            return ok;
    }
    return false;
}

static bool all_rounds(struct sync_child *c, struct map *changed)
{
    bool more = false;

    do {
        if (!one_round(c, changed, &more))
            return false;
        if (c->reader.progress != NULL)
            c->reader.progress(c->reader.n_read, c->reader.progress_arg);
    } while (more);
    return true;
}

static bool dirsync_mark(struct sync_child *c)
{
    if (!all_rounds(c, NULL))            /* the first time of the whole domain, later from the last cookie on */
        return false;
    sync_ask_for_hints(c);
    return true;
}

/* ---- what has changed, read again ---- */

struct again {
    struct sync_child *child;
    struct map *changed;               /* not seen yet */
    struct buf filter;
    size_t in_filter;
    bool ok;
};

static bool flush(struct again *a)
{
    struct buf whole;
    char *text;

    if (a->in_filter == 0)
        return true;
    buf_init(&whole, a->filter.limit + a->child->order.filter.n + 64);
    buf_printf(&whole, "(&(|%.*s)%.*s)", SPAN_ARG(buf_span(&a->filter)), SPAN_ARG(a->child->order.filter));
    text = xspandup(buf_span(&whole));
    buf_free(&whole);
    a->ok = a->ok && sync_read_changed(a->child, text, a->changed);
    free(text);
    buf_reset(&a->filter);
    a->in_filter = 0;
    return a->ok;
}

struct ids { struct buf bytes; };

static bool collect(span id, void *value, void *arg)
{
    struct ids *ids = arg;
    char n = (char)id.n;

    (void)value;
    buf_append_char(&ids->bytes, n);
    buf_append(&ids->bytes, id);
    return true;
}

static void add_to_filter(struct again *a, span id)
{
    buf_append_str(&a->filter, "(objectGUID=");
    for (size_t i = 0; i < id.n; i++)
        buf_printf(&a->filter, "\\%02x", (unsigned char)id.p[i]);
    buf_append_char(&a->filter, ')');
    if (++a->in_filter == AT_ONCE)
        flush(a);
}

static bool read_again(struct sync_child *c, struct map *changed)
{
    struct again a = { .child = c, .changed = changed, .ok = true };
    struct ids ids;
    span rest;

    buf_init(&ids.bytes, (size_t)1 << 30);
    buf_init(&a.filter, 64 * 1024);
    map_each(changed, collect, &ids);
    for (rest = buf_span(&ids.bytes); a.ok && rest.n > 0; rest = span_from(rest, 1 + (size_t)(unsigned char)rest.p[0]))
        add_to_filter(&a, span_head(span_from(rest, 1), (size_t)(unsigned char)rest.p[0]));
    flush(&a);
    if (a.ok)
        sync_drop_unseen(c, changed);
    buf_free(&a.filter);
    buf_free(&ids.bytes);
    return a.ok;
}

static bool dirsync_poll(struct sync_child *c, bool *current_out)
{
    struct map *changed = map_new();
    bool ok;

    sync_ask_for_hints(c);
    ok = all_rounds(c, changed) && read_again(c, changed);
    *current_out = ok;
    map_free(&changed, NULL);
    return ok;
}

const struct sync_way sync_way_dirsync = { .name = "dirsync", .method = SYNC_DIRSYNC, .offered = dirsync_offered, .mark = dirsync_mark,
                                           .poll = dirsync_poll, .message = sync_hint };
