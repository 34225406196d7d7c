/* sync_way_syncrepl.c - OpenLDAP's own replication: the whole content, then each change as it happens.
 *
 * Every connection begins without a cookie, so the refresh names all entries and there is no present phase to be cut short.
 * Source:    RFC 4533 (refreshAndPersist).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <lber.h>

#include "socketmapd/sync_child.h"

enum { MODE_REFRESH_AND_PERSIST = 3, STATE_PRESENT = 0, STATE_ADD = 1, STATE_MODIFY = 2, STATE_DELETE = 3 };

static bool syncrepl_offered(struct sync_child *c)
{
    return sync_root_has(c, "supportedControl", LDAP_CONTROL_SYNC);
}

/* syncRequestValue ::= SEQUENCE { mode, cookie OPTIONAL, reloadHint DEFAULT FALSE } */
static bool send_request(struct sync_child *c, char *filter)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    struct berval value = { 0, NULL };
    LDAPControl control = { .ldctl_oid = (char *)(uintptr_t)LDAP_CONTROL_SYNC, .ldctl_iscritical = 1 }, *controls[2] = { &control, NULL };
    int rc = LDAP_ENCODING_ERROR;

    if (ber != NULL && ber_printf(ber, "{e}", MODE_REFRESH_AND_PERSIST) >= 0 && ber_flatten2(ber, &value, 0) == 0) {
        control.ldctl_value = value;
        rc = ldap_search_ext(c->reader.dir.ld, c->reader.dir.base, LDAP_SCOPE_SUBTREE, filter, c->reader.attrs, 0, controls, NULL, NULL,
                             LDAP_NO_LIMIT, &c->msgid);
    }
    ber_free(ber, 1);
    return rc == LDAP_SUCCESS || dir_failed(&c->reader, rc, "asking for replication");
}

/* syncStateValue ::= SEQUENCE { state, entryUUID, cookie OPTIONAL } */
static bool state_of(struct sync_child *c, LDAPMessage *m, int *state_out, char *id, size_t size, size_t *id_n_out)
{
    LDAPControl **controls = NULL, *state;
    struct berval uuid = { 0, NULL };
    BerElement *ber = NULL;
    ber_int_t word = -1;
    bool ok = false;

    if (ldap_get_entry_controls(c->reader.dir.ld, m, &controls) == LDAP_SUCCESS &&
        (state = ldap_control_find(LDAP_CONTROL_SYNC_STATE, controls, NULL)) != NULL && (ber = ber_init(&state->ldctl_value)) != NULL)
        ok = ber_scanf(ber, "{em", &word, &uuid) != LBER_ERROR && uuid.bv_len > 0 && uuid.bv_len <= size;
    if (ok) {
        memcpy(id, uuid.bv_val, uuid.bv_len);
        *id_n_out = uuid.bv_len;
        *state_out = word;
    }
    ber_free(ber, 1);
    ldap_controls_free(controls);
    return ok || dir_failed(&c->reader, LDAP_DECODING_ERROR, "reading the state of an entry");
}

static bool take_entry(struct sync_child *c, LDAPMessage *m)
{
    char id[sizeof(c->reader.entry.id)];
    size_t id_n = 0;
    int state = STATE_PRESENT;

    if (!state_of(c, m, &state, id, sizeof(id), &id_n))
        return false;
    if (state == STATE_DELETE) {
        sync_entry_gone(c, span_of(id, id_n));
        return true;
    }
    if (state == STATE_PRESENT)
        return true;
    if (!dir_take(&c->reader, m))
        return false;
    memcpy(c->reader.entry.id, id, id_n);
    c->reader.entry.id_n = id_n;
    return sync_entry_is(c);
}

/* syncIdSet ::= [3] SEQUENCE { cookie OPTIONAL, refreshDeletes DEFAULT FALSE, syncUUIDs SET OF } */
static void take_id_set(struct sync_child *c, BerElement *ber)
{
    BerVarray ids = NULL;
    ber_int_t deletes = 0;
    ber_len_t n;
    ber_tag_t tag;
    struct berval cookie;

    if (ber_scanf(ber, "{") == LBER_ERROR)
        return;
    if ((tag = ber_peek_tag(ber, &n)) == LBER_OCTETSTRING && ber_scanf(ber, "m", &cookie) != LBER_ERROR)
        tag = ber_peek_tag(ber, &n);
    if (tag == LBER_BOOLEAN)
        ber_scanf(ber, "b", &deletes);
    if (ber_scanf(ber, "[W]", &ids) == LBER_ERROR)
        return;
    for (size_t i = 0; deletes != 0 && ids != NULL && ids[i].bv_val != NULL; i++)
        sync_entry_gone(c, span_of(ids[i].bv_val, ids[i].bv_len));
    ber_bvarray_free(ids);
}

