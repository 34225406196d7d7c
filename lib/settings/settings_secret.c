/* settings_secret.c - secrets out of files, and the DNSBL zones that are made with them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proto/domain.h"

enum { SECRET_MAX = 4096, PATH_TEXT_MAX = 4096 };

/* systemd.exec(5): credentials lie in a folder of the unit's own, whose modes systemd answers for. */
static int credential_path(const char *name, char *out, size_t size, struct errtext *err)
{
    const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");

    if (folder == NULL) {
        errtext_set(err, "credential:%s: $CREDENTIALS_DIRECTORY is not set (LoadCredential=%s:/path in the unit)", name, name);
        return -1;
    }
    if (snprintf(out, size, "%s/%s", folder, name) >= (int)size) {
        errtext_set(err, "credential:%s: path too long", name);
        return -1;
    }
    return 0;
}

static int check_file(int fd, const char *path, bool credential, struct errtext *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        errtext_errno(err, "%s", path);
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        errtext_set(err, "%s: not a plain file", path);
        return -1;
    }
    if (!credential && (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
        errtext_set(err, "%s: holds a secret, but others may %s it (chmod 0640 %s)", path,
                    (st.st_mode & S_IROTH) != 0 ? "read" : "write", path);
        return -1;
    }
    return 0;
}

/* The content of fd, at most SECRET_MAX bytes, without the last line end. */
static int read_secret(int fd, const char *path, struct buf *secret, struct errtext *err)
{
    char text[SECRET_MAX + 1];
    size_t n = 0;
    ssize_t got = 1;
    int r = -1;

    while (n < sizeof(text) && (got = read(fd, text + n, sizeof(text) - n)) != 0) {
        if (got < 0 && errno != EINTR)
            break;
        n += got > 0 ? (size_t)got : 0;
    }
    if (n > 0 && text[n - 1] == '\n')
        n--;
    if (n > 0 && text[n - 1] == '\r')
        n--;
    if (got < 0)
        errtext_errno(err, "%s", path);
    else if (n > SECRET_MAX)
        errtext_set(err, "%s: longer than %d bytes", path, SECRET_MAX);
    else if (n == 0)
        errtext_set(err, "%s: is empty", path);
    else if (memchr(text, '\0', n) != NULL)
        errtext_set(err, "%s: holds a NUL byte", path);
    else if (!buf_append(secret, span_of(text, n)))
        errtext_set(err, "%s: longer than it may be here", path);
    else
        r = 0;
    explicit_bzero(text, sizeof(text));
    return r;
}

int settings_secret_read(const char *path, struct buf *secret, struct errtext *err)
{
    char real[PATH_TEXT_MAX];
    bool credential = strncmp(path, "credential:", strlen("credential:")) == 0;
    int fd, r = -1;

    if (credential) {
        if (credential_path(path + strlen("credential:"), real, sizeof(real), err) < 0)
            return -1;
        path = real;
    }
    /* O_NONBLOCK: a FIFO must not hold the start. */
    if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0) {
        errtext_errno(err, "%s", path);
        return -1;
    }
    if (check_file(fd, path, credential, err) == 0)
        r = read_secret(fd, path, secret, err);
    close(fd);
    return r;
}

/* ---- DNSBL zones ---- */

static const char *zone_of_preset(const struct set_dnsbl *d)
{
    static const char *const zones[][2] = {
        [DNSBL_PRESET_SPAMHAUS] = { "zen.spamhaus.org", "dbl.spamhaus.org" },
        [DNSBL_PRESET_SPAMHAUS_DQS] = { "zen.dq.spamhaus.net", "dbl.dq.spamhaus.net" },
    };

    return d->preset != DNSBL_PRESET_NONE ? zones[d->preset][d->kind != DNSBL_CLIENT] : d->zone;
}

/* A key is one label: letters, digits and hyphens (RFC 1123 2.1). */
static bool key_is_label(span key)
{
    char text[DOMAIN_TEXT_MAX];
    span out;

    return key.n <= DOMAIN_LABEL_MAX && span_find(key, '.') == key.n && domain_normalise_ascii(key, text, &out) == DOMAIN_OK;
}

int settings_dnsbl_zone(const struct set_dnsbl *d, struct buf *zone, struct errtext *err)
{
    struct buf key;
    int r = -1;

    buf_init(&key, SECRET_MAX);
    if (d->key_file != NULL) {
        if (settings_secret_read(d->key_file, &key, err) < 0)
            goto out;
        if (!key_is_label(span_trim(buf_span(&key)))) {
            errtext_set(err, "%s: does not hold a query key (one word of letters and digits)", d->key_file);
            goto out;
        }
        buf_append(zone, span_trim(buf_span(&key)));
        buf_append_char(zone, '.');
    }
    buf_append_str(zone, zone_of_preset(d));
    if (zone->overflow)
        errtext_set(err, "list %s: zone too long", d->name);
    else
        r = 0;
out:
    if (key.base != NULL)
        explicit_bzero(key.base, key.cap);
    buf_free(&key);
    return r;
}
