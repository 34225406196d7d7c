/* list_read.c - recipients out of files.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/list_read.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "socketmapd/address.h"
#include "socketmapd/dir_value.h"

struct reading {
    const char *path;
    unsigned number;
    bool fold;
    struct rcpt_set_writer *writer;
    struct buf *patterns;
    struct errtext *err;
    size_t line;
    size_t found;                        /* addresses in an export */
};

static int wrong(struct reading *r, span text, const char *what)
{
    errtext_set(r->err, "%s:%zu: \"%.*s\" %s", r->path, r->line, SPAN_ARG(span_head(text, 100)), what);
    return -1;
}

static void add(struct reading *r, span folded)
{
    rcpt_set_add(r->writer, &(struct rcpt_set_entry){ .address = folded, .attr = r->number, .object = (uint32_t)r->line });
}

/* ---- a list ---- */

static int take_pattern(struct reading *r, span line)
{
    if (line.n < 3 || line.p[line.n - 1] != '/')
        return wrong(r, line, "is no pattern: it ends without \"/\"");
    buf_append(r->patterns, span_from(span_head(line, line.n - 1), 1));
    return buf_append_char(r->patterns, '\n') ? 0 : wrong(r, line, "is one pattern too many");
}

static int take_list_line(struct reading *r, span line)
{
    char key[ADDRESS_MAX];
    span folded;

    if (line.n > 0 && line.p[0] == '/')
        return take_pattern(r, span_trim(line));
    line = span_trim(span_head(line, span_find(line, '#')));
    if (line.n == 0)
        return 0;
    if (!address_fold_entry(line, r->fold, key, &folded))
        return wrong(r, line, "is neither user@domain nor @domain");
    add(r, folded);
    return 0;
}

/* ---- exports: what looks like an address is one, the rest is somebody's name ---- */

static void take_value(struct reading *r, const char *attribute, span value)
{
    char buffer[ADDRESS_MAX];
    span address;

    if (!dir_value_address(attribute, value, r->fold, buffer, &address))
        return;
    add(r, address);
    r->found++;
}

static span unquote_field(span field, char *out)
{
    size_t n = 0;

    if (field.n < 2 || field.p[0] != '"' || field.p[field.n - 1] != '"')
        return field;
    for (size_t i = 1; i + 1 < field.n; i++) {
        out[n++] = field.p[i];
        i += field.p[i] == '"' && field.p[i + 1] == '"';
    }
    return span_of(out, n);
}

/* Up to the next separator that is not within quotes.  RFC 4180 2.5 to 2.7; ";" too, as some countries' Excel has it. */
static bool next_field(span *rest, span *field_out)
{
    bool quoted = false;
    size_t i = 0;

    if (rest->p == NULL)
        return false;
    for (; i < rest->n && (quoted || rest->p[i] != ','); i++)
        quoted = quoted != (rest->p[i] == '"');
    *field_out = span_trim(span_head(*rest, i));
    *rest = i < rest->n ? span_of(rest->p + i + 1, rest->n - i - 1) : span_of(NULL, 0);
    return true;
}

static int take_csv_line(struct reading *r, span line)
{
    char *room = xmalloc(line.n + 1);
    span field, piece;

    while (next_field(&line, &field)) {
        field = unquote_field(field, room);
        for (span rest = field; span_next(&rest, ';', &piece);)
            take_value(r, "mail", piece);
    }
    free(room);
    return 0;
}

static bool decode(span text, struct buf *to)
{
    char *room = buf_reserve(to, text.n + 4);
    size_t pad = 0;
    int n;

    if (room == NULL || text.n == 0)
        return false;
    while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=')
        pad++;
    n = EVP_DecodeBlock((unsigned char *)room, (const unsigned char *)text.p, (int)text.n);
    if (n < (int)pad)
        return false;
    buf_commit(to, (size_t)n - pad);
    return true;
}

/* "attr: value", "attr:: base64"; folded lines have been joined. */
static int take_ldif_line(struct reading *r, span line)
{
    static const char *const attributes[] = { "proxyAddresses", "mail", "mailLocalAddress", "mailAlternateAddress" };
    size_t colon = span_find(line, ':');
    span name = span_head(line, colon), value = span_from(line, colon + 1);
    struct buf bytes;

    name = span_head(name, span_find(name, ';'));
    buf_init(&bytes, 64 * 1024);
    for (size_t i = 0; colon < line.n && i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        if (!span_eq_nocase(name, span_str(attributes[i])))
            continue;
        if (value.n == 0 || value.p[0] != ':')
            take_value(r, attributes[i], span_trim(value));
        else if (decode(span_trim(span_from(value, 1)), &bytes))
            take_value(r, attributes[i], buf_span(&bytes));
    }
    buf_free(&bytes);
    return 0;
}

/* ---- a file ---- */

struct format {
    const char *suffix;                  /* "" : any other */
    bool folded;                         /* a line that begins with a blank goes on with the one before (RFC 2849 note 2) */
    bool must_find;                      /* an export without any address is none */
    int (*line)(struct reading *r, span line);
};

static const struct format formats[] = { { ".csv", false, true, take_csv_line }, { ".ldif", true, true, take_ldif_line },
                                         { "", false, false, take_list_line } };

static const struct format *format_of(const char *path)
{
    size_t i = 0;

    while (!span_ends_nocase(span_str(path), span_str(formats[i].suffix)))
        i++;
    return &formats[i];
}

static span without_end(const char *line, size_t n)
{
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    return span_of(line, n);
}

static int read_lines(struct reading *r, FILE *f, const struct format *format)
{
    struct buf whole;
    char *line = NULL;
    size_t size = 0, number = 0;
    ssize_t got;
    int result = 0;

    buf_init(&whole, 16 << 20);
    while (result == 0 && (got = getline(&line, &size, f)) >= 0) {
        span text = without_end(line, (size_t)got);

        number++;
        if (format->folded && text.n > 0 && text.p[0] == ' ') {
            buf_append(&whole, span_from(text, 1));
            continue;
        }
        if (whole.len > 0)
            result = format->line(r, buf_span(&whole));
        r->line = number;
        buf_reset(&whole);
        buf_append(&whole, text);
    }
    if (result == 0 && whole.len > 0)
        result = format->line(r, buf_span(&whole));
    if (result == 0 && ferror(f)) {
        errtext_errno(r->err, "%s cannot be read to its end", r->path);
        result = -1;
    }
    free(line);
    buf_free(&whole);
    return result;
}

int list_read(const char *path, unsigned number, bool fold, struct rcpt_set_writer *w, struct buf *patterns, struct errtext *err)
{
    struct reading r = { .path = path, .number = number, .fold = fold, .writer = w, .patterns = patterns, .err = err };
    const struct format *format = format_of(path);
    FILE *f = fopen(path, "re");
    int result;

    if (f == NULL) {
        errtext_errno(err, "%s cannot be read", path);
        return -1;
    }
    result = read_lines(&r, f, format);
    if (result == 0 && format->must_find && r.found == 0) {
        errtext_set(err, "%s: no address was found in it", path);
        result = -1;
    }
    fclose(f);
    return result;
}
