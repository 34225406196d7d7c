/* policy.c - reads access requests of Postfix' policy delegation protocol.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/policy.h"

static const span names[POLICY_ATTRS] = {
    [POLICY_REQUEST] = SPAN("request"),
    [POLICY_PROTOCOL_STATE] = SPAN("protocol_state"),
    [POLICY_PROTOCOL_NAME] = SPAN("protocol_name"),
    [POLICY_HELO_NAME] = SPAN("helo_name"),
    [POLICY_QUEUE_ID] = SPAN("queue_id"),
    [POLICY_SENDER] = SPAN("sender"),
    [POLICY_RECIPIENT] = SPAN("recipient"),
    [POLICY_RECIPIENT_COUNT] = SPAN("recipient_count"),
    [POLICY_CLIENT_ADDRESS] = SPAN("client_address"),
    [POLICY_CLIENT_NAME] = SPAN("client_name"),
    [POLICY_CLIENT_PORT] = SPAN("client_port"),
    [POLICY_REVERSE_CLIENT_NAME] = SPAN("reverse_client_name"),
    [POLICY_SERVER_ADDRESS] = SPAN("server_address"),
    [POLICY_SERVER_PORT] = SPAN("server_port"),
    [POLICY_INSTANCE] = SPAN("instance"),
    [POLICY_SIZE] = SPAN("size"),
    [POLICY_ETRN_DOMAIN] = SPAN("etrn_domain"),
    [POLICY_STRESS] = SPAN("stress"),
    [POLICY_SASL_METHOD] = SPAN("sasl_method"),
    [POLICY_SASL_USERNAME] = SPAN("sasl_username"),
    [POLICY_SASL_SENDER] = SPAN("sasl_sender"),
    [POLICY_CCERT_SUBJECT] = SPAN("ccert_subject"),
    [POLICY_CCERT_ISSUER] = SPAN("ccert_issuer"),
    [POLICY_CCERT_FINGERPRINT] = SPAN("ccert_fingerprint"),
    [POLICY_CCERT_PUBKEY_FINGERPRINT] = SPAN("ccert_pubkey_fingerprint"),
    [POLICY_ENCRYPTION_PROTOCOL] = SPAN("encryption_protocol"),
    [POLICY_ENCRYPTION_CIPHER] = SPAN("encryption_cipher"),
    [POLICY_ENCRYPTION_KEYSIZE] = SPAN("encryption_keysize"),
    [POLICY_CONTEXT] = SPAN("policy_context"),
    [POLICY_COMPATIBILITY_LEVEL] = SPAN("compatibility_level"),
    [POLICY_MAIL_VERSION] = SPAN("mail_version"),
    [POLICY_TLS_SNI] = SPAN("tls_sni"),
};

/* A perfect hash of the names: (length + 2 * first byte + 10 * third byte from the end) mod 128; a slot holds attribute + 1.
 * Two names in one slot do not compile (-Woverride-init), a name in a wrong one fails the unit test. */
enum { SLOTS = 128, NAME_MIN = 4, NAME_MAX = 24 };
static const uint8_t slots[SLOTS] = {
    [0] = POLICY_MAIL_VERSION + 1, [1] = POLICY_SASL_METHOD + 1, [4] = POLICY_SIZE + 1, [5] = POLICY_RECIPIENT_COUNT + 1,
    [27] = POLICY_CLIENT_NAME + 1, [31] = POLICY_ETRN_DOMAIN + 1, [32] = POLICY_QUEUE_ID + 1, [35] = POLICY_HELO_NAME + 1,
    [38] = POLICY_INSTANCE + 1, [39] = POLICY_CLIENT_PORT + 1, [55] = POLICY_PROTOCOL_NAME + 1,
    [56] = POLICY_PROTOCOL_STATE + 1, [59] = POLICY_ENCRYPTION_PROTOCOL + 1, [61] = POLICY_SASL_USERNAME + 1,
    [65] = POLICY_REVERSE_CLIENT_NAME + 1, [69] = POLICY_CCERT_SUBJECT + 1, [70] = POLICY_CLIENT_ADDRESS + 1,
    [71] = POLICY_SERVER_PORT + 1, [84] = POLICY_SENDER + 1, [89] = POLICY_SASL_SENDER + 1, [93] = POLICY_REQUEST + 1,
    [94] = POLICY_STRESS + 1, [95] = POLICY_RECIPIENT + 1, [96] = POLICY_CONTEXT + 1, [100] = POLICY_CCERT_ISSUER + 1,
    [102] = POLICY_SERVER_ADDRESS + 1, [107] = POLICY_ENCRYPTION_CIPHER + 1, [109] = POLICY_TLS_SNI + 1,
    [113] = POLICY_CCERT_FINGERPRINT + 1, [117] = POLICY_COMPATIBILITY_LEVEL + 1, [118] = POLICY_ENCRYPTION_KEYSIZE + 1,
    [120] = POLICY_CCERT_PUBKEY_FINGERPRINT + 1,
};

