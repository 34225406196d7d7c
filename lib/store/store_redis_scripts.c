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

/* Both scripts of limits have all their numbers in ARGV[1] (store_redis_numbers.c), here A.  Each limit has five, from A[5 * i] on: kind (0: GCRA,
 * 1: two counters), every_us or count, window_us, cost, want.  Values: "FULL_US EVERY_US WINDOW_US" or "w START_US BEFORE IN WINDOW_US". */
#define NUMBERS \
    "local A = {struct.unpack('<' .. string.rep('d', #ARGV[1] / 8), ARGV[1])}\n"

/* KEYS: the limits, then perhaps the once key ("UNTIL_US CHARGED_US").  A: now_ms, once_ms, n, force, then the limits.
 * Reply, packed like A: 0 charged, 1 exceeded, 2 charged before; then of each: over, and its state before: owed_us 0 0, or elapsed_us before in.
 * The hot path of policyd, and Redis has one thread: so without functions and tables that a refund can afford, and with %d, which
 * costs a third of %.0f (numbers stay below 2^53). */
static const char limits_text[] =
    NUMBERS
    "local call, fmt, match = redis.call, string.format, string.match\n"
    "local now = A[1] * 1000\n"
    "if now == 0 then local t = call('TIME') now = t[1] * 1000000 + t[2] - t[2] % 1000 end\n"
    "local n, had = A[3], call('MGET', unpack(KEYS))\n"
    "local once, out, mend, over, took, at = KEYS[n + 1], {0}, {}, false, false, 5\n"
    "for i = 1, n do\n"
    "  local rate, window, value = A[at + 1], A[at + 2], had[i]\n"
    "  local a, b, c, too_much = 0, 0, 0\n"
    "  if A[at] == 0 then\n"
    "    a = value and tonumber(match(value, '^(%d+) %d+ %d+$')) or 0\n"
    "    a = a > now and a - now or 0\n"
    "    if a > window then a, mend[i] = window, true end\n"
    "    too_much = A[at + 4] * rate > window - a\n"
    "  else\n"
    "    local start = now - now % window\n"
    "    local begun, before, inside, of = match(value or '', '^w (%d+) (%d+) (%d+) (%d+)$')\n"
    "    begun = tonumber(begun)\n"
    "    if begun and tonumber(of) == window then\n"
    "      if begun >= start then b, c = tonumber(before), tonumber(inside) end\n"
    "      if begun > start then mend[i] = true end\n"
    "      if start - begun == window then b = tonumber(inside) end\n"
    "    end\n"
    "    a = now - start\n"
    "    too_much = c + math.ceil(b * ((window - a) / window)) + A[at + 4] > rate\n"
    "  end\n"
    "  out[4 * i - 2], out[4 * i - 1], out[4 * i], out[4 * i + 1] = too_much and 1 or 0, a, b, c\n"
    "  over = over or too_much\n"
    "  took = took or A[at + 3] ~= 0\n"
    "  at = at + 5\n"
    "end\n"
    "local lasts = once and had[n + 1] and tonumber(match(had[n + 1], '^(%d+) %d+$')) or 0\n"
    "if lasts > now then out[1] = 2 elseif over and A[4] == 0 then out[1] = 1 end\n"
    "local charge = took and out[1] == 0\n"
    "at = 5\n"
    "for i = 1, n do\n"
    "  local cost = charge and A[at + 3] or 0\n"
    "  if cost > 0 or mend[i] then\n"
    "    local window, a, value = A[at + 2], out[4 * i - 1]\n"
    "    if A[at] == 0 then\n"
    "      a = math.min(a + cost * A[at + 1], window)\n"
    "      value = fmt('%d %d %d', now + a, A[at + 1], window)\n"
    "    else\n"
    "      value = fmt('w %d %d %d %d', now - a, out[4 * i], out[4 * i + 1] + cost, window)\n"
    "      a = 2 * window - a\n"
    "    end\n"
    "    a = a + 999\n"
    "    if a > 999 then call('SET', KEYS[i], value, 'PX', fmt('%d', (a - a % 1000) / 1000)) else call('DEL', KEYS[i]) end\n"
    "  end\n"
    "  at = at + 5\n"
    "end\n"
    "if charge and once and A[2] ~= 0 then\n"
    "  call('SET', once, fmt('%d %d', now + A[2] * 1000, now), 'PX', fmt('%d', A[2]))\n"
    "end\n"
    "return struct.pack('<' .. string.rep('d', #out), unpack(out))\n";

/* KEYS: the limits and the once key.  A as for limits, but for the fourth: 1 takes the once key away, so that it may charge again.
 * Reply: 1 given back, 0 nothing was charged, or it was given back before.  A state (a, b, c) is what is owed (us), or the window's start and its counters. */
