/* conf_format.c - one value of a configuration as YAML text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/conf/conf_types.h"

#include <assert.h>
#include <inttypes.h>
#include <strings.h>

#include "lib/conf/conf_units.h"

/* Plain in block and flow style alike, whatever reads it: nothing that YAML 1.1 or 1.2 takes for something else. */
static bool is_plain(const char *s)
{
    static const char *const special[] = { "null", "yes", "no", "true", "false", "on", "off", "y", "n", NULL };
    size_t n = strlen(s);

    if (n == 0 || s[n - 1] == ':' || strchr("-.", s[0]) != NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '/';

        if (!word && (i == 0 || strchr(".:@+-", c) == NULL))
            return false;
    }
    for (size_t i = 0; special[i] != NULL; i++) {
        if (strcasecmp(s, special[i]) == 0)
            return false;
    }
    return true;
}

/* Characters that YAML's printable set leaves out, or that a reader may take for a line break or byte order mark. */
static size_t escape_length(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    if (u[0] < 0x20 || u[0] == 0x7F)
        return 1;
    if (u[0] == 0xC2 && u[1] < 0xA0)
        return 2;
    if (u[0] == 0xE2 && u[1] == 0x80 && (u[2] == 0xA8 || u[2] == 0xA9))
        return 3;
    if (u[0] == 0xEF && ((u[1] == 0xBB && u[2] == 0xBF) || (u[1] == 0xBF && u[2] >= 0xBE)))
        return 3;
    return 0;
}

static unsigned code_point(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;

    if (n == 1)
        return u[0];
    if (n == 2)
        return (unsigned)(u[0] & 0x1F) << 6 | (u[1] & 0x3F);
    return (unsigned)(u[0] & 0x0F) << 12 | (unsigned)(u[1] & 0x3F) << 6 | (u[2] & 0x3F);
}

void conf_string_format(const char *s, struct buf *to)
{
    if (is_plain(s)) {
        buf_append_str(to, s);
        return;
    }
    buf_append_char(to, '"');
    for (const char *p = s; *p != '\0';) {
        size_t n = escape_length(p);

        if (n > 0) {
            buf_printf(to, "\\u%04X", code_point(p, n));
            p += n;
            continue;
        }
        if (*p == '"' || *p == '\\')
            buf_append_char(to, '\\');
        buf_append_char(to, *p++);
    }
    buf_append_char(to, '"');
}

static void format_net(const struct ipnet *net, struct buf *to)
{
    char text[IPADDR_TEXT_MAX + 4];

    ipnet_format(net, text);
    conf_string_format(text, to);
}

void conf_scalar_format(enum conf_type t, const struct conf_key *row, const void *value, struct buf *to)
{
    switch (t) {
    case CONF_BOOL:
        buf_append_str(to, *(const bool *)value ? "yes" : "no");
        break;
    case CONF_INT:
        buf_printf(to, "%" PRId64, *(const int64_t *)value);
        break;
    case CONF_NUMBER:
        conf_number_format(*(const double *)value, to);
        break;
    case CONF_DURATION:
        conf_duration_format(*(const int64_t *)value, to);
        break;
    case CONF_SIZE:
        conf_size_format(*(const int64_t *)value, to);
        break;
    case CONF_RATE:
        conf_rate_format(value, to);
        break;
    case CONF_ENUM:
        buf_append_str(to, row->words[*(const int *)value]);
        break;
    case CONF_STRING:
    case CONF_PATH:
    case CONF_SECRET_FILE:
    case CONF_ADDRESS:
    case CONF_DOMAIN:
        conf_string_format(*(const char *const *)value, to);
        break;
    case CONF_NETS:
        format_net(value, to);
        break;
    default:
        assert(!"not a scalar type");
    }
}

void conf_bound_format(enum conf_type t, double bound, struct buf *to)
{
    switch (t) {
    case CONF_DURATION:
        conf_duration_format((int64_t)bound, to);
        break;
    case CONF_SIZE:
        conf_size_format((int64_t)bound, to);
        break;
    case CONF_INT:
        buf_printf(to, "%" PRId64, (int64_t)bound);
        break;
    default:
        conf_number_format(bound, to);
    }
}
