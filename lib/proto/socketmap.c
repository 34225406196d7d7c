/* socketmap.c - requests and replies inside the netstrings of a socketmap.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/socketmap.h"

#include "lib/proto/netstring.h"
#include "lib/proto/oneline.h"

static const span words[] = {
    [SOCKETMAP_OK] = SPAN("OK"),
    [SOCKETMAP_NOTFOUND] = SPAN("NOTFOUND"),
    [SOCKETMAP_TEMP] = SPAN("TEMP"),
    [SOCKETMAP_TIMEOUT] = SPAN("TIMEOUT"),
    [SOCKETMAP_PERM] = SPAN("PERM"),
};

bool socketmap_parse_request(span payload, struct socketmap_request *out)
{
    size_t space = span_find(payload, ' ');

    if (space == 0 || space == payload.n)
        return false;
    *out = (struct socketmap_request){ span_head(payload, space), span_from(payload, space + 1) };
    return true;
}

/* One frame of "HEAD SP TAIL". */
static bool append_pair(struct buf *to, span head, span tail)
{
    char length[NETSTRING_HEADER_MAX], *at;
    size_t n, payload = head.n + 1 + tail.n;

    if (tail.n > SIZE_MAX / 2 || head.n > SIZE_MAX / 4)
        return false;
    n = netstring_header(payload, length);
    if ((at = buf_reserve(to, n + payload + 1)) == NULL)
        return false;
    memcpy(at, length, n);
    memcpy(at + n, head.p, head.n);
    at[n + head.n] = ' ';
    if (tail.n > 0)
        memcpy(at + n + head.n + 1, tail.p, tail.n);
    at[n + payload] = ',';
    buf_commit(to, n + payload + 1);
    return true;
}

bool socketmap_append_request(struct buf *to, span map, span key)
{
    if (map.n == 0 || span_find(map, ' ') < map.n)
        return false;
    return append_pair(to, map, key);
}

static bool is_sendable_data(span data)
{
    if (data.n == 0 || data.n > SOCKETMAP_DATA_MAX || !oneline_is_utf8(data))
        return false;
    for (size_t i = 0; i < data.n; i++)
        if ((unsigned char)data.p[i] < 0x20 || data.p[i] == 0x7f)
            return false;
    return true;
}

bool socketmap_append_ok(struct buf *to, span data)
{
    return is_sendable_data(data) && append_pair(to, words[SOCKETMAP_OK], data);
}

bool socketmap_append_notfound(struct buf *to)
{
    return append_pair(to, words[SOCKETMAP_NOTFOUND], SPAN(""));
}

bool socketmap_append_temp(struct buf *to, span reason)
{
    char text[SOCKETMAP_REASON_MAX];
    size_t n = oneline_ascii(reason, text, sizeof(text));

    return append_pair(to, words[SOCKETMAP_TEMP], n > 0 ? span_of(text, n) : SPAN("temporary failure"));
}

bool socketmap_parse_reply(span payload, struct socketmap_reply *out)
{
    size_t space = span_find(payload, ' ');
    span word = span_head(payload, space), text = span_from(payload, space + 1);

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!span_eq(word, words[i]))
            continue;
        if (i == SOCKETMAP_OK && text.n == 0)
            return false;
        *out = (struct socketmap_reply){ (enum socketmap_word)i, text };
        return true;
    }
    return false;
}

const char *socketmap_word_name(enum socketmap_word w)
{
    return (size_t)w < sizeof(words) / sizeof(words[0]) ? words[w].p : "?";
}