/* refreshDelete [1], refreshPresent [2] ::= SEQUENCE { cookie OPTIONAL, refreshDone DEFAULT TRUE } */
static bool is_refresh_done(BerElement *ber)
{
    ber_int_t done = 1;
    struct berval cookie;
    ber_len_t n;
    ber_tag_t tag;

    if (ber_scanf(ber, "{") == LBER_ERROR)
        return false;
    if ((tag = ber_peek_tag(ber, &n)) == LBER_OCTETSTRING && ber_scanf(ber, "m", &cookie) != LBER_ERROR)
        tag = ber_peek_tag(ber, &n);
    if (tag == LBER_BOOLEAN)
        ber_scanf(ber, "b", &done);
    return done != 0;
}

static bool take_intermediate(struct sync_child *c, LDAPMessage *m, bool *done_out)
{
    struct berval *value = NULL;
    char *oid = NULL;
    BerElement *ber = NULL;
    int rc = ldap_parse_intermediate(c->reader.dir.ld, m, &oid, &value, NULL, 0);
    ber_len_t n;

    if (rc == LDAP_SUCCESS && oid != NULL && strcmp(oid, LDAP_SYNC_INFO) == 0 && value != NULL && (ber = ber_init(value)) != NULL) {
        switch (ber_peek_tag(ber, &n)) {
        case LDAP_TAG_SYNC_REFRESH_DELETE:
        case LDAP_TAG_SYNC_REFRESH_PRESENT:
            *done_out = is_refresh_done(ber) || *done_out;
            break;
        case LDAP_TAG_SYNC_ID_SET:
            take_id_set(c, ber);
            break;
        default:
            break;
        }
    }
    ber_free(ber, 1);
    ber_bvfree(value);
    ldap_memfree(oid);
    return rc == LDAP_SUCCESS || dir_failed(&c->reader, rc, "reading what has changed");
}

static bool take(struct sync_child *c, int type, LDAPMessage *m, bool *done_out)
{
    switch (type) {
    case LDAP_RES_SEARCH_ENTRY:
        return take_entry(c, m);
    case LDAP_RES_INTERMEDIATE:
        return take_intermediate(c, m, done_out);
    case LDAP_RES_SEARCH_REFERENCE:
        return c->order.config.skip_references || dir_failed(&c->reader, LDAP_REFERRAL, "a part lies elsewhere: reading");
    default:        /* the server ends it: sizeLimitExceeded, e-syncRefreshRequired, shut-down */
        c->msgid = 0;
        return dir_done(&c->reader, m, "replication", NULL) && dir_failed(&c->reader, LDAP_SERVER_DOWN, "replication has ended");
    }
}

static bool syncrepl_read(struct sync_child *c)
{
    char filter[4096];
    bool done = false, ok = true;
    LDAPMessage *m;
    int type;

    if (c->msgid != 0)               /* a whole reading anew: the old one is given up, what it still says is not waited for */
        ldap_abandon_ext(c->reader.dir.ld, c->msgid, NULL, NULL);
    c->msgid = 0;
    if (c->order.filter.n >= sizeof(filter))
        return dir_failed(&c->reader, LDAP_FILTER_ERROR, "a filter that is too long");
    memcpy(filter, c->order.filter.p, c->order.filter.n + 1);
    if (!send_request(c, filter))
        return false;
    while (ok && !done) {
        if ((type = dir_wait(&c->reader, c->msgid, &m)) < 0)
            return false;
        ok = take(c, type, m, &done);
        ldap_msgfree(m);
    }
    return ok;
}

/* A connection on which nothing happens says nothing: it is asked something. */
static bool syncrepl_poll(struct sync_child *c, bool *current_out)
{
    *current_out = true;
    return dir_alive(&c->reader);
}

static bool syncrepl_message(struct sync_child *c, int type, LDAPMessage *m)
{
    bool done = false;

    return ldap_msgid(m) != c->msgid || take(c, type, m, &done);
}

const struct sync_way sync_way_syncrepl = { .name = "syncrepl", .method = SYNC_SYNCREPL, .offered = syncrepl_offered, .read = syncrepl_read,
                                            .poll = syncrepl_poll, .message = syncrepl_message };
