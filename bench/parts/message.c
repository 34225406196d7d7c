/* message.c - one message for many: every copy has a number of its own where the file has a mark.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "bench/parts/message.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mark[] = "Gatepost0Run";
enum { MARK = sizeof(mark) - 1 };

static void note_mark(struct message *m, size_t at)
{
    m->marks = realloc(m->marks, (m->n_marks + 1) * sizeof(*m->marks));
    if (m->marks == NULL)
        err(1, "memory");
    m->marks[m->n_marks++] = at;
}

void message_load(struct message *m, const char *path, const char *end)
{
    FILE *f = fopen(path, "rb");
    size_t n_end = strlen(end), size;

    *m = (struct message){ .bytes = NULL };
    if (f == NULL || fseek(f, 0, SEEK_END) != 0)
        err(1, "%s", path);
    size = (size_t)ftell(f);
    rewind(f);
    if ((m->bytes = malloc(size + n_end)) == NULL || fread(m->bytes, 1, size, f) != size)
        err(1, "%s", path);
    fclose(f);
    memcpy(m->bytes + size, end, n_end);
    m->n = size + n_end;
    for (char *p = m->bytes; (p = memmem(p, m->n - (size_t)(p - m->bytes), mark, MARK)) != NULL; p += MARK)
        note_mark(m, (size_t)(p - m->bytes));
    if (m->n_marks == 0)
        errx(1, "%s: no mark in it: all messages would be the same", path);
}

void message_free(struct message *m)
{
    free(m->bytes);
    free(m->marks);
}

void message_number(struct message *m, uint64_t number)
{
    char digits[MARK + 1];

    snprintf(digits, sizeof(digits), "%012llu", (unsigned long long)(number % 1000000000000ULL));
    for (size_t i = 0; i < m->n_marks; i++)
        memcpy(m->bytes + m->marks[i], digits, MARK);
}
