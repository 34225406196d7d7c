/* conf_address.c - socket addresses and domains as a configuration writes them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/conf/conf_address.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "lib/proto/domain.h"

enum { HOST_MAX = 253, SYSTEMD_NAME_MAX = 255 };

static int refuse(span text, const char *why, struct errtext *err)
{
    char shown[128];

    errtext_set(err, "%s is not an address (%s)", conf_quoted(text, shown, sizeof(shown)), why);
    return -1;
}

static int unix_parse(span whole, span path, const struct conf_scalar_context *c, const char **out, struct errtext *err)
{
    const char *folder = c->folder != NULL && path.n > 0 && path.p[0] != '/' ? c->folder : "";
    char *text = arena_printf(c->arena, "unix:%s%s%.*s", folder, folder[0] != '\0' ? "/" : "", SPAN_ARG(path));

    if (path.n == 0)
        return refuse(whole, "try unix:/run/gatepost/NAME.sock", err);
    if (strlen(text) - strlen("unix:") >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return refuse(whole, "the path of a unix socket has at most 107 bytes", err);
    *out = text;
    return 0;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool is_host(span host)
{
    struct ipaddr a;

    if (host.n >= 2 && host.p[0] == '[')
        return host.p[host.n - 1] == ']' && ipaddr_parse(span_of(host.p + 1, host.n - 2), &a) && span_find(host, ':') < host.n;
    for (size_t i = 0; i < host.n; i++) {
        if (!is_host_char(host.p[i]))
            return false;
    }
    return host.n > 0 && host.n <= HOST_MAX;
}

static int inet_parse(span whole, span text, const struct conf_scalar_context *c, const char **out, struct errtext *err)
{
    size_t colon = span_rfind(text, ':');
    span host = span_head(text, colon), port = span_from(text, colon + 1);
    struct ipaddr a;
    uint64_t number;

    if (ipaddr_parse(text, &a) && text.n > 0 && text.p[0] != '[')
        return refuse(whole, "the port is missing: 127.0.0.1:10025, [::1]:10025", err);
    if (colon == text.n)
        return refuse(whole, "try 127.0.0.1:10025, unix:/path or systemd:NAME", err);
    if (span_eq(host, SPAN("*")) || host.n == 0)
        return refuse(whole, "every address of the machine is 0.0.0.0:PORT and [::]:PORT", err);
    if (!is_host(host))
        return refuse(whole, "before the port goes a name, an IPv4 address or an IPv6 address in [ ]", err);
    if (!span_to_u64(port, &number) || number > 65535)
        return refuse(whole, "a port is a number up to 65535", err);
    *out = arena_printf(c->arena, "inet:%.*s:%u", SPAN_ARG(host), (unsigned)number);
    return 0;
}

int conf_address_parse(span text, const struct conf_scalar_context *c, const char **out, struct errtext *err)
{
    span name;

    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] <= ' ' || (unsigned char)text.p[i] >= 0x7F)
            return refuse(text, "no blanks, printable ASCII only", err);
    }
    if (span_starts(text, SPAN("unix:")))
        return unix_parse(text, span_from(text, strlen("unix:")), c, out, err);
    if (span_starts(text, SPAN("/")))
        return unix_parse(text, text, c, out, err);
    if (span_starts(text, SPAN("inet:")))
        return inet_parse(text, span_from(text, strlen("inet:")), c, out, err);
    if (!span_starts(text, SPAN("systemd:")))
        return inet_parse(text, text, c, out, err);
    name = span_from(text, strlen("systemd:"));
    /* sd_listen_fds_with_names(3): no colon, at most 255 bytes. */
    if (name.n == 0 || name.n > SYSTEMD_NAME_MAX || span_find(name, ':') < name.n)
        return refuse(text, "systemd:NAME, the FileDescriptorName= of a .socket unit", err);
    *out = arena_str(c->arena, text);
    return 0;
}

int conf_domain_parse(span text, const struct conf_scalar_context *c, const char **out, struct errtext *err)
{
    char shown[128], name[DOMAIN_TEXT_MAX];
    enum domain_status status;
    span domain;

    if (text.n > 0 && span_find(text, '@') < text.n) {
        errtext_set(err, "%s is not a domain (without the @ and what is before it)", conf_quoted(text, shown, sizeof(shown)));
        return -1;
    }
    if ((status = domain_normalise(text, name, &domain)) != DOMAIN_OK) {
        errtext_set(err, "%s is not a domain (%s)", conf_quoted(text, shown, sizeof(shown)), domain_status_text(status));
        return -1;
    }
    *out = arena_str(c->arena, domain);
    return 0;
}
