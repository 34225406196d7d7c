/* conf_units.c - durations, sizes and rates: text to number and back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/conf/conf_units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct unit {
    const char *name;                /* as written */
    int64_t factor;
};

/* Smallest first. */
static const struct unit time_units[] = {
    { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 24 * 3600 * 1000 },
};
static const struct unit size_units[] = {
    { "", 1 }, { "k", 1LL << 10 }, { "M", 1LL << 20 }, { "G", 1LL << 30 }, { "T", 1LL << 40 },
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Sums and products stay exact in a double, which holds the bounds of a row. */
static const int64_t value_max = 1LL << 53;

static size_t digits_at_head(span text)
{
    size_t n = 0;

    while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
        n++;
    return n;
}

static bool scaled(span number, int64_t factor, int64_t *out)
{
    uint64_t v;

    if (!span_to_u64(number, &v) || v > (uint64_t)(value_max / factor))
        return false;
    *out = (int64_t)v * factor;
    return true;
}

bool conf_duration_parse(span text, int64_t *ms_out)
{
    size_t digits = digits_at_head(text);
    span unit = span_from(text, digits);

    if (digits == 0)
        return false;
    if (unit.n == 0) {               /* only zero needs no unit */
        uint64_t v;

        if (!span_to_u64(text, &v) || v != 0)
            return false;
        *ms_out = 0;
        return true;
    }
    for (size_t i = 0; i < COUNT(time_units); i++) {
        if (span_eq(unit, span_str(time_units[i].name)))
            return scaled(span_head(text, digits), time_units[i].factor, ms_out);
    }
    return false;
}

static void format_scaled(int64_t v, const struct unit *units, size_t n, struct buf *to)
{
    size_t i = n - 1;

    while (i > 0 && v % units[i].factor != 0)
        i--;
    buf_printf(to, "%" PRId64 "%s", v / units[i].factor, units[i].name);
}

void conf_duration_format(int64_t ms, struct buf *to)
{
    if (ms == 0)
        buf_append_char(to, '0');
    else
        format_scaled(ms, time_units, COUNT(time_units), to);
}

bool conf_size_parse(span text, int64_t *bytes_out)
{
    size_t digits = digits_at_head(text);
    span unit = span_from(text, digits);

    if (digits == 0)
        return false;
    for (size_t i = 0; i < COUNT(size_units); i++) {
        if (span_eq_nocase(unit, span_str(size_units[i].name)))
            return scaled(span_head(text, digits), size_units[i].factor, bytes_out);
    }
    return false;
}

void conf_size_format(int64_t bytes, struct buf *to)
{
    if (bytes == 0)
        buf_append_char(to, '0');
    else
        format_scaled(bytes, size_units, COUNT(size_units), to);
}

bool conf_rate_parse(span text, struct conf_rate *out)
{
    size_t slash = span_find(text, '/');
    span per = span_from(text, slash + 1);
    struct conf_rate r = { 0 };
    char one[8] = "1";

    if (slash == text.n || !scaled(span_head(text, slash), 1, &r.count) || r.count == 0)
        return false;
    if (per.n > 0 && per.n < sizeof(one) - 1 && digits_at_head(per) == 0) {   /* "100/h" is 100/1h */
        memcpy(one + 1, per.p, per.n);
        per = span_of(one, per.n + 1);
    }
    if (!conf_duration_parse(per, &r.per_ms) || r.per_ms == 0)
        return false;
    *out = r;
    return true;
}

void conf_rate_format(const struct conf_rate *r, struct buf *to)
{
    buf_printf(to, "%" PRId64 "/", r->count);
    for (size_t i = 0; i < COUNT(time_units); i++) {
        if (r->per_ms == time_units[i].factor) {
            buf_append_str(to, time_units[i].name);
            return;
        }
    }
    conf_duration_format(r->per_ms, to);
}

bool conf_number_parse(span text, double *out)
{
    bool minus = text.n > 0 && text.p[0] == '-';
    span rest = minus ? span_from(text, 1) : text;
    size_t whole = digits_at_head(rest), part = 0;
    double v = 0, scale = 1;

    if (whole < rest.n && rest.p[whole] == '.')
        part = digits_at_head(span_from(rest, whole + 1));
    if (whole == 0 || whole > 9 || part > 6 || rest.n != whole + (part > 0 ? part + 1 : 0))
        return false;
    for (size_t i = 0; i < rest.n; i++) {   /* an exact integer, divided once: the nearest double */
        if (rest.p[i] == '.')
            continue;
        v = v * 10 + (rest.p[i] - '0');
        if (i > whole)
            scale *= 10;
    }
    *out = v == 0 ? 0 : (minus ? -v : v) / scale;
    return true;
}

void conf_number_format(double v, struct buf *to)
{
    int64_t millionths = llround(fabs(v) * 1e6);
    int64_t part = millionths % 1000000;
    int width = 6;

    buf_printf(to, "%s%" PRId64, v < 0 && millionths != 0 ? "-" : "", millionths / 1000000);
    if (part == 0)
        return;
    for (; part % 10 == 0; width--)
        part /= 10;
    buf_printf(to, ".%0*" PRId64, width, part);
}

/* "5 minuts" -> number "5", word "minuts". */
static bool number_and_word(span text, span *number_out, span *word_out)
{
    text = span_trim(text);
    *number_out = span_head(text, digits_at_head(text));
    *word_out = span_trim(span_from(text, number_out->n));
    return number_out->n > 0 && number_out->n <= 9;
}

static const char *time_word(span word)
{
    static const struct { const char *head, *unit; } words[] = {
        { "ms", "ms" }, { "mil", "ms" }, { "mo", NULL }, { "s", "s" }, { "m", "m" }, { "h", "h" }, { "d", "d" },
    };

    if (word.n == 0)
        return "s";
    for (size_t i = 0; i < COUNT(words); i++) {
        if (span_starts_nocase(word, span_str(words[i].head)))
            return words[i].unit;
    }
    return NULL;
}

/* A guess that is no better than what was written is none. */
static void say_guess(span text, const char *guess, bool good, const char *otherwise, struct buf *to)
{
    buf_append_str(to, good && !span_eq(text, span_str(guess)) ? guess : otherwise);
}

void conf_duration_guess(span text, const char *otherwise, struct buf *to)
{
    char guess[32] = "";
    span number, word;
    const char *unit;
    int64_t ms;

    if (!number_and_word(text, &number, &word))
        word = number = SPAN("");
    if (number.n > 0 && (unit = time_word(word)) != NULL)
        snprintf(guess, sizeof(guess), "%.*s%s", SPAN_ARG(number), unit);
    else if (number.n > 0 && span_starts_nocase(word, SPAN("w")))
        snprintf(guess, sizeof(guess), "%lldd", 7 * atoll(number.p));
    say_guess(text, guess, conf_duration_parse(span_str(guess), &ms), otherwise, to);
}

void conf_size_guess(span text, const char *otherwise, struct buf *to)
{
    char guess[32] = "";
    span number, word;
    int64_t bytes;

    if (number_and_word(text, &number, &word) && word.n > 0) {
        for (size_t i = 1; i < COUNT(size_units); i++) {
            if (span_starts_nocase(word, span_str(size_units[i].name)))
                snprintf(guess, sizeof(guess), "%.*s%s", SPAN_ARG(number), size_units[i].name);
        }
    }
    say_guess(text, guess, conf_size_parse(span_str(guess), &bytes), otherwise, to);
}

void conf_rate_guess(span text, const char *otherwise, struct buf *to)
{
    char guess[32] = "";
    span number, word;
    const char *unit;
    size_t skip = 0;
    struct conf_rate rate;

    if (number_and_word(text, &number, &word) && word.n > 0) {
        if (word.p[0] == '/')
            skip = 1;
        else if (span_starts_nocase(word, SPAN("per ")))
            skip = 4;
        word = span_trim(span_from(word, skip));
        if (skip > 0 && word.n > 0 && (unit = time_word(word)) != NULL)
            snprintf(guess, sizeof(guess), "%.*s/%s", SPAN_ARG(number), unit);
    }
    say_guess(text, guess, conf_rate_parse(span_str(guess), &rate), otherwise, to);
}
