/* store_redis_scripts.c - the Lua scripts: one atomic step of the store each.
 *
 * Keys come in KEYS, numbers and values in ARGV; no text from anywhere becomes part of a script.  The arithmetic is that of
 * store_rules.c.  `now` is ARGV[1] or, when that is 0, Redis' own time.  Written values are plain text: gatepost-redis(7).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <openssl/sha.h>
#include <stdio.h>

#include "lib/store/store_redis.h"

#define NOW_MS \
    "local now = tonumber(ARGV[1])\n" \
    "if now == 0 then local t = redis.call('TIME') now = t[1] * 1000 + math.floor(t[2] / 1000) end\n"

/* KEYS: the limits, then perhaps the once key.  ARGV: now_ms, once_ms, n, then every_us, window_us, need_us of each.
 * Value of a limit: "FULL_US EVERY_US WINDOW_US".  Reply: 0 charged, 1 exceeded, 2 charged before; then what was free in each (us). */
static const char limits_text[] =
    NOW_MS
    "now = now * 1000\n"
    "local function put(i, full)\n"
    "  redis.call('SET', KEYS[i], string.format('%.0f %s %s', full, ARGV[3 * i + 1], ARGV[3 * i + 2]),\n"
    "             'PX', string.format('%.0f', math.ceil((full - now) / 1000)))\n"
    "end\n"
    "local n, over, out, full = tonumber(ARGV[3]), false, {0}, {}\n"
    "local had = redis.call('MGET', unpack(KEYS))\n"
    "local once = KEYS[n + 1]\n"
    "local again = once and had[n + 1] and tonumber(had[n + 1]) > now\n"
    "for i = 1, n do\n"
    "  local every, window, need = tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2]), tonumber(ARGV[3 * i + 3])\n"
    "  local at = had[i] and tonumber(string.match(had[i], '^%d+')) or 0\n"
    "  if at < now then at = now end\n"
    "  if at > now + window then at = now + window put(i, at) end\n"
    "  full[i] = at + need\n"
    "  out[i + 1] = window - (at - now)\n"
    "  if need == 0 then need = every end\n"
    "  if need > out[i + 1] then over = true end\n"
    "end\n"
    "if again then out[1] = 2 return out end\n"
    "if over then out[1] = 1 return out end\n"
    "local took = false\n"
    "for i = 1, n do\n"
    "  if ARGV[3 * i + 3] ~= '0' then\n"
    "    took = true\n"
    "    put(i, full[i])\n"
    "  end\n"
    "end\n"
    "if once and took and ARGV[2] ~= '0' then\n"
    "  redis.call('SET', once, string.format('%.0f', now + tonumber(ARGV[2]) * 1000), 'PX', ARGV[2])\n"
    "end\n"
    "return out\n";

/* ARGV: now_ms, delay_ms, window_ms, keep_ms.  Value: "wait|pass FIRST_MS LAST_MS TRIES".  Reply: passed, wait_ms, tries. */
static const char grey_text[] =
    NOW_MS
    "local delay, window, keep = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])\n"
    "local word, first, last, tries = string.match(redis.call('GET', KEYS[1]) or '', '^(%l+) (%d+) (%d+) (%d+)$')\n"
    "local passed = word == 'pass'\n"
    "first, last, tries = tonumber(first), tonumber(last), tonumber(tries) or 0\n"
    "local back = tries > 0 and now < last\n"
    "local waited = back and delay or now - (first or now)\n"
    "if tries == 0 or (passed and not back and now - last > keep) or (not passed and not back and waited > window) then\n"
    "  first, tries, waited, passed = now, 0, 0, delay <= 0\n"
    "elseif not passed and waited >= delay then\n"
    "  passed, first = true, now\n"
    "end\n"
    "tries = tries + 1\n"
    "local ttl = passed and keep or first + window - now\n"
    "redis.call('SET', KEYS[1], string.format('%s %.0f %.0f %.0f', passed and 'pass' or 'wait', first, now, tries),\n"
    "           'PX', string.format('%.0f', math.max(ttl + 1, 1)))\n"
    "return {passed and 1 or 0, passed and 0 or delay - waited, tries}\n";

/* ARGV: now_ms, ttl_ms, value.  Value: "WRITTEN_MS EXPIRES_MS VALUE". */
static const char remember_text[] =
    NOW_MS
    "redis.call('SET', KEYS[1], string.format('%.0f %.0f ', now, now + tonumber(ARGV[2])) .. ARGV[3], 'PX', ARGV[2])\n"
    "return 1\n";

/* ARGV: now_ms.  Reply: nil, or value, age_ms, ttl_left_ms. */
static const char recall_text[] =
    NOW_MS
    "local v = redis.call('GET', KEYS[1])\n"
    "if not v then return false end\n"
    "local written, expires, at = string.match(v, '^(%d+) (%d+) ()')\n"
    "if not at or tonumber(expires) <= now then return false end\n"
    "return {string.sub(v, at), math.max(now - tonumber(written), 0), tonumber(expires) - now}\n";

static const char forget_text[] = "return redis.call('DEL', KEYS[1])\n";

/* KEYS: any.  Reply: now_us, then each value (nil: gone, or not a string). */
static const char peek_text[] =
    "local t = redis.call('TIME')\n"
    "local out = redis.call('MGET', unpack(KEYS))\n"
    "table.insert(out, 1, t[1] * 1000000 + t[2])\n"
    "return out\n";

static struct redis_script_text scripts[SCRIPT_COUNT] = {
    [SCRIPT_LIMITS] = { .text = limits_text },
    [SCRIPT_GREY] = { .text = grey_text },
    [SCRIPT_REMEMBER] = { .text = remember_text },
    [SCRIPT_RECALL] = { .text = recall_text },
    [SCRIPT_FORGET] = { .text = forget_text },
    [SCRIPT_PEEK] = { .text = peek_text },
};

const struct redis_script_text *redis_script(enum redis_script which)
{
    struct redis_script_text *s = &scripts[which];

    if (s->sha1[0] == '\0') {
        unsigned char digest[SHA_DIGEST_LENGTH];

        SHA1((const unsigned char *)s->text, strlen(s->text), digest);
        for (size_t i = 0; i < sizeof(digest); i++)
            snprintf(s->sha1 + 2 * i, 3, "%02x", digest[i]);
    }
    return s;
}
