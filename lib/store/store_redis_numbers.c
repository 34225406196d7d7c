/* store_redis_numbers.c - many numbers in one argument, or one reply, of a script.
 *
 * As Lua reckons: doubles, little-endian, which its struct library reads and writes ('<d').  Thirty numbers as text, each an argument of its
 * own, cost Redis and us a fifth of a decision.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <assert.h>
#include <endian.h>
#include <string.h>

#include "lib/store/store_redis.h"

enum { NUMBER_BYTES = 8 };
#define WHOLE_MAX 9007199254740992.0         /* 2^53: above it a double leaves whole numbers out */

_Static_assert(sizeof(double) == NUMBER_BYTES, "IEEE 754");

void redis_call_numbers(struct redis_call *c, const int64_t *numbers, size_t n)
{
    char bytes[REDIS_NUMBERS_MAX * NUMBER_BYTES];

    assert(n <= REDIS_NUMBERS_MAX);
    for (size_t i = 0; i < n; i++) {
        double number = (double)numbers[i];
        uint64_t bits;

        memcpy(&bits, &number, sizeof(bits));
        bits = htole64(bits);
        memcpy(bytes + i * NUMBER_BYTES, &bits, sizeof(bits));
    }
    redis_call_arg_bytes(c, span_of(bytes, n * NUMBER_BYTES));
}

bool redis_numbers(const redisReply *reply, int64_t *numbers_out, size_t n)
{
    if (reply->type != REDIS_REPLY_STRING || (size_t)reply->len != n * NUMBER_BYTES)
        return false;
    for (size_t i = 0; i < n; i++) {
        double number;
        uint64_t bits;

        memcpy(&bits, reply->str + i * NUMBER_BYTES, sizeof(bits));
        bits = le64toh(bits);
        memcpy(&number, &bits, sizeof(number));
        if (number != number)
            return false;
        /* Somebody else's value under one of our keys may have any size. */
        numbers_out[i] = number > WHOLE_MAX ? (int64_t)WHOLE_MAX : number < -WHOLE_MAX ? -(int64_t)WHOLE_MAX : (int64_t)number;
    }
    return true;
}
