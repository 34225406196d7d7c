/* conf_types.c - one scalar of a configuration: text to value.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/conf/conf_types.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/conf/conf_address.h"
#include "lib/conf/conf_units.h"

static const struct type_info {
    const char *noun;
    enum conf_type item;
    size_t item_size;
    bool is_list;
} types[] = {
    [CONF_BOOL]        = { "yes or no", CONF_BOOL, sizeof(bool), false },
    [CONF_INT]         = { "a whole number", CONF_INT, sizeof(int64_t), false },
    [CONF_NUMBER]      = { "a number", CONF_NUMBER, sizeof(double), false },
    [CONF_DURATION]    = { "a duration", CONF_DURATION, sizeof(int64_t), false },
    [CONF_SIZE]        = { "a size", CONF_SIZE, sizeof(int64_t), false },
    [CONF_RATE]        = { "a rate", CONF_RATE, sizeof(struct conf_rate), false },
    [CONF_STRING]      = { "text", CONF_STRING, sizeof(char *), false },
    [CONF_PATH]        = { "a path", CONF_PATH, sizeof(char *), false },
    [CONF_SECRET_FILE] = { "the path of a file with a secret", CONF_SECRET_FILE, sizeof(char *), false },
    [CONF_ADDRESS]     = { "an address", CONF_ADDRESS, sizeof(char *), false },
    [CONF_ENUM]        = { "a word", CONF_ENUM, sizeof(int), false },
    [CONF_STRINGS]     = { "a list of texts", CONF_STRING, sizeof(char *), true },
    [CONF_ADDRESSES]   = { "a list of addresses", CONF_ADDRESS, sizeof(char *), true },
    [CONF_PATHS]       = { "a list of paths", CONF_PATH, sizeof(char *), true },
    [CONF_NETS]        = { "a list of networks", CONF_NETS, sizeof(struct ipnet), true },
    [CONF_DOMAIN]      = { "a domain", CONF_DOMAIN, sizeof(char *), false },
    [CONF_DOMAINS]     = { "a list of domains", CONF_DOMAIN, sizeof(char *), true },
    [CONF_OBJECT]      = { "a mapping (key: value)", CONF_OBJECT, 0, false },
    [CONF_LIST]        = { "a list of mappings", CONF_LIST, 0, false },
    [CONF_NAMED]       = { "a mapping (name: value)", CONF_NAMED, 0, false },
};

enum conf_type conf_item_type(enum conf_type t)
{
    return types[t].item;
}

bool conf_type_is_list(enum conf_type t)
{
    return types[t].is_list;
}

size_t conf_item_size(enum conf_type t)
{
    return types[t].item_size;
}

const char *conf_type_noun(enum conf_type t)
{
    return types[t].noun;
}

const char *conf_quoted(span text, char *out, size_t size)
{
    const size_t shown = 60;
    size_t n = 0;

    assert(size >= 16);
    out[n++] = '"';
    for (size_t i = 0; i < text.n && i < shown && n + 9 < size; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c < 0x20 || c == 0x7F)
            n += (size_t)snprintf(out + n, size - n, "\\x%02X", c);
        else
            out[n++] = (char)c;
    }
    if (text.n > shown) {
        while (n > 1 && ((unsigned char)out[n - 1] & 0xC0) == 0x80)   /* no half character */
            n--;
        if (n > 1 && (unsigned char)out[n - 1] >= 0xC0)
            n--;
        n += (size_t)snprintf(out + n, size - n, "...");
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}

/* `"x" is not NOUN (HINT)` */
static int not_a(enum conf_type t, span text, const char *hint, struct errtext *err)
{
    char shown[128];

    errtext_set(err, "%s is not %s%s%s%s", conf_quoted(text, shown, sizeof(shown)), conf_type_noun(t), hint != NULL ? " (" : "",
                hint != NULL ? hint : "", hint != NULL ? ")" : "");
    return -1;
}

