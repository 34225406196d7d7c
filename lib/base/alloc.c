/* alloc.c - memory that is there or ends the process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void out_of_memory(void) __attribute__((noreturn));

static void out_of_memory(void)
{
    static const char words[] = "out of memory\n";
    ssize_t n = write(STDERR_FILENO, words, sizeof(words) - 1);

    (void)n;   /* the process ends either way */
    abort();
}

void *xmalloc(size_t size_bytes)
{
    void *p = malloc(size_bytes > 0 ? size_bytes : 1);

    if (p == NULL)
        out_of_memory();
    return p;
}

void *xcalloc(size_t count, size_t size_bytes)
{
    void *p = count > 0 && size_bytes > 0 ? calloc(count, size_bytes) : calloc(1, 1);

    if (p == NULL)
        out_of_memory();
    return p;
}

void *xzeroed(size_t size_bytes)
{
    return memset(xmalloc(size_bytes), 0, size_bytes);
}

void *xrealloc(void *p, size_t size_bytes)
{
    p = realloc(p, size_bytes > 0 ? size_bytes : 1);
    if (p == NULL)
        out_of_memory();
    return p;
}

void *xreallocarray(void *p, size_t count, size_t size_bytes)
{
    size_t total;

    if (__builtin_mul_overflow(count, size_bytes, &total))
        out_of_memory();
    return xrealloc(p, total);
}

char *xstrdup(const char *s)
{
    return xspandup(span_str(s));
}

char *xspandup(span s)
{
    char *copy;

    if (s.n == SIZE_MAX)
        out_of_memory();
    copy = xmalloc(s.n + 1);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

char *xasprintf(const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        out_of_memory();
    va_end(ap);
    return text;
}