/* The order in which Postfix 3.7 writes them, from each to the next; 0 (the first): nothing is expected. */
static const uint8_t follows[POLICY_ATTRS] = {
    [POLICY_REQUEST] = POLICY_PROTOCOL_STATE, [POLICY_PROTOCOL_STATE] = POLICY_PROTOCOL_NAME,
    [POLICY_PROTOCOL_NAME] = POLICY_CLIENT_ADDRESS, [POLICY_CLIENT_ADDRESS] = POLICY_CLIENT_NAME,
    [POLICY_CLIENT_NAME] = POLICY_CLIENT_PORT, [POLICY_CLIENT_PORT] = POLICY_REVERSE_CLIENT_NAME,
    [POLICY_REVERSE_CLIENT_NAME] = POLICY_SERVER_ADDRESS, [POLICY_SERVER_ADDRESS] = POLICY_SERVER_PORT,
    [POLICY_SERVER_PORT] = POLICY_HELO_NAME, [POLICY_HELO_NAME] = POLICY_SENDER, [POLICY_SENDER] = POLICY_RECIPIENT,
    [POLICY_RECIPIENT] = POLICY_RECIPIENT_COUNT, [POLICY_RECIPIENT_COUNT] = POLICY_QUEUE_ID, [POLICY_QUEUE_ID] = POLICY_INSTANCE,
    [POLICY_INSTANCE] = POLICY_SIZE, [POLICY_SIZE] = POLICY_ETRN_DOMAIN, [POLICY_ETRN_DOMAIN] = POLICY_STRESS,
    [POLICY_STRESS] = POLICY_SASL_METHOD, [POLICY_SASL_METHOD] = POLICY_SASL_USERNAME, [POLICY_SASL_USERNAME] = POLICY_SASL_SENDER,
    [POLICY_SASL_SENDER] = POLICY_CCERT_SUBJECT, [POLICY_CCERT_SUBJECT] = POLICY_CCERT_ISSUER,
    [POLICY_CCERT_ISSUER] = POLICY_CCERT_FINGERPRINT, [POLICY_CCERT_FINGERPRINT] = POLICY_CCERT_PUBKEY_FINGERPRINT,
    [POLICY_CCERT_PUBKEY_FINGERPRINT] = POLICY_ENCRYPTION_PROTOCOL, [POLICY_ENCRYPTION_PROTOCOL] = POLICY_ENCRYPTION_CIPHER,
    [POLICY_ENCRYPTION_CIPHER] = POLICY_ENCRYPTION_KEYSIZE, [POLICY_ENCRYPTION_KEYSIZE] = POLICY_CONTEXT,
    [POLICY_CONTEXT] = POLICY_COMPATIBILITY_LEVEL, [POLICY_COMPATIBILITY_LEVEL] = POLICY_MAIL_VERSION,
};

enum policy_attr policy_attr_find(span name)
{
    const unsigned char *p = (const unsigned char *)name.p;
    unsigned slot;

    if (name.n < NAME_MIN || name.n > NAME_MAX)
        return POLICY_ATTRS;
    slot = slots[((unsigned)name.n + 2u * p[0] + 10u * p[name.n - 3]) % SLOTS];
    return slot > 0 && span_eq(name, names[slot - 1]) ? (enum policy_attr)(slot - 1) : POLICY_ATTRS;
}

const char *policy_attr_name(enum policy_attr a)
{
    return (unsigned)a < POLICY_ATTRS ? names[a].p : "?";
}

/* Length with the empty line, or 0 when that has not come yet.  *at: where to look for the next LF. */
static size_t find_end(span in, size_t *at)
{
    const char *lf;
    size_t i;

    if (*at == 0 && in.n > 0 && in.p[0] == '\n')
        return 1;
    while (*at < in.n && (lf = memchr(in.p + *at, '\n', in.n - *at)) != NULL) {
        i = (size_t)(lf - in.p);
        if (i + 1 == in.n) {
            *at = i;   /* the next byte decides */
            return 0;
        }
        if (in.p[i + 1] == '\n')
            return i + 2;
        *at = i + 1;
    }
    *at = in.n;
    return 0;
}

/* CR and NUL have no place in a request: a CR LF protocol on the other side, or an attempt to hide something. */
static bool has_foreign_bytes(span s)
{
    return s.n > 0 && (memchr(s.p, '\0', s.n) != NULL || memchr(s.p, '\r', s.n) != NULL);
}

/* The attribute that begins the line at p, with the place of its '='; NULL: it is no line name=value. */
static const char *name_at(const char *p, const char *lf, enum policy_attr expected, enum policy_attr *out)
{
    size_t n = names[expected].n;
    const char *eq;

    *out = expected;
    if ((size_t)(lf - p) > n && p[n] == '=' && memcmp(p, names[expected].p, n) == 0)
        return p + n;
    eq = memchr(p, '=', (size_t)(lf - p));
    if (eq == NULL || eq == p)
        return NULL;
    *out = policy_attr_find(span_of(p, (size_t)(eq - p)));
    return eq;
}