static int parse_bool(span text, bool *out, struct errtext *err)
{
    static const struct { const char *word; bool value; } words[] = {
        { "yes", true }, { "no", false }, { "true", true }, { "false", false }, { "on", true }, { "off", false },
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (span_eq_nocase(text, span_str(words[i].word))) {
            *out = words[i].value;
            return 0;
        }
    }
    return not_a(CONF_BOOL, text, NULL, err);
}

static bool parse_int(span text, int64_t *out)
{
    bool minus = text.n > 0 && text.p[0] == '-';
    uint64_t v;

    if (!span_to_u64(minus ? span_from(text, 1) : text, &v) || v > (uint64_t)1 << 53)
        return false;
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

static int check_range(enum conf_type t, const struct conf_key *row, span text, double v, struct errtext *err)
{
    char shown[128];
    struct buf range;

    if ((row->min == 0 && row->max == 0) || (v >= row->min && v <= row->max))
        return 0;
    buf_init(&range, 128);
    conf_bound_format(t, row->min, &range);
    buf_append_str(&range, " to ");
    conf_bound_format(t, row->max, &range);
    errtext_set(err, "%s is out of range (%s)", conf_quoted(text, shown, sizeof(shown)), buf_cstr(&range));
    buf_free(&range);
    return -1;
}

/* `"x" is not a duration (try 5m)` */
static int not_a_try(enum conf_type t, span text, void (*guess)(span, const char *, struct buf *), const char *otherwise,
                     struct errtext *err)
{
    struct buf hint;

    buf_init(&hint, 128);
    buf_append_str(&hint, "try ");
    guess(text, otherwise, &hint);
    (void)not_a(t, text, buf_cstr(&hint), err);
    buf_free(&hint);
    return -1;
}

static int parse_enum(const struct conf_key *row, span text, int *out, struct errtext *err)
{
    char shown[128];
    const char *near;
    struct buf all;

    for (int i = 0; row->words[i] != NULL; i++) {
        if (span_eq_nocase(text, span_str(row->words[i]))) {
            *out = i;
            return 0;
        }
    }
    buf_init(&all, 300);
    for (int i = 0; row->words[i] != NULL; i++)
        buf_printf(&all, "%s%s", i == 0 ? "" : row->words[i + 1] != NULL ? ", " : " or ", row->words[i]);
    conf_quoted(text, shown, sizeof(shown));
    near = conf_nearest(text, row->words);
    if (near != NULL)
        errtext_set(err, "%s is not %s (did you mean %s?)", shown, buf_cstr(&all), near);
    else
        errtext_set(err, "%s is not %s", shown, buf_cstr(&all));
    buf_free(&all);
    return -1;
}

/* Text goes into replies, logs and header fields: one line, no controls (C0, DEL, C1, U+2028, U+2029). */
static bool is_one_line(span text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        unsigned char next = i + 1 < text.n ? (unsigned char)text.p[i + 1] : 0;

        if (c < 0x20 || c == 0x7F || (c == 0xC2 && next < 0xA0))
            return false;
        if (c == 0xE2 && next == 0x80 && i + 2 < text.n && ((unsigned char)text.p[i + 2] & 0xFE) == 0xA8)
            return false;
    }
    return true;
}

static const char *absolute(span path, const struct conf_scalar_context *c)
{
    if (path.n == 0 || path.p[0] == '/' || c->folder == NULL)
        return arena_str(c->arena, path);
    return arena_printf(c->arena, "%s/%.*s", strcmp(c->folder, "/") == 0 ? "" : c->folder, SPAN_ARG(path));
}

/* systemd.exec(5), CREDENTIALS: a name is a plain file name. */
static int parse_secret_file(span text, const struct conf_scalar_context *c, const char **out, struct errtext *err)
{
    span name;

    if (!span_starts(text, SPAN("credential:"))) {
        *out = absolute(text, c);
        return 0;
    }
    name = span_from(text, strlen("credential:"));
    if (name.n == 0 || span_find(name, '/') < name.n || span_eq(name, SPAN("..")) || span_eq(name, SPAN(".")))
        return not_a(CONF_SECRET_FILE, text, "a credential is named without a folder: credential:NAME", err);
    *out = arena_str(c->arena, text);
    return 0;
}

