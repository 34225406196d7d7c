/* netstring.c - reads and writes netstring frames.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/netstring.h"

#include <stdio.h>

enum ns_status netstring_decode(span in, size_t max, span *payload_out, size_t *used_out)
{
    size_t i, n = 0;

    for (i = 0; i < in.n && in.p[i] >= '0' && in.p[i] <= '9'; i++) {
        size_t digit = (size_t)(in.p[i] - '0');

        if (i > 0 && n == 0)   /* "05:", "00:" */
            return NS_E_SYNTAX;
        if (digit > max || n > (max - digit) / 10)   /* before the multiply: no length can wrap */
            return NS_E_SIZE;
        n = n * 10 + digit;
    }
    if (i == in.n)
        return NS_MORE;
    if (i == 0 || in.p[i] != ':')
        return NS_E_SYNTAX;
    i++;
    if (in.n - i <= n)
        return NS_MORE;
    if (in.p[i + n] != ',')
        return NS_E_SYNTAX;
    *payload_out = (span){ in.p + i, n };
    *used_out = i + n + 1;
    return NS_OK;
}

size_t netstring_header(size_t n, char out[NETSTRING_HEADER_MAX])
{
    return (size_t)snprintf(out, NETSTRING_HEADER_MAX, "%zu:", n);
}

bool netstring_append(struct buf *to, span payload)
{
    char header[NETSTRING_HEADER_MAX], *at;
    size_t n = netstring_header(payload.n, header);

    if (payload.n > SIZE_MAX - n - 1 || (at = buf_reserve(to, n + payload.n + 1)) == NULL)
        return false;
    memcpy(at, header, n);
    if (payload.n > 0)
        memcpy(at + n, payload.p, payload.n);
    at[n + payload.n] = ',';
    buf_commit(to, n + payload.n + 1);
    return true;
}