/* Up to the first empty line, which is there; *used_out: with that.  at: where in.p will stand. */
static enum policy_status parse_lines(span in, const char *at, struct policy_request *q, size_t *used_out)
{
    const char *p = in.p, *end = in.p + in.n;
    enum policy_attr a = POLICY_REQUEST, expected = POLICY_REQUEST;
    bool ours = false;

    for (;;) {
        const char *lf = memchr(p, '\n', (size_t)(end - p)), *eq;

        if (lf == p && p > in.p)
            break;
        if ((eq = name_at(p, lf, expected, &a)) == NULL)
            return POLICY_E_SYNTAX;
        if (a == POLICY_ATTRS) {
            q->unknown++;
        } else if (q->v[a].p == NULL) {
            q->v[a] = span_of(at + (eq + 1 - in.p), (size_t)(lf - eq - 1));
            ours = ours || (a == POLICY_REQUEST && span_eq(span_of(eq + 1, (size_t)(lf - eq - 1)), SPAN("smtpd_access_policy")));
            expected = (enum policy_attr)follows[a];
        }
        p = lf + 1;
    }
    *used_out = (size_t)(p + 1 - in.p);
    return ours ? POLICY_OK : POLICY_E_REQUEST;
}

/* So comes nearly every request: then nobody needs to look for the line first. */
static bool ends_with_empty_line(span in)
{
    return in.n >= 2 && in.p[in.n - 1] == '\n' && in.p[in.n - 2] == '\n';
}

enum policy_status policy_parse(struct policy_parser *p, span in, size_t max, const char *at, struct policy_request *out, size_t *used_out)
{
    struct policy_request q;
    size_t from = p->at, end = 0;
    enum policy_status status;

    if (!ends_with_empty_line(in)) {
        end = find_end(in, &p->at);
        if (has_foreign_bytes(span_from(span_head(in, end > 0 ? end : in.n), from)))
            return POLICY_E_SYNTAX;
        if (end == 0)
            return in.n >= max ? POLICY_E_SIZE : POLICY_MORE;
    }
    memset(&q, 0, sizeof(q));
    status = parse_lines(in, at, &q, &end);
    if (status != POLICY_OK)
        return status;
    if (has_foreign_bytes(span_head(in, end)))
        return POLICY_E_SYNTAX;
    if (end > max)
        return POLICY_E_SIZE;
    *out = q;
    *used_out = end;
    policy_parser_init(p);
    return POLICY_OK;
}

bool policy_append_attr(struct buf *to, span name, span value)
{
    char *at;

    if (name.n == 0 || span_find(name, '=') < name.n || span_find(name, '\n') < name.n || span_find(value, '\n') < value.n ||
        has_foreign_bytes(name) || has_foreign_bytes(value) || value.n > SIZE_MAX / 4 || name.n > SIZE_MAX / 4)
        return false;
    if ((at = buf_reserve(to, name.n + value.n + 2)) == NULL)
        return false;
    memcpy(at, name.p, name.n);
    at[name.n] = '=';
    if (value.n > 0)
        memcpy(at + name.n + 1, value.p, value.n);
    at[name.n + 1 + value.n] = '\n';
    buf_commit(to, name.n + value.n + 2);
    return true;
}

enum policy_state policy_request_state(const struct policy_request *q)
{
    static const struct { span name; enum policy_state state; } states[] = {
        { SPAN("RCPT"), POLICY_STATE_RCPT },       { SPAN("DATA"), POLICY_STATE_DATA }, { SPAN("END-OF-MESSAGE"), POLICY_STATE_END_OF_MESSAGE },
        { SPAN("CONNECT"), POLICY_STATE_CONNECT }, { SPAN("EHLO"), POLICY_STATE_HELO }, { SPAN("HELO"), POLICY_STATE_HELO },
        { SPAN("MAIL"), POLICY_STATE_MAIL },       { SPAN("VRFY"), POLICY_STATE_VRFY }, { SPAN("ETRN"), POLICY_STATE_ETRN },
        { SPAN("BDAT"), POLICY_STATE_DATA },
    };

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (span_eq(q->v[POLICY_PROTOCOL_STATE], states[i].name))
            return states[i].state;
    return POLICY_STATE_OTHER;
}

uint64_t policy_request_number(const struct policy_request *q, enum policy_attr a)
{
    uint64_t n;

    return span_to_u64(q->v[a], &n) ? n : 0;
}

enum policy_status policy_parse_reply(span in, size_t max, span *action_out, size_t *used_out)
{
    size_t at = 0, end = find_end(in, &at);
    span rest, line, action = { NULL, 0 };

    if (end > max || (end == 0 && in.n >= max))
        return POLICY_E_SIZE;
    if (end == 0)
        return POLICY_MORE;
    rest = span_head(in, end - 1);
    while (rest.n > 0 && span_next(&rest, '\n', &line))
        if (action.p == NULL && span_starts(line, SPAN("action=")))
            action = span_of(line.p + 7, line.n - 7);
    if (action.p == NULL || has_foreign_bytes(action))
        return POLICY_E_SYNTAX;
    *action_out = action;
    *used_out = end;
    return POLICY_OK;
}
