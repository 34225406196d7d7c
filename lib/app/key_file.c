/* key_file.c - a secret of 32 random bytes that several daemons share, made by whoever starts first.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/app/key_file.h"
#include "lib/base/rand.h"

enum { HEX_BYTES = KEY_FILE_BYTES * 2 };

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool key_parse(span text, uint8_t out[KEY_FILE_BYTES])
{
    text = span_trim(text);
    if (text.n != HEX_BYTES)
        return false;
    for (size_t i = 0; i < KEY_FILE_BYTES; i++) {
        int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* 0, -1 with err, 1: no such file. */
static int key_read(const char *path, uint8_t out[KEY_FILE_BYTES], struct errtext *err)
{
    uint8_t key[KEY_FILE_BYTES];
    char text[HEX_BYTES + 16];
    struct stat st;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        if (errno == ENOENT)
            return 1;
        errtext_errno(err, "cannot open the key %s", path);
        return -1;
    }
    n = fstat(fd, &st) == 0 ? read(fd, text, sizeof text) : -1;
    if (n < 0)
        errtext_errno(err, "cannot read the key %s", path);
    close(fd);
    if (n < 0)
        return -1;
    if ((st.st_mode & S_IRWXO) != 0) {
        errtext_set(err, "the key %s can be read by everybody: chmod o= it", path);
        return -1;
    }
    if (!key_parse(span_of(text, (size_t)n), key)) {
        errtext_set(err, "the key %s must hold %d hex digits: remove it, and the next start makes a new one", path,
                    (int)HEX_BYTES);
        return -1;
    }
    memcpy(out, key, sizeof key);
    return 0;
}

static int write_new(int fd, const char *name, struct errtext *err)
{
    uint8_t raw[KEY_FILE_BYTES];
    char text[HEX_BYTES + 2];

    rand_bytes(raw, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++)
        snprintf(text + 2 * i, 3, "%02x", raw[i]);
    text[HEX_BYTES] = '\n';
    if (fchmod(fd, 0640) < 0 || write(fd, text, HEX_BYTES + 1) != HEX_BYTES + 1 || fsync(fd) < 0) {
        errtext_errno(err, "cannot write %s", name);
        return -1;
    }
    return 0;
}

/* link(2) fails when the name is there: of two daemons that start together one wins, and nobody ever sees half a key. */
static int key_create(const char *path, struct errtext *err)
{
    char name[4096];
    int fd, r = -1;

    if ((size_t)snprintf(name, sizeof name, "%s.%d.new", path, (int)getpid()) >= sizeof name) {
        errtext_set(err, "the path %s is too long", path);
        return -1;
    }
    unlink(name);
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0) {
        errtext_errno(err, "cannot make the key %s", name);
        return -1;
    }
    if (write_new(fd, name, err) == 0) {
        r = link(name, path) == 0 || errno == EEXIST ? 0 : -1;
        if (r < 0)
            errtext_errno(err, "cannot make the key %s", path);
    }
    close(fd);
    unlink(name);
    return r;
}

int key_file_load(const char *path, bool create, uint8_t out[KEY_FILE_BYTES], struct errtext *err)
{
    int r = key_read(path, out, err);

    if (r > 0 && create) {
        if (key_create(path, err) < 0)
            return -1;
        r = key_read(path, out, err);
    }
    if (r > 0) {
        errtext_set(err, "there is no key file %s: the daemon that makes it has not run yet, or its name is wrong", path);
        return -1;
    }
    return r;
}