static int parse_net(span text, struct ipnet *out, struct errtext *err)
{
    char shown[128], addr[IPADDR_TEXT_MAX + 4];
    size_t slash = span_find(text, '/');
    struct ipaddr a;
    struct ipnet net;
    uint64_t prefix;

    if (ipnet_parse(text, out))
        return 0;
    conf_quoted(text, shown, sizeof(shown));
    if (slash < text.n && ipaddr_parse(span_head(text, slash), &a) && span_to_u64(span_from(text, slash + 1), &prefix) &&
        prefix <= (a.family == 4 ? 32U : 128U)) {
        net = ipnet_of(&a, (unsigned)prefix);
        ipnet_format(&net, addr);
        errtext_set(err, "%s has address bits behind its prefix (try %s)", shown, addr);
    } else {
        errtext_set(err, "%s is not an address or network (try 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32)", shown);
    }
    return -1;
}

static span join_lines(span text, struct arena *arena)
{
    char *copy = arena_str(arena, text);

    for (size_t i = 0; i < text.n; i++) {
        if (copy[i] == '\n')
            copy[i] = ' ';
    }
    return span_of(copy, text.n);
}

static int parse_text(enum conf_type t, span text, const struct conf_scalar_context *c, const char **out, struct errtext *err)
{
    char shown[128];

    if (!is_one_line(text)) {
        errtext_set(err, "%s must be one line without control characters", conf_quoted(text, shown, sizeof(shown)));
        return -1;
    }
    if (t == CONF_SECRET_FILE)
        return parse_secret_file(text, c, out, err);
    *out = t == CONF_PATH ? absolute(text, c) : arena_str(c->arena, text);
    return 0;
}

static int parse_measure(enum conf_type t, const struct conf_key *row, span text, int64_t *out, struct errtext *err)
{
    int64_t v = 0;

    if (t == CONF_INT && !parse_int(text, &v))
        return not_a(t, text, NULL, err);
    if (t == CONF_DURATION && !conf_duration_parse(text, &v))
        return not_a_try(t, text, conf_duration_guess, "5m", err);
    if (t == CONF_SIZE && !conf_size_parse(text, &v))
        return not_a_try(t, text, conf_size_guess, "25M", err);
    if (check_range(t, row, text, (double)v, err) < 0)
        return -1;
    *out = v;
    return 0;
}

static int parse_number(const struct conf_key *row, span text, double *out, struct errtext *err)
{
    double v;

    if (!conf_number_parse(text, &v))
        return not_a(CONF_NUMBER, text, "try 2.5", err);
    if (check_range(CONF_NUMBER, row, text, v, err) < 0)
        return -1;
    *out = v;
    return 0;
}

int conf_scalar_parse(enum conf_type t, const struct conf_key *row, span text, const struct conf_scalar_context *c, void *value,
                      struct errtext *err)
{
    switch (t) {
    case CONF_BOOL:
        return parse_bool(text, value, err);
    case CONF_INT:
    case CONF_DURATION:
    case CONF_SIZE:
        return parse_measure(t, row, text, value, err);
    case CONF_NUMBER:
        return parse_number(row, text, value, err);
    case CONF_RATE:
        return conf_rate_parse(text, value) ? 0 : not_a_try(t, text, conf_rate_guess, "100/h or 3/10m", err);
    case CONF_ENUM:
        return parse_enum(row, text, value, err);
    case CONF_STRING:
    case CONF_PATH:
    case CONF_SECRET_FILE:
        return parse_text(t, row != NULL && row->lines ? join_lines(text, c->arena) : text, c, value, err);
    case CONF_ADDRESS:
        return conf_address_parse(text, c, value, err);
    case CONF_DOMAIN:
        return conf_domain_parse(text, c, value, err);
    case CONF_NETS:
        return parse_net(text, value, err);
    default:
        assert(!"not a scalar type");
        return -1;
    }
}
