/* errtext.c - the words for people that go with a failure.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/errtext.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One line: what breaks lines becomes a space.  `wanted` is the length before the cut. */
static void finish(struct errtext *err, size_t wanted)
{
    if (wanted >= sizeof(err->text))
        memcpy(err->text + sizeof(err->text) - 4, "...", 4);
    for (char *c = err->text; *c != '\0'; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
}

static size_t put(struct errtext *err, const char *fmt, va_list ap)
{
    int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);

    if (n < 0) {
        err->text[0] = '\0';
        return 0;
    }
    return (size_t)n;
}

void errtext_set(struct errtext *err, const char *fmt, ...)
{
    va_list ap;

    if (err == NULL)
        return;
    va_start(ap, fmt);
    finish(err, put(err, fmt, ap));
    va_end(ap);
}

void errtext_errno(struct errtext *err, const char *fmt, ...)
{
    int saved = errno;
    char words[128];
    va_list ap;
    size_t n;

    if (err == NULL)
        return;
    va_start(ap, fmt);
    n = put(err, fmt, ap);
    va_end(ap);
    if (n < sizeof(err->text)) {
        int more = snprintf(err->text + n, sizeof(err->text) - n, ": %s", strerror_r(saved, words, sizeof(words)));

        n += more > 0 ? (size_t)more : 0;
    }
    finish(err, n);
    errno = saved;
}

void errtext_prefix(struct errtext *err, const char *fmt, ...)
{
    char old[sizeof(err->text)];
    va_list ap;
    size_t n;

    if (err == NULL)
        return;
    memcpy(old, err->text, sizeof(old));
    va_start(ap, fmt);
    n = put(err, fmt, ap);
    va_end(ap);
    if (n < sizeof(err->text)) {
        int more = snprintf(err->text + n, sizeof(err->text) - n, ": %s", old);

        n += more > 0 ? (size_t)more : 0;
    }
    finish(err, n);
}
