/* dir_value.c - from what an attribute holds to a recipient's address.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/dir_value.h"

#include <strings.h>

enum { ACCOUNT_DISABLED = 2 };

static bool has_type(span value, size_t *type_bytes_out)
{
    size_t colon = span_find(value, ':');

    for (size_t i = 0; i < colon && colon < value.n; i++) {
        char c = ascii_lower(value.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            return false;
    }
    *type_bytes_out = colon + 1;
    return colon < value.n && colon > 0;
}

bool dir_value_address(const char *attribute, span value, bool fold_local_part, char buffer[ADDRESS_MAX], span *address_out)
{
    bool typed = strcasecmp(attribute, "proxyAddresses") == 0;
    size_t type_bytes;
    span folded;

    value = span_trim(value);
    if (has_type(value, &type_bytes)) {
        if (!span_starts_nocase(value, SPAN("smtp:")))
            return false;
        value = span_from(value, type_bytes);
    } else if (typed) {
        return false;
    }
    if (!address_fold_entry(value, fold_local_part, buffer, &folded) || folded.p[0] == '@')
        return false;
    *address_out = folded;
    return true;
}

bool dir_value_range(span description, span *name_out, uint64_t *next_out)
{
    size_t semicolon = span_find(description, ';');
    span range = span_from(description, semicolon + 1), low, last;
    uint64_t n;

    if (semicolon >= description.n || !span_starts_nocase(range, SPAN("range=")))
        return false;
    range = span_from(range, 6);
    if (!span_next(&range, '-', &low) || !span_to_u64(low, &n))
        return false;
    last = range;
    *name_out = span_head(description, semicolon);
    *next_out = 0;
    if (span_eq(last, SPAN("*")))
        return true;
    if (!span_to_u64(last, &n))
        return false;
    *next_out = n + 1;
    return true;
}

/* A signed decimal whose low bits count. */
static uint64_t number_of(span s)
{
    uint64_t n = 0;

    if (s.n > 0 && s.p[0] == '-') {
        span_to_u64(span_from(s, 1), &n);
        return (uint64_t)0 - n;
    }
    return span_to_u64(s, &n) ? n : 0;
}

bool dir_value_leaver(span user_account_control, span recipient_type_details)
{
    if ((number_of(user_account_control) & ACCOUNT_DISABLED) == 0)
        return false;
    return recipient_type_details.n == 0 || number_of(recipient_type_details) == 1;
}
