/* fuzz_dnsbl.c - filters, entries and query names of any text keep their bounds; a refusal is never a listing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/dnsbl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size }, name;
    char out[DNSBL_NAME_MAX];
    struct ipaddr a = { .family = 4 };
    struct dnsbl_filter f;
    struct dnsbl_entry e;
    struct errtext err = { "" };

    if (dnsbl_filter_parse(in, &f, &err)) {
        static const uint8_t refusals[][4] = { { 127, 255, 255, 254 }, { 127, 0, 0, 1 }, { 127, 0, 0, 255 }, { 192, 0, 2, 1 } };

        for (size_t i = 0; i < 4; i++) {
            memcpy(a.b, refusals[i], 4);
            if (dnsbl_classify(&a, &f) != DNSBL_REFUSED)
                abort();
        }
    } else if (err.text[0] == '\0') {
        abort();
    }
    if (dnsbl_entry_parse(in, &e, &err) && (e.zone.n == 0 || e.zone.n > 254 || !(e.weight > -1e7 && e.weight < 1e7)))
        abort();
    if (dnsbl_query_domain(in, SPAN("list.example"), out, &name) && (name.n >= DNSBL_NAME_MAX || out[name.n] != '\0'))
        abort();
    a.family = size % 2 == 0 ? 4 : 6;
    memcpy(a.b, data, size < 16 ? size : 16);
    if (dnsbl_query_address(&a, in, out, &name) && (name.n >= DNSBL_NAME_MAX || out[name.n] != '\0'))
        abort();
    return 0;
}
