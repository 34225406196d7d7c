/* fuzz_ipnet.c - what is read can be written and read back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/ipnet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };
    char text[IPADDR_TEXT_MAX + 4];
    struct ipaddr a, b;
    struct ipnet n, m;

    if (ipaddr_parse(in, &a)) {
        ipaddr_format(&a, text);
        if (!ipaddr_parse(span_str(text), &b) || !ipaddr_eq(&a, &b))
            abort();
    }
    if (ipnet_parse(in, &n)) {
        ipnet_format(&n, text);
        if (!ipnet_parse(span_str(text), &m) || n.prefix != m.prefix || !ipaddr_eq(&n.addr, &m.addr) || !ipnet_contains(&n, &m.addr))
            abort();
    }
    return 0;
}
