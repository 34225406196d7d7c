/* id.c - decision ids: 13 characters of Crockford base 32, sortable by time, unique across hosts.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/id.h"

#include "lib/base/rand.h"

/* https://www.crockford.com/base32.html: no I, L, O, U. */
static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { TIME_DIGITS = 8, COUNTER_BITS = 24 };

static const int64_t epoch_ms = INT64_C(1577836800000);   /* 2020-01-01T00:00:00Z */
static const uint64_t time_mask = (UINT64_C(1) << 41) - 1;

static void put(char *out, size_t n, uint64_t value)
{
    while (n > 0) {
        out[--n] = digits[value & 31];
        value >>= 5;
    }
}

static int digit_of(char c)
{
    const char *at;

    if (c >= 'a' && c <= 'z')
        c = (char)(c - ('a' - 'A'));
    at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

uint32_t id_make(char out[ID_TEXT], int64_t wall_ms)
{
    static uint32_t counter;
    static bool drawn;
    uint64_t t = wall_ms > epoch_ms ? (uint64_t)(wall_ms - epoch_ms) & time_mask : 0;

    if (!drawn) {
        counter = (uint32_t)rand_u64();
        drawn = true;
    }
    counter = (counter + 1) & ((1U << COUNTER_BITS) - 1);
    /* 65 bits: the upper 40 of the time, then its last one with the counter. */
    put(out, TIME_DIGITS, t >> 1);
    put(out + TIME_DIGITS, ID_LEN - TIME_DIGITS, (t & 1) << COUNTER_BITS | counter);
    out[ID_LEN] = '\0';
    return counter;
}

bool id_valid(span s)
{
    if (s.n != ID_LEN)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (digit_of(s.p[i]) < 0)
            return false;
    return true;
}

/* Of digits that id_valid has seen. */
static uint64_t value_of(span text)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n = n << 5 | (uint64_t)digit_of(text.p[i]);
    return n;
}

bool id_time(span s, int64_t *wall_ms_out)
{
    uint64_t t;

    if (!id_valid(s))
        return false;
    /* The digits behind it carry the last bit of the time in front of the counter. */
    t = value_of(span_head(s, TIME_DIGITS)) << 1 | value_of(span_from(s, TIME_DIGITS)) >> COUNTER_BITS;
    *wall_ms_out = (int64_t)t + epoch_ms;
    return true;
}

uint32_t id_tail(span s)
{
    return id_valid(s) ? (uint32_t)value_of(span_from(s, TIME_DIGITS)) & ((1U << COUNTER_BITS) - 1) : 0;
}