static const char refund_text[] =
    NUMBERS
    "local now, n = A[1] * 1000, A[3]\n"
    "if now == 0 then local t = redis.call('TIME') now = t[1] * 1000000 + t[2] - t[2] % 1000 end\n"
    "local had = redis.call('MGET', unpack(KEYS))\n"
    "local kind, rate, window, cost, a, b, c = {}, {}, {}, {}, {}, {}, {}\n"
    "local function put(i)\n"
    "  local value, until_us\n"
    "  if kind[i] == 1 then\n"
    "    value = string.format('w %.0f %.0f %.0f %.0f', a[i], b[i], c[i], window[i])\n"
    "    until_us = a[i] + 2 * window[i]\n"
    "  else\n"
    "    value = string.format('%.0f %.0f %.0f', now + a[i], rate[i], window[i])\n"
    "    until_us = now + a[i]\n"
    "  end\n"
    "  if until_us <= now then redis.call('DEL', KEYS[i]) return end\n"
    "  redis.call('SET', KEYS[i], value, 'PX', string.format('%.0f', math.ceil((until_us - now) / 1000)))\n"
    "end\n"
    "for i = 1, n do\n"
    "  kind[i], rate[i], window[i], cost[i] = A[5 * i], A[5 * i + 1], A[5 * i + 2], A[5 * i + 3]\n"
    "  if kind[i] == 1 then\n"
    "    local start = now - now % window[i]\n"
    "    local at, before, inside, of = string.match(had[i] or '', '^w (%d+) (%d+) (%d+) (%d+)$')\n"
    "    at = tonumber(at)\n"
    "    a[i], b[i], c[i] = start, 0, 0\n"
    "    if at and tonumber(of) == window[i] then\n"
    "      if at >= start then b[i], c[i] = tonumber(before), tonumber(inside) end\n"
    "      if at > start then put(i) end\n"
    "      if start - at == window[i] then b[i] = tonumber(inside) end\n"
    "    end\n"
    "  else\n"
    "    local full = tonumber(string.match(had[i] or '', '^(%d+) %d+ %d+$')) or 0\n"
    "    a[i], b[i], c[i] = math.max(full - now, 0), 0, 0\n"
    "    if a[i] > window[i] then a[i] = window[i] put(i) end\n"
    "  end\n"
    "end\n"
    "local once = KEYS[n + 1]\n"
    "local lasts, charged = string.match(once and had[n + 1] or '', '^(%d+) (%d+)$')\n"
    "lasts, charged = tonumber(lasts) or 0, tonumber(charged) or 0\n"
    "if charged == 0 or lasts <= now then return 0 end\n"
    "if A[4] == 1 then redis.call('DEL', once)\n"
    "else redis.call('SET', once, string.format('%.0f 0', lasts), 'PX', string.format('%.0f', math.ceil((lasts - now) / 1000))) end\n"
    "for i = 1, n do\n"
    "  if had[i] and cost[i] > 0 then\n"
    "    if kind[i] == 0 then\n"
    "      a[i] = math.max(a[i] - cost[i] * rate[i], 0)\n"
    "    else\n"
    "      local start = charged - charged % window[i]\n"
    "      if start >= a[i] then c[i] = math.max(c[i] - cost[i], 0)\n"
    "      elseif a[i] - start == window[i] then b[i] = math.max(b[i] - cost[i], 0) end\n"
    "    end\n"
    "    put(i)\n"
    "  end\n"
    "end\n"
    "return 1\n";

/* KEYS: the key, then perhaps the authority's.  ARGV: now_ms, delay_ms, window_ms, keep_ms, auto_after, auto_keep_ms.
 * Value: "wait|pass FIRST_MS LAST_MS TRIES"; an authority's FIRST_MS is when a pass was counted last, TRIES how many were.
 * Reply: passed, wait_ms, tries, automatic. */
static const char grey_text[] =
    NOW_MS
    "local delay, window, keep = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])\n"
    "local after, auto_keep = tonumber(ARGV[5]), tonumber(ARGV[6])\n"
    "local function get(key)\n"
    "  local word, first, last, tries = string.match(redis.call('GET', key) or '', '^(%l+) (%d+) (%d+) (%d+)$')\n"
    "  return word == 'pass', tonumber(first), tonumber(last), tonumber(tries) or 0\n"
    "end\n"
    "local function put(key, passed, first, tries, ttl)\n"
    "  redis.call('SET', key, string.format('%s %.0f %.0f %.0f', passed and 'pass' or 'wait', first, now, tries),\n"
    "             'PX', string.format('%.0f', math.max(ttl + 1, 1)))\n"
    "end\n"
    "local whole, counted, passes = KEYS[2], nil, 0\n"
    "if whole then\n"
    "  local _, first, last, tries = get(whole)\n"
    "  if tries > 0 and now - last > auto_keep then tries = 0 end\n"
    "  counted, passes = first, tries\n"
    "  if after > 0 and passes >= after then\n"
    "    put(whole, true, counted, passes, auto_keep)\n"
    "    return {1, 0, passes, 1}\n"
    "  end\n"
    "end\n"
    "local passed, first, last, tries = get(KEYS[1])\n"
    "local back = tries > 0 and now < last\n"
    "local waited = back and delay or now - (first or now)\n"
    "if tries == 0 or (passed and not back and now - last > keep) or (not passed and not back and waited > window) then\n"
    "  first, tries, waited, passed = now, 0, 0, delay <= 0\n"
    "elseif not passed and waited >= delay then\n"
    "  passed, first = true, now\n"
    "end\n"
    "tries = tries + 1\n"
    "put(KEYS[1], passed, first, tries, passed and keep or first + window - now)\n"
    "if passed and whole then\n"
    "  if passes == 0 or now < counted or now - counted >= 3600000 then passes, counted = passes + 1, now end\n"
    "  put(whole, after > 0 and passes >= after, counted, passes, auto_keep)\n"
    "end\n"
    "return {passed and 1 or 0, passed and 0 or delay - waited, tries, 0}\n";

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
    [SCRIPT_REFUND] = { .text = refund_text },
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
