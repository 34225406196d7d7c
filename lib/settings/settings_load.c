/* settings_load.c - a file to a set, with what spans sections checked.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/conf/conf_yaml.h"
#include "lib/settings/rows.h"

enum { PUBLIC_NAME_MAX = 63 };

/* ---- checks of one value ---- */

/* RFC 5322 2.2: a field name is printable ASCII without a colon. */
int check_header_field(const void *value, struct errtext *err)
{
    span field = span_str(*(const char *const *)value);
    size_t colon = span_find(field, ':');
    bool ok = colon > 0 && colon < field.n && span_trim(span_from(field, colon + 1)).n > 0;

    for (size_t i = 0; i < field.n; i++)
        ok = ok && (unsigned char)field.p[i] >= (i < colon ? 0x21 : 0x20) && (unsigned char)field.p[i] < 0x7f;
    if (ok)
        return 0;
    errtext_set(err, "is no header field (try \"X-Rate-Limit: exceeded\")");
    return -1;
}

int check_public_name(const void *value, struct errtext *err)
{
    const char *name = *(const char *const *)value;
    size_t n = strlen(name);
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    if (n > 0 && n <= PUBLIC_NAME_MAX && good == n)
        return 0;
    errtext_set(err, "\"%.80s\" is not a name (1 to 63 letters, digits, . _ or -)", name);
    return -1;
}

int check_octal_mode(const void *value, struct errtext *err)
{
    const char *text = *(const char *const *)value;
    size_t n = strlen(text);

    if ((n == 3 || (n == 4 && text[0] == '0')) && strspn(text, "01234567") == n)
        return 0;
    errtext_set(err, "\"%.40s\" is not a file mode (try \"0660\")", text);
    return -1;
}

/* ---- places ---- */

bool settings_written(const struct settings *s, const char *key_path)
{
    size_t line, column;

    return conf_where(s->marks, key_path, &line, &column);
}

void settings_error(const struct settings *s, struct conf_errors *errors, const char *key_path, const char *fmt, ...)
{
    char what[700];
    va_list ap;

    va_start(ap, fmt);
    if (vsnprintf(what, sizeof(what), fmt, ap) < 0)
        what[0] = '\0';
    va_end(ap);
    conf_errors_add_at(errors, s->marks, key_path, "%s", what);
}

void settings_error_in(const struct settings *s, struct conf_errors *errors, const char *key_path, size_t at, const char *what)
{
    size_t line, column;

    if (conf_where_in(s->marks, key_path, at, &line, &column))
        conf_errors_add(errors, s->marks->file, line, column, key_path, "%s", what);
    else
        settings_error(s, errors, key_path, "%s", what);
}

/* ---- reading ---- */

/* At most one byte more than a configuration may have: the parser then says so. */
static bool read_file(const char *path, struct buf *to, struct conf_errors *errors)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n = -1;

    while (fd >= 0 && to->len <= CONF_MAX_BYTES) {
        size_t room = CONF_MAX_BYTES + 1 - to->len;
        char *at = buf_reserve(to, room < 65536 ? room : 65536);

        n = read(fd, at, room < 65536 ? room : 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        buf_commit(to, (size_t)n);
    }
    if (n < 0)
        conf_errors_add(errors, path, 0, 0, NULL, "cannot be read: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return n >= 0;
}

static void digest_hex(span text, char hex[65])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_Digest(text.p != NULL ? text.p : "", text.n, sum, &n, EVP_sha256(), NULL) != 1 || n != 32)
        abort();   /* SHA-256 is always there */
    for (unsigned i = 0; i < n; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", sum[i]);
}

static const char *absolute_path(const char *path, struct arena *arena)
{
    char *real = realpath(path, NULL);
    const char *out = arena_str(arena, span_str(real != NULL ? real : path));

    free(real);
    return out;
}

/* ---- what hangs on the machine or on several sections ---- */

static void find_hostname(struct settings *s)
{
    if (s->process.hostname[0] != '\0')
        snprintf(s->hostname, sizeof(s->hostname), "%.255s", s->process.hostname);
    else if (gethostname(s->hostname, sizeof(s->hostname) - 1) != 0)
        snprintf(s->hostname, sizeof(s->hostname), "localhost");
}

/* Its default is right where Postfix is; where it is not, an unwritten name must not keep a daemon from starting. */
static void find_socket_group(struct settings *s)
{
    if (!settings_written(s, "listen.group") && getgrnam(s->listen.group) == NULL)
        s->listen.group = "";
}

static void check_socket_twice(const struct settings *s, struct conf_errors *errors)
{
    static const char *const names[] = { "listen.socketmap", "listen.policy", "listen.filter" };
    const struct conf_strings *lists[] = { &s->listen.socketmap, &s->listen.policy, &s->listen.filter };

    for (size_t a = 0; a < 3; a++) {
        for (size_t i = 0; i < lists[a]->n; i++) {
            const char *address = lists[a]->v[i];
            char at[64];

            if (span_ends_nocase(span_str(address), SPAN(":0")))   /* any free port */
                continue;
            snprintf(at, sizeof(at), "%s[%zu]", names[a], i);
            for (size_t b = 0; b <= a; b++) {
                for (size_t j = 0; j < (b == a ? i : lists[b]->n); j++) {
                    if (strcmp(address, lists[b]->v[j]) == 0)
                        settings_error(s, errors, at, "\"%s\" is also in %s", address, names[b]);
                }
            }
        }
    }
}

static void check_between_sections(struct settings *s, struct conf_errors *errors)
{
    if (conf_sound(s->marks, "listen"))
        check_socket_twice(s, errors);
    settings_check_recipients(s, errors);
    settings_check_policy(s, errors);
    settings_check_store(s, errors);
    settings_check_filter(s, errors);
    settings_check_rcpt_classes(s, errors);
}

struct settings *settings_load(const char *path, struct conf_errors *errors)
{
    struct arena *arena = arena_new(16 * 1024);
    struct settings *s = arena_alloc(arena, sizeof(*s));
    size_t before = conf_errors_count(errors);
    struct buf text;

    s->arena = arena;
    s->refs = 1;
    s->file = absolute_path(path, arena);
    buf_init(&text, CONF_MAX_BYTES + 1);
    if (read_file(path, &text, errors)) {
        digest_hex(buf_span(&text), s->digest);
        (void)conf_parse(buf_span(&text), path, settings_rows, s, arena, errors, &s->marks);
        if (s->marks != NULL) {      /* readable, with or without errors: every error in one run */
            find_hostname(s);
            find_socket_group(s);
            check_between_sections(s, errors);
        }
    }
    buf_free(&text);
    if (conf_errors_count(errors) > before)
        settings_unref(&s);
    return s;
}

struct settings *settings_ref(struct settings *s)
{
    s->refs++;
    return s;
}

void settings_unref(struct settings **s)
{
    struct arena *arena;

    if (s == NULL || *s == NULL)
        return;
    if (--(*s)->refs == 0) {
        arena = (*s)->arena;         /* the set itself lives in it */
        arena_free(&arena);
    }
    *s = NULL;
}
