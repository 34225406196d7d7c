/* dnsbl.c - DNSBL names and return codes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/dnsbl.h"

#include "lib/proto/domain.h"

static bool join(span head, span zone, char out[DNSBL_NAME_MAX], span *out_span)
{
    if (zone.n > 0 && zone.p[zone.n - 1] == '.')
        zone.n--;
    if (zone.n == 0 || head.n == 0 || head.n + zone.n > DNSBL_NAME_MAX - 2)
        return false;
    memcpy(out, head.p, head.n);
    out[head.n] = '.';
    memcpy(out + head.n + 1, zone.p, zone.n);
    out[head.n + 1 + zone.n] = '\0';
    *out_span = span_of(out, head.n + 1 + zone.n);
    return true;
}

bool dnsbl_query_address(const struct ipaddr *a, span zone, char out[DNSBL_NAME_MAX], span *out_span)
{
    static const char hex[] = "0123456789abcdef";
    char head[64];
    size_t n = 0;

    if (a->family == 4) {
        ipaddr_format(&(struct ipaddr){ .family = 4, .b = { a->b[3], a->b[2], a->b[1], a->b[0] } }, head);
        n = strlen(head);
    } else if (a->family == 6) {
        for (size_t i = 16; i-- > 0;) {   /* 32 nibbles and 31 dots: 63 bytes */
            head[n++] = hex[a->b[i] & 15];
            head[n++] = '.';
            head[n++] = hex[a->b[i] >> 4];
            head[n++] = '.';
        }
        n--;
    }
    return join(span_of(head, n), zone, out, out_span);
}

bool dnsbl_query_domain(span domain, span zone, char out[DNSBL_NAME_MAX], span *out_span)
{
    if (domain.n > 0 && domain.p[domain.n - 1] == '.')
        domain.n--;
    if (domain.n == 0 || domain.p[0] == '[')
        return false;
    return join(domain, zone, out, out_span);
}

/* "N" at the head of *s, 0..255. */
static bool take_octet(span *s, unsigned *value_out)
{
    size_t n = 0;
    uint64_t value;

    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
        n++;
    if (n > 3 || !span_to_u64(span_head(*s, n), &value) || value > 255)
        return false;
    *value_out = (unsigned)value;
    *s = span_of(s->p + n, s->n - n);
    return true;
}

static void add_range(uint64_t set[4], unsigned low, unsigned high)
{
    for (unsigned v = low; v <= high; v++)
        set[v / 64] |= UINT64_C(1) << v % 64;
}

static bool take_char(span *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = span_of(s->p + 1, s->n - 1);
    return true;
}

/* "N", or "[N;N..N;...]". */
static bool take_set(span *s, uint64_t set[4], struct errtext *err)
{
    unsigned low, high;

    if (!take_char(s, '[')) {
        if (!take_octet(s, &low)) {
            errtext_set(err, "a number from 0 to 255 or [...] is expected");
            return false;
        }
        add_range(set, low, low);
        return true;
    }
    do {
        bool ok = take_octet(s, &low);

        high = low;
        if (ok && take_char(s, '.'))
            ok = take_char(s, '.') && take_octet(s, &high);
        if (!ok || high < low) {
            errtext_set(err, "inside [...] numbers from 0 to 255 and ranges LOW..HIGH are expected, with ; between them");
            return false;
        }
        add_range(set, low, high);
    } while (take_char(s, ';'));
    if (!take_char(s, ']')) {
        errtext_set(err, "a ] is missing");
        return false;
    }
    return true;
}

bool dnsbl_filter_parse(span text, struct dnsbl_filter *out, struct errtext *err)
{
    struct dnsbl_filter f;
    span rest = text.n > 0 ? text : SPAN("");

    memset(&f, 0, sizeof(f));
    for (size_t i = 0; i < 4; i++) {
        if (i > 0 && !take_char(&rest, '.')) {
            errtext_set(err, "four parts with dots between them are expected, as in 127.0.0.[2..11]");
            return false;
        }
        if (!take_set(&rest, f.octet[i], err))
            return false;
    }
    if (rest.n > 0) {
        errtext_set(err, "there is something behind the fourth part");
        return false;
    }
    *out = f;
    return true;
}

bool dnsbl_filter_match(const struct dnsbl_filter *f, const struct ipaddr *answer)
{
    if (answer->family != 4)
        return false;
    for (size_t i = 0; i < 4; i++)
        if ((f->octet[i][answer->b[i] / 64] >> answer->b[i] % 64 & 1) == 0)
            return false;
    return true;
}

/* Spamhaus, DNSWL and others answer so to those whom they do not serve; a parked or dead zone answers anything. */
static bool is_refusal(const struct ipaddr *a)
{
    const uint8_t *b = a->b;

    if (a->family != 4 || b[0] != 127)
        return true;
    if (b[1] == 255 && b[2] == 255)
        return true;
    return b[1] == 0 && ((b[2] == 0 && (b[3] == 1 || b[3] == 255)) || (b[2] == 1 && b[3] == 255));
}

static bool default_match(const uint8_t b[4])
{
    return b[1] == 0 && ((b[2] == 0 && b[3] >= 2 && b[3] <= 254) || (b[2] == 1 && b[3] <= 254));
}

enum dnsbl_verdict dnsbl_classify(const struct ipaddr *answer, const struct dnsbl_filter *filter)
{
    if (is_refusal(answer))
        return DNSBL_REFUSED;
    if (filter != NULL ? dnsbl_filter_match(filter, answer) : default_match(answer->b))
        return DNSBL_LISTED;
    return DNSBL_NOT_MATCHED;
}

/* "3", "-2", "1.5"; not strtod, which asks the locale. */
static bool parse_weight(span text, double *out)
{
    bool negative = text.n > 0 && text.p[0] == '-';
    span digits = negative || (text.n > 0 && text.p[0] == '+') ? span_from(text, 1) : text;
    size_t dot = span_find(digits, '.');
    uint64_t whole, part = 0;
    double weight, scale = 1;

    if (dot > 6 || !span_to_u64(span_head(digits, dot), &whole))
        return false;
    if (dot < digits.n && (digits.n - dot > 7 || !span_to_u64(span_from(digits, dot + 1), &part)))
        return false;
    for (size_t i = dot + 1; i < digits.n; i++)
        scale *= 10;
    weight = (double)whole + (double)part / scale;
    *out = negative ? -weight : weight;
    return true;
}

/* The zone may hold a customer's key: no error text repeats it. */
bool dnsbl_entry_parse(span text, struct dnsbl_entry *out, struct errtext *err)
{
    size_t star = span_rfind(text, '*'), eq;
    struct dnsbl_entry e = { .weight = 1 };
    char name[DOMAIN_TEXT_MAX];
    enum domain_status status;
    span checked;

    if (star < text.n && !parse_weight(span_from(text, star + 1), &e.weight)) {
        errtext_set(err, "behind * a number is expected");
        return false;
    }
    text = span_head(text, star);
    eq = span_find(text, '=');
    e.zone = span_head(text, eq);
    e.has_filter = eq < text.n;
    status = domain_normalise_ascii(e.zone, name, &checked);
    if (status != DOMAIN_OK) {
        errtext_set(err, "the zone is no domain name: %s", domain_status_text(status));
        return false;
    }
    if (e.has_filter && !dnsbl_filter_parse(span_from(text, eq + 1), &e.filter, err))
        return false;
    *out = e;
    return true;
}
